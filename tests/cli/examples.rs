//! Every example in `spores/` runs as it is told there.

use std::path::Path;

use super::folder::Folder;

/// A folder with the examples in `spores/`, as they stand in the project.
fn examples() -> Folder {
    let folder = Folder::new().env("DEMO_TOKEN", "correct-horse-battery");
    let spores = Path::new(env!("CARGO_MANIFEST_DIR")).join("spores");
    for entry in std::fs::read_dir(spores).expect("there are examples") {
        let path = entry.expect("an entry").path();
        if path.is_file() {
            let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
            folder.write(&format!("spores/{name}"), std::fs::read(&path).expect("read"));
        }
    }
    folder.write("spore.toml", "");
    folder
}

#[test]
fn each_example_runs_to_its_end() {
    let folder = examples();
    let mut ran = 0;
    for entry in std::fs::read_dir(folder.path("spores")).expect("listed") {
        let name = format!("spores/{}", entry.expect("an entry").file_name().to_str().expect("a name"));
        match name.as_str() {
            // This one runs this very test; it is only planned.
            "spores/check.md" => {
                folder.spore(&["plan", &name]).exits(0).says("4 to run");
            }
            "spores/several.yaml" => {
                folder.run("spores/several.yaml#evening", &[]).exits(0);
            }
            _ => {
                let report = folder.run(&name, &[]).exits(0).report;
                assert_eq!(report["status"], "succeeded", "{name}: {report:#}");
            }
        }
        ran += 1;
    }
    assert!(ran >= 18, "{ran} examples");
}

#[test]
fn the_examples_show_what_they_say() {
    let folder = examples();
    folder.run("spores/compile.md", &[]).exits(0);
    assert_eq!(folder.read("target/spores/compile/said.txt"), "the answer is 42\n");
    let report = folder.run("spores/tasks.md", &[]).exits(0);
    assert_eq!((report.status("1"), report.status("2.1"), report.status("3")), ("done", "succeeded", "succeeded"));
    let report = folder.run("spores/failure.yaml", &[]).exits(0);
    assert_eq!(
        (report.status("may-fail"), report.status("slow"), report.status("clean-up")),
        ("failed", "timed_out", "succeeded")
    );
    let report = folder.run("spores/when.yaml", &[]).exits(0);
    assert_eq!(
        (report.status("load"), report.status("publish"), report.status("tell")),
        ("skipped", "skipped", "succeeded")
    );
}

#[test]
fn the_projects_own_spores_are_without_fault() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Folder::new().command(&["check", "spores"]).current_dir(root).output().expect("started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn a_session_bears_the_projects_name_and_ends_when_it_is_told() {
    let folder = examples();
    let name =
        folder.root().canonicalize().expect("a folder").file_name().expect("a name").to_string_lossy().into_owned();
    let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    // Without tmux the session is a process that this test can look at.
    let bin = folder.path("bin");
    std::fs::create_dir(&bin).expect("made");
    let path = std::env::var_os("PATH").unwrap_or_default();
    for tool in ["sh", "basename", "tr", "cat", "rm", "setsid", "sleep"] {
        let found = std::env::split_paths(&path).map(|folder| folder.join(tool)).find(|place| place.is_file());
        std::os::unix::fs::symlink(found.expect("it is installed"), bin.join(tool)).expect("linked");
    }
    let folder = folder.env("PATH", bin.to_str().expect("text"));
    let started = folder.run("spores/agent-start.yaml", &["--param", "agent=sleep 600"]).exits(0);
    assert_eq!(started.task("start")["outputs"]["session"], name.as_str());
    let note = folder.path(".spore/agent-session");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    let read = || std::fs::read_to_string(&note).unwrap_or_default();
    while read().trim().is_empty() {
        assert!(std::time::Instant::now() < deadline, "no session has begun");
        std::thread::yield_now();
    }
    let stat = format!("/proc/{}/stat", read().trim());
    let lives = || std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z "));
    assert!(lives(), "it goes on when its run is over");
    folder.run("spores/agent-stop.yaml", &[]).exits(0);
    while lives() {
        assert!(std::time::Instant::now() < deadline, "the session goes on");
        std::thread::yield_now();
    }
    folder.run("spores/agent-stop.yaml", &[]).exits(0);
}

#[test]
fn what_a_session_left_is_committed_beside_the_branch() {
    let folder = examples();
    folder.write(".gitignore", ".spore\n");
    folder.git(&["init", "-q"]);
    folder.git(&["add", "."]);
    folder.git(&["commit", "-qm", "before"]);
    folder.git(&["config", "user.name", "T"]);
    folder.git(&["config", "user.email", "t@localhost"]);
    folder.write("left.txt", "behind");
    folder.write("spore.toml", "# changed\n");
    folder.git(&["add", "spore.toml"]);
    let before = (folder.git(&["status", "--porcelain"]), folder.git(&["rev-parse", "HEAD"]));
    folder.run("spores/session-end.md", &["--no-commit"]).exits(0);
    let now = folder.git(&["status", "--porcelain", "--", ":!results"]);
    assert_eq!((now, folder.git(&["rev-parse", "HEAD"])), before, "index, files and branch are as they were");
    assert_eq!(folder.git(&["show", "left-by-session:left.txt"]), "behind");
    assert_eq!(folder.git(&["show", "left-by-session:spore.toml"]), "# changed\n");
}
