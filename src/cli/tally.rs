//! What both views of a run keep in mind: how far it is, and what each event means for somebody who looks on.

use indexmap::IndexMap;

use crate::model::{AttemptId, Event, RunRecord, TaskId, TaskStatus, Timestamp};
use crate::render::clean;

/// One task that is under way.
#[derive(Debug)]
pub(super) struct Active {
    /// When its first attempt began.
    pub(super) since: Timestamp,
    /// When the next attempt begins, while it waits for one.
    pub(super) again_at: Option<Timestamp>,
    /// Which try, from 1.
    pub(super) attempt: u32,
    /// The last line it printed.
    pub(super) line: String,
}

/// What an event means to somebody who looks on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning<'a> {
    /// The run began.
    Began,
    /// A task ended and has nothing to complain of, or was left out.
    Ended(&'a TaskId),
    /// A task will be tried again.
    Again(&'a TaskId, Timestamp),
    /// Nothing that has to be said.
    Quiet,
}

/// How far a run is. A failed attempt counts only once it is known that none follows.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) total: usize,
    pub(super) good: usize,
    pub(super) bad: usize,
    pub(super) skipped: usize,
    pub(super) active: IndexMap<TaskId, Active>,
    undecided: Vec<TaskId>,
}

impl Tally {
    pub(super) fn event<'a>(&mut self, at: Timestamp, event: &'a Event, record: &RunRecord) -> Meaning<'a> {
        match event {
            Event::RunStarted { tasks, .. } => {
                self.total = tasks.len();
                self.good = tasks.iter().filter(|task| task.status == TaskStatus::Done).count();
                self.skipped = tasks.iter().filter(|task| task.status == TaskStatus::Skipped).count();
                Meaning::Began
            }
            Event::TaskSkipped { task, .. } => {
                self.skipped += 1;
                Meaning::Ended(task)
            }
            Event::TaskReused { .. } => {
                self.good += 1;
                Meaning::Quiet
            }
            Event::AttemptIntended { task, number, .. } => {
                let since = record.tasks.get(task).and_then(|task| Some(task.attempts.first()?.started)).unwrap_or(at);
                let active = Active { since, again_at: None, attempt: *number, line: String::new() };
                self.active.insert(task.clone(), active);
                Meaning::Quiet
            }
            Event::AttemptEnded { task, outcome, .. } => {
                self.active.swap_remove(task);
                if outcome.status().is_bad() {
                    self.undecided.push(task.clone());
                    Meaning::Quiet
                } else {
                    self.good += 1;
                    Meaning::Ended(task)
                }
            }
            Event::RetryScheduled { task, number, at: again_at } => {
                self.undecided.retain(|undecided| undecided != task);
                let since = record.tasks.get(task).and_then(|task| Some(task.attempts.first()?.started)).unwrap_or(at);
                let active = Active { since, again_at: Some(*again_at), attempt: *number, line: String::new() };
                self.active.insert(task.clone(), active);
                Meaning::Again(task, *again_at)
            }
            Event::StopRequested { .. } | Event::RunEnded { .. } | Event::ResultWritten { .. } => Meaning::Quiet,
        }
    }

    /// Takes note of a printed line.
    pub(super) fn line(&mut self, attempt: &AttemptId, text: &str) {
        if let Some(active) = self.active.get_mut(&attempt.task) {
            let text = clean(text);
            if !text.trim().is_empty() {
                active.line.clear();
                active.line.push_str(&text);
            }
        }
    }

    /// Takes note that a task has failed for good.
    pub(super) fn failed(&mut self, task: &TaskId) {
        self.active.swap_remove(task);
        self.undecided.retain(|undecided| undecided != task);
        self.bad += 1;
    }

    /// The tasks whose attempts failed a while ago and that nobody tried again or called failed: cancelled ones.
    pub(super) fn settle(&mut self) -> Vec<TaskId> {
        self.bad += self.undecided.len();
        std::mem::take(&mut self.undecided)
    }

    /// Tasks that have ended.
    pub(super) fn ended(&self) -> usize {
        self.good + self.bad + self.skipped
    }
}
