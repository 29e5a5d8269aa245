//! Plans and fates to try the machine with, each the same for the same seed.

use std::time::Duration;

use serde_json::json;
use spore::model::{
    Command, Dialect, Kind, Language, Matrix, Need, NeedTarget, Order, Outcome, Plan, Retry, Span, Spore, Task, TaskId,
    Work,
};
use spore::plan::{Capability, Options, plan};

/// Numbers that look random: splitmix64.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// From 0 to below `end`.
    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).expect("below a usize")
    }

    /// True in so many of a hundred cases.
    pub(super) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(super) fn outcome(&mut self) -> Outcome {
        match self.below(12) {
            0 => Outcome::of_exit(1),
            1 => Outcome::of_exit(75),
            2 => Outcome::of_signal(9),
            3 => Outcome::TimedOut,
            4 => Outcome::NotStarted { reason: "no room".into(), permanent: self.chance(50) },
            5 => Outcome::Lost { stage: "running".into() },
            6 => Outcome::Cancelled,
            _ => Outcome::Succeeded,
        }
    }
}

fn id(at: usize) -> TaskId {
    TaskId::new(&format!("t{at}")).expect("an id")
}

fn need(at: usize) -> Need {
    Need { target: NeedTarget::Task(id(at)), span: Span::new(0, 1) }
}

fn task(at: usize, needs: impl IntoIterator<Item = usize>) -> Task {
    let script = Command::Script { language: Language::Sh, text: "true".into() };
    let mut task = Task::new(id(at), "", Span::new(0, 1), Work::Command(script));
    task.marked = true;
    task.needs = needs.into_iter().map(need).collect();
    task
}

fn planned(tasks: Vec<Task>, finally: Vec<Task>) -> Plan {
    let spore = Spore { kind: Kind::Workflow, order: Order::Needs, tasks, finally, ..Spore::empty("s", Dialect::Yaml) };
    let planned = plan(&spore, "\n", &Options::default(), &[Capability::available("terminal")]);
    planned.plan.unwrap_or_else(|| panic!("{:?}", planned.diagnostics))
}

/// A task of any kind, with needs between `first` and `at`.
fn random_task(random: &mut Random, first: usize, at: usize) -> Task {
    let needs: Vec<usize> = (first..at).filter(|_| random.chance(25)).collect();
    let mut task = task(at, needs);
    match random.below(20) {
        0 => task.work = Work::Agent("think".into()),
        1 => task.marked = false,
        2 => task.done = true,
        3 | 4 => task.work = Work::Group,
        5..=7 => {
            let values = (0..=random.below(5)).map(|value| json!(value)).collect();
            task.matrix = Some(Box::new(Matrix { axes: [("x".to_owned(), values)].into_iter().collect() }));
            task.max_parallel = random.chance(70).then(|| u32::try_from(random.below(3) + 1).expect("few"));
        }
        _ => {}
    }
    if random.chance(40) {
        task.settings.retry = Some(Retry {
            limit: u32::try_from(random.below(4)).expect("few"),
            backoff: Duration::from_millis(random.below(3_000) as u64),
            factor: 2.0,
            max: Duration::from_secs(5),
            on_exit: if random.chance(30) { vec![75] } else { Vec::new() },
        });
    }
    task.settings.continue_on_failure = random.chance(20).then_some(true);
    task.idempotent = random.chance(30);
    task
}

pub(super) fn random_plan(random: &mut Random) -> Plan {
    let count = random.below(12) + 1;
    let tasks = (0..count).map(|at| random_task(random, 0, at)).collect();
    let finally = (count..count + random.below(4)).map(|at| random_task(random, count, at)).collect();
    planned(tasks, finally)
}

/// Each task needs the one before.
pub(super) fn chain(count: usize) -> Plan {
    planned((0..count).map(|at| task(at, at.checked_sub(1))).collect(), Vec::new())
}

/// All tasks need the first, and the last needs them all.
pub(super) fn fan(count: usize) -> Plan {
    let middle = (1..count - 1).map(|at| task(at, [0]));
    let tasks = std::iter::once(task(0, [])).chain(middle).chain([task(count - 1, 1..count - 1)]);
    planned(tasks.collect(), Vec::new())
}

/// One matrix of which two may run at a time.
pub(super) fn held(count: usize) -> Plan {
    let mut task = task(0, []);
    let values = (0..count).map(|value| json!(value)).collect();
    task.matrix = Some(Box::new(Matrix { axes: [("x".to_owned(), values)].into_iter().collect() }));
    task.max_parallel = Some(2);
    planned(vec![task], Vec::new())
}
