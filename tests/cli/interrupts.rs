//! Ctrl-C: once asks, twice insists; either way the run is recorded and its result written.

use std::process::{Child, Command};

use super::folder::Folder;
use super::semantics::wait_for;

fn interrupt(child: &Child) {
    signal(child, "-INT");
}

fn signal(child: &Child, signal: &str) {
    let status = Command::new("kill").args([signal, &child.id().to_string()]).status().expect("kill starts");
    assert!(status.success());
}

fn shown(folder: &Folder) -> serde_json::Value {
    folder.spore(&["show", "latest", "--format", "json"]).exits(0).json()
}

#[test]
fn once_asks_what_runs_to_end_and_starts_nothing_else_but_finally() {
    let folder = Folder::new().file(
        "w.yaml",
        "spore: w
kind: workflow
tasks:
  slow: 'trap \"echo asked > asked; exit 1\" TERM; touch begun; sleep 300 & wait'
  next: {needs: slow, run: touch ran}
finally: {tidy: touch tidied}
",
    );
    let mut child = folder.command(&["run", "w.yaml"]).spawn().expect("started");
    wait_for(&folder, "begun");
    interrupt(&child);
    assert_eq!(child.wait().expect("ended").code(), Some(130));
    assert!(folder.path("asked").exists() && folder.path("tidied").exists() && !folder.path("ran").exists());
    let report = shown(&folder);
    assert_eq!(report["status"], "cancelled");
    assert_eq!(report["tasks"][0]["attempts"][0]["outcome"]["kind"], "cancelled");
    assert_eq!(report["tasks"][1]["status"], "skipped");
    assert!(folder.path(report["result"]["path"].as_str().expect("a result")).is_file());
}

#[test]
fn twice_kills_at_once() {
    let folder = Folder::new().file(
        "w.yaml",
        "spore: w\nkind: workflow\ntasks: {deaf: 'trap \"touch asked\" TERM; touch begun; while :; do sleep 0.02 || :; done'}\nfinally: {tidy: touch tidied}\n",
    );
    let mut child = folder.command(&["run", "w.yaml"]).spawn().expect("started");
    wait_for(&folder, "begun");
    interrupt(&child);
    wait_for(&folder, "asked");
    interrupt(&child);
    assert_eq!(child.wait().expect("ended").code(), Some(130));
    assert_eq!(shown(&folder)["tasks"][0]["status"], "cancelled");
    assert!(!folder.path("tidied").exists(), "at once means at once");
}

#[test]
fn a_run_that_was_started_to_ignore_hangups_outlives_its_terminal() {
    let folder = Folder::new()
        .file("w.yaml", "spore: w\nkind: workflow\ntasks: {a: 'touch begun; until [ -e go ]; do sleep 0.01; done'}\n");
    let plain = folder.command(&["run", "w.yaml"]);
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' HUP; exec \"$0\" run w.yaml"]).arg(plain.get_program()).current_dir(folder.root());
    let mut child = shell.spawn().expect("started");
    wait_for(&folder, "begun");
    signal(&child, "-HUP");
    folder.write("go", "");
    assert_eq!(child.wait().expect("ended").code(), Some(0));
}
