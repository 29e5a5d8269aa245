//! The watcher of a folder: files arrive, clocks and hooks call, runs begin, results are kept.
//!
//! One thread decides; it never waits for a command, for git or for a run's disk. What it was told of is in the queue's log
//! before it tells anybody, so that dying at any moment loses nothing and repeats nothing: a run has its id from the moment
//! it is wanted, and its folder tells whether it has begun.

mod answers;
mod calls;
mod crew;
mod ends;
mod intake;
mod keeper;
mod lineage;
mod reading;
mod start;
mod timetable;
mod trusting;
mod turns;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::mpsc;

use self::answers::Followers;
use self::crew::Crew;
use self::keeper::Keeper;
use self::lineage::Lineage;
use self::timetable::Timetable;
use super::{Error, World};
use crate::model::{Policy, Problem, RecentStatus, RunId, Said, Ticket, Timestamp, Triggers};
use crate::os::clock::Clock as _;
use crate::queue::{self, Log};
use crate::repo::{self, Project, Root, Survey};
use crate::transport::Server;
use crate::watch::{Folder, Hints};

pub use start::Orders;

/// What a watcher is told from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Settings have changed: read them again.
    Reload,
    /// End; what runs goes on without it.
    Leave,
}

/// Somebody who looks on while a folder is watched.
pub trait Spectator {
    /// Hears of it.
    fn hear(&mut self, said: &Said);
}

/// The longest sleep: so late at most does it notice that the clock was set, or that the machine slept.
const SLEEP_MAX: Duration = Duration::from_mins(1);

/// A jump of the clock that is none of its usual corrections, in milliseconds.
const JUMP_MS: i64 = 2_000;

/// A watcher at work.
struct Daemon<'a> {
    world: &'a World,
    orders: &'a Orders,
    view: &'a mut dyn Spectator,
    root: Root,
    project: Project,
    log: Log,
    survey: Survey,
    folder: Folder,
    is_native: bool,
    crew: Crew,
    keeper: Keeper,
    timetable: Timetable,
    followers: Followers,
    /// What else than its arrival starts the spores of a file.
    triggered: BTreeMap<String, Vec<(String, Triggers)>>,
    /// The group of each wanted run that has one, and what it does while that is taken.
    groups: HashMap<RunId, (String, Policy)>,
    /// What would have a pending run run.
    hints: HashMap<RunId, String>,
    /// Not before then is a wanted run tried again.
    again_at: HashMap<RunId, Timestamp>,
    /// Runs to be gone on with as soon as there is room.
    adoptions: VecDeque<Ticket>,
    /// Runs that cannot be gone on with, so that nobody tries all the time.
    given_up: BTreeSet<RunId>,
    /// Files that changed too short a time ago to be taken.
    unsettled: BTreeSet<PathBuf>,
    /// Letters about pushes that a pull was made for.
    pulled: BTreeSet<String>,
    lineage: Lineage,
    recent: VecDeque<RecentStatus>,
    problems: BTreeMap<String, Problem>,
    since: Timestamp,
    /// The time on the wall and since the start, in milliseconds, when it was last looked.
    clock: (Timestamp, i64),
    rescan_at: Option<Timestamp>,
    look_for_others_at: Option<Timestamp>,
    /// Whether this is the first look at a folder that nobody has watched before.
    is_first: bool,
    /// Files that could run and were there before.
    left_alone: usize,
    trust: trusting::Trusted,
}

/// Watches a folder until it is told to leave, or, once only, until there is nothing left to do.
///
/// # Errors
/// When another watcher has the folder, nothing was decided about trust, or its state cannot be written.
pub async fn watch(
    world: &World,
    orders: &Orders,
    mut signals: mpsc::UnboundedReceiver<Signal>,
    view: &mut dyn Spectator,
) -> Result<(), Error> {
    loop {
        let (root, told_to_leave) = watch_on(world, orders, &mut signals, view).await?;
        // Who puts a letter into the inbox while somebody watches starts nobody. It may have come at the last moment.
        let is_left = orders.once && !told_to_leave && repo::read_letters(&root).is_ok_and(|left| !left.is_empty());
        if !is_left || repo::is_under_watch(&root) {
            return Ok(());
        }
    }
}

/// Watches until it is told to leave, or nothing is left to do; the folder is free again then.
async fn watch_on(
    world: &World,
    orders: &Orders,
    signals: &mut mpsc::UnboundedReceiver<Signal>,
    view: &mut dyn Spectator,
) -> Result<(Root, bool), Error> {
    let (root, held) = start::take(orders)?;
    let (reports, mut heard) = mpsc::unbounded_channel();
    let mut server = Server::listen(&root.state())?;
    let mut daemon = Daemon::start(world, orders, root.clone(), reports, view)?;
    let told_to_leave = loop {
        daemon.advance()?;
        if orders.once && daemon.is_done() {
            break false;
        }
        let sleep = daemon.sleep();
        tokio::select! {
            biased;
            Some(first) = heard.recv() => {
                daemon.hear(first)?;
                while let Ok(more) = heard.try_recv() {
                    daemon.hear(more)?;
                }
            }
            hints = daemon.folder.next() => daemon.look(hints)?,
            Some(question) = server.next() => daemon.answer(question)?,
            Some(signal) = signals.recv() => match signal {
                Signal::Reload => daemon.reload()?,
                Signal::Leave => break true,
            },
            () = tokio::time::sleep(sleep) => {}
        }
    };
    daemon.leave(&mut heard).await?;
    drop(held);
    Ok((root, told_to_leave))
}

impl Daemon<'_> {
    /// Does all that can be done now.
    fn advance(&mut self) -> Result<(), queue::Error> {
        let now = self.world.now();
        self.look_at_clock(now);
        self.keep_time()?;
        if self.rescan_at.is_some_and(|at| at <= now) {
            self.reconcile()?;
        }
        if self.look_for_others_at.is_some_and(|at| at <= now) {
            self.look_for_others_at = None;
            self.take_up_others();
        }
        self.take_turns()?;
        self.keep();
        self.tell_followers();
        Ok(())
    }

    /// Does now what was to be done later, where the clock was set meanwhile: later may be a year from now.
    fn look_at_clock(&mut self, now: Timestamp) {
        let running = since_start(self.world);
        let before = std::mem::replace(&mut self.clock, (now, running));
        let jump = (now.0 - before.0.0) - (running - before.1);
        if jump.abs() < JUMP_MS {
            return;
        }
        tracing::debug!(jump, "the clock was set");
        self.rescan_at = Some(now);
        self.look_for_others_at = Some(now);
        self.again_at.clear();
        self.followers.clock_was_set();
        self.keeper.clock_was_set(now);
        self.timetable.clock_was_set(now);
    }

    /// How long nothing is to be done, unless something happens.
    fn sleep(&self) -> Duration {
        let now = self.world.now();
        let state = self.log.state();
        let moments = [
            self.timetable.next(),
            self.rescan_at,
            self.look_for_others_at,
            self.keeper.due_at(self.is_quiet()),
            self.followers_at(),
            state.paused().and_then(|pause| pause.until),
            self.again_at.values().min().copied(),
        ];
        let soonest = moments.into_iter().flatten().min();
        soonest.map_or(SLEEP_MAX, |at| at.since(now).min(SLEEP_MAX))
    }

    /// Whether nothing is left to do, as far as that needs nobody.
    fn is_done(&self) -> bool {
        let waits = self.log.state().tickets().any(|waiting| waiting.phase == queue::Phase::Queued);
        let is_paused = self.log.state().paused().is_some();
        let is_settled = self.unsettled.is_empty() && self.rescan_at.is_none_or(|at| at > self.world.now());
        (!waits || is_paused)
            && is_settled
            && self.crew.is_idle()
            && self.adoptions.is_empty()
            && (self.keeper.is_idle() || self.keeper.is_stuck())
    }

    /// Looks at what the system tells of.
    fn look(&mut self, hints: Hints) -> Result<(), queue::Error> {
        for notice in &hints.notices {
            self.say_problem("watch", notice.to_string(), None);
        }
        self.is_native = self.folder.is_native();
        for (tag, _) in &hints.others {
            match *tag {
                start::INBOX => self.read_inbox()?,
                start::SETTINGS => self.reload()?,
                start::TRUST => drop(self.recheck()?),
                start::COMMITS => self.offer_again()?,
                _ => {}
            }
        }
        // What went is looked at first, so that what was renamed is not taken for something new.
        let fresh = hints.gone.into_iter().chain(hints.folders).collect::<Vec<_>>();
        self.look_at(&fresh, self.folder.still())?;
        self.look_at(&hints.ready, Duration::ZERO)?;
        if hints.rescan { self.reconcile() } else { Ok(()) }
    }

    /// Looks at these files, and folders with all in them. What has changed a moment ago waits until it has stood still.
    fn look_at(&mut self, paths: &[PathBuf], still: Duration) -> Result<(), queue::Error> {
        if paths.is_empty() {
            return Ok(());
        }
        let Self { survey, folder, root, project, .. } = self;
        let paths = paths.iter().map(PathBuf::as_path);
        let enter = &mut |path: &Path, is_new| folder.enter(path, is_new);
        let changes = survey.refresh_paths(root, &project.limits, still, paths.clone(), enter);
        for path in paths {
            self.unsettled.remove(path);
        }
        self.suspect(&changes.unsettled);
        self.take_in(changes)
    }

    /// Files that are to be looked at again when they have stood still.
    fn suspect(&mut self, files: &[PathBuf]) {
        self.unsettled.extend(files.iter().cloned());
        self.folder.suspect(files.iter().map(PathBuf::as_path));
    }

    /// Looks at the whole folder, whatever the system told of.
    fn reconcile(&mut self) -> Result<(), queue::Error> {
        let reconcile = i64::try_from(self.project.watch.reconcile.as_millis()).unwrap_or(i64::MAX);
        self.rescan_at = Some(Timestamp(self.world.now().0.saturating_add(reconcile)));
        // What is there before the folder was ever watched is known as it is, however fresh.
        let still = if self.is_first { Duration::ZERO } else { self.folder.still() };
        let Self { survey, folder, root, project, .. } = self;
        let enter = &mut |path: &Path, is_new| folder.enter(path, is_new);
        let changes = survey.refresh(root, &project.limits, still, enter);
        self.unsettled.clear();
        self.suspect(&changes.unsettled);
        self.take_in(changes)?;
        self.offer_again()?;
        self.read_inbox()?;
        self.recheck()?;
        self.take_up_others();
        Ok(())
    }
}

/// Milliseconds since the start, which no clock that is set changes.
fn since_start(world: &World) -> i64 {
    i64::try_from(world.clock.monotonic().as_millis()).unwrap_or(i64::MAX)
}
