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
    /// A task will be tried again: which attempt that will be, and when.
    Again(&'a TaskId, u32, Timestamp),
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
    /// Tasks whose last attempt failed and of which nobody has said yet whether another follows, with their log tails.
    undecided: Vec<(TaskId, String)>,
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
            Event::RunResumed { .. } => {
                self.take_up(at, record);
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
                    self.undecided.push((task.clone(), String::new()));
                    Meaning::Quiet
                } else {
                    self.good += 1;
                    Meaning::Ended(task)
                }
            }
            Event::RetryScheduled { task, number, at: again_at } => {
                let before = self.undecided.len();
                self.undecided.retain(|(undecided, _)| undecided != task);
                if self.undecided.len() == before {
                    self.bad = self.bad.saturating_sub(1);
                }
                let since = record.tasks.get(task).and_then(|task| Some(task.attempts.first()?.started)).unwrap_or(at);
                let active = Active { since, again_at: Some(*again_at), attempt: *number, line: String::new() };
                self.active.insert(task.clone(), active);
                Meaning::Again(task, *number, *again_at)
            }
            Event::StartsForeseen { .. }
            | Event::StopRequested { .. }
            | Event::TaskResolved { .. }
            | Event::RunEnded { .. }
            | Event::ResultWritten { .. } => Meaning::Quiet,
        }
    }

    /// Counts what an earlier engine has seen of the run.
    fn take_up(&mut self, at: Timestamp, record: &RunRecord) {
        *self = Self { total: record.tasks.len(), ..Self::default() };
        for (id, task) in &record.tasks {
            match task.status {
                TaskStatus::Skipped => self.skipped += 1,
                status if status.is_good() => self.good += 1,
                status if status.is_bad() => self.bad += 1,
                TaskStatus::Running => {
                    let since = task.attempts.first().map_or(at, |attempt| attempt.started);
                    let attempt = task.attempts.last().map_or(1, |attempt| attempt.number);
                    self.active.insert(id.clone(), Active { since, again_at: None, attempt, line: String::new() });
                }
                _ => {}
            }
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

    /// Takes note of a failed task's log tail. It is shown when no other attempt is announced at once.
    pub(super) fn failed(&mut self, task: &TaskId, tail: &str) {
        self.active.swap_remove(task);
        self.undecided.retain(|(undecided, _)| undecided != task);
        self.undecided.push((task.clone(), tail.to_owned()));
    }

    /// The tasks that did not succeed and that nobody tried again, with their log tails.
    pub(super) fn settle(&mut self) -> Vec<(TaskId, String)> {
        self.bad += self.undecided.len();
        std::mem::take(&mut self.undecided)
    }

    /// Tasks that have ended.
    pub(super) fn ended(&self) -> usize {
        self.good + self.bad + self.skipped
    }
}
