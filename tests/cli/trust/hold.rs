//! What changes between the approval and the start of a command does not run.

use std::sync::Arc;

use spore::engine::{self, Guard, Verdict};
use spore::executor::terminal::Terminal;
use spore::executor::{Executor, Executors};
use spore::journal::Journal;
use spore::model::{
    AttemptId, Digest, Engine, Event, Limits, Origin, Outcome, RunId, RunRecord, Stream, TaskRecord, Timestamp,
};
use spore::os::clock::SystemClock;
use spore::run::{Order, Preparer, View, drive};
use spore::trust::{Mode, Settings};
use tokio::sync::mpsc;

use super::{Owned, SPORE};

const JOBS: u32 = 2;

struct Nobody;

impl View for Nobody {
    fn event(&mut self, _: Timestamp, _: &Event, _: &RunRecord) {}
    fn line(&mut self, _: &AttemptId, _: Stream, _: &str) {}
    fn failed(&mut self, _: &TaskRecord, _: &str) {}
    fn tick(&mut self, _: Timestamp, _: &RunRecord) {}
}

fn opened(owned: &Owned) -> engine::Opened {
    engine::open(&owned.folder.path("w.yaml"), None).expect("opened")
}

fn settings(owned: &Owned) -> Settings {
    Settings::at(&owned.settings()).expect("read")
}

fn guard(owned: &Owned) -> Guard {
    match engine::judge(&settings(owned), &opened(owned)) {
        Verdict::Allowed { guard, .. } => guard,
        other => panic!("{other:?}"),
    }
}

/// Runs the spore for real, with the guard asked before each start. Returns how each task ended.
fn run(owned: &Owned, guard: Guard) -> Vec<Outcome> {
    let opened = opened(owned);
    let planned = engine::plan(&opened, &engine::Selection::default());
    let plan = planned.runnable(&opened).expect("a plan");
    let run = RunId::from_parts(1, 2);
    let mut journal = Journal::create(&opened.root.make_state().expect("made"), run).expect("a journal");
    let run_dir = Arc::new(journal.run_dir().to_path_buf());
    let root = Arc::new(opened.root.path().to_path_buf());
    let preparer = Preparer::new(plan, run, root, run_dir, Arc::from([]), JOBS.into(), &Limits::DEFAULT);
    let terminal = Terminal::new(Limits::DEFAULT).supervised_by(env!("CARGO_BIN_EXE_spore").as_ref());
    let order = Order {
        plan,
        run,
        origin: Origin {
            spore: "w".into(),
            path: "w.yaml".into(),
            digest: Digest::of(b"w"),
            retry_of: None,
            params: indexmap::IndexMap::new(),
            only: Vec::new(),
            from: None,
            cause: None,
            written_by: None,
            depth: 0,
        },
        engine: Engine { process: "1".into(), host: "here".into(), version: "1".into() },
        jobs: JOBS.into(),
        reused: Vec::new(),
        past: Vec::new(),
        preparer: preparer.guarded_by(Some(Arc::new(guard))),
        executors: &Executors::from([("terminal", Arc::new(terminal) as Arc<dyn Executor>)]),
        clock: &SystemClock::new(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (_nobody_stops_it, stops) = mpsc::unbounded_channel();
    let ran = runtime.block_on(drive(order, &mut journal, stops, &mut Nobody)).expect("it runs to its end");
    let tasks = ran.record.tasks.values();
    tasks.map(|task| task.attempts[0].outcome.clone().expect("it has ended")).collect()
}

#[track_caller]
fn changed(outcome: &Outcome, what: &str) {
    let Outcome::NotStarted { reason, permanent: true } = outcome else { panic!("{outcome:?}") };
    assert!(reason.contains(what) && reason.contains("`spore trust w.yaml`"), "{reason}");
}

#[test]
fn a_spore_that_changes_its_own_script_does_not_run_it() {
    let owned = Owned::new();
    let text = "spore: w\nkind: workflow\ntasks:\n  first: sh x.sh\n  edit: {needs: [first], run: 'echo touch evil > x.sh'}\n  last: {needs: [edit], run: sh x.sh}\n";
    owned.folder.write("w.yaml", text);
    owned.folder.write("x.sh", "touch good\n");
    owned.approve("w.yaml");
    let ends = run(&owned, guard(&owned));
    assert_eq!(ends[..2], [Outcome::Succeeded, Outcome::Succeeded]);
    changed(&ends[2], "`x.sh` has changed since it was approved");
    assert_eq!(owned.folder.read("x.sh"), "touch evil\n");
    assert!(owned.folder.path("good").exists() && !owned.folder.path("evil").exists());
    owned.waits("w.yaml", "has changed since it was approved");
}

#[test]
fn neither_a_swapped_link_nor_what_comes_or_goes_is_run() {
    let owned = Owned::with_spore();
    owned.folder.write("w.yaml", "spore: w\nkind: workflow\ntasks: {a: 'sh tools/a.sh; sh tools/b.sh'}\n");
    owned.folder.write("evil.sh", "touch evil\n");
    owned.approve("w.yaml");
    let guard = guard(&owned);
    let says = |what: &str| assert!(guard.still_holds().is_err_and(|said| said.contains(what)), "{what}");
    assert_eq!(guard.still_holds(), Ok(()));
    let script = owned.folder.path("tools/a.sh");
    std::fs::remove_file(&script).expect("removed");
    says("`tools/a.sh` is gone");
    std::os::unix::fs::symlink(owned.folder.path("evil.sh"), &script).expect("linked");
    changed(&run(&owned, guard.clone())[0], "`tools/a.sh` has changed");
    std::fs::remove_file(&script).expect("removed");
    owned.folder.write("tools/a.sh", "echo fine\n");
    assert_eq!(guard.still_holds(), Ok(()), "the same is the same");
    owned.folder.write("tools/b.sh", "touch evil\n");
    says("`tools/b.sh` was not there and now is");
    assert!(!owned.folder.path("evil").exists());
}

#[test]
fn what_is_read_once_is_what_is_judged() {
    let owned = Owned::with_spore();
    owned.approve("w.yaml");
    let (before, settings) = (opened(&owned), settings(&owned));
    owned.folder.write("w.yaml", SPORE.replace("spore: w", "spore: evil"));
    assert!(matches!(engine::judge(&settings, &before), Verdict::Allowed { .. }), "it runs as it was read");
    assert!(matches!(engine::judge(&settings, &opened(&owned)), Verdict::Pending { .. }));
    // Taken back by another process, it is no longer allowed by this one.
    owned.folder.spore(&["trust", "--revoke", "w.yaml"]).exits(0);
    assert!(matches!(engine::judge(&settings, &before), Verdict::Pending { .. }));
}

#[test]
fn what_a_command_line_says_holds_for_one_process() {
    let owned = Owned::with_spore();
    let (mut said, root) = (settings(&owned), opened(&owned).root);
    let undecided = engine::wants_decision(&mut said, &root, None).expect_err("nobody has decided");
    let hint = undecided.hint().expect("a hint");
    for mode in ["--mode approve", "--mode signed", "--mode open"] {
        assert!(hint.contains(mode), "{hint}");
    }
    assert!(engine::wants_decision(&mut said, &root, Some(Mode::Signed)).is_err(), "nobody may sign");
    assert_eq!(engine::wants_decision(&mut said, &root, Some(Mode::Open)).expect("said"), Mode::Open);
    assert!(matches!(engine::judge(&said, &opened(&owned)), Verdict::Allowed { .. }));
    let other = engine::judge(&settings(&owned), &opened(&owned));
    assert!(matches!(other, Verdict::Pending { .. }), "another process has not heard of it");
}
