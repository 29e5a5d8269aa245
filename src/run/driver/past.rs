//! What the events of a journal mean for an engine that takes the run up. Values in, values out.

use std::collections::{HashMap, HashSet};

use indexmap::IndexMap;

use crate::model::{
    Declared, Disposition, Engine, Event, Plan, PlannedTask, Recalled, RunRecord, TaskId, TaskStatus, Timestamp,
};
use crate::os::identity::{Boot, Identity};
use crate::run::Past;

/// The facts that the machine has to know, at the time `now` on the wall.
pub(super) fn facts(events: &[(Timestamp, Event)], places: &IndexMap<TaskId, usize>, now: Timestamp) -> Vec<Past> {
    let mut nexts = HashMap::new();
    for (_, event) in events {
        if let Event::RetryScheduled { task, number, at } = event {
            nexts.insert((task, *number), at.since(now));
        }
    }
    let place = |task: &TaskId| places.get(task).copied();
    let facts = events.iter().filter_map(|(_, event)| match event {
        Event::AttemptIntended { task, number, .. } => Some(Past::Intended { task: place(task)?, number: *number }),
        Event::AttemptEnded { task, number, outcome, .. } => {
            let again_in = nexts.get(&(task, number + 1)).copied();
            Some(Past::Ended { task: place(task)?, number: *number, outcome: outcome.clone(), again_in })
        }
        Event::TaskSkipped { task, .. } => Some(Past::Skipped { task: place(task)? }),
        Event::StopRequested { stop, .. } => Some(Past::Stopped(*stop)),
        _ => None,
    });
    facts.collect()
}

/// For each attempt that was intended, whether that was since `boot`. Of an engine that did not say who it was, nobody
/// knows.
pub(super) fn recalled(events: &[(Timestamp, Event)], boot: Boot) -> HashMap<(&TaskId, u32), Recalled> {
    let mut now = Recalled::EarlierBoot;
    let mut recalled = HashMap::new();
    for (_, event) in events {
        match event {
            Event::RunStarted { engine: Some(engine), .. } | Event::RunResumed { engine } => {
                now = of_engine(engine, boot);
            }
            Event::AttemptIntended { task, number, .. } => {
                recalled.insert((task, *number), now);
            }
            _ => {}
        }
    }
    recalled
}

/// Tasks that were foreseen before `boot` and of which nothing else is known: they may have been started.
pub(super) fn in_doubt(events: &[(Timestamp, Event)], places: &IndexMap<TaskId, usize>, boot: Boot) -> HashSet<usize> {
    let mut since = None;
    let mut foreseen: HashSet<&TaskId> = HashSet::new();
    let mut doubtful: HashSet<&TaskId> = HashSet::new();
    for (_, event) in events {
        match event {
            Event::RunStarted { engine, .. } => since = engine.as_ref().and_then(boot_of),
            Event::RunResumed { engine } => {
                // Within one boot nothing that was written is lost, so what was foreseen and is not told did not begin.
                if since.is_none() || since != boot_of(engine) {
                    doubtful.extend(&foreseen);
                }
                foreseen.clear();
                since = boot_of(engine);
            }
            Event::StartsForeseen { tasks } => foreseen = tasks.iter().collect(),
            Event::AttemptIntended { task, .. } | Event::TaskSkipped { task, .. } => {
                foreseen.remove(task);
                doubtful.remove(task);
            }
            _ => {}
        }
    }
    if since != Some(boot) {
        doubtful.extend(foreseen);
    }
    doubtful.into_iter().filter_map(|task| places.get(task).copied()).collect()
}

fn boot_of(engine: &Engine) -> Option<Boot> {
    Identity::parse(&engine.process).map(Identity::boot)
}

fn of_engine(engine: &Engine, boot: Boot) -> Recalled {
    if boot_of(engine) == Some(boot) { Recalled::ThisBoot } else { Recalled::EarlierBoot }
}

/// The first thing in which the plan differs from what the run declared when it began.
pub(super) fn difference(plan: &Plan, record: &RunRecord) -> Option<String> {
    let mut declared = record.tasks.values().map(|task| &task.declared);
    for now in plan.tasks.iter().filter_map(declare) {
        let Declared { id, executor, status, counts, .. } = &now;
        let Some(before) = declared.next() else { return Some(format!("the task `{id}` is new")) };
        if before.id != *id {
            let is_gone = plan.tasks.iter().all(|task| task.id != before.id);
            return Some(match record.tasks.contains_key(id) {
                false => format!("the task `{id}` is new"),
                true if is_gone => format!("the task `{}` is gone", before.id),
                true => format!("the task `{id}` stands where `{}` stood", before.id),
            });
        }
        if before.status != *status {
            return Some(format!("the task `{id}` was {} and is {} now", before.status.word(), status.word()));
        }
        if before.executor != *executor {
            return Some(format!("the task `{id}` was for `{}` and is for `{executor}` now", before.executor));
        }
        if before.counts != *counts {
            let now = if *counts { "did not count and does now" } else { "counted and does not now" };
            return Some(format!("a failure of the task `{id}` {now}"));
        }
    }
    declared.next().map(|before| format!("the task `{}` is gone", before.id))
}

/// What the first event says of a task. Groups are no work, so a run does not know them.
pub(super) fn declare(task: &PlannedTask) -> Option<Declared> {
    let (status, because) = match task.disposition {
        Disposition::Group => return None,
        Disposition::Run => (TaskStatus::Waiting, None),
        Disposition::Done => (TaskStatus::Done, Some(task.explanation.clone())),
        Disposition::Skip | Disposition::Agent | Disposition::Inert => {
            (TaskStatus::Skipped, Some(task.explanation.clone()))
        }
    };
    Some(Declared {
        id: task.id.clone(),
        title: task.title.clone(),
        line: task.line,
        executor: task.executor.clone(),
        status,
        because,
        counts: !task.continue_on_failure,
        idempotent: task.idempotent,
    })
}
