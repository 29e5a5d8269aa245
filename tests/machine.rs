//! The state machine of a run under thousands of schedules: whatever fails, is lost, ends late or twice, and whenever
//! somebody stops it, what must hold holds, and it ends. A failure names the seed that brings it back.

mod generate;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use spore::model::{Disposition, Outcome, Plan, RunStatus, TaskStatus};
use spore::os::clock::{Clock as _, SystemClock};
use spore::run::{Action, Machine, Stop};

use generate::{Random, random_plan};

/// Schedules tried.
const SEEDS: u64 = 6_000;

/// One run through the machine, and what the rules say of it, kept apart from what the machine thinks.
struct Simulation<'a> {
    plan: &'a Plan,
    machine: Machine<'a>,
    random: Random,
    jobs: usize,
    now: Duration,
    /// How each task ended, as far as anybody was told.
    ended: BTreeMap<usize, TaskStatus>,
    running: BTreeMap<usize, u32>,
    /// The number that the next start of a task must have.
    next_number: Vec<u32>,
    /// Tasks that were announced to be tried again.
    delayed: BTreeSet<usize>,
    stop: Option<Stop>,
    at_once: bool,
}

impl<'a> Simulation<'a> {
    fn new(plan: &'a Plan, mut random: Random) -> Self {
        let jobs = random.below(4) + 1;
        let decided = |task: &usize| match plan.tasks[*task].disposition {
            Disposition::Run | Disposition::Group => None,
            Disposition::Done => Some((*task, TaskStatus::Done)),
            _ => Some((*task, TaskStatus::Skipped)),
        };
        Self {
            plan,
            machine: Machine::new(plan, u32::try_from(jobs).expect("few"), &[]),
            random,
            jobs,
            now: Duration::ZERO,
            ended: (0..plan.tasks.len()).collect::<Vec<_>>().iter().filter_map(decided).collect(),
            running: BTreeMap::new(),
            next_number: vec![1; plan.tasks.len()],
            delayed: BTreeSet::new(),
            stop: None,
            at_once: false,
        }
    }

    fn run(mut self) {
        for _ in 0..5_000 {
            while let Some(action) = self.machine.next(self.now) {
                self.act(&action);
            }
            assert_eq!(self.machine.running(), self.running.len(), "both count what runs");
            if self.machine.is_over() {
                return self.over();
            }
            self.something_happens();
        }
        panic!("it does not end");
    }

    fn something_happens(&mut self) {
        if self.random.chance(3) {
            return self.stop_it();
        }
        if self.random.chance(10) {
            return self.late_report();
        }
        if self.running.is_empty() {
            let wake = self.machine.wake_at().expect("nothing runs and nothing will ever: it is stuck");
            assert!(wake > self.now, "what is due was not started although there is room");
            self.now = wake;
            return;
        }
        let place = self.random.below(self.running.len());
        let (task, number) = self.running.iter().nth(place).map(|(task, number)| (*task, *number)).expect("it runs");
        self.now += Duration::from_millis(self.random.below(2_000) as u64);
        let outcome = self.random.outcome();
        self.running.remove(&task);
        self.ended.insert(task, outcome.status());
        let jitter = if self.random.chance(50) { 1.0 } else { 0.0 };
        self.machine.ended(task, number, &outcome, self.now, jitter);
        if self.random.chance(20) {
            self.machine.ended(task, number, &Outcome::Succeeded, self.now, jitter);
        }
    }

    /// Somebody stops the run, perhaps not for the first time.
    fn stop_it(&mut self) {
        let stop = [Stop::Cancelled, Stop::TimedOut, Stop::AtOnce][self.random.below(3)];
        self.machine.stop(stop);
        self.stop.get_or_insert(stop);
        self.at_once |= stop == Stop::AtOnce;
        self.delayed.retain(|task| self.plan.tasks[*task].finally && !self.at_once);
    }

    /// A report about an attempt that does not run: it must change nothing.
    fn late_report(&mut self) {
        let task = self.random.below(self.plan.tasks.len());
        let number = u32::try_from(self.random.below(5)).expect("few");
        if self.running.get(&task) != Some(&number) {
            let outcome = self.random.outcome();
            self.machine.ended(task, number, &outcome, self.now, 0.0);
            self.machine.unwanted(task, number, "nobody asked".into());
        }
    }

    fn act(&mut self, action: &Action) {
        match *action {
            Action::Start { task, number } => self.start(task, number),
            Action::Skip { task, .. } => {
                assert!(!self.running.contains_key(&task), "skipped while it runs");
                // A task that waited for its next attempt has an end already, which the skip replaces.
                let before = self.ended.insert(task, TaskStatus::Skipped);
                assert!(before.is_none() || self.next_number[task] > 1, "task {task} is settled twice");
            }
            Action::Retry { task, number, after } => {
                let retry = &self.plan.tasks[task].retry;
                assert!(
                    !self.at_once && (self.stop.is_none() || self.plan.tasks[task].finally),
                    "retried after a stop"
                );
                assert_eq!(number, self.next_number[task], "attempts are counted one by one");
                assert!(number <= retry.limit.max(2) + 1, "attempt {number} with a limit of {}", retry.limit);
                assert!(after <= retry.max.mul_f64(1.2), "a wait of {after:?}");
                self.ended.remove(&task);
                self.delayed.insert(task);
            }
            Action::Cancel { task, number, now } => {
                // What ended in the meantime may still be asked to.
                assert!(self.running.get(&task) == Some(&number) || self.ended.contains_key(&task));
                assert!(self.stop.is_some() && (!now || self.at_once), "cancelled without being asked");
            }
        }
    }

    fn start(&mut self, task: usize, number: u32) {
        let planned = &self.plan.tasks[task];
        assert_eq!(planned.disposition, Disposition::Run, "started what does not run");
        assert!(!self.ended.contains_key(&task), "task {task} is started after its end");
        assert_eq!(number, self.next_number[task], "attempts are counted one by one");
        assert_eq!(number > 1, self.delayed.remove(&task), "another attempt without a word");
        assert!(self.stop.is_none() || (planned.finally && !self.at_once), "started after a stop");
        for need in self.plan.dag.needs(task) {
            assert!(self.is_well(*need as usize), "started before its need {need} was settled well");
        }
        if planned.finally {
            let open =
                (0..self.plan.tasks.len()).find(|other| !self.plan.tasks[*other].finally && !self.is_settled(*other));
            assert_eq!(open, None, "`finally` began before the others had ended");
        }
        self.next_number[task] += 1;
        self.running.insert(task, number);
        assert!(self.running.len() <= self.jobs, "more than {} jobs", self.jobs);
        if let (Some(matrix), Some(most)) = (&planned.expanded_from, planned.max_parallel) {
            let tasks = &self.plan.tasks;
            let side_by_side =
                self.running.keys().filter(|at| tasks[**at].expanded_from.as_ref() == Some(matrix)).count();
            assert!(side_by_side <= most as usize, "{side_by_side} of {matrix} at a time");
        }
        if self.random.chance(10) {
            self.running.remove(&task);
            // The machine tells of it as a skip, which finds no end before it but may find a number.
            self.next_number[task] = self.next_number[task].max(2);
            self.machine.unwanted(task, number, "its condition is false".into());
        }
    }

    fn is_settled(&self, task: usize) -> bool {
        match self.plan.tasks[task].disposition {
            Disposition::Group => self.ended.contains_key(&task) || self.needs(task).all(|need| self.is_settled(need)),
            _ => self.ended.contains_key(&task) && !self.running.contains_key(&task) && !self.delayed.contains(&task),
        }
    }

    /// Whether what needs the task may go on.
    fn is_well(&self, task: usize) -> bool {
        let planned = &self.plan.tasks[task];
        match planned.disposition {
            Disposition::Group => self.needs(task).all(|need| self.is_well(need)),
            Disposition::Inert => true,
            _ => {
                let good = |status: &TaskStatus| status.is_good() || planned.continue_on_failure;
                self.is_settled(task) && self.ended.get(&task).is_some_and(good)
            }
        }
    }

    fn needs(&self, task: usize) -> impl Iterator<Item = usize> {
        self.plan.dag.needs(task).iter().map(|need| *need as usize)
    }

    fn over(self) {
        assert!(self.running.is_empty() && self.machine.wake_at().is_none(), "over while something is under way");
        let open = (0..self.plan.tasks.len()).find(|task| !self.is_settled(*task));
        assert_eq!(open, None, "a task was forgotten");
        let fails =
            |(task, status): (&usize, &TaskStatus)| status.is_bad() && !self.plan.tasks[*task].continue_on_failure;
        let expected = match self.stop {
            Some(Stop::TimedOut) => RunStatus::TimedOut,
            Some(_) => RunStatus::Cancelled,
            None if self.ended.iter().any(fails) => RunStatus::Failed,
            None => RunStatus::Succeeded,
        };
        assert_eq!(self.machine.status(), expected);
        // Whatever stops a run, what was to happen finally has happened, unless somebody insisted or it was left out.
        for (at, task) in self.plan.tasks.iter().enumerate().filter(|(_, task)| task.finally && !self.at_once) {
            let wanted = task.disposition == Disposition::Run && self.needs(at).all(|need| self.is_well(need));
            assert!(!wanted || self.next_number[at] > 1, "`finally` was forgotten");
        }
    }
}

#[test]
fn whatever_happens_the_rules_hold_and_it_ends() {
    for seed in 0..SEEDS {
        let tried = std::panic::catch_unwind(|| {
            let mut random = Random::new(seed);
            let plan = random_plan(&mut random);
            Simulation::new(&plan, random).run();
        });
        assert!(tried.is_ok(), "the rules break with seed {seed}");
    }
}

/// Steps that the machine needs for a plan in which everything succeeds.
fn run_through(plan: &Plan, jobs: u32, stop_after: usize) -> usize {
    let mut machine = Machine::new(plan, jobs, &[]);
    let mut running = std::collections::VecDeque::new();
    let mut started = 0;
    loop {
        while let Some(action) = machine.next(Duration::ZERO) {
            if let Action::Start { task, number } = action {
                started += 1;
                running.push_back((task, number));
            }
        }
        if started >= stop_after {
            machine.stop(Stop::Cancelled);
        }
        let Some((task, number)) = running.pop_front() else { break };
        machine.ended(task, number, &Outcome::Succeeded, Duration::ZERO, 0.0);
    }
    assert!(machine.is_over());
    started
}

#[test]
fn a_hundred_thousand_tasks_are_no_burden() {
    const COUNT: usize = 100_000;
    let clock = SystemClock::new();
    for shape in [generate::chain, generate::fan, generate::held] {
        let plan = shape(COUNT);
        assert!(run_through(&plan, 8, usize::MAX) >= COUNT);
        assert!(run_through(&plan, 8, 10) < 100);
    }
    // Anything quadratic would take minutes.
    assert!(clock.monotonic() < Duration::from_mins(1), "{:?}", clock.monotonic());
}
