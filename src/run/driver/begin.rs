//! How a run begins, and how an engine takes up one whose engine is gone.
//!
//! Taking up asks nobody what became of the attempts that have no end: it starts them once more, marked as recalled, and
//! their executors find them, running or over. So the driver knows one way only for an attempt to end.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use super::foresight::Foresight;
use super::past::{self, declare};
use super::stall::Stall;
use super::{Driver, Order};
use crate::executor::Reports;
use crate::journal::{self, Journal};
use crate::model::{AttemptEnd, AttemptId, Disposition, Event, Outcome, Recalled, RunRecord, TaskId, Timestamp};
use crate::os::failpoint;
use crate::os::identity::Boot;
use crate::run::{Error, Machine, View, tail};

impl<'a> Driver<'a> {
    pub(super) async fn begin(
        mut order: Order<'a>,
        journal: &'a mut Journal,
        view: &'a mut dyn View,
        reports: Reports,
    ) -> Result<Self, Error> {
        let events = std::mem::take(&mut order.past);
        if events.is_empty() {
            return Ok(Self::begin_new(order, journal, view, reports)?);
        }
        Self::take_up(order, &events, journal, view, reports).await
    }

    fn begin_new(
        order: Order<'a>,
        journal: &'a mut Journal,
        view: &'a mut dyn View,
        reports: Reports,
    ) -> Result<Self, journal::Error> {
        let at = Timestamp(order.clock.wall_milliseconds());
        let first = Event::RunStarted {
            run: order.run,
            origin: Box::new(order.origin.clone()),
            jobs: order.jobs.get(),
            tasks: order.plan.tasks.iter().filter_map(declare).collect(),
            engine: Some(order.engine.clone()),
        };
        let record = RunRecord::begin(at, &first).expect("the first event is a start");
        let reused: Vec<usize> = order.reused.iter().map(|reused| reused.task).collect();
        let machine = Machine::new(order.plan, order.jobs.get(), &reused);
        let mut driver = Self::with(order, machine, record, journal, view, reports);
        driver.unwritten.push((at, first));
        driver.note_reused();
        driver.tell_preparer();
        // It is on disk together with the first intents, and told then.
        driver.write()?;
        failpoint::reach("run-started");
        Ok(driver)
    }

    async fn take_up(
        mut order: Order<'a>,
        events: &[(Timestamp, Event)],
        journal: &'a mut Journal,
        view: &'a mut dyn View,
        reports: Reports,
    ) -> Result<Self, Error> {
        let record = RunRecord::fold(events.iter().map(|(at, event)| (*at, event)));
        let record = record.ok_or_else(|| journal::Error::Empty(journal.run_dir().to_path_buf()))?;
        let ended = record.finished.is_some();
        // What is recorded is not recorded again. All of it came with the first event, but a journal may be torn there.
        let known: BTreeSet<&TaskId> = events.iter().filter_map(|(_, event)| reused_task(event)).collect();
        let tasks = &order.plan.tasks;
        order.reused.retain(|reused| !ended && !known.contains(&tasks[reused.task].id));
        // Nothing can be lost any more of a run that has ended, so its plan does not matter.
        let machine =
            if ended { Machine::new(order.plan, order.jobs.get(), &[]) } else { rebuilt(&order, &record, events)? };
        let mut driver = Self::with(order, machine, record, journal, view, reports);
        driver.ended = ended;
        driver.stopped = driver.record.stops > 0;
        driver.foresight = Foresight::with_doubts(past::in_doubt(events, &driver.places, Boot::current()));
        driver.note(Event::RunResumed { engine: driver.order.engine.clone() });
        driver.note_reused();
        driver.tell_preparer();
        driver.write()?;
        driver.sync_and_show()?;
        failpoint::reach("run-resumed");
        driver.read_tails().await;
        if !ended {
            driver.recall(events).await;
        }
        failpoint::reach("resumed-and-recalled");
        Ok(driver)
    }

    fn with(
        order: Order<'a>,
        machine: Machine<'a>,
        record: RunRecord,
        journal: &'a mut Journal,
        view: &'a mut dyn View,
        reports: Reports,
    ) -> Self {
        let places = places(&order);
        let queues = order
            .plan
            .tasks
            .iter()
            .filter(|task| task.disposition == Disposition::Run)
            .all(|task| order.executors.get(task.executor.as_str()).is_some_and(|executor| executor.queues()));
        Self {
            order,
            machine,
            journal,
            view,
            reports,
            record,
            unwritten: Vec::new(),
            unshown: Vec::new(),
            unstarted: Vec::new(),
            places,
            tails: Vec::new(),
            foresight: Foresight::default(),
            queues,
            stopped: false,
            ended: false,
            stall: Stall::default(),
        }
    }

    /// Notes what is taken from an earlier run.
    fn note_reused(&mut self) {
        for reused in std::mem::take(&mut self.order.reused) {
            let task = self.order.plan.tasks[reused.task].id.clone();
            self.note(Event::TaskReused { task, from: reused.from, outputs: reused.outputs });
        }
    }

    /// Lets the tasks to come see how those before them ended.
    fn tell_preparer(&self) {
        for task in self.record.tasks.values().filter(|task| task.status.is_final()) {
            self.order.preparer.task_ended(&task.declared.id, task.status, &task.outputs);
        }
    }

    /// Reads the end of the log of what failed before: the result tells of it.
    async fn read_tails(&mut self) {
        for (id, task) in self.record.tasks.iter().filter(|(_, task)| task.status.is_bad()) {
            let executor = self.order.executors.get(task.declared.executor.as_str());
            let (Some(last), Some(executor)) = (task.attempts.last(), executor) else { continue };
            let attempt = AttemptId { run: self.order.run, task: id.clone(), number: last.number };
            self.tails.push((id.clone(), tail::of_attempt(executor.as_ref(), &attempt, last.out, last.err).await));
        }
    }

    /// Starts again what was intended and has no end. Its intent is recorded already, and that it is wanted is decided.
    async fn recall(&mut self, events: &[(Timestamp, Event)]) {
        let recalled = past::recalled(events, Boot::current());
        for task in 0..self.order.plan.tasks.len() {
            let Some(number) = self.machine.running_attempt(task) else { continue };
            let planned = &self.order.plan.tasks[task];
            let attempt = AttemptId { run: self.order.run, task: planned.id.clone(), number };
            let since = recalled.get(&(&planned.id, number)).copied().unwrap_or(Recalled::EarlierBoot);
            let executor = self.order.executors.get(planned.executor.as_str());
            let outcome = match (self.order.preparer.prepare_again(planned, attempt.clone(), since), executor) {
                (Ok(ready), Some(executor)) => {
                    tracing::debug!(task = %attempt.task, number, executor = executor.name(), "recall");
                    executor.start(ready, self.reports.clone());
                    continue;
                }
                (Ok(_), None) => {
                    Outcome::Lost { stage: format!("this Spore has no executor `{}` to ask", planned.executor) }
                }
                (Err(reason), _) => Outcome::NotStarted { reason, permanent: true },
            };
            self.ended(&attempt, AttemptEnd::bare(outcome)).await;
        }
    }
}

fn reused_task(event: &Event) -> Option<&TaskId> {
    if let Event::TaskReused { task, .. } = event { Some(task) } else { None }
}

fn places(order: &Order<'_>) -> IndexMap<TaskId, usize> {
    order.plan.tasks.iter().enumerate().map(|(place, task)| (task.id.clone(), place)).collect()
}

/// The machine of a run that has not ended, as its journal tells.
fn rebuilt<'a>(order: &Order<'a>, record: &RunRecord, events: &[(Timestamp, Event)]) -> Result<Machine<'a>, Error> {
    if let Some(difference) = past::difference(order.plan, record) {
        return Err(Error::OtherPlan { difference });
    }
    let places = places(order);
    let recorded = events.iter().filter_map(|(_, event)| places.get(reused_task(event)?).copied());
    let reused: Vec<usize> = recorded.chain(order.reused.iter().map(|reused| reused.task)).collect();
    let facts = past::facts(events, &places, Timestamp(order.clock.wall_milliseconds()));
    let machine = Machine::resume(order.plan, order.jobs.get(), &reused, &facts, order.clock.monotonic());
    // An attempt that runs and that nobody waits for would be lost for ever.
    for (id, task) in &record.tasks {
        let last = task.attempts.last().filter(|last| last.outcome.is_none()).map(|last| last.number);
        if last.is_some() && places.get(id).and_then(|place| machine.running_attempt(*place)) != last {
            let difference = format!("the task `{id}` was started, and by the plan as it is now it would not be");
            return Err(Error::OtherPlan { difference });
        }
    }
    Ok(machine)
}
