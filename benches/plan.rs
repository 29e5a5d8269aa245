//! How long plans take, for each task: wide, deep, layered and nested spores of up to 100,000 tasks, built as values.

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use spore::journal::{self, Journal};
use spore::model::{
    Command, Declared, Dialect, Digest, Event, Kind, Language, Need, NeedTarget, Order, Origin, Outcome, RunId,
    RunStatus, Span, Spore, Task, TaskId, TaskStatus, Timestamp, Work,
};
use spore::os::clock::{Clock as _, SystemClock};
use spore::plan::{Capability, Options, plan};

const ROUNDS: u32 = 3;

#[expect(clippy::print_stdout, reason = "a bench reports to its terminal")]
pub(crate) fn run() {
    let before = resident_kib("VmHWM");
    let independent = spore(100_000, Order::Needs, |_| Vec::new());
    time("100,000 independent tasks", &independent);
    println!("  peak memory so far: {} MiB (process had {} MiB)", resident_kib("VmHWM") / 1024, before / 1024);
    drop(independent);
    time("100,000 tasks in sequence", &spore(100_000, Order::Sequence, |_| Vec::new()));
    time(
        "100,000 tasks, 3 needs each",
        &spore(100_000, Order::Needs, |at| (1..4).map(|back| at / (back + 1)).collect()),
    );
    time("10,000 tasks in a chain", &spore(10_000, Order::Needs, |at| vec![at.saturating_sub(1)]));
    time(
        "300 x 300 layers",
        &spore(90_000, Order::Needs, |at| if at < 300 { vec![] } else { vec![at - 300, at / 300 * 300 - 1] }),
    );
    time(
        "10 x 300 layers, each on all",
        &spore(3_000, Order::Needs, |at| {
            let layer = at / 300 * 300;
            (layer.saturating_sub(300)..layer).collect()
        }),
    );
    println!("  peak memory: {} MiB", resident_kib("VmHWM") / 1024);
    journals();
}

fn spore(count: usize, order: Order, needs: impl Fn(usize) -> Vec<usize>) -> Spore {
    let id = |at: usize| TaskId::new(&format!("task-{at}")).expect("an id");
    let task = |at: usize| {
        let script = Command::Script { language: Language::Sh, text: "true".into() };
        let mut task = Task::new(id(at), format!("Task {at}"), Span::new(at, at + 1), Work::Command(script));
        task.marked = true;
        let span = task.span;
        let need = |need: usize| Need { target: NeedTarget::Task(id(need)), span };
        task.needs = needs(at).into_iter().filter(|need| *need < at).map(need).collect();
        task
    };
    Spore { kind: Kind::Workflow, order, tasks: (0..count).map(task).collect(), ..Spore::empty("bench", Dialect::Yaml) }
}

#[expect(clippy::print_stdout, reason = "a bench reports to its terminal")]
fn time(name: &str, spore: &Spore) {
    let text = "\n".repeat(spore.tasks.len());
    let capabilities = [Capability::available("terminal")];
    let taken = best(|| {
        let planned = plan(spore, &text, &Options::default(), &capabilities);
        assert!(planned.runnable(), "{:?}", planned.diagnostics);
        black_box(planned);
    });
    let each = taken.as_nanos() / spore.tasks.len() as u128;
    println!("plan: {name}: {:.1} ms, {each} ns a task", taken.as_secs_f64() * 1e3);
}

#[expect(clippy::print_stdout, reason = "a bench reports to its terminal")]
fn journals() {
    let folder = tempfile::tempdir().expect("a folder");
    let runs = folder.path();
    for number in 0..1_000_u64 {
        journal_of(runs, number);
    }
    let taken = best(|| {
        let ids = journal::list(runs).expect("listed");
        assert_eq!(ids.len(), 1_000);
        black_box(ids);
    });
    println!("journal: list of 1,000 runs: {:.1} ms", taken.as_secs_f64() * 1e3);
    let taken = best(|| {
        for run in journal::list(runs).expect("listed") {
            let (record, _) = journal::record(&runs.join(run.to_string())).expect("read");
            assert_eq!(record.expect("a record").status, RunStatus::Succeeded);
        }
    });
    println!("journal: records of 1,000 runs of 20 tasks: {:.1} ms", taken.as_secs_f64() * 1e3);

    let mut journal = Journal::create(runs, RunId::from_parts(5_000, 5)).expect("created");
    let event = [(Timestamp(1), Event::AttemptIntended { task: task(1), number: 1, executor: "terminal".into() })];
    let taken = best(|| {
        for _ in 0..10_000 {
            journal.append(&event).expect("appended");
        }
    });
    println!("journal: append, one event a write: {} ns", taken.as_nanos() / 10_000);
    let taken = best(|| (0..20).for_each(|_| journal.sync().expect("synced")));
    println!("journal: sync: {} us", taken.as_micros() / 20);
}

fn task(at: u32) -> TaskId {
    TaskId::new(&format!("task-{at}")).expect("an id")
}

/// A whole run of 20 tasks, in one batch.
fn journal_of(runs: &Path, number: u64) {
    let run = RunId::from_parts(number, u128::from(number));
    let declared = |at: u32| Declared {
        id: task(at),
        title: format!("Task {at}"),
        line: at,
        executor: "terminal".into(),
        status: TaskStatus::Waiting,
        because: None,
        counts: true,
        idempotent: false,
    };
    let origin = Origin {
        spore: "bench".into(),
        path: "bench.yaml".into(),
        digest: Digest::of(b"bench"),
        retry_of: None,
        params: indexmap::IndexMap::new(),
        only: Vec::new(),
        from: None,
        cause: None,
        written_by: None,
        depth: 0,
    };
    let mut events = vec![Event::RunStarted {
        run,
        origin: Box::new(origin),
        jobs: 2,
        tasks: (0..20).map(declared).collect(),
        engine: None,
    }];
    for at in 0..20 {
        events.push(Event::AttemptIntended { task: task(at), number: 1, executor: "terminal".into() });
        events.push(Event::AttemptEnded {
            task: task(at),
            number: 1,
            outcome: Outcome::Succeeded,
            began: None,
            outputs: indexmap::IndexMap::new(),
            artifacts: Vec::new(),
            out: spore::model::LogSize::default(),
            err: spore::model::LogSize::default(),
            remarks: Vec::new(),
        });
    }
    events.push(Event::RunEnded { status: RunStatus::Succeeded });
    let events: Vec<_> = events.into_iter().map(|event| (Timestamp(1), event)).collect();
    let mut journal = Journal::create(runs, run).expect("created");
    journal.append(&events).expect("appended");
}

/// The shortest of a few rounds: what else the machine did is not ours to report.
fn best(mut work: impl FnMut()) -> Duration {
    let clock = SystemClock::new();
    (0..ROUNDS)
        .map(|_| {
            let start = clock.monotonic();
            work();
            clock.monotonic().saturating_sub(start)
        })
        .min()
        .unwrap_or_default()
}

/// A figure of this process from the kernel, in KiB; 0 where there is none.
fn resident_kib(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
}
