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
