//! `spore doctor`: it names what keeps runs from going on, says what to type, and changes nothing.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use spore::model::{Digest, RunId};
use spore::os::identity::Identity;

use super::commands::validate;
use super::folder::Folder;
use super::semantics::wait_for;

/// Waits until the folder is gone, so that nothing outlives the test.
const WAITS: &str = "spore: w
kind: workflow
concurrency: {group: deploy}
tasks:
  slow: 'touch begun; while [ -e begun ]; do sleep 0.01; done'
  again: {retry: {limit: 2, backoff: 1h}, run: 'touch failed; exit 1'}
  third: 'true'
  last: {needs: slow, run: 'true'}
";

/// A run at work, and its report.
struct Working {
    folder: Folder,
    engine: Child,
}

impl Working {
    fn start(text: &str) -> Self {
        let folder = Folder::new().file("w.yaml", text);
        let engine = folder
            .command(&["run", "w.yaml", "--jobs", "3"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("started");
        wait_for(&folder, "begun");
        Self { folder, engine }
    }

    fn kill(&mut self) {
        self.engine.kill().expect("killed");
        self.engine.wait().expect("collected");
    }
}

fn report(folder: &Folder, code: i32) -> Value {
    let report = folder.spore(&["doctor", "--format", "json"]).exits(code).json();
    validate(folder, "doctor", &report);
    report
}

/// The findings of a section.
fn section<'a>(report: &'a Value, name: &str) -> &'a Vec<Value> {
    let sections = report["sections"].as_array().expect("sections");
    let section = sections.iter().find(|section| section["name"] == name).expect("the section");
    section["findings"].as_array().expect("findings")
}

/// The first finding about a subject.
#[track_caller]
fn finding<'a>(report: &'a Value, name: &str, subject: &str) -> &'a Value {
    let findings = section(report, name);
    findings.iter().find(|one| one["subject"] == subject).unwrap_or_else(|| panic!("no {subject} in {findings:#?}"))
}

#[track_caller]
fn says(finding: &Value, level: &str, text: &str) {
    assert_eq!(finding["level"], level, "{finding:#}");
    assert!(finding.to_string().contains(text), "no {text:?} in {finding:#}");
}

/// Every file and folder with what it holds.
fn everything(folder: &Path) -> Vec<(String, Digest)> {
    let entries = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().flatten();
    let whole = |entry: walkdir::DirEntry| {
        (entry.path().display().to_string(), Digest::of(&std::fs::read(entry.path()).unwrap_or_default()))
    };
    entries.map(whole).collect()
}

fn pid(value: &Value) -> i32 {
    i32::try_from(value.as_i64().expect("a number")).expect("a process")
}

#[test]
fn where_all_is_well_it_says_so_and_changes_nothing() {
    let folder = Folder::new().file("w.yaml", "spore: w\nkind: workflow\ntasks: {a: 'true'}\n");
    let before = everything(folder.root());
    folder.spore(&["doctor"]).exits(0).says("Nothing keeps runs from going on").says("none is under way");
    assert_eq!(everything(folder.root()), before, "not even a folder is made");
    folder.git(&["init", "-q"]);
    let id = folder.run("w.yaml", &[]).exits(0).id();
    // The supervisor of the run may take a moment longer to go.
    while folder.path(&format!(".spore/runs/{id}/supervisor.lock")).exists() {
        std::thread::yield_now();
    }
    let before = everything(folder.root());
    let report = report(&folder, 0);
    assert_eq!(everything(folder.root()), before);
    let names: Vec<&str> =
        report["sections"].as_array().expect("sections").iter().filter_map(|one| one["name"].as_str()).collect();
    let wanted = ["folder", "runs", "watcher", "orphans", "locks", "disk", "inotify", "git", "clock", "machine"];
    assert_eq!(names, wanted);
    assert!(section(&report, "machine").iter().any(|one| one.to_string().contains("/sh")), "interpreters are told");
    folder.spore(&["doctor", "nowhere"]).exits(3).says("`nowhere` does not exist");
}

#[test]
fn a_run_at_work_is_shown_with_all_that_it_waits_for() {
    let mut working = Working::start(WAITS);
    wait_for(&working.folder, "failed");
    // Its engine notes the end a moment later.
    let is_delayed = |report: &Value| report["runs"].to_string().contains("\"delayed\"");
    let mut seen = report(&working.folder, 0);
    while !is_delayed(&seen) {
        seen = report(&working.folder, 0);
    }
    let report = seen;
    let run = &report["runs"][0];
    assert_eq!((&run["state"], &run["spore"]), (&Value::from("running"), &Value::from("w")));
    assert_eq!(run["engine"]["pid"], working.engine.id());
    assert_eq!(run["engine"]["alive"], true);
    assert_eq!(run["supervisor"]["alive"], true);
    let slow = &run["under_way"][0];
    assert_eq!((&slow["task"], &slow["state"]), (&Value::from("slow"), &Value::from("running")), "{run:#}");
    assert!(!slow["pids"].as_array().expect("processes").is_empty(), "{run:#}");
    let id = run["id"].as_str().expect("an id");
    says(finding(&report, "runs", "w"), "fine", &format!("spore logs {id} --follow"));
    says(finding(&report, "locks", "group"), "note", &format!("`deploy` is taken by run {id}"));
    assert_eq!(report["orphans"], Value::Array(Vec::new()));

    let text = working.folder.spore(&["doctor"]).exits(0);
    text.says("waits for its next attempt, in").says("1 task not begun").says("Nothing keeps runs from going on");
    let engine = working.engine.id();
    let kill = |signal: &str| Command::new("kill").args([signal, &engine.to_string()]).status().expect("started");
    assert!(kill("-STOP").success());
    let process = Identity::of(i32::try_from(engine).expect("a number")).expect("it lives");
    while !process.is_stopped() {
        std::thread::yield_now();
    }
    working.folder.spore(&["doctor"]).exits(111).says("stands still").says(&format!("kill -CONT {engine}"));
    assert!(kill("-CONT").success());
    working.kill();
}

#[test]
fn a_run_whose_engine_is_gone_is_to_be_resumed() {
    let mut working = Working::start(WAITS);
    working.kill();
    let report = report(&working.folder, 111);
    let run = &report["runs"][0];
    assert_eq!((&run["state"], &run["engine"]["alive"]), (&Value::from("orphaned"), &Value::from(false)));
    assert_eq!(run["supervisor"]["alive"], true, "{run:#}");
    assert_eq!(run["under_way"][0]["state"], "running", "its command goes on");
    assert_eq!(report["orphans"], Value::Array(Vec::new()), "it is seen to");
    let resume = format!("spore resume {}", run["id"].as_str().expect("an id"));
    says(finding(&report, "runs", "w"), "problem", &resume);
    says(finding(&report, "locks", "group"), "problem", &resume);
    let text = working.folder.spore(&["doctor"]).exits(111);
    text.says("goes on under its supervisor").says("keep runs from going on: w (runs), group (locks)");
}

#[test]
fn what_nobody_sees_to_is_an_orphan_and_a_lost_task_wants_an_answer() {
    let mut working = Working::start("spore: w\nkind: workflow\ntasks: {slow: 'touch begun; exec sleep 600'}\n");
    working.kill();
    let seen = report(&working.folder, 111);
    let supervisor = pid(&seen["runs"][0]["supervisor"]["pid"]);
    let supervisor = Identity::of(supervisor).expect("it lives");
    supervisor.kill();
    while supervisor.is_alive() {
        std::thread::yield_now();
    }

    let seen = report(&working.folder, 111);
    let run = &seen["runs"][0];
    let id = run["id"].as_str().expect("an id");
    assert_eq!(run["under_way"][0]["state"], "in_doubt", "{run:#}");
    assert_eq!(run["supervisor"]["alive"], false);
    let orphan = &seen["orphans"][0];
    assert_eq!((&orphan["run"], &orphan["task"]), (&Value::from(id), &Value::from("slow")), "{seen:#}");
    assert_eq!((&orphan["attempt"], &orphan["leads_group"]), (&Value::from("1"), &Value::from(true)));
    let sleeper = Identity::of(pid(&orphan["pid"])).expect("it runs");
    let program = orphan["program"].as_str().expect("a name");
    says(finding(&seen, "orphans", program), "warning", &format!("kill -- -{}", sleeper.pid()));
    says(finding(&seen, "locks", "supervisors"), "fine", &format!("left by process {}", supervisor.pid()));
    sleeper.kill();
    while sleeper.is_alive() {
        std::thread::yield_now();
    }
    assert_eq!(report(&working.folder, 111)["orphans"], Value::Array(Vec::new()));

    working.folder.spore(&["resume"]).exits(100);
    let seen = report(&working.folder, 111);
    assert_eq!(seen["runs"], Value::Array(Vec::new()), "it has its result");
    says(finding(&seen, "runs", "w"), "problem", &format!("spore resolve {id} slow --ran"));
    working.folder.spore(&["resolve", "latest", "slow", "--ran"]);
    report(&working.folder, 0);
}

#[test]
fn a_run_that_has_ended_without_its_result_is_to_be_resumed() {
    let folder = Folder::new().file("w.yaml", "spore: w\nkind: workflow\ntasks: {a: 'true'}\n");
    let mut run = folder.command(&["run", "w.yaml"]);
    run.env("SPORE_FAILPOINTS", "result-before=kill").output().expect("started");
    let seen = report(&folder, 111);
    assert_eq!(seen["runs"][0]["state"], "unfinished");
    says(finding(&seen, "runs", "w"), "problem", "before it wrote the result");
    folder.spore(&["resume"]).exits(0);
    report(&folder, 0);
}

#[test]
fn what_cannot_be_read_is_said_to_be_so() {
    let folder = Folder::new().file("w.yaml", "spore: w\nkind: workflow\ntasks: {a: 'true'}\n");
    let id = folder.run("w.yaml", &[]).exits(0).id();
    folder.write(&format!(".spore/open/{id}"), "");
    folder.write(&format!(".spore/runs/{id}/journal.jsonl"), "nonsense\nnonsense\n");
    let gone = RunId::from_parts(1, 1);
    folder.write(&format!(".spore/open/{gone}"), "");
    let seen = report(&folder, 0);
    says(finding(&seen, "runs", "a run"), "unknown", "cannot tell: ");
    assert_eq!(seen["runs"], Value::Array(Vec::new()), "a mark without a journal is no run");
    folder.write("spore.toml", "comit = true\n");
    says(finding(&report(&folder, 111), "folder", "settings"), "problem", "did you mean `commit`?");
}

#[test]
fn locks_that_cannot_be_trusted_are_told() {
    let folder = Folder::new().env("SPORE_FAILPOINTS", "locks-untrusted=full");
    says(finding(&report(&folder, 111), "locks", "trust"), "problem", "SPORE_TRUST_LOCKS=1 spore run");
    let folder = folder.env("SPORE_TRUST_LOCKS", "1");
    says(finding(&report(&folder, 0), "locks", "trust"), "warning", "you see to it yourself");
}

#[test]
fn git_is_looked_at_for_what_keeps_results_from_being_committed() {
    let folder = Folder::new()
        .file("w.yaml", "spore: w\nkind: workflow\ntasks: {a: 'true'}\n")
        .file("spore.toml", "commit = true\n");
    says(finding(&report(&folder, 0), "git", "repository"), "warning", "spore init");
    folder.git(&["init", "-q"]);
    says(finding(&report(&folder, 0), "git", "branch"), "fine", "without a commit yet");
    folder.git(&["add", "."]);
    folder.git(&["commit", "-qm", "begin"]);
    folder.run("w.yaml", &["--no-commit"]).exits(0);
    let seen = report(&folder, 0);
    says(finding(&seen, "git", "branch"), "fine", "main");
    says(finding(&seen, "git", "author"), "note", "git config user.name");
    says(finding(&seen, "git", "ignored"), "fine", ".spore");
    says(finding(&seen, "git", "results"), "warning", "1 result not committed");

    std::fs::remove_file(folder.path(".spore/.gitignore")).expect("removed");
    folder.git(&["checkout", "-q", "--detach"]);
    folder.write(".git/MERGE_HEAD", folder.git(&["rev-parse", "HEAD"]));
    folder.write(".git/index.lock", "");
    let lock = std::fs::File::open(folder.path(".git/index.lock")).expect("opened");
    lock.set_modified(std::time::UNIX_EPOCH).expect("made old");
    let seen = report(&folder, 0);
    says(finding(&seen, "git", "branch"), "warning", "detached");
    says(finding(&seen, "git", "progress"), "warning", "a merge is in progress");
    says(finding(&seen, "git", "ignored"), "warning", ".gitignore");
    // This process has it open.
    says(finding(&seen, "git", "index"), "note", &format!("by process {}", std::process::id()));
    drop(lock);
    says(finding(&report(&folder, 0), "git", "index"), "warning", "has left it");
}

#[test]
fn a_clock_that_went_back_is_told() {
    let folder = Folder::new().file("w.yaml", "spore: w\nkind: workflow\ntasks: {a: 'true'}\n");
    folder.run("w.yaml", &[]).exits(0);
    says(finding(&report(&folder, 0), "clock", "journals"), "fine", "the newest entry");
    let late = RunId::from_parts(4_000_000_000_000, 1);
    folder.write(&format!(".spore/runs/{late}/source"), "");
    says(finding(&report(&folder, 0), "clock", "runs"), "warning", &late.to_string());
}

#[test]
fn it_fits_the_screen_and_what_is_to_be_typed_stays_whole() {
    let mut working = Working::start(WAITS);
    working.kill();
    let text = working.folder.spore(&["doctor"]).exits(111).out;
    let id = text.split_whitespace().find(|word| word.len() == 26 && word.starts_with("01")).expect("an id");
    assert!(text.contains(&format!("→ spore resume {id}")), "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
    let coloured = working.folder.spore(&["doctor", "--color", "always"]).exits(111).out;
    assert!(coloured.contains("\u{1b}["), "{coloured}");
    let plain = working.folder.command(&["doctor"]).env("LC_ALL", "C").output().expect("started");
    assert!(plain.stdout.is_ascii(), "{}", String::from_utf8_lossy(&plain.stdout));
}
