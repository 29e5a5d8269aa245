//! The state machine of a run: which task may start now, what an end means for the others, when it is over.
//!
//! Pure: it is told what happened and how late it is, and says what to do. So a simulation can run thousands of
//! schedules through it, and the driver around it holds no decisions.

mod past;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::time::Duration;

use crate::model::{Disposition, Outcome, Plan, Retry, RunStatus, Stop, TaskId, TaskStatus};

pub use past::Past;

/// What the driver is to do next.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Start an attempt. The machine counts it as running from now on.
    Start {
        /// Place of the task in the plan.
        task: usize,
        /// Which try, from 1.
        number: u32,
    },
    /// Record that the task is left out. Its dependents have heard already.
    Skip {
        /// Place of the task in the plan.
        task: usize,
        /// Why.
        because: String,
    },
    /// Record that another attempt will follow.
    Retry {
        /// Place of the task in the plan.
        task: usize,
        /// Which try it will be.
        number: u32,
        /// How long from now.
        after: Duration,
    },
    /// Ask the running attempt of the task to end.
    Cancel {
        /// Place of the task in the plan.
        task: usize,
        /// Which try.
        number: u32,
        /// By force, at once.
        now: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Has needs that are open.
    Waiting,
    /// Could start.
    Ready { number: u32 },
    /// Waits for its next attempt.
    Delayed,
    /// An attempt is under way.
    Running { number: u32 },
    /// Settled.
    Ended(TaskStatus),
}

/// A ready task: the longest chain of dependents first, then the author's order.
type Turn = (u32, Reverse<usize>);

/// See the module's documentation.
#[derive(Debug)]
pub struct Machine<'a> {
    plan: &'a Plan,
    jobs: usize,
    /// Attempts that may be out beyond `jobs`.
    ahead: usize,
    states: Vec<State>,
    /// For each task, how many of its needs are open.
    open_needs: Vec<usize>,
    /// For each settled task whose dependents must not run: the task at fault, itself or one that a group holds.
    blame: Vec<Option<usize>>,
    /// Length of the longest chain of dependents of each task.
    rank: Vec<u32>,
    /// Tasks that could start. One that was abandoned meanwhile is passed over when its turn comes.
    ready: BinaryHeap<Turn>,
    /// Tasks that could start but for `max_parallel` of the matrix they belong to.
    held: BTreeMap<TaskId, BinaryHeap<Turn>>,
    /// Running tasks of each matrix that has a `max_parallel`.
    running_of: BTreeMap<TaskId, u32>,
    /// Tasks that wait for their next attempt, by its time.
    delayed: BTreeMap<(Duration, usize), u32>,
    running: usize,
    /// Tasks that are not settled: ordinary ones, and those of `finally`.
    open: [usize; 2],
    /// Whether the turn of `finally` has come.
    finally_begun: bool,
    /// Settled tasks whose dependents have not heard. A list, not recursion: chains are as long as spores are.
    unheard: Vec<usize>,
    actions: VecDeque<Action>,
    stopped: Option<Stop>,
    /// Whether somebody insisted.
    at_once: bool,
}

impl<'a> Machine<'a> {
    /// The machine at the beginning of a run of at most `jobs` attempts at a time. `reused` are tasks whose end was taken
    /// from an earlier run.
    #[must_use]
    pub fn new(plan: &'a Plan, jobs: u32, reused: &[usize]) -> Self {
        let count = plan.tasks.len();
        let finally = plan.tasks.iter().filter(|task| task.finally).count();
        let mut machine = Self {
            plan,
            jobs: jobs.max(1) as usize,
            ahead: 0,
            states: vec![State::Waiting; count],
            open_needs: (0..count).map(|task| plan.dag.needs(task).len()).collect(),
            blame: vec![None; count],
            rank: ranks(plan),
            ready: BinaryHeap::new(),
            held: BTreeMap::new(),
            running_of: BTreeMap::new(),
            delayed: BTreeMap::new(),
            running: 0,
            open: [count - finally, finally],
            finally_begun: false,
            unheard: Vec::new(),
            actions: VecDeque::new(),
            stopped: None,
            at_once: false,
        };
        machine.settle_decided(reused);
        for task in 0..count {
            if machine.open_needs[task] == 0 {
                machine.needs_met(task);
            }
        }
        machine.spread();
        machine
    }

    /// Lets so many attempts be under way at a time from now on. Those that are under way go on.
    pub fn set_jobs(&mut self, jobs: u32) {
        self.jobs = jobs.max(1) as usize;
    }

    /// Lets so many attempts be out beyond those that may be under way at a time: for executors that hold them back by
    /// themselves, and then need not wait for the next.
    pub fn set_ahead(&mut self, ahead: u32) {
        self.ahead = ahead as usize;
    }

    /// Whether the task has an attempt out, or nothing will be started of it any more.
    #[must_use]
    pub fn is_out_or_over(&self, task: usize) -> bool {
        matches!(self.states[task], State::Running { .. } | State::Ended(_))
    }

    /// What to do next, at the time `now` (monotonic). `None` when something has to happen first.
    pub fn next(&mut self, now: Duration) -> Option<Action> {
        if let Some(action) = self.actions.pop_front() {
            return Some(action);
        }
        while let Some((&(at, task), &number)) = self.delayed.first_key_value() {
            if at > now {
                break;
            }
            self.delayed.remove(&(at, task));
            self.make_ready(task, number);
        }
        self.start_next()
    }

    /// The next moment at which [`Self::next`] has something to do although nothing happens.
    #[must_use]
    pub fn wake_at(&self) -> Option<Duration> {
        self.delayed.first_key_value().map(|((at, _), _)| *at)
    }

    /// An attempt ended at the time `now`. `jitter`, from 0 to 1, spreads retries. False, and nothing changes, when that
    /// attempt is not the running one: a late report.
    pub fn ended(&mut self, task: usize, number: u32, outcome: &Outcome, now: Duration, jitter: f64) -> bool {
        if !self.take_running(task, number) {
            return false;
        }
        if self.tries_again(task, number, outcome) {
            let after = delay(&self.plan.tasks[task].retry, number, jitter);
            self.states[task] = State::Delayed;
            self.delayed.insert((now + after, task), number + 1);
            self.actions.push_back(Action::Retry { task, number: number + 1, after });
            return true;
        }
        self.settle(task, outcome.status());
        self.spread();
        true
    }

    /// A started task turned out not to be wanted: its condition is false. No command ran.
    pub fn unwanted(&mut self, task: usize, number: u32, because: String) {
        if self.take_running(task, number) {
            self.skip(task, because);
            self.spread();
        }
    }

    /// The run is to stop. The first reason stays; a second request can only make it faster.
    pub fn stop(&mut self, stop: Stop) {
        if self.stopped.is_some() && stop != Stop::AtOnce {
            return;
        }
        let at_once = stop == Stop::AtOnce;
        self.stopped.get_or_insert(stop);
        self.at_once |= at_once;
        // Tasks of `finally` keep their next attempt as long as anything is to happen finally.
        let tasks = &self.plan.tasks;
        self.delayed.retain(|(_, task), _| tasks[*task].finally && !at_once);
        self.actions.retain(|action| match action {
            Action::Retry { task, .. } => tasks[*task].finally && !at_once,
            _ => true,
        });
        for task in 0..self.states.len() {
            let spared = self.plan.tasks[task].finally && !at_once;
            match self.states[task] {
                State::Ended(_) => {}
                _ if spared => {}
                State::Running { number } => self.actions.push_back(Action::Cancel { task, number, now: at_once }),
                State::Waiting | State::Ready { .. } | State::Delayed => {
                    let because =
                        if stop == Stop::TimedOut { "the run ran out of time" } else { "the run was cancelled" };
                    self.skip(task, because.to_owned());
                }
            }
        }
        self.spread();
    }

    /// Whether everything is settled.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.is_settled() && self.actions.is_empty()
    }

    /// Whether every task is settled, though not everything about it may have been said.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.open == [0, 0]
    }

    /// How many attempts are under way.
    #[must_use]
    pub fn running(&self) -> usize {
        self.running
    }

    /// The number of the task's attempt that is under way.
    #[must_use]
    pub fn running_attempt(&self, task: usize) -> Option<u32> {
        if let State::Running { number } = self.states[task] { Some(number) } else { None }
    }

    /// How the run stands.
    #[must_use]
    pub fn status(&self) -> RunStatus {
        let bad = |(task, state): (usize, &State)| match state {
            State::Ended(status) => status.is_bad() && !self.plan.tasks[task].continue_on_failure,
            _ => false,
        };
        match self.stopped {
            _ if !self.is_over() => RunStatus::Running,
            Some(Stop::TimedOut) => RunStatus::TimedOut,
            Some(Stop::Cancelled | Stop::AtOnce) => RunStatus::Cancelled,
            None if self.states.iter().enumerate().any(bad) => RunStatus::Failed,
            None => RunStatus::Succeeded,
        }
    }

    /// Settles what the plan, or an earlier run, has decided. The run's first event tells of it already, so no action is
    /// left.
    fn settle_decided(&mut self, reused: &[usize]) {
        for &task in reused {
            self.settle(task, TaskStatus::Done);
        }
        for task in 0..self.states.len() {
            let undecided = matches!(self.plan.tasks[task].disposition, Disposition::Run | Disposition::Group);
            if undecided || matches!(self.states[task], State::Ended(_)) {
                continue;
            }
            match self.plan.tasks[task].disposition {
                Disposition::Done => self.settle(task, TaskStatus::Done),
                Disposition::Inert => {
                    self.settle(task, TaskStatus::Skipped);
                    self.blame[task] = None;
                }
                _ => self.settle(task, TaskStatus::Skipped),
            }
        }
    }

    /// Lets the dependents of settled tasks hear, and their dependents, and `finally` in its turn.
    fn spread(&mut self) {
        loop {
            while let Some(settled) = self.unheard.pop() {
                let plan = self.plan;
                for &dependent in plan.dag.dependents(settled) {
                    let dependent = dependent as usize;
                    self.open_needs[dependent] -= 1;
                    if self.open_needs[dependent] == 0 {
                        self.needs_met(dependent);
                    }
                }
            }
            if self.finally_begun || self.open[0] > 0 {
                return;
            }
            self.finally_begun = true;
            for task in 0..self.states.len() {
                if self.open_needs[task] == 0 {
                    self.needs_met(task);
                }
            }
        }
    }

    /// No need of the task is open any more: it is ready, or settled by what its needs came to.
    fn needs_met(&mut self, task: usize) {
        let planned = &self.plan.tasks[task];
        if self.states[task] != State::Waiting || (planned.finally && !self.finally_begun) {
            return;
        }
        let at_fault = self.plan.dag.needs(task).iter().find_map(|need| self.blame[*need as usize]);
        match (planned.disposition, at_fault) {
            (Disposition::Group, at_fault) => {
                self.settle(task, TaskStatus::Done);
                self.blame[task] = at_fault;
            }
            (_, None) => self.make_ready(task, 1),
            (_, Some(at_fault)) => {
                let fate = if let State::Ended(status) = self.states[at_fault] { fate(status) } else { "did not end" };
                self.skip(task, format!("needs `{}`, which {fate}", self.plan.tasks[at_fault].id));
            }
        }
    }

    /// Whether another attempt follows the one that ended so.
    fn tries_again(&self, task: usize, number: u32, outcome: &Outcome) -> bool {
        let planned = &self.plan.tasks[task];
        let goes_on = self.stopped.is_none() || (planned.finally && !self.at_once);
        goes_on && may_retry(&planned.retry, planned.idempotent, number, outcome)
    }

    fn skip(&mut self, task: usize, because: String) {
        self.actions.push_back(Action::Skip { task, because });
        self.settle(task, TaskStatus::Skipped);
    }

    fn settle(&mut self, task: usize, status: TaskStatus) {
        let planned = &self.plan.tasks[task];
        self.states[task] = State::Ended(status);
        self.blame[task] = (!status.is_good() && !planned.continue_on_failure).then_some(task);
        self.open[usize::from(planned.finally)] -= 1;
        self.unheard.push(task);
    }

    fn make_ready(&mut self, task: usize, number: u32) {
        self.states[task] = State::Ready { number };
        self.ready.push((self.rank[task], Reverse(task)));
    }

    fn start_next(&mut self) -> Option<Action> {
        while self.running < self.jobs + self.ahead {
            let turn = self.ready.pop()?;
            let (_, Reverse(task)) = turn;
            let State::Ready { number } = self.states[task] else { continue };
            let planned = &self.plan.tasks[task];
            if let (Some(matrix), Some(most)) = (&planned.expanded_from, planned.max_parallel)
                && self.running_of.get(matrix).is_some_and(|running| *running >= most.max(1))
            {
                self.held.entry(matrix.clone()).or_default().push(turn);
                continue;
            }
            self.put_running(task, number);
            return Some(Action::Start { task, number });
        }
        None
    }

    /// Puts a task among the running ones.
    fn put_running(&mut self, task: usize, number: u32) {
        self.states[task] = State::Running { number };
        self.running += 1;
        let planned = &self.plan.tasks[task];
        if let (Some(matrix), Some(_)) = (&planned.expanded_from, planned.max_parallel) {
            *self.running_of.entry(matrix.clone()).or_insert(0) += 1;
        }
    }

    /// Takes a task off the running ones; false when that attempt is not running.
    fn take_running(&mut self, task: usize, number: u32) -> bool {
        if self.states[task] != (State::Running { number }) {
            return false;
        }
        self.running -= 1;
        let planned = &self.plan.tasks[task];
        if let (Some(matrix), Some(_)) = (&planned.expanded_from, planned.max_parallel) {
            if let Some(running) = self.running_of.get_mut(matrix) {
                *running -= 1;
            }
            self.ready.extend(self.held.get_mut(matrix).and_then(BinaryHeap::pop));
        }
        true
    }
}

fn fate(status: TaskStatus) -> &'static str {
    match status {
        TaskStatus::Failed => "failed",
        TaskStatus::TimedOut => "timed out",
        TaskStatus::Cancelled => "was cancelled",
        TaskStatus::NotStarted => "could not be started",
        TaskStatus::Lost => "was lost",
        _ => "was skipped",
    }
}

/// Whether another attempt follows. A failure of the command is retried as its author says. A failure of the executor
/// is retried by itself, because the command never ran, or because running it twice does no harm.
fn may_retry(retry: &Retry, idempotent: bool, number: u32, outcome: &Outcome) -> bool {
    let stated = number <= retry.limit;
    match outcome {
        Outcome::Succeeded | Outcome::Cancelled => false,
        Outcome::Failed { exit_code, .. } => {
            stated && (retry.on_exit.is_empty() || exit_code.is_some_and(|code| retry.on_exit.contains(&code)))
        }
        Outcome::TimedOut => stated && retry.on_exit.is_empty(),
        Outcome::NotStarted { permanent, .. } => !permanent && number <= retry.limit.max(INFRASTRUCTURE_RETRIES),
        Outcome::Lost { .. } => idempotent && number <= retry.limit.max(INFRASTRUCTURE_RETRIES),
    }
}

/// How often an attempt that the executor could not carry out is tried again when the author says nothing.
const INFRASTRUCTURE_RETRIES: u32 = 2;

/// The wait before attempt `number + 1`: `backoff × factor^(number - 1)`, at most `max`, and up to a fifth longer so that
/// tasks that failed together do not come back together.
fn delay(retry: &Retry, number: u32, jitter: f64) -> Duration {
    let exponent = i32::try_from(number - 1).unwrap_or(i32::MAX);
    let seconds = retry.backoff.as_secs_f64() * retry.factor.powi(exponent);
    let seconds = seconds.min(retry.max.as_secs_f64()) * (1.0 + 0.2 * jitter.clamp(0.0, 1.0));
    Duration::try_from_secs_f64(seconds).unwrap_or(retry.max)
}

/// The length of the longest chain of dependents of each task: what holds up most starts first.
fn ranks(plan: &Plan) -> Vec<u32> {
    let mut rank = vec![0; plan.tasks.len()];
    for &task in plan.dag.order().iter().rev() {
        let after = |dependent: &u32| rank[*dependent as usize] + 1;
        rank[task as usize] = plan.dag.dependents(task as usize).iter().map(after).max().unwrap_or(0);
    }
    rank
}
