//! The staircase: from a file to a result spore, one step after the other. It joins the rooms and knows no format, no
//! process and no socket.

mod asking;
mod checklist;
mod daemon;
mod detach;
mod doctor;
mod error;
mod executors;
mod finish;
mod flight;
mod hook;
mod hooks;
mod look;
mod open;
mod orphan;
mod prune;
mod pushed;
mod resolve;
mod resume;
mod retry;
mod status;
mod trust;
mod turn;
mod unit;

pub use asking::{cancel, drop_from_queue, pause, unpause};
pub use daemon::{Orders, Signal, Spectator, watch};
pub use detach::{Detached, detach};
pub use doctor::examine;
pub use error::{BadSpore, Error};
pub use executors::{check_executors, clean_executor, list_executors};
pub use finish::{Kept, Wish};
pub use hook::{Call, GitHook, check_staged, hear_git, hear_session, session_digest, wake};
pub use hooks::{Deed, Hooked, Scope, Surroundings, change_hooks, hooks_status};
pub use look::{Found, Looked, find_run, is_live, list_runs, log_end, read_log, show_run};
pub use open::{Checked, Opened, Planned, Selection, check, open, plan};
pub use prune::{Because, Keep, Pruned, PrunedRun, prune};
pub use pushed::{Pushed, read_push, spores_of_push};
pub use resolve::resolve;
pub use resume::{Pace, find_orphans, resume};
pub use retry::{Retry, retry_request};
pub use status::{Following, status, wanted};
pub use trust::{
    Asked, Guard, How, Review, Verdict, approve, decide, is_undecided, judge, list_trust, review, revoke,
    wants_decision, widening,
};
pub use unit::{Init, Unit};

use std::path::{Path, PathBuf};
use std::sync::Arc;

use flight::Flight;
use tokio::sync::mpsc;
use tracing::Instrument as _;

use crate::executor::terminal;
use crate::journal::{self, Journal};
use crate::model::{Cause, Engine, Origin, Plan, RunId, RunRecord, Source, Timestamp};
use crate::os::clock::{Clock, SystemClock};
use crate::run::{Allowance, Stop, View};
use crate::{os, repo};

/// What a Spore has to work with.
#[derive(Clone, Debug)]
pub struct World {
    /// Where time comes from.
    pub clock: SystemClock,
    /// Supervisors that were started ahead, for who performs many runs.
    pub spares: Option<Arc<terminal::Spares>>,
}

impl World {
    /// This machine.
    #[must_use]
    pub fn here() -> Self {
        Self { clock: SystemClock::new(), spares: None }
    }

    /// This machine, for a process that performs many runs, up to so many at a time.
    #[must_use]
    pub fn of_many(runs: usize) -> Self {
        Self { spares: Some(terminal::Spares::start(runs)), ..Self::here() }
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

    /// An id for a run that begins now, which no other run has.
    #[must_use]
    pub fn new_run(&self) -> RunId {
        RunId::from_parts(u64::try_from(self.now().0).unwrap_or(0), os::random::bits())
    }
}

/// What to run, and how.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The file; it may end in `#ID` to choose one of several spores in it. With a `source`, any path in its root: the
    /// root itself is always there.
    pub file: PathBuf,
    /// The spore in it, where that is known already.
    pub spore: Option<String>,
    /// Which tasks, with which parameters.
    pub selection: Selection,
    /// Attempts at a time; without it, what the folder says, else the number of cores.
    pub jobs: Option<Allowance>,
    /// Whether to commit the result; without it, what the folder says.
    pub commit: Option<Wish>,
    /// The run to go on from.
    pub retry: Option<Retry>,
    /// Begin a run of its own, even where the same one was broken off.
    pub new: bool,
    /// The id of the run, where it was decided before. No run may have it yet.
    pub run: Option<RunId>,
    /// What was read from the file, where somebody has read it before: then it is not read again. Who gives it has it on
    /// disk, and gives it again to who goes on with the run: so nobody waits for the run's own copy to be there.
    pub source: Option<Source>,
    /// Why it runs; `None` when a person asked.
    pub cause: Option<Cause>,
    /// The run that wrote the file.
    pub written_by: Option<RunId>,
    /// How many runs stand between this one and what a person or the world did, each having written the next one's spore.
    pub depth: u32,
    /// What its cause tells besides, as JSON.
    pub event: Option<String>,
    /// What trust asks before each start; none where a person says what to run.
    pub guard: Option<Guard>,
}

/// A run that has ended.
#[derive(Debug)]
pub struct Finished {
    /// What the journal adds up to.
    pub record: RunRecord,
    /// Where the result spore stands, and whether it is committed.
    pub kept: Kept,
}

/// Runs a spore: file → spore → plan → run → result spore. Where the same run was broken off, it goes on with that.
///
/// # Errors
/// When the spore cannot be read or planned, there is nothing to run, or the world fails. How commands end is no error.
pub async fn run(
    world: &World,
    request: &Request,
    mut stops: mpsc::UnboundedReceiver<Stop>,
    view: &mut dyn View,
) -> Result<Finished, Error> {
    let spore = request.spore.as_deref();
    let opened = match &request.source {
        Some(source) => open::open_read(&request.file, source.clone(), spore)?,
        None => open(&request.file, spore)?,
    };
    if let Some(retry) = &request.retry {
        resume::keep_missing(world, &opened.root, &retry.of, request.commit, view);
    }
    let planned = plan_request(&opened, request)?;
    let plan = planned.runnable(&opened)?;
    let origin = request.origin(&opened, plan);
    if !request.new
        && let Some(taken) = resume::take_up_like(&opened.root, &origin, view)?
    {
        let pace = Pace {
            jobs: request.jobs.clone().filter(|_| request.retry.is_none()),
            commit: request.commit,
            guard: request.guard.clone(),
            event: request.event.clone(),
            ..Pace::default()
        };
        return Box::pin(resume::go_on(world, taken, pace, stops, view)).await;
    }
    let secrets = open::secrets(&opened, plan)?;
    if let Some(retry) = &request.retry {
        retry.end_leftovers(plan).await?;
    }

    opened.root.make_state()?;
    orphan::mark(&opened.root)?;
    let run = request.run.unwrap_or_else(|| world.new_run());
    let span = tracing::info_span!("run", id = %run, spore = plan.spore);
    tracing::debug!(parent: &span, path = plan.path, tasks = plan.tasks.len(), "planned");
    let turn = turn::wait(&opened.root, plan.concurrency.as_ref(), run, &mut stops, view).await?;

    let mut journal = Journal::create(&opened.root.runs(), run)?;
    journal.include(repo::mark_run(&opened.root, run)?);
    os::failpoint::reach("run-marked");
    let copy = open::keep_source(&opened, journal.run_dir())?;
    if request.source.is_none() {
        journal.include(copy);
    }
    make_ready(journal.run_dir())?;
    os::failpoint::reach("source-kept");
    let flight = Flight {
        opened: &opened,
        plan,
        journal: &mut journal,
        run,
        origin,
        jobs: request.jobs.clone().unwrap_or_else(|| opened.project.jobs.unwrap_or_else(os::cores).into()),
        reused: request.retry.as_ref().map(|retry| retry.reused(plan)).unwrap_or_default(),
        past: Vec::new(),
        secrets,
        guard: request.guard.clone(),
        event: request.event.clone(),
        commit: request.commit,
    };
    let finished = flight.perform(world, stops, view).instrument(span).await?;
    if let Some(turn) = turn {
        turn.end();
    }
    Ok(finished)
}

/// Lets the supervisor of a run find its log made, so that it is synced with everything else.
fn make_ready(run_dir: &Path) -> Result<(), Error> {
    let failed = |source| journal::Error::Io { action: "make the log of attempts in", path: run_dir.into(), source };
    Ok(terminal::make_ready(run_dir).map_err(failed)?)
}

impl Request {
    /// Where a run of this request comes from.
    fn origin(&self, opened: &Opened, plan: &Plan) -> Origin {
        Origin {
            spore: plan.spore.clone(),
            path: opened.source.path.clone(),
            digest: opened.source.digest,
            retry_of: self.retry.as_ref().map(|retry| retry.of.run),
            params: plan.params.clone(),
            only: self.selection.only.clone(),
            from: self.selection.from.clone(),
            cause: self.cause.clone(),
            written_by: self.written_by,
            depth: self.depth,
        }
    }
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
