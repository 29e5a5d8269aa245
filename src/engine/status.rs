//! How everything stands in a folder: told by its watcher, or read from its state where nobody watches.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::time::Duration;

use super::Error;
use super::look::{self, Looked};
use crate::executor::terminal;
use crate::model::{
    Answer, Ask, Paused, Problem, RecentStatus, RunId, RunRecord, RunningStatus, Status, TaskStatus, Timestamp,
    WaitingStatus,
};
use crate::os::identity::Identity;
use crate::queue::{self, Phase, Waiting};
use crate::repo::Root;
use crate::transport::{self, Client};
use crate::{journal, repo};

/// Runs that have ended and are shown.
const RECENT_MAX: usize = 10;
/// From one look at a folder that nobody watches to the next.
const PAUSE: Duration = Duration::from_millis(500);
/// Tasks of a run that are named while they run.
const NAMED_MAX: usize = 16;

/// How everything stands in the folder around `start`.
///
/// # Errors
/// When its state cannot be read, or its watcher does not answer.
pub fn status(start: &Path) -> Result<Status, Error> {
    let root = Root::find(start)?;
    let past = past(&root);
    match Client::connect(&root.state()) {
        Ok(mut client) => {
            let answer = client.ask(&Ask::Status)?;
            told(&root, answer).map(|status| complete(&root, status, &past))
        }
        Err(transport::Error::Nobody(_)) => unwatched(&root, &past),
        Err(error) => Err(error.into()),
    }
}

/// Everything that is wanted in the folder around `start`, oldest first, and whether nothing begins. What it waits for, as
/// far as only its watcher can tell, is asked of it.
///
/// # Errors
/// When the queue cannot be read.
pub fn wanted(start: &Path) -> Result<Status, Error> {
    let root = Root::find(start)?;
    let client = Client::connect(&root.state());
    let answer = client.and_then(|mut client| client.ask(&Ask::Status));
    let told = match answer {
        Ok(Answer::Status(status)) => *status,
        Err(transport::Error::NotOurs(folder)) => return Err(transport::Error::NotOurs(folder).into()),
        _ => Status::default(),
    };
    let mut status = Status { watcher: told.watcher, ..Status::default() };
    fill_queue(&root, &mut status)?;
    let known: HashMap<RunId, WaitingStatus> =
        told.queued.into_iter().chain(told.pending).map(|waiting| (waiting.run, waiting)).collect();
    for waiting in status.queued.iter_mut().chain(&mut status.pending) {
        if let Some(known) = known.get(&waiting.run) {
            waiting.because.clone_from(&known.because);
            waiting.hint.clone_from(&known.hint);
        }
    }
    Ok(status)
}

/// Somebody who looks on at a folder for as long as wanted, whether a watcher is there or comes and goes.
#[derive(Debug)]
pub struct Following {
    root: Root,
    client: Option<Client>,
    past: Vec<RecentStatus>,
    last: Option<Status>,
}

impl Following {
    /// Looks on at the folder around `start`.
    ///
    /// # Errors
    /// When there is no such folder.
    pub fn new(start: &Path) -> Result<Self, Error> {
        let root = Root::find(start)?;
        let past = past(&root);
        Ok(Self { root, client: None, past, last: None })
    }

    /// Waits until something has changed, and returns how everything stands then. The first call does not wait.
    ///
    /// # Errors
    /// When the state of the folder cannot be read. That nobody watches it, or no longer, is none.
    pub fn wait(&mut self) -> Result<Status, Error> {
        loop {
            let status = match self.heard()? {
                Some(status) => status,
                None => unwatched(&self.root, &self.past)?,
            };
            if self.last.as_ref() != Some(&status) {
                self.last = Some(status.clone());
                return Ok(status);
            }
            if self.client.is_none() {
                std::thread::sleep(PAUSE);
            }
        }
    }

    /// What the watcher tells next; `None` without one.
    fn heard(&mut self) -> Result<Option<Status>, Error> {
        if self.client.is_none() {
            match Client::connect(&self.root.state()) {
                Ok(mut client) => match client.send(&Ask::Follow) {
                    Ok(()) => self.client = Some(client),
                    Err(_) => return Ok(None),
                },
                Err(error @ transport::Error::NotOurs(_)) => return Err(error.into()),
                Err(_) => return Ok(None),
            }
        }
        let Some(client) = &mut self.client else { return Ok(None) };
        match client.answer() {
            Ok(Some(answer)) => told(&self.root, answer).map(|status| Some(complete(&self.root, status, &self.past))),
            // Nothing has changed for a while.
            Err(transport::Error::Silent(_)) => Ok(self.last.clone()),
            Err(error @ transport::Error::Foreign { .. }) => Err(error.into()),
            Ok(None) | Err(_) => {
                self.client = None;
                self.past = past(&self.root);
                Ok(None)
            }
        }
    }
}

fn told(root: &Root, answer: Answer) -> Result<Status, Error> {
    match answer {
        Answer::Status(status) => Ok(*status),
        Answer::Refused { because, .. } => {
            Err(transport::Error::Foreign { folder: root.path().to_path_buf(), because }.into())
        }
        Answer::Done { said } => {
            Err(transport::Error::Foreign { folder: root.path().to_path_buf(), because: said }.into())
        }
    }
}

/// Adds what a watcher does not know: what other engines do in its folder, and what had ended before it came.
fn complete(root: &Root, mut status: Status, past: &[RecentStatus]) -> Status {
    let watcher = status.watcher.as_ref().map(|watcher| watcher.pid);
    for looked in open_runs(root) {
        let engine = looked.record.engine.as_ref().and_then(|engine| Identity::parse(&engine.process));
        let is_its_own = engine.is_none_or(|engine| Some(engine.pid()) == watcher);
        if looked.live && !is_its_own && status.running.iter().all(|running| running.run != looked.record.run) {
            status.running.push(running(&looked.record));
        }
    }
    status.running.sort_by_key(|running| running.run);
    let known: BTreeSet<RunId> = status.recent.iter().map(|recent| recent.run).collect();
    status.recent.extend(past.iter().filter(|recent| !known.contains(&recent.run)).cloned());
    status.recent.truncate(RECENT_MAX.max(known.len()));
    status
}

/// The same, read from the state of a folder that nobody watches.
fn unwatched(root: &Root, past: &[RecentStatus]) -> Result<Status, Error> {
    let mut status = Status { folder: root.path().display().to_string(), ..Status::default() };
    fill_queue(root, &mut status)?;
    if repo::is_under_watch(root) {
        status.problems.push(Problem {
            about: "watch".to_owned(),
            message: "a watcher has this folder and cannot be asked".to_owned(),
            hint: Some("it is just coming or going: look again in a moment".to_owned()),
        });
    }
    for Looked { record, live, .. } in open_runs(root) {
        if live {
            status.running.push(running(&record));
            continue;
        }
        let run = record.run;
        let goes_on = terminal::is_supervised(&root.runs().join(run.to_string()));
        let while_it = if goes_on { " while its commands go on" } else { "" };
        status.problems.push(Problem {
            about: record.origin.path.clone(),
            message: format!("run {run} was broken off{while_it}"),
            hint: Some(format!("`spore watch` or `spore resume {run}` goes on with it")),
        });
    }
    status.recent = past.to_vec();
    Ok(status)
}

fn fill_queue(root: &Root, status: &mut Status) -> Result<(), Error> {
    let state = queue::read(&root.state())?;
    status.folder = root.path().display().to_string();
    status.paused = state.paused().map(|pause| Paused { since: pause.since, until: pause.until });
    status.uncommitted = state.kept().count();
    for waiting in state.tickets() {
        match &waiting.phase {
            Phase::Pending { because } => status.pending.push(waiting_status(waiting, Some(because.clone()))),
            Phase::Queued => status.queued.push(waiting_status(waiting, None)),
            // What has a folder is under way, or was broken off; without one, its watcher died before anything happened.
            Phase::Running if !root.runs().join(waiting.ticket.run.to_string()).exists() => {
                status.queued.push(waiting_status(waiting, None));
            }
            Phase::Running => {}
        }
    }
    (status.queued_total, status.pending_total) = (status.queued.len(), status.pending.len());
    Ok(())
}

fn waiting_status(waiting: &Waiting, because: Option<String>) -> WaitingStatus {
    WaitingStatus { because, ..WaitingStatus::of(&waiting.ticket) }
}

/// The runs without a result, oldest first.
fn open_runs(root: &Root) -> Vec<Looked> {
    let open = repo::marked_runs(root).ok().flatten().unwrap_or_default();
    let looked = open.into_iter().filter_map(|run| look::show_run(root, run).ok());
    looked.filter(|looked| looked.record.result_path.is_none()).collect()
}

fn running(record: &RunRecord) -> RunningStatus {
    let runs = record.tasks.iter().filter(|(_, task)| task.status == TaskStatus::Running);
    RunningStatus {
        run: record.run,
        spore: record.origin.spore.clone(),
        path: record.origin.path.clone(),
        since: record.started,
        tasks_ended: record.tasks.values().filter(|task| task.status.is_final()).count(),
        tasks: record.tasks.len(),
        tasks_running: runs.map(|(id, _)| id.clone()).take(NAMED_MAX).collect(),
        line: String::new(),
    }
}

/// The newest runs that have ended, newest first.
fn past(root: &Root) -> Vec<RecentStatus> {
    let Ok(runs) = journal::list(&root.runs()) else { return Vec::new() };
    let records = runs.into_iter().filter_map(|run| look::show_run(root, run).ok()).map(|looked| looked.record);
    let ended = records.filter_map(|record| Some((record.finished?, record)));
    ended.take(RECENT_MAX).map(|(ended, record)| recent(ended, record)).collect()
}

fn recent(ended: Timestamp, record: RunRecord) -> RecentStatus {
    let took = ended.since(record.started).as_millis();
    RecentStatus {
        run: record.run,
        spore: record.origin.spore,
        path: record.origin.path,
        status: Some(record.status),
        ended,
        took_ms: u64::try_from(took).unwrap_or(u64::MAX),
        result: record.result_path,
        because: None,
    }
}
