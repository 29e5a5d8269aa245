//! `spore prune`: old runs go, whole and for good, and nothing that is still wanted does.

use std::fs::File;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use spore::engine::World;
use spore::journal::{JOURNAL_FILE, Journal};
use spore::model::{
    Declared, Digest, Event, Origin, Outcome, Resolution, RunId, RunStatus, TaskId, TaskStatus, Timestamp,
};

use super::folder::Folder;

const HELLO: &str = "spore: w\nkind: workflow\ntasks: {a: 'true'}\n";
const DAY: u64 = 24 * 60 * 60 * 1000;

fn runs(folder: &Folder) -> PathBuf {
    folder.path(".spore/runs")
}

fn days_ago(days: u64, number: u64) -> RunId {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    RunId::from_parts(u64::try_from(now).expect("a time") - days * DAY, number.into())
}

fn task() -> TaskId {
    TaskId::new("a").expect("an id")
}

/// The facts of a run of one task that ended like this, less its result.
fn facts(run: RunId, outcome: Outcome) -> Vec<Event> {
    let origin = Origin {
        spore: "w".into(),
        path: "w.yaml".into(),
        digest: Digest::of(HELLO.as_bytes()),
        retry_of: None,
        params: indexmap::IndexMap::new(),
        only: Vec::new(),
        from: None,
        cause: None,
        written_by: None,
        depth: 0,
    };
    let declared = serde_json::json!({
        "id": "a", "title": "a", "line": 1, "executor": "terminal", "status": TaskStatus::Waiting, "counts": true
    });
    let declared: Declared = serde_json::from_value(declared).expect("a task");
    vec![
        Event::RunStarted { run, origin: Box::new(origin), jobs: 1, tasks: vec![declared], engine: None },
        Event::AttemptIntended { task: task(), number: 1, executor: "terminal".into() },
        Event::AttemptEnded {
            task: task(),
            number: 1,
            outcome,
            began: None,
            outputs: indexmap::IndexMap::new(),
            artifacts: Vec::new(),
            out: spore::model::LogSize::default(),
            err: spore::model::LogSize::default(),
            remarks: Vec::new(),
        },
    ]
}

fn over() -> [Event; 2] {
    [
        Event::RunEnded { status: RunStatus::Succeeded },
        Event::ResultWritten { path: "results/x.md".into(), commit: None },
    ]
}

/// A run with these facts, and its journal still open.
fn leave(folder: &Folder, run: RunId, facts: Vec<Event>) -> Journal {
    let mut journal = Journal::create(&runs(folder), run).expect("made");
    let facts: Vec<_> = facts.into_iter().map(|fact| (Timestamp(1), fact)).collect();
    journal.append(&facts).expect("appended");
    journal
}

/// As [`leave`], and nobody has the journal any more. A program that another test has just started may hold everything
/// that is open here for a moment.
fn abandon(folder: &Folder, run: RunId, facts: Vec<Event>) {
    drop(leave(folder, run, facts));
    let run_dir = runs(folder).join(run.to_string());
    until("the end of the lock", || !spore::journal::is_live(&run_dir));
}

fn leave_over(folder: &Folder, run: RunId) {
    abandon(folder, run, facts(run, Outcome::Succeeded).into_iter().chain(over()).collect());
}

fn prune(folder: &Folder, words: &[&str]) -> Value {
    folder.spore(&[&["prune", "--format", "json"], words].concat()).exits(0).json()
}

fn removed(report: &Value) -> Vec<&str> {
    report["removed"].as_array().expect("a list").iter().map(|run| run["id"].as_str().expect("an id")).collect()
}

/// Waits until the supervisors of all runs have ended, which they do a moment after their engines.
fn settle(folder: &Folder) {
    let lives = |run: &RunId| spore::executor::terminal::is_supervised(&runs(folder).join(run.to_string()));
    until("the end of the supervisors", || !spore::journal::list(&runs(folder)).expect("listed").iter().any(lives));
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_mins(1);
    while !is_so() {
        assert!(std::time::Instant::now() < deadline, "{what} did not come");
        std::thread::yield_now();
    }
}

#[test]
fn old_runs_go_and_their_results_stay() {
    let folder = Folder::new().file("w.yaml", HELLO);
    let ids: Vec<String> = (0..3).map(|_| folder.run("w.yaml", &[]).exits(0).id()).collect();
    settle(&folder);
    let untouched = prune(&folder, &[]);
    assert_eq!((removed(&untouched).len(), &untouched["kept_by_rule"]), (0, &Value::from(3)));

    let dry = prune(&folder, &["--keep-runs", "1", "--dry-run"]);
    assert_eq!(removed(&dry), [&ids[1], &ids[0]]);
    assert!(ids.iter().all(|id| runs(&folder).join(id).is_dir()), "nothing happens dry");

    let report = prune(&folder, &["--keep-runs", "1"]);
    assert_eq!(removed(&report), [&ids[1], &ids[0]]);
    assert_eq!(report["freed_bytes"], dry["freed_bytes"]);
    assert!(report["freed_bytes"].as_u64() > Some(4096), "{report}");
    for (id, there) in ids.iter().zip([false, false, true]) {
        assert_eq!(runs(&folder).join(id).exists(), there, "{id}");
    }
    for run in report["removed"].as_array().expect("a list") {
        assert!(folder.path(run["result"].as_str().expect("a result")).is_file(), "{run}");
    }
    folder.spore(&["show", "latest"]).exits(0);
    folder.spore(&["prune", "--keep-runs", "1"]).exits(0).says("removed 0 runs, kept 1 run: the newest 1");
}

#[test]
fn a_run_is_kept_for_its_age_or_for_its_place() {
    let folder = Folder::new().file("w.yaml", HELLO);
    let (young, middle, old) = (days_ago(10, 1), days_ago(29, 1), days_ago(31, 1));
    for run in [young, middle, old] {
        leave_over(&folder, run);
    }
    let would = |words: &[&str]| {
        let report = prune(&folder, &[words, &["--dry-run"]].concat());
        removed(&report).len()
    };
    assert_eq!(would(&[]), 0, "it is among the newest 100");
    assert_eq!(would(&["--keep-days", "30"]), 1);
    assert_eq!(would(&["--keep-days", "20"]), 2);
    assert_eq!(would(&["--keep-days", "0"]), 3);
    assert_eq!(would(&["--keep-runs", "2"]), 1);
    assert_eq!(would(&["--keep-runs", "2", "--keep-days", "20"]), 1);
    assert_eq!(would(&["--keep-runs", "1", "--keep-days", "30"]), 1);
    assert_eq!(would(&["--keep-runs", "3", "--keep-days", "0"]), 0);
}

#[test]
fn what_is_not_over_in_every_sense_is_kept_and_the_reason_told() {
    let folder = Folder::new().file("w.yaml", HELLO);
    let ids: Vec<RunId> = (0..=10).map(|number| days_ago(50, number)).collect();
    let run = |number: usize| ids[number];
    let lost = || Outcome::Lost { stage: "running".into() };
    let with = |run: RunId, outcome: Outcome, more: Vec<Event>| -> Vec<Event> {
        facts(run, outcome).into_iter().chain(more).collect()
    };
    let _under_way = leave(&folder, run(1), with(run(1), Outcome::Succeeded, over().to_vec()));
    abandon(&folder, run(2), with(run(2), Outcome::Succeeded, Vec::new()));
    abandon(&folder, run(3), with(run(3), Outcome::Succeeded, over()[..1].to_vec()));
    abandon(&folder, run(4), with(run(4), lost(), over().to_vec()));
    abandon(&folder, run(5), Vec::new());
    abandon(&folder, run(6), facts(run(6), Outcome::Succeeded));
    leave_over(&folder, run(0));
    let _supervisors = [6, 0].map(|number| {
        let lock = File::create(runs(&folder).join(run(number).to_string()).join("supervisor.lock")).expect("made");
        lock.try_lock().expect("locked");
        lock
    });
    leave_over(&folder, run(7));
    let path = runs(&folder).join(run(7).to_string()).join(JOURNAL_FILE);
    let damaged = std::fs::read_to_string(&path).expect("read").replacen("succeeded", "sucXeeded", 1);
    std::fs::write(&path, damaged).expect("written");
    // Two of which nothing was ever recorded; only a young one may be about to begin.
    std::fs::create_dir(runs(&folder).join(run(8).to_string())).expect("made");
    std::fs::create_dir(runs(&folder).join("mine")).expect("made");
    let now = u64::try_from(World::here().now().0).expect("after 1970");
    let young = RunId::from_parts(now, 8).to_string();
    std::fs::create_dir(runs(&folder).join(&young)).expect("made");
    // And two of which nothing is left to wait for.
    let resolved = Event::TaskResolved { task: task(), resolution: Resolution::Ran };
    abandon(&folder, run(9), with(run(9), lost(), over().into_iter().chain([resolved]).collect()));
    leave_over(&folder, run(10));

    let report = prune(&folder, &["--keep-runs", "0"]);
    let mut gone = removed(&report);
    gone.sort_unstable();
    assert_eq!(gone, [run(9).to_string(), run(10).to_string()]);
    assert_eq!(report["leftovers"], 2);
    let because = |number: usize| {
        let kept = report["kept"].as_array().expect("a list");
        let kept = kept.iter().find(|kept| kept["id"] == run(number).to_string());
        kept.map(|kept| kept["because"].as_str().expect("a reason").to_owned()).unwrap_or_default()
    };
    for (number, words) in [
        (0, "it is under way"),
        (1, "it is under way"),
        (2, "it was broken off: `spore resume "),
        (3, "its result is not written: `spore resume "),
        (4, "nobody has said what became of `a`: `spore resolve "),
        (6, "its engine is gone and its commands go on: `spore resume "),
        (7, "its journal does not tell all: line 3 is damaged"),
    ] {
        assert!(because(number).starts_with(words), "{number}: {:?}\n{report:#}", because(number));
    }
    assert!(runs(&folder).join("mine").is_dir());
    folder
        .spore(&["prune", "--keep-runs", "0"])
        .exits(0)
        .says("kept: it is under way")
        .says("removed 0 runs, kept 8 runs");
    assert!(!runs(&folder).join(run(5).to_string()).exists() && !runs(&folder).join(run(8).to_string()).exists());
    assert!(runs(&folder).join(&young).exists(), "it may just begin");
}

#[test]
fn killed_at_any_step_each_run_is_whole_or_gone() {
    for step in ["run-discarding=kill@2", "runs-discarded=kill", "run-removed=kill"] {
        let folder = Folder::new().file("w.yaml", HELLO);
        let ids: Vec<RunId> = (0..3).map(|number| days_ago(50, number)).collect();
        for run in &ids {
            leave_over(&folder, *run);
        }
        let mut command = folder.command(&["prune", "--keep-runs", "0"]);
        let status = command.env("SPORE_FAILPOINTS", step).status().expect("started");
        assert_eq!(status.signal(), Some(9), "{step}");
        for run in &ids {
            let run_dir = runs(&folder).join(run.to_string());
            assert!(!run_dir.exists() || spore::journal::record(&run_dir).expect("whole").0.is_some(), "{step}");
        }
        let left = |folder: &Folder| std::fs::read_dir(folder.path(".spore/trash")).expect("listed").count();
        let (before, listed) = (left(&folder), spore::journal::list(&runs(&folder)).expect("listed").len());
        assert!(before > 0 && before + listed >= 2, "{step}: {before} {listed}");
        let report = prune(&folder, &["--keep-runs", "0"]);
        assert_eq!((&report["leftovers"], removed(&report).len()), (&Value::from(before), listed), "{step}");
        assert!(report["freed_bytes"].as_u64() > Some(0), "{step}");
        assert_eq!((left(&folder), spore::journal::list(&runs(&folder)).expect("listed")), (0, Vec::new()), "{step}");
    }
}

#[test]
fn runs_that_begin_and_end_meanwhile_are_never_hurt() {
    let folder = Folder::new().file("w.yaml", HELLO);
    let mut gone = 0;
    std::thread::scope(|scope| {
        let running = scope.spawn(|| (0..15).map(|_| folder.run("w.yaml", &[]).exits(0).report).collect::<Vec<_>>());
        while !running.is_finished() {
            // Two at once get in each other's way, and never in that of a run.
            let other = folder.command(&["prune", "--keep-runs", "0"]).stdout(std::process::Stdio::null()).spawn();
            gone += removed(&prune(&folder, &["--keep-runs", "0"])).len();
            assert!(other.expect("started").wait().expect("ended").success());
        }
        for report in running.join().expect("every run succeeds") {
            assert!(folder.path(report["result"]["path"].as_str().expect("a result")).is_file(), "{report}");
        }
    });
    settle(&folder);
    gone += removed(&prune(&folder, &["--keep-runs", "0"])).len();
    assert!(gone > 0, "some were removed while others ran");
    assert_eq!(spore::journal::list(&runs(&folder)).expect("listed"), []);
}
