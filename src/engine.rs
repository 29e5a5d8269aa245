//! The staircase: from a file to a result spore, one step after the other. It joins the rooms and knows no format, no
//! process and no socket.

mod checklist;
mod commit;
mod error;
mod look;
mod open;
mod prune;
mod retry;
mod turn;

pub use commit::Kept;
pub use error::{BadSpore, Error};
pub use look::{Found, Looked, find_run, is_live, list_runs, read_log, show_run};
pub use open::{Checked, Opened, Planned, Selection, check, open, plan};
pub use prune::{Because, Keep, Pruned, PrunedRun, prune};
pub use retry::{Retry, retry_request};

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::mpsc;
use tracing::Instrument as _;

use crate::journal::Journal;
use crate::model::{Engine, Origin, RunId, RunRecord, Timestamp};
use crate::os::clock::{Clock, SystemClock};
use crate::run::{Order, Preparer, Stop, View, drive};
use crate::{executor, os};

/// What a Spore has to work with.
#[derive(Debug)]
pub struct World {
    /// Where time comes from.
    pub clock: SystemClock,
}

impl World {
    /// This machine.
    #[must_use]
    pub fn here() -> Self {
        Self { clock: SystemClock::new() }
    }

    /// This engine, for who asks which one works on a run.
    #[must_use]
    pub fn engine(&self) -> Engine {
        Engine {
            process: os::identity::Identity::me().to_string(),
            host: os::host(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// The time on the wall.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp(self.clock.wall_milliseconds())
    }
}

/// What to run, and how.
#[derive(Clone, Debug)]
pub struct Request {
    /// The file; it may end in `#ID` to choose one of several spores in it.
    pub file: PathBuf,
    /// The spore in it, where that is known already.
    pub spore: Option<String>,
    /// Which tasks, with which parameters.
    pub selection: Selection,
    /// Attempts at a time; without it, what the folder says, else the number of cores.
    pub jobs: Option<u32>,
    /// Whether to commit the result; without it, what the folder says.
    pub commit: Option<bool>,
    /// The run to go on from.
    pub retry: Option<Retry>,
}

/// A run that has ended.
#[derive(Debug)]
pub struct Finished {
    /// What the journal adds up to.
    pub record: RunRecord,
    /// Where the result spore stands, and whether it is committed.
    pub kept: Kept,
}

/// Runs a spore: file → spore → plan → run → result spore.
///
/// # Errors
/// When the spore cannot be read or planned, there is nothing to run, or the world fails. How commands end is no error.
pub async fn run(
    world: &World,
    request: &Request,
    mut stops: mpsc::UnboundedReceiver<Stop>,
    view: &mut dyn View,
) -> Result<Finished, Error> {
    let opened = open(&request.file, request.spore.as_deref())?;
    if let Some(retry) = &request.retry {
        commit::keep_missing(&opened, &retry.of, request.commit, world.now());
    }
    let planned = plan_request(&opened, request)?;
    let plan = planned.runnable(&opened)?;
    let secrets = open::secrets(&opened, plan)?;

    opened.root.make_state()?;
    let started = world.now();
    let run = RunId::from_parts(u64::try_from(started.0).unwrap_or(0), os::random::bits());
    let span = tracing::info_span!("run", id = %run, spore = plan.spore);
    tracing::debug!(parent: &span, path = plan.path, tasks = plan.tasks.len(), "planned");
    let _turn = turn::wait(&opened.root, plan, run, &mut stops, view).await?;

    let mut journal = Journal::create(&opened.root.runs(), run)?;
    open::keep_source(&opened, journal.run_dir())?;
    let run_dir = Arc::new(journal.run_dir().to_path_buf());
    let root = Arc::new(opened.root.path().to_path_buf());
    let jobs = request.jobs.or(opened.project.jobs).unwrap_or_else(os::cores);
    let order = Order {
        plan,
        run,
        engine: world.engine(),
        origin: Origin {
            spore: plan.spore.clone(),
            path: opened.source.path.clone(),
            digest: opened.source.digest,
            retry_of: request.retry.as_ref().map(|retry| retry.of.run),
            params: plan.params.clone(),
            only: request.selection.only.clone(),
            from: request.selection.from.clone(),
        },
        jobs,
        reused: request.retry.as_ref().map(|retry| retry.reused(plan)).unwrap_or_default(),
        past: Vec::new(),
        preparer: Preparer::new(plan, run, root, run_dir, secrets, jobs, &opened.project.limits),
        executors: &executor::built_in(opened.project.limits),
        clock: &world.clock,
    };
    let mut ran = drive(order, &mut journal, stops, view).instrument(span.clone()).await?;

    let kept = commit::keep_result(&opened, &ran, request.commit);
    let mut kept = kept.map_err(|source| Error::Unkept {
        run: run.to_string(),
        status: ran.record.status.word(),
        source: Box::new(source),
    })?;
    kept.checklist_remark = checklist::tick_off(&opened, &ran.record);
    tracing::debug!(parent: &span, path = kept.path, commit = kept.commit_id(), "result written");
    let (at, written) = (world.now(), kept.event());
    ran.record.apply(at, &written);
    journal.append(&[(at, written)])?;
    journal.sync()?;
    Ok(Finished { record: ran.record, kept: kept.with_journal(&journal) })
}

/// The plan of a request. A retry is planned twice: the first plan says what depends on what.
fn plan_request(opened: &Opened, request: &Request) -> Result<Planned, Error> {
    let first = plan(opened, &request.selection);
    match (&request.retry, &first.plan) {
        (Some(retry), Some(plan_without)) => {
            let done = retry.done(plan_without)?;
            Ok(plan(opened, &Selection { done, ..request.selection.clone() }))
        }
        _ => Ok(first),
    }
}
