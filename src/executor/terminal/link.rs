//! The engine's side of a supervisor: finding or starting it, and hearing of the attempts of one run.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::attempts::{Known, Past};
use super::collect;
use super::connection::Connection;
use super::leftovers::end_leftovers;
use super::machine::Shared;
use super::supervised::{is_supervised, supervisor_of};
use super::wire::{self, End, Order, PROTOCOL, Reply, Request, files};
use crate::executor::traces::{Entry, Urgency};
use crate::model::{Attempt, AttemptEnd, Outcome, Recalled, RunId, Stream, TaskId};
use crate::os::failpoint;
use crate::os::process::{Detached, start_detached};
use crate::os::socket;

/// How often a supervisor that is just coming or going is looked for again, and how long between.
const TRIES: u32 = 200;
const BETWEEN_TRIES: Duration = Duration::from_millis(5);
/// A failpoint that few schedules come by: an engine that has greeted a supervisor and has not read its answer.
const GREETED: &str = "engine-greeted";
/// What is said of an attempt whose supervisor was killed.
const UNSEEN: &str = "running when its supervisor died";
/// How long a supervisor may take to say who it is.
const WELCOME: Duration = Duration::from_secs(2);
/// How long one that waits may take to say so: starting another takes less.
const FREE: Duration = Duration::from_millis(100);

/// How often in a row a supervisor that was started here may refuse, because another one was quicker.
const REFUSALS_MAX: u32 = 20;

/// What is wanted of the supervisor of a run.
#[derive(Debug)]
pub(super) enum Wish {
    /// Carry this out, or find it.
    Start(Arc<Entry>, Arc<Attempt>),
    /// It was asked to end; how urgently, its entry tells.
    Cancel(Arc<Entry>),
}

/// An attempt that is out, and what is needed at its end.
type Open = (Arc<Entry>, Arc<Attempt>);

/// The link of one run.
pub(super) struct Link {
    shared: Arc<Shared>,
    run: RunId,
    root: Arc<PathBuf>,
    run_dir: Arc<PathBuf>,
    connection: Option<Connection>,
    open: HashMap<(TaskId, u32), Open>,
    /// How often in a row a supervisor has refused.
    refusals: u32,
}

impl Link {
    pub(super) fn new(shared: Arc<Shared>, attempt: &Attempt) -> Self {
        Self {
            shared,
            run: attempt.id.run,
            root: Arc::clone(&attempt.root),
            run_dir: Arc::clone(&attempt.run_dir),
            connection: None,
            open: HashMap::new(),
            refusals: 0,
        }
    }

    /// Sees to the wishes until nobody can have one any more.
    pub(super) async fn attend(mut self, mut wishes: mpsc::UnboundedReceiver<Wish>) {
        loop {
            let wish = match &mut self.connection {
                None => wishes.recv().await,
                Some(connection) => tokio::select! {
                    biased;
                    is_open = connection.exchange() => {
                        self.hear(is_open).await;
                        continue;
                    }
                    wish = wishes.recv() => wish,
                },
            };
            let Some(wish) = wish else { return };
            self.grant(wish).await;
            while let Ok(wish) = wishes.try_recv() {
                self.grant(wish).await;
            }
            if let Some(connection) = &mut self.connection {
                connection.send();
            }
        }
    }

    async fn grant(&mut self, wish: Wish) {
        match wish {
            Wish::Start(entry, attempt) => self.start(entry, attempt).await,
            Wish::Cancel(entry) => {
                let key = (entry.id.task.clone(), entry.id.number);
                if let (true, Some(connection)) = (self.open.contains_key(&key), &mut self.connection) {
                    let now = entry.urgency() == Urgency::Now;
                    connection.say(&Request::Cancel { task: key.0, number: key.1, now });
                }
            }
        }
    }

    async fn start(&mut self, entry: Arc<Entry>, attempt: Arc<Attempt>) {
        if let Err(reason) = self.connect(&entry).await {
            let outcome = match attempt.recalled {
                None | Some(Recalled::Perhaps) => Outcome::NotStarted { reason, permanent: false },
                Some(_) => Outcome::Lost { stage: format!("unknown: {reason}") },
            };
            return entry.tell_end(AttemptEnd::bare(outcome));
        }
        let Some(connection) = &mut self.connection else { return };
        let key = (attempt.id.task.clone(), attempt.id.number);
        if let Some(recalled) = attempt.recalled {
            if connection.under_way.contains(&key) {
                entry.tell_started();
                if entry.urgency() != Urgency::None {
                    let now = entry.urgency() == Urgency::Now;
                    connection.say(&Request::Cancel { task: key.0.clone(), number: key.1, now });
                }
                self.open.insert(key, (entry, attempt));
                return;
            }
            let lost = |stage: &str| AttemptEnd::bare(Outcome::Lost { stage: stage.to_owned() });
            match (connection.past.of(&key.0, key.1), recalled) {
                (Some(Known::Ended(end)), _) => {
                    let end = (**end).clone();
                    return self.over(&(entry, attempt), end);
                }
                (Some(Known::Begun), Recalled::ThisBoot | Recalled::Perhaps) => {
                    return entry.tell_end(lost(UNSEEN));
                }
                (_, Recalled::EarlierBoot) => return entry.tell_end(lost("under way when the machine went down")),
                (None, Recalled::ThisBoot) if connection.past.is_damaged => {
                    return entry.tell_end(lost("unknown: the log of attempts is damaged"));
                }
                // It never began, so it does now.
                (None, Recalled::ThisBoot | Recalled::Perhaps) => {}
            }
        }
        if entry.urgency() != Urgency::None {
            return entry.tell_end(AttemptEnd::bare(Outcome::Cancelled));
        }
        if attempt.id.number > 1
            && connection.past.left_open(&key.0)
            && let Err(pids) = end_leftovers(self.run, &key.0).await
        {
            let reason = format!("an earlier attempt of it still runs and cannot be ended: {pids:?}");
            return entry.tell_end(AttemptEnd::bare(Outcome::NotStarted { reason, permanent: true }));
        }
        if !connection.secrets.as_ref().is_some_and(|secrets| Arc::ptr_eq(secrets, &attempt.secrets)) {
            let pairs = attempt.secrets.iter().map(|secret| (secret.name.clone(), secret.value.clone())).collect();
            connection.say(&Request::Secrets(pairs));
            connection.secrets = Some(Arc::clone(&attempt.secrets));
        }
        connection.say(&Request::Start(Box::new(Order::of(&attempt))));
        self.open.insert(key, (entry, attempt));
    }

    /// Takes in what the supervisor has said; when the connection is closed, settles what is left.
    async fn hear(&mut self, is_open: bool) {
        let Some(connection) = &mut self.connection else { return };
        let mut refusal = None;
        let replies = connection.replies();
        for reply in replies {
            match reply {
                Reply::Welcome { .. } => {
                    self.refusals = 0;
                    if let Some(connection) = &mut self.connection {
                        connection.is_new_spare = false;
                    }
                }
                Reply::Free => {}
                Reply::Refused { reason } => refusal = Some(reason),
                Reply::Began { task, number } => {
                    if let Some((entry, _)) = self.open.get(&(task, number)) {
                        entry.tell_started();
                    }
                }
                Reply::Line { task, number, stream, text } => {
                    if let Some((entry, _)) = self.open.get(&(task, number)) {
                        entry.tell_line(stream, &text);
                    }
                }
                Reply::Ended { task, number, end } => {
                    let key = (task, number);
                    match self.open.remove(&key) {
                        Some(open) => self.over(&open, end),
                        // It was under way when this engine came, which has not asked for it yet.
                        None => {
                            if let Some(connection) = &mut self.connection {
                                connection.under_way.remove(&key);
                                connection.past.ended(key, end);
                            }
                        }
                    }
                }
            }
        }
        if !is_open {
            let was_new = self.connection.take().is_some_and(|connection| connection.is_new_spare);
            match refusal {
                Some(reason) => self.turn_to_another(&reason).await,
                None => self.settle(was_new).await,
            }
        }
    }

    /// The supervisor that was started here has refused, so it has begun nothing: mostly because one that the engine before
    /// this one had started was there a moment earlier. What was wanted is wanted still.
    async fn turn_to_another(&mut self, reason: &str) {
        self.refusals += 1;
        let is_hopeless = self.refusals > REFUSALS_MAX;
        tokio::time::sleep(BETWEEN_TRIES).await;
        for (_, (entry, attempt)) in std::mem::take(&mut self.open) {
            if is_hopeless {
                let reason = format!("its supervisor cannot begin: {reason}");
                entry.tell_end(AttemptEnd::bare(Outcome::NotStarted { reason, permanent: false }));
            } else {
                self.start(entry, attempt).await;
            }
        }
        if let Some(connection) = &mut self.connection {
            connection.send();
        }
    }

    /// The supervisor is gone although this engine is here: it was killed. What it has written down is true. One that was
    /// killed while it waited is missed by nobody: what it has not begun is wanted of another.
    async fn settle(&mut self, was_new: bool) {
        for _ in 0..TRIES {
            if !is_supervised(&self.run_dir) {
                break;
            }
            tokio::time::sleep(BETWEEN_TRIES).await;
        }
        let past = Past::read(&self.run_dir);
        for ((task, number), open) in std::mem::take(&mut self.open) {
            let outcome = match &past {
                Ok(past) => match past.of(&task, number) {
                    Some(Known::Ended(end)) => {
                        self.over(&open, (**end).clone());
                        continue;
                    }
                    Some(Known::Begun) => Outcome::Lost { stage: UNSEEN.into() },
                    None if was_new => {
                        self.start(open.0, open.1).await;
                        continue;
                    }
                    None => {
                        Outcome::NotStarted { reason: "its supervisor died before it began".into(), permanent: false }
                    }
                },
                Err(error) => Outcome::Lost { stage: format!("unknown: the log of attempts cannot be read: {error}") },
            };
            open.0.tell_end(AttemptEnd::bare(outcome));
        }
        if let Some(connection) = &mut self.connection {
            connection.send();
        }
    }

    /// An attempt is over. Its outputs and artifacts are collected here: the supervisor has other commands to see to.
    fn over(&self, (entry, attempt): &Open, end: End) {
        let mask = self.shared.masks.of(&attempt.secrets);
        if attempt.artifacts.is_empty() {
            let end = collect::outputs(attempt, &mask, &self.shared.limits, end.into());
            return entry.tell_end(end);
        }
        let (entry, attempt, limits) = (Arc::clone(entry), Arc::clone(attempt), self.shared.limits);
        tokio::task::spawn_blocking(move || {
            let end = collect::outputs(&attempt, &mask, &limits, end.into());
            entry.tell_end(collect::artifacts(&attempt, &mask, &limits, end));
        });
    }

    /// Connects to the supervisor of the run, which is started where none lives.
    ///
    /// # Errors
    /// Why there is none, as a fragment for people.
    async fn connect(&mut self, entry: &Entry) -> Result<(), String> {
        let mut last = String::from("its supervisor does not answer");
        for _ in 0..TRIES {
            if self.connection.is_some() {
                return Ok(());
            }
            // Whoever listens lives, even where somebody has removed its lock.
            let attached = match socket::connect(&self.run_dir, files::SOCKET) {
                Ok(stream) => self.attach(stream, entry).await,
                Err(error) if is_supervised(&self.run_dir) => Err(error),
                Err(_) => match self.take_spare().await {
                    Some(connection) => Ok(connection),
                    None => self.spawn(),
                },
            };
            match attached {
                Ok(connection) => self.connection = Some(connection),
                Err(error) => {
                    last = error.to_string();
                    tokio::time::sleep(BETWEEN_TRIES).await;
                }
            }
        }
        self.connection.as_ref().map(|_| ()).ok_or(last)
    }

    /// Connects to a supervisor that lives, and learns what is under way. One that lives and does not answer (it was stopped,
    /// or swapped out) is waited for: nothing may be said of its commands before it has said it.
    async fn attach(&self, stream: UnixStream, entry: &Entry) -> io::Result<Connection> {
        let mut connection = self.greet(stream, None, Past::default())?;
        failpoint::reach(GREETED);
        connection.under_way = loop {
            if let Ok(under_way) = tokio::time::timeout(WELCOME, connection.welcome()).await {
                break under_way?;
            }
            let silent = match supervisor_of(&self.run_dir) {
                Some(process) => {
                    format!("its supervisor does not answer; if it was stopped: `kill -CONT {}`", process.pid())
                }
                None => "its supervisor does not answer".to_owned(),
            };
            tracing::warn!(run = %self.run, silent);
            entry.tell_line(Stream::Err, &silent);
        };
        connection.past = Past::read(&self.run_dir)?;
        Ok(connection)
    }

    /// Has the run supervised by one that waits, if there is one that is well.
    async fn take_spare(&self) -> Option<Connection> {
        let spares = self.shared.spares.as_ref()?;
        // What is no text cannot be said.
        self.root.to_str().and_then(|_| self.run_dir.to_str())?;
        let past = Past::read(&self.run_dir).ok()?;
        while let Some(spare) = spares.take() {
            let mut connection = Connection::new(spare.stream, Some(spare.process), Past::default()).ok()?;
            connection.received = spare.received;
            connection.runs = spare.runs;
            connection.seat = Some(spare.seat);
            connection.is_new_spare = true;
            if let Ok(true) = tokio::time::timeout(FREE, connection.is_free()).await {
                connection.past = past;
                let (root, run_dir) = (self.root.to_path_buf(), self.run_dir.to_path_buf());
                // It hears all of it together with the first order: to wake it twice takes longer than what it does.
                connection.say(&Request::Supervise { root, run_dir, run: self.run });
                self.say_hello(&mut connection);
                return Some(connection);
            }
        }
        None
    }

    /// Starts a supervisor.
    fn spawn(&self) -> io::Result<Connection> {
        failpoint::reach("supervisor-spawn");
        let past = Past::read(&self.run_dir)?;
        let (mine, other) = socket::pair()?;
        let run = self.run.to_string();
        let words = [
            OsStr::new("spore"),
            OsStr::new(wire::SUBCOMMAND),
            self.root.as_os_str(),
            self.run_dir.as_os_str(),
            OsStr::new(&run),
        ];
        let process = start_detached(&self.shared.program, &words, self.shared.supervisor_environment(), &other)?;
        failpoint::reach("supervisor-started");
        tracing::debug!(run = %self.run, pid = process.id(), "supervisor started");
        self.greet(mine, Some(process), past)
    }

    fn greet(&self, stream: UnixStream, process: Option<Detached>, past: Past) -> io::Result<Connection> {
        let mut connection = Connection::new(stream, process, past)?;
        self.say_hello(&mut connection);
        connection.send();
        Ok(connection)
    }

    fn say_hello(&self, connection: &mut Connection) {
        let limits = &self.shared.limits;
        connection.say(&Request::Hello {
            protocol: PROTOCOL,
            log_head_bytes_max: limits.log_head_bytes_max,
            log_tail_bytes_max: limits.log_tail_bytes_max,
        });
    }
}

impl Drop for Link {
    /// The run has ended, or its engine gives up. A supervisor that was started here and has nothing to see to can have
    /// another run; any other ends by itself.
    fn drop(&mut self) {
        if let (Some(spares), Some(connection), true) =
            (&self.shared.spares, self.connection.take(), self.open.is_empty())
            && let Some(spare) = connection.into_spare()
        {
            spares.put(spare);
        }
    }
}
