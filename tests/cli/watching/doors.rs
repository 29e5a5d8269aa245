//! Asking a watcher: what it does, and to do something else.

use serde_json::Value;

use super::fixture::Watching;
use crate::cli::folder::Folder;
use crate::cli::semantics::wait_for;

/// A spore whose command says that it runs and goes on until the file `go` is there, or the folder is gone.
const WAITS: &str = "spore: waits
kind: workflow
tasks:
  slow: 'touch begun; while [ -e begun ] && [ ! -e go ]; do sleep 0.01; done'
";
const HELLO: &str = "spore: hello\nkind: workflow\ntasks: {a: echo hello}\n";

fn status(folder: &Folder) -> Value {
    folder.spore(&["status", "--format", "json"]).exits(0).json()
}

/// A folder with a watcher of one run at a time, which is busy with `waits.yaml`.
fn busy() -> (Folder, Watching, String) {
    let folder = Folder::new().file("spore.toml", "");
    let mut watching = Watching::start_with(&folder, &["--jobs", "1"]);
    folder.write("waits.yaml", WAITS);
    let run = watching.hears("began")["run"].as_str().expect("an id").to_owned();
    wait_for(&folder, "begun");
    (folder, watching, run)
}

/// Drops a file that has to wait; the id of its run.
fn waiting(folder: &Folder, watching: &mut Watching, name: &str) -> String {
    folder.write(name, HELLO.replace("hello", name.trim_end_matches(".yaml")));
    let queued = watching.hears_that("queued", |one| one["said"] == "queued" && one["path"] == name);
    queued["run"].as_str().expect("an id").to_owned()
}

#[test]
fn a_status_tells_what_runs_and_what_waits() {
    let (folder, mut watching, run) = busy();
    let next = waiting(&folder, &mut watching, "next.yaml");
    let seen = status(&folder);
    assert_eq!(seen["watcher"]["pid"], watching.pid());
    assert_eq!((&seen["running"][0]["run"], &seen["running"][0]["tasks"]), (&run.into(), &1.into()));
    assert_eq!((&seen["queued"][0]["run"], &seen["queued_total"]), (&next.clone().into(), &1.into()));
    let text = folder.spore(&["status"]).exits(0);
    text.says("watched for").says("▸ waits.yaml  0/1").says("· next.yaml").says(&next[18..]);
    folder.write("go", "");
    watching.hears_end_of("next.yaml", "succeeded");
    watching.end();
    let after = status(&folder);
    assert_eq!(after["watcher"], Value::Null);
    let paths: Vec<&str> =
        after["recent"].as_array().expect("a list").iter().filter_map(|one| one["path"].as_str()).collect();
    assert_eq!(paths, ["next.yaml", "waits.yaml"], "what has ended is known without a watcher");
    folder.spore(&["status"]).exits(0).says("nobody watches it").says("spore watch").says("✓ next.yaml");
}

#[test]
fn a_run_can_be_cancelled_by_the_end_of_its_id_and_a_wanted_one_too() {
    let (folder, mut watching, run) = busy();
    let next = waiting(&folder, &mut watching, "next.yaml");
    folder.spore(&["cancel", &next[16..]]).exits(0).says("taken out of the queue");
    assert_eq!(watching.hears("withdrawn")["run"], next.as_str());
    folder.spore(&["cancel", "latest"]).exits(0).says(&run);
    watching.hears_end_of("waits.yaml", "cancelled");
    folder.spore(&["cancel", &run]).exits(2).says("has ended");
    folder.spore(&["cancel", "nothing"]).exits(2).says("no run is called");
    let told = watching.end();
    assert!(!told.iter().any(|one| one["said"] == "began" && one["run"] == next.as_str()), "{told:#?}");
}

#[test]
fn without_a_watcher_the_queue_is_changed_all_the_same() {
    let (folder, mut watching, run) = busy();
    let (one, two) = (waiting(&folder, &mut watching, "one.yaml"), waiting(&folder, &mut watching, "two.yaml"));
    watching.end();
    folder.spore(&["queue"]).exits(0).says("one.yaml").says("two.yaml").says("nobody watches");
    let queue = folder.spore(&["queue", "--format", "json"]).exits(0).json();
    assert_eq!((&queue["queued"][0]["run"], &queue["queued"][1]["run"]), (&one.clone().into(), &two.into()));
    folder.spore(&["queue", "drop", &one]).exits(0).says("taken out");
    folder.spore(&["queue", "drop", &one]).exits(2).says("no run is called");
    folder.spore(&["queue", "drop", &run]).exits(2).says("does not wait");
    folder.spore(&["pause", "--for", "1h"]).exits(0);
    folder.spore(&["status"]).exits(0).says("paused just now until");
    folder.write("go", "");
    let mut watching = Watching::start(&folder);
    watching.hears_end_of("waits.yaml", "succeeded");
    assert_eq!(watching.count("began"), 1, "it was only taken up: {:#?}", watching.told());
    folder.spore(&["pause", "--off"]).exits(0);
    watching.hears_end_of("two.yaml", "succeeded");
    let told = watching.end();
    assert!(!told.iter().any(|said| said["run"] == one.as_str()), "what was dropped is gone: {told:#?}");
}

#[test]
fn nothing_begins_while_a_watcher_is_paused() {
    let folder = Folder::new().file("spore.toml", "");
    folder.spore(&["pause"]).exits(2).says("never watched");
    let mut watching = Watching::start(&folder);
    folder.spore(&["pause"]).exits(0).says("nothing begins");
    let next = waiting(&folder, &mut watching, "next.yaml");
    let seen = status(&folder);
    assert_eq!((&seen["queued"][0]["run"], &seen["running"]), (&next.into(), &Value::Array(Vec::new())));
    assert!(seen["paused"]["since"].is_string(), "{seen:#}");
    folder.spore(&["pause", "--off"]).exits(0);
    watching.hears_end_of("next.yaml", "succeeded");
    watching.end();
}

#[test]
fn a_run_of_another_engine_is_seen_and_cancelled() {
    let folder = Folder::new().file("spore.toml", "").file("waits.yaml", WAITS);
    let watching = Watching::start(&folder);
    let mut child =
        folder.command(&["run", "waits.yaml"]).stdout(std::process::Stdio::null()).spawn().expect("started");
    wait_for(&folder, "begun");
    assert_eq!(status(&folder)["running"][0]["path"], "waits.yaml");
    folder.spore(&["cancel", "latest"]).exits(0).says("asked to end");
    assert_eq!(child.wait().expect("ended").code(), Some(130));
    assert_eq!(status(&folder)["watcher"]["pid"], watching.pid(), "the watcher goes on");
    watching.end();
}

#[test]
fn a_run_without_an_engine_is_taken_up_to_be_ended() {
    let folder = Folder::new().file("spore.toml", "").file("waits.yaml", WAITS);
    let mut child =
        folder.command(&["run", "waits.yaml"]).stdout(std::process::Stdio::null()).spawn().expect("started");
    wait_for(&folder, "begun");
    child.kill().expect("killed");
    child.wait().expect("collected");
    folder.spore(&["status"]).exits(0).says("was broken off while its commands go on");
    folder.spore(&["cancel", "latest", "--format", "json"]).exits(0).says("cancelled");
    let report = folder.spore(&["show", "latest", "--format", "json"]).exits(0).json();
    assert_eq!(report["status"], "cancelled");
    assert!(folder.path(report["result"]["path"].as_str().expect("a result")).is_file());
}

#[test]
fn who_follows_is_told_of_each_change_and_of_watchers_that_come_and_go() {
    let folder = Folder::new().file("spore.toml", "");
    let mut following = Watching::spawn_command(folder.command(&["status", "--follow", "--format", "json"]));
    following.hears_that("nobody", |one| one["folder"].is_string() && one["watcher"].is_null());
    let mut watching = Watching::start(&folder);
    following.hears_that("a watcher", |one| one["watcher"]["pid"] == watching.pid());
    folder.write("hello.yaml", HELLO);
    watching.hears_end_of("hello.yaml", "succeeded");
    following.hears_that("an end", |one| one["recent"][0]["path"] == "hello.yaml");
    watching.end();
    following.hears_that("nobody again", |one| one["watcher"].is_null() && one["recent"][0]["path"] == "hello.yaml");
    following.kill();
}

#[test]
fn the_doctor_says_what_wanted_runs_wait_for() {
    let folder = Folder::new().file("spore.toml", "");
    let mut watching = Watching::start(&folder);
    folder.spore(&["doctor"]).exits(0).says("has been watching for").says("trust: open");
    folder.spore(&["pause"]).exits(0);
    waiting(&folder, &mut watching, "next.yaml");
    folder.spore(&["doctor"]).exits(111).says("spore pause --off");
    watching.end();
    folder.spore(&["doctor"]).exits(111).says("nobody watches the folder, and 1 wanted run waits to begin");
    folder.spore(&["pause", "--off"]).exits(0);
    let mut watching = Watching::start(&folder);
    watching.hears_end_of("next.yaml", "succeeded");
    watching.end();
    folder.spore(&["doctor"]).exits(0).says("nobody watches the folder, and nothing waits for that");
}
