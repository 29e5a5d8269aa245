//! The shell around the machine: it hears executors, clock and people, and carries out what the machine says.
//!
//! Write intent, act, record: an attempt is in the journal before its executor hears of it, and its end is in the
//! journal before anything that follows from it starts. A journal that cannot be written stops new starts; what runs
//! goes on, its ends are kept in memory, and everything resumes when there is space again.

mod begin;
mod foresight;
mod past;
mod stall;

use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use serde_json::Value;
use tokio::sync::mpsc;

use self::foresight::Foresight;
use self::stall::Stall;
use super::prepare::{Prepared, Preparer};
use super::{Action, Allowance, Error, Machine, Stop, View, tail};
use crate::executor::{Executor, Executors, Report, Reports};
use crate::journal::Journal;
use crate::model::{
    Attempt, AttemptEnd, AttemptId, Disposition, Engine, Event, Origin, Outcome, Plan, Recalled, RunId, RunRecord,
    TaskId, Timestamp,
};
use crate::os::clock::Clock;
use crate::os::failpoint;

/// A task whose end and outputs are taken from an earlier run.
#[derive(Clone, Debug)]
pub struct Reused {
    /// Place of the task in the plan.
    pub task: usize,
    /// The run they are taken from.
    pub from: RunId,
    /// What it handed on.
    pub outputs: IndexMap<String, Value>,
}

/// All that a run is made of.
pub struct Order<'a> {
    /// What to do.
    pub plan: &'a Plan,
    /// The name of the run.
    pub run: RunId,
    /// Where it comes from.
    pub origin: Origin,
    /// The engine that works on it.
    pub engine: Engine,
    /// Attempts at a time.
    pub jobs: Allowance,
    /// What need not be done again.
    pub reused: Vec<Reused>,
    /// What earlier engines have recorded of the run, from its first event on; empty for a new run.
    pub past: Vec<(Timestamp, Event)>,
    /// How to make attempts of tasks.
    pub preparer: Preparer,
    /// Who carries them out.
    pub executors: &'a Executors,
    /// Where time comes from.
    pub clock: &'a dyn Clock,
}

/// How a run went.
#[derive(Debug)]
pub struct Ran {
    /// What the journal adds up to.
    pub record: RunRecord,
    /// The end of the log of each failed task, masked.
    pub tails: Vec<(TaskId, String)>,
}

/// Runs the plan to its end.
///
/// # Errors
/// When the journal cannot be written and nothing runs that could be waited for, or when the run has a past to which the
/// plan does not fit.
pub async fn drive(
    order: Order<'_>,
    journal: &mut Journal,
    mut stops: mpsc::UnboundedReceiver<Stop>,
    view: &mut dyn View,
) -> Result<Ran, Error> {
    let (reports, mut heard) = mpsc::unbounded_channel();
    let mut driver = Driver::begin(order, journal, view, reports).await?;
    if driver.ended {
        return Ok(driver.finish().await?);
    }
    let deadline = driver.deadline();
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut stoppable = true;
    let mut allowed = driver.order.jobs.changes();
    loop {
        driver.keep_time(deadline);
        if !driver.advance().await? && driver.end()? {
            return Ok(driver.finish().await?);
        }
        let now = driver.order.clock.monotonic();
        let wakes = [driver.machine.wake_at(), driver.stall.again_at(), deadline.filter(|at| *at > now)];
        let wake = wakes.into_iter().flatten().min();
        let wait = wake.map_or(Duration::MAX, |at| at.saturating_sub(now));
        tokio::select! {
            biased;
            Some(report) = heard.recv() => {
                driver.hear(report).await;
                while let Ok(report) = heard.try_recv() {
                    driver.hear(report).await;
                }
            }
            stop = stops.recv(), if stoppable => match stop {
                Some(stop) => driver.stop(stop),
                None => stoppable = false,
            },
            // The order holds the allowance, so it cannot be closed.
            _ = allowed.changed() => {}
            () = tokio::time::sleep(wait), if wake.is_some() => {}
            _ = ticks.tick() => driver.tick()?,
        }
    }
}

struct Driver<'a> {
    order: Order<'a>,
    machine: Machine<'a>,
    journal: &'a mut Journal,
    view: &'a mut dyn View,
    reports: Reports,
    record: RunRecord,
    /// Facts that are not in the journal yet, in order.
    unwritten: Vec<(Timestamp, Event)>,
    /// Facts that are in the journal, and shown to nobody before they are on disk.
    unshown: Vec<(Timestamp, Event)>,
    /// Attempts to start as soon as their intent is written.
    unstarted: Vec<(Arc<dyn Executor>, Attempt)>,
    /// Place of each task in the plan.
    places: IndexMap<TaskId, usize>,
    tails: Vec<(TaskId, String)>,
    foresight: Foresight,
    /// Whether every executor of the plan holds back by itself what is too much.
    queues: bool,
    stopped: bool,
    /// Whether the end of the run is noted: before this engine took it up, when there is nothing to do, or by it.
    ended: bool,
    stall: Stall,
}

impl Driver<'_> {
    /// Carries out all that the machine says; false when the run is over. One write takes the end of an attempt, what
    /// follows from it and the next intents together; only then are those attempts started.
    async fn advance(&mut self) -> Result<bool, crate::journal::Error> {
        loop {
            let now = self.order.clock.monotonic();
            let mut acted = false;
            self.machine.set_jobs(self.order.jobs.get());
            if self.queues {
                let ahead = self.foresight.ahead(now);
                self.machine.set_ahead(u32::try_from(ahead).unwrap_or(0));
            }
            while let Some(action) = self.machine.next(now) {
                acted = true;
                self.act(action).await;
            }
            self.note_end_of_run();
            let must_sync = self.must_sync();
            if !self.write_or_wait()? {
                self.foresight.forget();
                return Ok(true);
            }
            if must_sync {
                self.sync_and_show()?;
            } else {
                self.leave_unsynced();
            }
            failpoint::reach("intents-written");
            for (executor, attempt) in self.unstarted.drain(..) {
                tracing::debug!(task = %attempt.id.task, number = attempt.id.number, executor = executor.name(), "start");
                executor.start(attempt, self.reports.clone());
            }
            failpoint::reach("attempts-started");
            if !acted {
                return Ok(!self.machine.is_over());
            }
        }
    }

    async fn act(&mut self, action: Action) {
        let plan = self.order.plan;
        let id = |task: usize| plan.tasks[task].id.clone();
        match action {
            Action::Start { task, .. } if self.foresight.take_doubt(task) => self.lose_doubtful(task, true).await,
            Action::Start { task, number } => self.intend(task, number).await,
            Action::Skip { task, .. } if self.foresight.take_doubt(task) => self.lose_doubtful(task, false).await,
            Action::Skip { task, because } => {
                if plan.tasks[task].disposition != Disposition::Group {
                    self.note(Event::TaskSkipped { task: id(task), because });
                }
            }
            Action::Retry { task, number, after } => {
                let wait = i64::try_from(after.as_millis()).unwrap_or(i64::MAX);
                let at = Timestamp(self.order.clock.wall_milliseconds().saturating_add(wait));
                self.note(Event::RetryScheduled { task: id(task), number, at });
            }
            Action::Cancel { task, number, now } => {
                let attempt = AttemptId { run: self.order.run, task: id(task), number };
                // While its intent cannot be written, no executor has heard of it.
                if let Some(place) = self.unstarted.iter().position(|(_, unstarted)| unstarted.id == attempt) {
                    self.unstarted.remove(place);
                    self.ended(&attempt, AttemptEnd::bare(Outcome::Cancelled)).await;
                } else if let Some(executor) = self.order.executors.get(plan.tasks[task].executor.as_str()) {
                    executor.cancel(&attempt, now);
                }
            }
        }
    }

    /// Readies an attempt and notes that it is about to start.
    async fn intend(&mut self, task: usize, number: u32) {
        let planned = &self.order.plan.tasks[task];
        let attempt = AttemptId { run: self.order.run, task: planned.id.clone(), number };
        let prepared = self.order.preparer.prepare(planned, attempt.clone());
        let ready = match prepared {
            Prepared::Unwanted(because) => return self.machine.unwanted(task, number, because),
            Prepared::Ready(ready) => Ok(ready),
            Prepared::Impossible(reason) => Err(reason),
        };
        self.note(Event::AttemptIntended { task: planned.id.clone(), number, executor: planned.executor.clone() });
        let executor = self.order.executors.get(planned.executor.as_str());
        let reason = match (ready, executor) {
            (Ok(mut ready), Some(executor)) => {
                // A journal that was damaged does not tell of every start; executors know better.
                ready.recalled = (self.record.resumed > 0).then_some(Recalled::Perhaps);
                return self.unstarted.push((Arc::clone(executor), *ready));
            }
            (Ok(_), None) => format!("this Spore has no executor `{}`", planned.executor),
            (Err(reason), _) => reason,
        };
        let end = AttemptEnd::bare(Outcome::NotStarted { reason, permanent: true });
        self.ended(&attempt, end).await;
    }

    async fn hear(&mut self, report: Report) {
        match report {
            Report::Started { .. } => {}
            Report::Line { attempt, stream, text } => self.view.line(&attempt, stream, &text),
            Report::Ended { attempt, end } => self.ended(&attempt, *end).await,
        }
    }

    async fn ended(&mut self, attempt: &AttemptId, end: AttemptEnd) {
        let Some(&task) = self.places.get(&attempt.task) else { return };
        let outcome = &end.outcome;
        tracing::debug!(task = %attempt.task, number = attempt.number, %outcome, "end");
        let executor = self.order.executors.get(self.order.plan.tasks[task].executor.as_str());
        let failed_tail = match executor {
            Some(executor) if *outcome != Outcome::Succeeded => {
                Some(tail::of_attempt(executor.as_ref(), attempt, end.out, end.err).await)
            }
            _ => None,
        };
        let now = self.order.clock.monotonic();
        // Only what may be tried again needs jitter, and the kernel's randomness is not for nothing.
        let jitter = if *outcome == Outcome::Succeeded { 0.0 } else { crate::os::random::fraction() };
        if !self.machine.ended(task, attempt.number, outcome, now, jitter) {
            // What is recorded already is not recorded again.
            return;
        }
        self.foresight.ended(now);
        self.note_end(attempt, end);
        if let Some(tail) = failed_tail {
            self.tails.retain(|(id, _)| *id != attempt.task);
            self.tails.push((attempt.task.clone(), tail));
        }
    }

    fn note_end(&mut self, attempt: &AttemptId, end: AttemptEnd) {
        let AttemptEnd { outcome, began, ended, outputs, artifacts, out, err, remarks } = end;
        let at = ended.unwrap_or_else(|| Timestamp(self.order.clock.wall_milliseconds()));
        let (task, number) = (attempt.task.clone(), attempt.number);
        self.note_at(at, Event::AttemptEnded { task, number, outcome, began, outputs, artifacts, out, err, remarks });
    }

    /// Until when the run may go on. Its time counts from its first beginning, whoever works on it.
    fn deadline(&self) -> Option<Duration> {
        let spent = Timestamp(self.order.clock.wall_milliseconds()).since(self.record.started);
        self.order.plan.timeout.map(|timeout| self.order.clock.monotonic() + timeout.saturating_sub(spent))
    }

    fn keep_time(&mut self, deadline: Option<Duration>) {
        let is_late = deadline.is_some_and(|at| at <= self.order.clock.monotonic());
        if is_late && !self.machine.is_settled() {
            self.stop(Stop::TimedOut);
        }
    }

    fn stop(&mut self, stop: Stop) {
        if self.ended {
            // Only its end is still to be written, and nobody wants to wait for space to do so.
            self.stopped = true;
            return;
        }
        if !self.stopped || stop == Stop::AtOnce {
            let because = match stop {
                Stop::Cancelled => "somebody asked",
                Stop::TimedOut => "the run's own time is over",
                Stop::AtOnce => "somebody asked again",
            };
            self.note(Event::StopRequested { because: because.to_owned(), stop });
        }
        self.stopped = true;
        self.machine.stop(stop);
    }

    fn tick(&mut self) -> Result<(), crate::journal::Error> {
        self.settle_down()?;
        self.view.tick(Timestamp(self.order.clock.wall_milliseconds()), &self.record);
        Ok(())
    }

    fn note(&mut self, event: Event) {
        self.note_at(Timestamp(self.order.clock.wall_milliseconds()), event);
    }

    fn note_at(&mut self, at: Timestamp, event: Event) {
        self.record.apply(at, &event);
        if let Event::AttemptEnded { task, .. } | Event::TaskSkipped { task, .. } = &event
            && let Some(ended) = self.record.tasks.get(task)
        {
            self.order.preparer.task_ended(task, ended.status, &ended.outputs);
        }
        self.unwritten.push((at, event));
    }

    /// Writes what is unwritten. It survives the death of this engine from here on.
    fn write(&mut self) -> Result<(), crate::journal::Error> {
        if !self.unwritten.is_empty() {
            self.journal.append(&self.unwritten)?;
            self.unshown.append(&mut self.unwritten);
        }
        Ok(())
    }

    /// Has everything on disk, and only then shows it.
    fn sync_and_show(&mut self) -> Result<(), crate::journal::Error> {
        if self.unshown.is_empty() {
            return Ok(());
        }
        self.journal.sync()?;
        self.synced();
        for (at, event) in self.unshown.drain(..) {
            self.view.event(at, &event, &self.record);
            let Event::AttemptEnded { task, number, .. } = &event else { continue };
            let executor = self.places.get(task).map(|place| self.order.plan.tasks[*place].executor.as_str());
            if let Some(executor) = executor.and_then(|executor| self.order.executors.get(executor)) {
                executor.settled(&AttemptId { run: self.order.run, task: task.clone(), number: *number });
            }
            let ended = self.record.tasks.get(task).filter(|record| record.status.is_bad());
            if let (Some(record), Some((_, tail))) = (ended, self.tails.iter().find(|(id, _)| id == task)) {
                self.view.failed(record, tail);
            }
        }
        Ok(())
    }

    /// Notes and writes the end of the run; false when it cannot be written yet.
    fn end(&mut self) -> Result<bool, crate::journal::Error> {
        self.note_end_of_run();
        self.write_or_wait()
    }

    /// The end of a run goes to disk together with the end of its last attempt.
    fn note_end_of_run(&mut self) {
        if !self.ended && self.machine.is_over() && self.unstarted.is_empty() {
            let status = self.machine.status();
            self.note(Event::RunEnded { status });
            self.ended = true;
            self.view.over();
            failpoint::reach("run-ending");
        }
    }

    async fn finish(mut self) -> Result<Ran, crate::journal::Error> {
        self.write()?;
        for executor in self.order.executors.values() {
            executor.release(self.order.run);
        }
        // Executors let go of it before the disk is waited for: what they hold is wanted for the next run.
        tokio::task::yield_now().await;
        self.sync_and_show()?;
        failpoint::reach("run-ended");
        for executor in self.order.executors.values() {
            executor.closed(self.order.run).await;
        }
        let record = self.record;
        self.tails.retain(|(id, _)| record.tasks.get(id).is_some_and(|task| task.status.is_bad()));
        Ok(Ran { record, tails: self.tails })
    }
}
