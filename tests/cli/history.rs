//! What has happened: runs, show, logs, retry.

use super::folder::Folder;

#[test]
fn runs_are_listed_newest_first_and_limited() {
    let folder = Folder::new().file("w.yaml", "spore: w\nkind: workflow\ntasks: {a: 'true'}\n");
    folder.spore(&["runs"]).exits(0).says("no runs");
    let first = folder.run("w.yaml", &[]).exits(0).id();
    let second = folder.run("w.yaml", &[]).exits(0).id();
    let list = folder.spore(&["runs", "--format", "json"]).exits(0).json();
    assert_eq!((list[0]["id"].as_str(), list[1]["id"].as_str()), (Some(second.as_str()), Some(first.as_str())));
    assert_eq!(list[0]["tasks"]["succeeded"], 1);
    assert_eq!(list[0]["tasks"]["failed"], 0);
    let list = folder.spore(&["runs", "--limit", "1", "--format", "json"]).exits(0).json();
    assert_eq!(list.as_array().map(Vec::len), Some(1));
}

#[test]
fn a_run_is_found_by_a_part_of_its_id() {
    let folder = Folder::new().file("w.yaml", "spore: w\nkind: workflow\ntasks: {a: 'true'}\n");
    let id = folder.run("w.yaml", &[]).exits(0).id();
    for name in [id.as_str(), &id.to_lowercase(), &id[..12], &id[20..], "latest"] {
        let shown = folder.spore(&["show", name, "--format", "json"]).exits(0).json();
        assert_eq!(shown["id"], id.as_str(), "{name}");
    }
    folder.run("w.yaml", &[]).exits(0);
    folder.spore(&["show", &id[..4]]).exits(2).says("2 runs");
    folder.spore(&["show", "../../etc"]).exits(2);
}

#[test]
fn logs_are_printed_by_task_and_stream() {
    let folder = Folder::new().file(
        "w.yaml",
        "spore: w\nkind: workflow\ntasks: {a: 'echo to-out; echo to-err >&2', b: {needs: a, run: echo other}}\n",
    );
    folder.run("w.yaml", &[]).exits(0);
    let answer = folder.spore(&["logs", "latest", "a"]).exits(0);
    assert_eq!((answer.out.as_str(), answer.err.as_str()), ("to-out\n", "to-err\n"));
    folder.spore(&["logs", "latest"]).exits(0).says("other").says("to-out");
    folder.spore(&["logs", "latest", "aa"]).exits(2).says("did you mean `a`");
    let pieces = folder.spore(&["logs", "latest", "b", "--format", "json"]).exits(0).json();
    assert_eq!(pieces[0]["text"], "other\n");
}

#[test]
fn a_log_that_is_not_there_has_its_reason_told() {
    let folder = Folder::new().file(
        "w.yaml",
        "spore: w\nkind: workflow\ntasks: {a: exit 3, b: {needs: a, run: echo b}, c: [no-such-program-here]}\n",
    );
    folder.run("w.yaml", &[]).exits(100);
    folder.spore(&["logs", "latest", "b"]).exits(0).says("`b` did not run: needs `a`, which failed");
    folder.spore(&["logs", "latest", "c"]).exits(0).says("`c` did not run: `no-such-program-here` was not found");
    folder.spore(&["logs", "latest", "a", "--attempt", "7"]).exits(2).says("it has 1 attempt");
    folder.spore(&["logs", "latest", "nothing-like-it"]).exits(2).says("lists its tasks").never_says("did you mean");
}

#[test]
fn following_a_log_prints_all_of_it_and_ends_with_the_run() {
    let folder = Folder::new().file(
        "w.yaml",
        "spore: w\nkind: workflow\ntasks: {a: 'echo one; touch begun; while [ ! -e go ]; do sleep 0.01; done; echo two'}\n",
    );
    let mut run = folder.command(&["run", "w.yaml"]).spawn().expect("started");
    super::semantics::wait_for(&folder, "begun");
    let follow = folder
        .command(&["logs", "latest", "a", "--follow"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("started");
    folder.write("go", "");
    let output = follow.wait_with_output().expect("ended");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "one\ntwo\n");
    assert!(run.wait().expect("ended").success());
}

#[test]
fn a_retry_runs_what_failed_and_reuses_what_succeeded() {
    let folder = Folder::new().file(
        "w.yaml",
        "spore: w
kind: workflow
tasks:
  a: 'echo a >> seen; echo x=7 >> \"$SPORE_OUTPUT\"'
  b: {needs: a, env: {X: \"{{ tasks.a.outputs.x }}\"}, run: 'echo \"b$X\" >> seen; test -e fixed'}
  c: {needs: b, run: echo c >> seen}
",
    );
    let first = folder.run("w.yaml", &[]).exits(100).id();
    assert_eq!(folder.read("seen"), "a\nb7\n");
    folder.write("fixed", "");
    let again = folder.spore(&["retry", "latest", "--format", "json"]).exits(0).json();
    assert_eq!(folder.read("seen"), "a\nb7\nb7\nc\n");
    assert_eq!(again["retry_of"], first.as_str());
    assert_eq!(again["tasks"][0]["status"], "done");
    assert_eq!(again["tasks"][0]["outputs"]["x"], "7");
    folder.write("seen", "");
    folder.spore(&["retry", "latest", "--from", "b"]).exits(0);
    assert_eq!(folder.read("seen"), "b7\nc\n");
    folder.spore(&["retry", "latest", "--from", "bbb"]).exits(2).says("did you mean `b`");
    folder.spore(&["retry", "latest"]).exits(4);
}

#[test]
fn a_retry_of_a_narrowed_run_stays_narrow() {
    let folder = Folder::new().file(
        "w.yaml",
        "spore: w
kind: workflow
tasks:
  a: 'test -e fixed'
  b: {needs: a, run: touch b}
  c: touch c
",
    );
    let made = |name: &str| folder.path(name).exists();
    folder.run("w.yaml", &["--only", "a"]).exits(100);
    folder.spore(&["retry", "latest"]).exits(100);
    folder.write("fixed", "");
    folder.spore(&["retry", "latest"]).exits(0);
    assert!(!made("b") && !made("c"), "neither was ever wanted");
    folder.spore(&["retry", "latest", "--from", "b"]).exits(0);
    assert!(made("b") && !made("c"), "now one of them is");
    std::fs::remove_file(folder.path("fixed")).expect("removed");
    folder.run("w.yaml", &["--from", "a"]).exits(100);
    folder.write("fixed", "");
    folder.spore(&["retry", "latest"]).exits(0);
    assert!(!made("c"), "it does not depend on `a`");
}

#[test]
fn a_retry_takes_the_file_as_it_is_now_or_as_it_was_when_it_is_gone() {
    let folder = Folder::new().file("w.yaml", "spore: w\nkind: workflow\ntasks: {a: exit 1}\n");
    folder.run("w.yaml", &[]).exits(100);
    folder.write("w.yaml", "spore: w\nkind: workflow\ntasks: {a: touch now}\n");
    folder.spore(&["retry", "latest"]).exits(0);
    assert!(folder.path("now").exists());
    folder.write("w.yaml", "spore: w\nkind: workflow\ntasks: {a: test -e later}\n");
    folder.run("w.yaml", &[]).exits(100);
    std::fs::remove_file(folder.path("w.yaml")).expect("removed");
    folder.write("later", "");
    folder.spore(&["retry", "latest"]).exits(0);
}

#[test]
fn commands_work_from_folders_below_the_root() {
    let folder =
        Folder::new().file("spore.toml", "").file("sub/w.yaml", "spore: w\nkind: workflow\ntasks: {a: pwd > where}\n");
    let mut command = folder.command(&["run", "w.yaml"]);
    assert!(command.current_dir(folder.path("sub")).status().expect("started").success());
    assert!(folder.path(".spore/runs").is_dir() && folder.path("where").is_file(), "the root is where spore.toml is");
    let output = folder.command(&["show", "latest"]).current_dir(folder.path("sub")).output().expect("started");
    assert!(output.status.success());
}
