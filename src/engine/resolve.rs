//! Saying what became of a task that was lost: only a person can know.

use super::look::Found;
use super::{Error, World};
use crate::journal::{self, Journal};
use crate::model::{Event, Resolution, RunRecord, RunStatus, TaskRecord, TaskStatus};
use crate::os::failpoint;

/// Records in the journal of an ended run what became of a task that was lost in it. Returns what the journal adds up to
/// then. Saying the same again changes nothing.
///
/// # Errors
/// When the run has not ended, has no such task, the task was not lost, or somebody has said otherwise before.
pub fn resolve(world: &World, found: &Found, task: &str, resolution: Resolution) -> Result<RunRecord, Error> {
    let looked = super::show_run(&found.root, found.run)?;
    let run = found.run.to_string();
    match looked.record.status {
        RunStatus::Running => return Err(Error::UnderWay { run }),
        RunStatus::Orphaned => return Err(Error::Orphaned { run }),
        _ => {}
    }
    if is_said(&looked.record, task, resolution)? {
        return Ok(looked.record);
    }
    let (mut journal, entries) = match Journal::open(&found.run_dir()) {
        Err(journal::Error::Busy { .. }) => return Err(Error::UnderWay { run }),
        opened => opened?,
    };
    // Somebody else may have said something while the journal was not ours yet.
    let record = RunRecord::fold(entries.events.iter().map(|(at, event)| (*at, event)));
    let mut record = record.ok_or_else(|| journal::Error::Empty(found.run_dir()))?;
    let Some(id) = record.tasks.get(task).map(|task| task.declared.id.clone()) else { return Ok(looked.record) };
    if is_said(&record, task, resolution)? {
        return Ok(record);
    }
    let at = world.now();
    let facts = [Event::RunResumed { engine: world.engine() }, Event::TaskResolved { task: id, resolution }]
        .map(|fact| (at, fact));
    for (at, fact) in &facts {
        record.apply(*at, fact);
    }
    failpoint::reach("resolve-before");
    journal.append(&facts)?;
    journal.sync()?;
    failpoint::reach("resolve-recorded");
    Ok(record)
}

/// Whether just this was said before; an error where it cannot be said.
fn is_said(record: &RunRecord, task: &str, resolution: Resolution) -> Result<bool, Error> {
    let Some(known) = record.tasks.get(task) else {
        let known = record.tasks.keys().map(ToString::to_string).collect();
        return Err(Error::NoSuchTask { task: task.to_owned(), known });
    };
    match known.resolution {
        Some(said) if said == resolution => Ok(true),
        Some(said) => Err(Error::Resolved { task: task.to_owned(), resolution: said.flag() }),
        None if known.status == TaskStatus::Lost => Ok(false),
        None => Err(Error::NotLost { task: task.to_owned(), status: fate(known) }),
    }
}

fn fate(task: &TaskRecord) -> String {
    match task.status {
        TaskStatus::Succeeded => "has succeeded".to_owned(),
        TaskStatus::Failed => "has failed".to_owned(),
        TaskStatus::TimedOut => "ran out of its time".to_owned(),
        status => format!("is {}", status.word().replace('_', " ")),
    }
}
