//! Taking up a run whose engine is gone: as it was planned then, with everything that is recorded of it.

use std::collections::HashMap;
use std::path::Path;

use tokio::sync::mpsc;
use tracing::Instrument as _;

use super::finish::{Wish, finish};
use super::flight::Flight;
use super::look::Found;
use super::open::{self, Opened, Selection};
use super::{Error, Finished, Guard, World, orphan, retry, turn};
use crate::executor::terminal;
use crate::journal::{self, Entries, Journal};
use crate::model::{Concurrency, Event, Origin, Policy, RunRecord, Source, TaskId, TaskRecord, TaskStatus, Timestamp};
use crate::repo::{self, Root};
use crate::run::{Allowance, Ran, Stop, View};

/// A run that this engine has taken up: nobody else can write its journal any more.
#[derive(Debug)]
pub(super) struct TakenUp {
    opened: Opened,
    journal: Journal,
    events: Vec<(Timestamp, Event)>,
    record: RunRecord,
    /// Whether a new run was asked for.
    instead: bool,
}

/// How to go on with a run.
#[derive(Clone, Debug, Default)]
pub struct Pace {
    /// Attempts at a time; without it, as many as before.
    pub jobs: Option<Allowance>,
    /// Whether to commit the result; without it, what the folder says.
    pub commit: Option<Wish>,
    /// Asked before each start, where trust has allowed the run.
    pub guard: Option<Guard>,
    /// What its cause tells besides, as JSON.
    pub event: Option<String>,
    /// The text that the run was given to begin with, where somebody has it: [`Request::source`](super::Request::source).
    pub source: Option<Source>,
}

/// The runs of the folder around `start` that were broken off, oldest first.
///
/// # Errors
/// When there is none, or the folder cannot be read.
pub fn find_orphans(start: &Path) -> Result<Vec<Found>, Error> {
    let root = Root::find(start)?;
    let mut orphans = Vec::new();
    for orphan in orphan::list(&root)? {
        if !orphan::has_result(&root, orphan.run)? {
            orphans.push(Found { root: root.clone(), run: orphan.run });
        }
    }
    if orphans.is_empty() { Err(Error::NoOrphans) } else { Ok(orphans) }
}

/// Goes on with a run that was broken off, and brings it to its result.
///
/// # Errors
/// When it is still worked on or has its result, when the plan is no longer the same, or when the world fails.
pub async fn resume(
    world: &World,
    found: &Found,
    pace: Pace,
    stops: mpsc::UnboundedReceiver<Stop>,
    view: &mut dyn View,
) -> Result<Finished, Error> {
    let mut pace = pace;
    let taken = take_up(found, pace.source.take(), view)?;
    go_on(world, taken, pace, stops, view).await
}

/// Takes the journal of a run over, and reads what is recorded and what is to be run.
pub(super) fn take_up(found: &Found, source: Option<Source>, view: &mut dyn View) -> Result<TakenUp, Error> {
    let run_dir = found.run_dir();
    let run = found.run.to_string();
    // What an end keeps from being taken up must not touch the journal.
    let (ended, _) = journal::record(&run_dir)?;
    if ended.is_some_and(|ended| ended.result_path.is_some()) {
        return Err(Error::HasEnded { run });
    }
    let (mut journal, Entries { events, damage }) = match Journal::open(&run_dir) {
        Err(journal::Error::Busy { .. }) => return Err(Error::UnderWay { run }),
        opened => opened?,
    };
    let record = RunRecord::fold(events.iter().map(|(at, event)| (*at, event)));
    let record = record.ok_or_else(|| journal::Error::Empty(run_dir.clone()))?;
    if record.result_path.is_some() {
        return Err(Error::HasEnded { run });
    }
    for damage in damage {
        view.remark(&format!("the journal of run {run}: {damage}"));
    }
    let opened = open::reopen(found.root.clone(), &run_dir, &record, source)?;
    // The engine before may have been killed before it had synced what it made.
    orphan::mark(&found.root)?;
    journal.include(repo::mark_run(&found.root, found.run)?);
    if let Some(copy) = open::kept_source(&run_dir) {
        journal.include(copy);
    }
    Ok(TakenUp { opened, journal, events, record, instead: false })
}

/// Takes up the run that was broken off and is the same as one from `origin` would be.
pub(super) fn take_up_like(root: &Root, origin: &Origin, view: &mut dyn View) -> Result<Option<TakenUp>, Error> {
    let Some(run) = orphan::like(root, origin, view)? else { return Ok(None) };
    match take_up(&Found { root: root.clone(), run }, None, view) {
        Ok(taken) => Ok(Some(TakenUp { instead: true, ..taken })),
        // Another engine was faster.
        Err(Error::UnderWay { .. } | Error::HasEnded { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Goes on with a run that is taken up.
pub(super) async fn go_on(
    world: &World,
    taken: TakenUp,
    pace: Pace,
    mut stops: mpsc::UnboundedReceiver<Stop>,
    view: &mut dyn View,
) -> Result<Finished, Error> {
    let TakenUp { opened, mut journal, events, record, instead } = taken;
    let span = tracing::info_span!("run", id = %record.run, spore = record.origin.spore);
    let mut words = first_words(&record, terminal::is_supervised(journal.run_dir()));
    words.push_str(if instead { " (`--new` begins another)" } else { "" });
    view.remark(&words);
    if record.finished.is_some() {
        return finish_missing(world, &opened, &mut journal, record, pace.commit);
    }
    let selection = Selection { done: done(&record), ..retry::selection_of(&record.origin) };
    let planned = open::plan(&opened, &selection);
    let plan = planned.runnable(&opened)?;
    let secrets = open::secrets(&opened, plan)?;
    let group = plan.concurrency.as_ref().map(waiting);
    let turn = turn::wait(&opened.root, group.as_ref(), record.run, &mut stops, view).await?;
    let flight = Flight {
        opened: &opened,
        plan,
        journal: &mut journal,
        jobs: pace.jobs.unwrap_or_else(|| record.jobs.into()),
        reused: retry::reused_again(&opened.root, &record, plan),
        origin: record.origin,
        run: record.run,
        past: events,
        secrets,
        guard: pace.guard,
        event: pace.event,
        commit: pace.commit,
    };
    let finished = flight.perform(world, stops, view).instrument(span).await?;
    if let Some(turn) = turn {
        turn.end();
    }
    Ok(finished)
}

/// A run that was broken off waits for its turn like any other, and drives nobody out who came after it.
fn waiting(concurrency: &Concurrency) -> Concurrency {
    let policy = if concurrency.policy == Policy::Replace { Policy::Queue } else { concurrency.policy };
    Concurrency { policy, ..concurrency.clone() }
}

/// Writes the result of a run that has ended and has none.
fn finish_missing(
    world: &World,
    opened: &Opened,
    journal: &mut Journal,
    mut record: RunRecord,
    commit: Option<Wish>,
) -> Result<Finished, Error> {
    let (at, resumed) = (world.now(), Event::RunResumed { engine: world.engine() });
    record.apply(at, &resumed);
    journal.append(&[(at, resumed)])?;
    finish(world, opened, journal, Ran { record, tails: Vec::new() }, commit)
}

/// Writes the result spore of an earlier run that has ended without one: the disk was full, or its engine died. It is a
/// courtesy to the past: what keeps it from being written must not keep the next run from beginning, so nobody is told.
pub(super) fn keep_missing(world: &World, root: &Root, record: &RunRecord, commit: Option<Wish>, view: &mut dyn View) {
    if record.finished.is_none() || record.result_path.is_some() {
        return;
    }
    let found = Found { root: root.clone(), run: record.run };
    if let Ok(TakenUp { opened, mut journal, record, .. }) = take_up(&found, None, view) {
        let _ = finish_missing(world, &opened, &mut journal, record, commit);
    }
}

/// What was decided to be done before the run began.
fn done(record: &RunRecord) -> HashMap<TaskId, String> {
    let declared = record.tasks.values().map(|task| &task.declared);
    let done = declared.filter(|declared| declared.status == TaskStatus::Done);
    done.map(|declared| (declared.id.clone(), declared.because.clone().unwrap_or_default())).collect()
}

/// What is said first: that it goes on, and how far it is.
fn first_words(record: &RunRecord, supervised: bool) -> String {
    let path = &record.origin.path;
    if record.finished.is_some() {
        return format!("run {} of `{path}` has ended without its result, which is written now", record.run);
    }
    let ended = record.tasks.values().filter(|task| task.status.is_final()).count();
    let open = |task: &&TaskRecord| task.attempts.last().is_some_and(|last| last.outcome.is_none());
    let running = match (record.tasks.values().filter(open).count(), supervised) {
        (0, _) => "nothing is running".to_owned(),
        (1, true) => "1 command is still running".to_owned(),
        (count, true) => format!("{count} commands are still running"),
        (1, false) => "1 command was running when its engine died".to_owned(),
        (count, false) => format!("{count} commands were running when its engine died"),
    };
    let total = record.tasks.len();
    format!("going on with run {} of `{path}`: {ended} of {total} tasks have ended, {running}", record.run)
}
