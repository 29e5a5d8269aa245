//! One run through the machine: things happen, engines die in the middle of it, and what the rules say is kept apart from
//! what the machine thinks.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use spore::model::{Disposition, Outcome, Plan, RunStatus, TaskStatus};
use spore::run::{Action, Machine, Past, Stop};

use super::generate::Random;

/// What a journal says.
#[derive(Clone, Debug)]
pub(super) enum Fact {
    Intended { task: usize, number: u32 },
    Ended { task: usize, number: u32, outcome: Outcome },
    Again { task: usize, number: u32, due: Duration },
    Skipped { task: usize },
    Stopped(Stop),
}

/// What the facts add up to.
#[derive(Debug)]
struct Known {
    /// How each task ended, as far as anybody was told.
    ended: BTreeMap<usize, TaskStatus>,
    running: BTreeMap<usize, u32>,
    /// The number that the next start of a task must have.
    next_number: Vec<u32>,
    /// Tasks that were announced to be tried again, with the time until which they wait.
    delayed: BTreeMap<usize, Duration>,
    /// How the last attempt of each task ended.
    last_outcome: BTreeMap<usize, Outcome>,
    skipped: BTreeSet<usize>,
    stop: Option<Stop>,
    at_once: bool,
}

impl Known {
    fn of(plan: &Plan, facts: &[(Duration, Fact)]) -> Self {
        let decided = |task: usize| match plan.tasks[task].disposition {
            Disposition::Run | Disposition::Group => None,
            Disposition::Done => Some((task, TaskStatus::Done)),
            _ => Some((task, TaskStatus::Skipped)),
        };
        let mut known = Self {
            ended: (0..plan.tasks.len()).filter_map(decided).collect(),
            running: BTreeMap::new(),
            next_number: vec![1; plan.tasks.len()],
            delayed: BTreeMap::new(),
            last_outcome: BTreeMap::new(),
            skipped: BTreeSet::new(),
            stop: None,
            at_once: false,
        };
        for (_, fact) in facts {
            known.apply(plan, fact);
        }
        known
    }

    fn apply(&mut self, plan: &Plan, fact: &Fact) {
        match *fact {
            Fact::Intended { task, number } => {
                self.delayed.remove(&task);
                self.next_number[task] = number + 1;
                assert_eq!(self.running.insert(task, number), None, "two attempts of a task at a time");
            }
            Fact::Ended { task, number, ref outcome } => {
                assert_eq!(self.running.remove(&task), Some(number), "an end of what does not run");
                self.ended.insert(task, outcome.status());
                self.last_outcome.insert(task, outcome.clone());
            }
            Fact::Again { task, due, .. } => {
                self.ended.remove(&task);
                assert_eq!(self.delayed.insert(task, due), None, "announced twice");
            }
            Fact::Skipped { task } => {
                assert!(!self.running.contains_key(&task), "skipped while it runs");
                assert!(self.skipped.insert(task), "skipped twice");
                self.delayed.remove(&task);
                // A task that waited for its next attempt has an end already, which the skip replaces.
                let before = self.ended.insert(task, TaskStatus::Skipped);
                assert!(before.is_none() || self.next_number[task] > 1, "task {task} is settled twice");
            }
            Fact::Stopped(stop) => {
                self.stop.get_or_insert(stop);
                self.at_once |= stop == Stop::AtOnce;
                self.delayed.retain(|task, _| plan.tasks[*task].finally && !self.at_once);
            }
        }
    }
}

/// What may happen besides attempts that end, each in percent of the moments at which it could.
#[derive(Clone, Copy)]
pub(super) struct Fate {
    pub(super) stops: usize,
    pub(super) crashes: usize,
}

/// What a run leaves behind.
#[derive(Default)]
pub(super) struct Trace {
    /// What it recorded, each with the time on the wall.
    pub(super) facts: Vec<(Duration, Fact)>,
    unwanted: BTreeSet<usize>,
    /// How often an engine died.
    pub(super) crashes: usize,
}

/// The end of an attempt that cannot be made ready.
fn not_ready() -> Outcome {
    Outcome::NotStarted { reason: "no such secret".into(), permanent: true }
}

pub(super) struct Simulation<'a> {
    plan: &'a Plan,
    machine: Machine<'a>,
    random: Random,
    fate: Fate,
    jobs: usize,
    ahead: usize,
    /// Time on the wall.
    now: Duration,
    /// When the monotonic clock of this engine began, on the wall.
    clock_began: Duration,
    /// When this engine took the run up, and when it heard of the last end of each task, on the wall.
    began: Duration,
    heard: BTreeMap<usize, Duration>,
    facts: Vec<(Duration, Fact)>,
    /// So many of the facts are acknowledged: no crash takes them back.
    written: usize,
    known: Known,
    /// The attempts that executors have heard of, and how they ended: nothing of this dies with an engine.
    world: BTreeMap<(usize, u32), Option<Outcome>>,
    /// Attempts that this engine is about to start.
    unstarted: Vec<(usize, u32)>,
    /// Tasks whose condition turned out to be false.
    unwanted: BTreeSet<usize>,
    /// Attempts that cannot be made ready, however often that is tried.
    impossible: BTreeSet<(usize, u32)>,
    /// Attempts that this engine has asked to end.
    asked: BTreeSet<(usize, u32)>,
}

impl<'a> Simulation<'a> {
    pub(super) fn new(plan: &'a Plan, random: Random, fate: Fate) -> Self {
        Self::with_past(plan, random, fate, &Trace::default(), 0)
    }

    /// A run whose first engine has left the first facts of `trace` behind.
    pub(super) fn with_past(plan: &'a Plan, mut random: Random, fate: Fate, trace: &Trace, count: usize) -> Self {
        let facts = &trace.facts[..count];
        let jobs = random.below(4) + 1;
        let ahead = if random.chance(30) { random.below(4) } else { 0 };
        let mut simulation = Self {
            plan,
            machine: Machine::new(plan, u32::try_from(jobs).expect("few"), &[]),
            random,
            fate,
            jobs,
            ahead,
            now: Duration::ZERO,
            clock_began: Duration::ZERO,
            began: Duration::ZERO,
            heard: BTreeMap::new(),
            facts: facts.to_vec(),
            written: facts.len(),
            known: Known::of(plan, facts),
            world: BTreeMap::new(),
            unstarted: Vec::new(),
            unwanted: trace.unwanted.clone(),
            impossible: BTreeSet::new(),
            asked: BTreeSet::new(),
        };
        simulation.machine.set_ahead(u32::try_from(ahead).expect("few"));
        if !facts.is_empty() {
            simulation.now = facts.last().map_or(Duration::ZERO, |(at, _)| *at);
            // The attempts of the engine before are there already, however many it was allowed at a time.
            simulation.jobs = simulation.jobs.max(simulation.known.running.len());
            simulation.take_up();
        }
        simulation
    }

    /// To the end.
    pub(super) fn run(mut self) -> Trace {
        let mut crashes = 0;
        for _ in 0..5_000 {
            if !self.advance() {
                crashes += 1;
                self.crash();
                continue;
            }
            if self.machine.is_over() {
                self.over();
                return Trace { facts: self.facts, unwanted: self.unwanted, crashes };
            }
            self.something_happens();
            if self.random.chance(self.fate.crashes) {
                crashes += 1;
                self.crash();
            }
        }
        panic!("it does not end");
    }

    /// Carries out what the machine says, and writes it down; false when the engine dies before it has.
    fn advance(&mut self) -> bool {
        while let Some(action) = self.machine.next(self.monotonic()) {
            self.act(&action);
            if self.random.chance(self.fate.crashes) {
                return false;
            }
        }
        self.written = self.facts.len();
        for attempt in std::mem::take(&mut self.unstarted) {
            assert_eq!(self.world.insert(attempt, None), None, "{attempt:?} is started a second time");
        }
        assert_eq!(self.machine.running(), self.known.running.len(), "both count what runs");
        for (&task, &number) in &self.known.running {
            let spared = self.plan.tasks[task].finally && !self.known.at_once;
            let is_asked = self.asked.contains(&(task, number));
            assert!(self.known.stop.is_none() || spared || is_asked, "the run stops, and task {task} was not asked");
        }
        true
    }

    /// The engine dies, with it what is not written, and another takes the run up some time later.
    fn crash(&mut self) {
        let kept = self.written + self.random.below(self.facts.len() - self.written + 1);
        self.facts.truncate(kept);
        self.written = kept;
        self.now += Duration::from_millis(self.random.below(3_000) as u64);
        self.known = Known::of(self.plan, &self.facts);
        self.take_up();
    }

    fn take_up(&mut self) {
        self.clock_began = self.now.saturating_sub(Duration::from_millis(self.random.below(2_000) as u64));
        self.began = self.now;
        self.heard.clear();
        self.unstarted.clear();
        self.asked.clear();
        let past = self.past();
        let jobs = u32::try_from(self.jobs).expect("few");
        self.machine = Machine::resume(self.plan, jobs, &[], &past, self.monotonic());
        self.machine.set_ahead(u32::try_from(self.ahead).expect("few"));
        for task in 0..self.plan.tasks.len() {
            assert_eq!(self.machine.running_attempt(task), self.known.running.get(&task).copied(), "task {task} runs");
        }
        // Executors hear once more of all that has no end; of some of it for the first time.
        for (&task, &number) in &self.known.running {
            self.world.entry((task, number)).or_insert(None);
        }
    }

    fn past(&self) -> Vec<Past> {
        let again_in = |ended: usize, before: u32| {
            self.facts.iter().find_map(|(_, fact)| match *fact {
                Fact::Again { task, number, due } if (task, number) == (ended, before + 1) => {
                    Some(due.saturating_sub(self.now))
                }
                _ => None,
            })
        };
        let past = self.facts.iter().filter_map(|(_, fact)| match *fact {
            Fact::Intended { task, number } => Some(Past::Intended { task, number }),
            Fact::Ended { task, number, ref outcome } => {
                Some(Past::Ended { task, number, outcome: outcome.clone(), again_in: again_in(task, number) })
            }
            Fact::Again { .. } => None,
            Fact::Skipped { task } => Some(Past::Skipped { task }),
            Fact::Stopped(stop) => Some(Past::Stopped(stop)),
        });
        past.collect()
    }

    fn monotonic(&self) -> Duration {
        self.now.saturating_sub(self.clock_began)
    }

    fn note(&mut self, fact: Fact) {
        self.known.apply(self.plan, &fact);
        self.facts.push((self.now, fact));
    }

    fn something_happens(&mut self) {
        if self.random.chance(self.fate.stops) {
            return self.stop_it();
        }
        if self.random.chance(10) {
            return self.late_report();
        }
        if self.known.running.is_empty() {
            let wake = self.machine.wake_at().expect("nothing runs and nothing will ever: it is stuck");
            assert!(wake > self.monotonic(), "what is due was not started although there is room");
            self.now = self.clock_began + wake;
            return;
        }
        // Several ends may come before the machine is asked what to do, and then it may be told to stop.
        loop {
            self.an_attempt_ends();
            if self.known.running.is_empty() || !self.random.chance(20) {
                break;
            }
        }
        if self.random.chance(self.fate.stops) {
            self.stop_it();
        }
    }

    fn an_attempt_ends(&mut self) {
        let place = self.random.below(self.known.running.len());
        let running = self.known.running.iter().nth(place).map(|(task, number)| (*task, *number));
        let (task, number) = running.expect("it runs");
        self.now += Duration::from_millis(self.random.below(2_000) as u64);
        // An end that was told before, to an engine that died with it, stays the same.
        let told = self.world.get(&(task, number)).expect("executors have heard of what runs").clone();
        let outcome = match told {
            Some(outcome) => outcome,
            None if self.impossible.contains(&(task, number)) => not_ready(),
            None => self.random.outcome(),
        };
        self.world.insert((task, number), Some(outcome.clone()));
        let jitter = if self.random.chance(50) { 1.0 } else { 0.0 };
        let now = self.monotonic();
        self.heard.insert(task, self.now);
        assert!(self.machine.ended(task, number, &outcome, now, jitter), "the end of what runs is news");
        self.note(Fact::Ended { task, number, outcome });
        if self.random.chance(20) {
            assert!(!self.machine.ended(task, number, &Outcome::Succeeded, now, jitter), "it has ended already");
        }
    }

    /// Somebody stops the run, perhaps not for the first time.
    fn stop_it(&mut self) {
        let stop = [Stop::Cancelled, Stop::TimedOut, Stop::AtOnce][self.random.below(3)];
        if self.known.stop.is_none() || stop == Stop::AtOnce {
            self.note(Fact::Stopped(stop));
        }
        self.machine.stop(stop);
    }

    /// A report about an attempt that does not run: it must change nothing.
    fn late_report(&mut self) {
        let task = self.random.below(self.plan.tasks.len());
        let number = u32::try_from(self.random.below(5)).expect("few");
        if self.known.running.get(&task) != Some(&number) {
            let outcome = self.random.outcome();
            assert!(!self.machine.ended(task, number, &outcome, self.monotonic(), 0.0), "it does not run");
            self.machine.unwanted(task, number, "nobody asked".into());
        }
    }

    fn act(&mut self, action: &Action) {
        match *action {
            Action::Start { task, number } => self.start(task, number),
            // Of groups nothing is recorded, so their end may be told again.
            Action::Skip { task, .. } if self.plan.tasks[task].disposition == Disposition::Group => {
                self.known.ended.insert(task, TaskStatus::Skipped);
            }
            Action::Skip { task, .. } => self.note(Fact::Skipped { task }),
            Action::Retry { task, number, after } => self.try_again(task, number, after),
            Action::Cancel { task, number, now } => {
                // What ended in the meantime may still be asked to.
                let known = &self.known;
                assert!(known.running.get(&task) == Some(&number) || known.ended.contains_key(&task));
                assert!(known.stop.is_some() && (!now || known.at_once), "cancelled without being asked");
                self.asked.insert((task, number));
            }
        }
    }

    fn try_again(&mut self, task: usize, number: u32, after: Duration) {
        let planned = &self.plan.tasks[task];
        let goes_on = self.known.stop.is_none() || (planned.finally && !self.known.at_once);
        assert!(goes_on, "retried after a stop");
        assert_eq!(number, self.known.next_number[task], "attempts are counted one by one");
        let most = planned.retry.limit.max(2) + 1;
        assert!(number <= most, "attempt {number} with a limit of {}", planned.retry.limit);
        assert!(after <= planned.retry.max.mul_f64(1.2), "a wait of {after:?}");
        let repeatable = match &self.known.last_outcome[&task] {
            Outcome::Succeeded | Outcome::Cancelled => false,
            Outcome::Lost { .. } => planned.idempotent,
            Outcome::NotStarted { permanent, .. } => !permanent,
            Outcome::Failed { .. } | Outcome::TimedOut => number <= planned.retry.limit + 1,
        };
        assert!(repeatable, "tried again after {:?}", self.known.last_outcome[&task]);
        let since = self.heard.get(&task).unwrap_or(&self.began);
        let due = *since + after;
        self.note(Fact::Again { task, number, due });
    }

    fn start(&mut self, task: usize, number: u32) {
        let planned = &self.plan.tasks[task];
        let known = &self.known;
        assert_eq!(planned.disposition, Disposition::Run, "started what does not run");
        assert!(!known.ended.contains_key(&task), "task {task} is started after its end");
        assert_eq!(number, known.next_number[task], "attempts are counted one by one");
        assert_eq!(number > 1, known.delayed.contains_key(&task), "another attempt without a word");
        assert!(known.delayed.get(&task).is_none_or(|due| *due <= self.now), "another attempt before its time");
        assert!(known.stop.is_none() || (planned.finally && !known.at_once), "started after a stop");
        for need in self.plan.dag.needs(task) {
            assert!(self.is_well(*need as usize), "started before its need {need} was settled well");
        }
        if planned.finally {
            let open =
                (0..self.plan.tasks.len()).find(|other| !self.plan.tasks[*other].finally && !self.is_settled(*other));
            assert_eq!(open, None, "`finally` began before the others had ended");
        }
        if self.random.chance(10) {
            self.unwanted.insert(task);
            self.machine.unwanted(task, number, "its condition is false".into());
            return;
        }
        self.note(Fact::Intended { task, number });
        let most = self.jobs + self.ahead;
        assert!(self.known.running.len() <= most, "more than {most} at a time");
        if let (Some(matrix), Some(most)) = (&planned.expanded_from, planned.max_parallel) {
            let of_matrix = |task: &&usize| self.plan.tasks[**task].expanded_from.as_ref() == Some(matrix);
            let side_by_side = self.known.running.keys().filter(of_matrix).count();
            assert!(side_by_side <= most as usize, "{side_by_side} of {matrix} at a time");
        }
        if self.random.chance(5) {
            // It cannot be made ready, so no executor hears of it.
            self.impossible.insert((task, number));
            self.machine.ended(task, number, &not_ready(), self.monotonic(), 0.0);
            self.note(Fact::Ended { task, number, outcome: not_ready() });
            return;
        }
        self.impossible.remove(&(task, number));
        self.unstarted.push((task, number));
    }

    fn is_settled(&self, task: usize) -> bool {
        let known = &self.known;
        if self.plan.tasks[task].disposition == Disposition::Group {
            return known.ended.contains_key(&task) || self.needs(task).all(|need| self.is_settled(need));
        }
        let is_busy = known.running.contains_key(&task) || known.delayed.contains_key(&task);
        known.ended.contains_key(&task) && !is_busy
    }

    /// Whether what needs the task may go on.
    fn is_well(&self, task: usize) -> bool {
        let planned = &self.plan.tasks[task];
        match planned.disposition {
            Disposition::Group => self.needs(task).all(|need| self.is_well(need)),
            Disposition::Inert => true,
            _ => {
                let good = |status: &TaskStatus| status.is_good() || planned.continue_on_failure;
                self.is_settled(task) && self.known.ended.get(&task).is_some_and(good)
            }
        }
    }

    fn needs(&self, task: usize) -> impl Iterator<Item = usize> {
        self.plan.dag.needs(task).iter().map(|need| *need as usize)
    }

    fn over(&self) {
        let known = &self.known;
        assert!(known.running.is_empty() && self.machine.wake_at().is_none(), "over while something is under way");
        let open = (0..self.plan.tasks.len()).find(|task| !self.is_settled(*task));
        assert_eq!(open, None, "a task was forgotten");
        let fails =
            |(task, status): (&usize, &TaskStatus)| status.is_bad() && !self.plan.tasks[*task].continue_on_failure;
        let expected = match known.stop {
            Some(Stop::TimedOut) => RunStatus::TimedOut,
            Some(_) => RunStatus::Cancelled,
            None if known.ended.iter().any(fails) => RunStatus::Failed,
            None => RunStatus::Succeeded,
        };
        assert_eq!(self.machine.status(), expected);
        // Whatever stops a run, what was to happen finally has happened, unless somebody insisted or it was left out.
        for (at, task) in self.plan.tasks.iter().enumerate().filter(|(_, task)| task.finally && !known.at_once) {
            let wanted = task.disposition == Disposition::Run && self.needs(at).all(|need| self.is_well(need));
            let happened = known.next_number[at] > 1 || self.unwanted.contains(&at);
            assert!(!wanted || happened, "`finally` was forgotten");
        }
        // Every end that was told is the one that happened.
        for (_, fact) in &self.facts {
            if let Fact::Ended { task, number, outcome } = fact {
                let happened = self.world.get(&(*task, *number));
                assert!(happened.is_none_or(|happened| happened.as_ref() == Some(outcome)), "an end was invented");
            }
        }
        // Whoever takes it up now finds nothing to do.
        let mut machine = Machine::resume(self.plan, 1, &[], &self.past(), Duration::ZERO);
        while let Some(action) = machine.next(Duration::MAX) {
            let Action::Skip { task, .. } = action else { panic!("{action:?} after the end") };
            assert_eq!(self.plan.tasks[task].disposition, Disposition::Group, "task {task} is skipped after the end");
        }
        assert!(machine.is_over() && machine.status() == expected);
    }
}
