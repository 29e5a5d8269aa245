//! Taking a run up: the machine as it stood when the engine before this one died, rebuilt from what that one recorded.
//!
//! A journal may end anywhere, also between an end and what followed from it. So what is recorded is taken as it is,
//! even where this machine would have chosen otherwise, and what follows from it by the rules but is not recorded is said
//! again by [`Machine::next`].

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use super::{Action, Machine, State, delay};
use crate::model::{Outcome, Plan, Stop, TaskStatus};

/// A recorded fact, as far as it concerns the machine.
#[derive(Clone, Debug, PartialEq)]
pub enum Past {
    /// An attempt was about to start.
    Intended {
        /// Place of the task in the plan.
        task: usize,
        /// Which try.
        number: u32,
    },
    /// An attempt ended.
    Ended {
        /// Place of the task in the plan.
        task: usize,
        /// Which try.
        number: u32,
        /// How.
        outcome: Outcome,
        /// How long from now the next attempt is to follow, where it was recorded that one will.
        again_in: Option<Duration>,
    },
    /// The task was left out.
    Skipped {
        /// Place of the task in the plan.
        task: usize,
    },
    /// The run was to stop.
    Stopped(Stop),
}

/// The attempt that is to follow one that ended.
struct Next {
    number: u32,
    wait: Duration,
    is_recorded: bool,
}

impl<'a> Machine<'a> {
    /// The machine of a run with a past, at the time `now` (monotonic): `past` in the order in which it was recorded, or
    /// any beginning of that. Attempts that were intended and have no end count as running. `jobs` and `reused` are as
    /// for [`Machine::new`].
    #[must_use]
    pub fn resume(plan: &'a Plan, jobs: u32, reused: &[usize], past: &[Past], now: Duration) -> Self {
        let mut machine = Self::new(plan, jobs, reused);
        let mut skips_recorded = vec![false; plan.tasks.len()];
        let mut nexts = BTreeMap::new();
        for fact in past {
            match *fact {
                Past::Intended { task, number } => machine.was_intended(task, number),
                Past::Ended { task, number, ref outcome, again_in } => {
                    if let Some(next) = machine.has_ended(task, number, outcome, again_in) {
                        nexts.insert(task, next);
                    }
                }
                Past::Skipped { task } => {
                    skips_recorded[task] = true;
                    machine.was_skipped(task);
                }
                Past::Stopped(stop) => machine.stop(stop),
            }
        }
        let states = &machine.states;
        // A turn that was taken before must not be there beside the one that a next attempt will have.
        machine.ready.retain(|(_, Reverse(task))| matches!(states[*task], State::Ready { .. }));
        machine.actions.retain(|action| match *action {
            Action::Skip { task, .. } => !skips_recorded[task],
            // What was asked to end is asked again: nobody knows whether it heard.
            Action::Cancel { task, number, .. } => states[task] == State::Running { number },
            Action::Start { .. } | Action::Retry { .. } => true,
        });
        for (task, next) in nexts {
            if machine.states[task] == State::Delayed {
                machine.await_next(task, &next, now);
            }
        }
        machine
    }

    fn was_intended(&mut self, task: usize, number: u32) {
        match self.states[task] {
            // Nothing undoes an end. Whoever compares what runs with what was intended sees it.
            State::Ended(_) => return,
            State::Running { number: before } => {
                self.take_running(task, before);
            }
            State::Waiting | State::Ready { .. } | State::Delayed => {}
        }
        self.put_running(task, number);
    }

    fn has_ended(&mut self, task: usize, number: u32, outcome: &Outcome, again_in: Option<Duration>) -> Option<Next> {
        if !self.take_running(task, number) {
            return None;
        }
        if again_in.is_none() && !self.tries_again(task, number, outcome) {
            self.settle(task, outcome.status());
            self.spread();
            return None;
        }
        self.states[task] = State::Delayed;
        let retry = &self.plan.tasks[task].retry;
        // A wall clock that was set back must not make it wait for longer than it ever would have.
        let wait = again_in.map_or_else(|| delay(retry, number, 0.0), |wait| wait.min(delay(retry, number, 1.0)));
        Some(Next { number: number + 1, wait, is_recorded: again_in.is_some() })
    }

    fn was_skipped(&mut self, task: usize) {
        match self.states[task] {
            State::Ended(_) => return,
            State::Running { number } => {
                self.take_running(task, number);
            }
            State::Waiting | State::Ready { .. } | State::Delayed => {}
        }
        self.settle(task, TaskStatus::Skipped);
        self.spread();
    }

    fn await_next(&mut self, task: usize, next: &Next, now: Duration) {
        let &Next { number, wait, is_recorded } = next;
        self.delayed.insert((now + wait, task), number);
        if !is_recorded {
            self.actions.push_back(Action::Retry { task, number, after: wait });
        }
    }
}
