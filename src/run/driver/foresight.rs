//! Group commit: how a thousand tiny tasks do without a thousand syncs in a row, and still no start is ever forgotten.
//!
//! A start must be known to the disk before it happens: a machine that goes down and comes back must not start it again
//! as if nothing had been. When tasks end quickly one after the other, a sync for each would take longer than they do. So
//! the journal says *beforehand* which tasks may be started next, by one [`Event::StartsForeseen`], and is synced once for
//! all of them. After a restart of the machine, a task that was foreseen and of which nothing else is known is in doubt:
//! it is not simply started, but lost, and only run again where that does no harm.
//!
//! How many are foreseen is what ended in the last moments, so that never more is in doubt than a moment's work. Where
//! tasks take their time nothing is foreseen, and each start is synced by itself.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use super::Driver;
use crate::model::{AttemptEnd, AttemptId, Disposition, Event, Outcome, Plan};

/// The last moments.
const MOMENTS: Duration = Duration::from_millis(20);
/// So many ends in the last moments make it worthwhile to think ahead.
const ENDS_MIN: usize = 4;
/// Nobody thinks further ahead.
const AHEAD_MAX: usize = 64;

/// What is foreseen, and how fast things go.
#[derive(Debug, Default)]
pub(super) struct Foresight {
    /// Moments of the latest ends.
    ends: VecDeque<Duration>,
    /// Tasks that may be started without another sync.
    foreseen: HashSet<usize>,
    /// Where in the order of the plan to look for tasks that come next.
    next: usize,
    /// Tasks that may have been started before the machine went down.
    in_doubt: HashSet<usize>,
    /// Since when something is written that is not synced.
    unsynced_since: Option<Duration>,
}

impl Foresight {
    pub(super) fn with_doubts(in_doubt: HashSet<usize>) -> Self {
        Self { in_doubt, ..Self::default() }
    }

    /// An attempt ended.
    pub(super) fn ended(&mut self, now: Duration) {
        self.ends.push_back(now);
        if self.ends.len() > AHEAD_MAX {
            self.ends.pop_front();
        }
    }

    /// How many tasks ahead it pays to think.
    pub(super) fn ahead(&mut self, now: Duration) -> usize {
        while self.ends.front().is_some_and(|end| *end + MOMENTS < now) {
            self.ends.pop_front();
        }
        if self.ends.len() < ENDS_MIN { 0 } else { self.ends.len() }
    }

    /// What was foreseen could not be written down.
    pub(super) fn forget(&mut self) {
        self.foreseen.clear();
    }

    /// Whether a start of the task is in doubt. It is so once: whoever asks sees to it.
    pub(super) fn take_doubt(&mut self, task: usize) -> bool {
        !self.in_doubt.is_empty() && self.in_doubt.remove(&task)
    }

    /// The next tasks in the order of the plan, those that are to be started left out.
    fn upcoming(&mut self, plan: &Plan, started: impl Fn(usize) -> bool, count: usize) -> Vec<usize> {
        let order = plan.dag.order();
        let is_open = |task: &usize| plan.tasks[*task].disposition == Disposition::Run && !started(*task);
        while self.next < order.len() && !is_open(&(order[self.next] as usize)) {
            self.next += 1;
        }
        order[self.next..].iter().map(|task| *task as usize).filter(is_open).take(count).collect()
    }
}

impl Driver<'_> {
    /// Decides whether what is about to be written must be on disk before anything follows from it, and foresees what
    /// comes next.
    pub(super) fn must_sync(&mut self) -> bool {
        let now = self.order.clock.monotonic();
        let ahead = self.foresight.ahead(now);
        if self.unstarted.is_empty() {
            let is_late = self.foresight.unsynced_since.is_some_and(|since| since + MOMENTS <= now);
            return ahead == 0 || is_late;
        }
        let mut all_foreseen = true;
        for (_, attempt) in &self.unstarted {
            let task = self.places[&attempt.id.task];
            all_foreseen &= attempt.id.number == 1 && self.foresight.foreseen.remove(&task);
        }
        if all_foreseen {
            return false;
        }
        self.foresight.foreseen.clear();
        if ahead > 0 {
            let (machine, plan) = (&self.machine, self.order.plan);
            let upcoming = self.foresight.upcoming(plan, |task| machine.is_out_or_over(task), ahead);
            self.foresight.foreseen.extend(&upcoming);
            let tasks = upcoming.into_iter().map(|task| plan.tasks[task].id.clone()).collect();
            self.note(Event::StartsForeseen { tasks });
        }
        true
    }

    /// Notes that something is written and not synced.
    pub(super) fn leave_unsynced(&mut self) {
        let now = self.order.clock.monotonic();
        self.foresight.unsynced_since.get_or_insert(now);
    }

    /// Notes that all is on disk.
    pub(super) fn synced(&mut self) {
        self.foresight.unsynced_since = None;
    }

    /// When things have slowed down, nothing is foreseen any more, and all that is written goes to disk.
    pub(super) fn settle_down(&mut self) -> Result<(), crate::journal::Error> {
        let now = self.order.clock.monotonic();
        if self.foresight.ahead(now) > 0 {
            return Ok(());
        }
        if !self.foresight.foreseen.is_empty() {
            self.foresight.foreseen.clear();
            self.note(Event::StartsForeseen { tasks: Vec::new() });
        }
        let is_behind = self.foresight.unsynced_since.is_some() || !self.unwritten.is_empty();
        if is_behind && self.write_or_wait()? {
            self.sync_and_show()?;
        }
        Ok(())
    }

    /// Notes that a task which is about to be started, or left out, may have been started before the machine went down.
    pub(super) async fn lose_doubtful(&mut self, task: usize, is_running: bool) {
        let planned = &self.order.plan.tasks[task];
        let attempt = AttemptId { run: self.order.run, task: planned.id.clone(), number: 1 };
        self.note(Event::AttemptIntended { task: planned.id.clone(), number: 1, executor: planned.executor.clone() });
        let end = AttemptEnd::bare(Outcome::Lost { stage: "about to begin when the machine went down".into() });
        if is_running {
            self.ended(&attempt, end).await;
        } else {
            self.note_end(&attempt, end);
        }
    }
}
