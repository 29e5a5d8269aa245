//! The loop of the supervisor.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::peer::Peer;
use super::start::Ground;
use super::strays::Strays;
use super::streams::Streams;
use super::supervision::{Around, Supervision, Terms};
use crate::executor::Mask;
use crate::executor::terminal::attempts::Attempts;
use crate::executor::terminal::environment::Base;
use crate::executor::terminal::wire::{self, End, Fact, Order, PROTOCOL, Reply, Request, files};
use crate::model::{AttemptId, Limits, LogSize, Outcome, RunId, Secret, Stream, TaskId, Timestamp};
use crate::os::clock::{Clock as _, SystemClock};
use crate::os::identity::Identity;
use crate::os::process::{Launched, adopt_orphans, keep_descriptors_home, leave_session, reap};
use crate::os::{ChildSignals, Poll, failpoint, file, socket};

/// By which numbers the loop knows its descriptors; streams follow, two for each place in the list of commands.
const SIGNALS: u64 = 0;
const LISTENER: u64 = 1;
const FIRST_PEER: u64 = 2;
const FIRST_STREAM: u64 = 1 << 32;
/// How long an engine may be left alone with ends that it cannot do anything about, because there is more to begin than
/// places are free: one message with many ends costs little more than one with one. And how many ends at most.
const TELL_AFTER: Duration = Duration::from_millis(3);
const UNTOLD_MAX: usize = 32;
/// How long after a log of attempts that could not be written it is tried again.
const WRITE_AGAIN: Duration = Duration::from_millis(100);

/// Supervises the commands of the run `run` of the spores in `root`, whose folder is `run_dir`. Its standard input is a
/// socket to the engine. Returns when no engine is connected and no command is under way.
///
/// # Errors
/// When another supervisor has the run, or the file system or the kernel refuses what it needs to begin.
pub fn supervise(root: &Path, run_dir: &Path, run: RunId) -> io::Result<()> {
    let mut engine = begin()?;
    let supervisor = Supervisor::new(root, run_dir, run, &engine);
    match supervisor {
        Ok(mut supervisor) => {
            drop(engine);
            supervisor.run().map(drop)
        }
        Err(error) => {
            let mut refusal = Vec::new();
            wire::push(&mut refusal, &Reply::Refused { reason: error.to_string() });
            // An engine that is gone need not know.
            let _ = engine.write_all(&refusal);
            Err(error)
        }
    }
}

/// Makes a supervisor of this process, and takes the socket to its engine.
pub(super) fn begin() -> io::Result<UnixStream> {
    leave_session();
    keep_descriptors_home();
    adopt_orphans();
    socket::take_inherited()
}

/// Takes the lock that says that a supervisor lives, and writes down who it is.
fn lock(run_dir: &Path) -> io::Result<File> {
    let mut lock = file::read_write(&run_dir.join(files::LOCK))?;
    lock.try_lock().map_err(io::Error::from)?;
    lock.set_len(0)?;
    lock.write_all(format!("{}\n", Identity::me()).as_bytes())?;
    Ok(lock)
}

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Supervisor {
    ground: Ground,
    clock: SystemClock,
    limits: Limits,
    mask: Mask,
    /// How many commands may be under way at a time.
    jobs: usize,
    /// Orders that have not begun.
    waiting: VecDeque<Order>,
    /// Commands under way, each at a place that it keeps.
    commands: Vec<Option<Box<Supervision>>>,
    under_way: usize,
    strays: Strays,
    attempts: Attempts,
    /// What the engine is told once the log of attempts is written.
    untold: Vec<Reply>,
    /// When it is told at the latest.
    tell_at: Option<Duration>,
    /// When the log of attempts is written again, after it could not be.
    write_again_at: Option<Duration>,
    peer: Option<Peer>,
    /// Whether the engine has said that the run has ended.
    is_free: bool,
    /// The number of the next peer: an event for one that was let go concerns nobody.
    next_peer: u64,
    signals: ChildSignals,
    listener: UnixListener,
    poll: Poll,
    _lock: File,
}

impl Supervisor {
    pub(super) fn new(root: &Path, run_dir: &Path, run: RunId, engine: &UnixStream) -> io::Result<Self> {
        let signals = ChildSignals::only()?;
        let lock = lock(run_dir)?;
        failpoint::reach("supervisor-locked");
        let poll = Poll::new()?;
        let ground = Ground {
            run,
            root: Arc::new(root.to_path_buf()),
            run_dir: Arc::new(run_dir.to_path_buf()),
            base: Base::new(std::env::vars_os()),
        };
        ground.make_folders()?;
        let mut attempts = Attempts::open(run_dir)?;
        attempts.push(&Fact::Supervisor(Identity::me().to_string()));
        attempts.write()?;
        let listener = socket::listen(run_dir, files::SOCKET)?;
        poll.watch(signals.descriptor(), SIGNALS)?;
        poll.watch(&listener, LISTENER)?;
        failpoint::reach("supervisor-listens");
        Ok(Self {
            ground,
            clock: SystemClock::new(),
            limits: Limits::DEFAULT,
            mask: Mask::default(),
            jobs: usize::MAX,
            waiting: VecDeque::new(),
            commands: Vec::new(),
            under_way: 0,
            strays: Strays::new(run),
            attempts,
            untold: Vec::new(),
            tell_at: None,
            write_again_at: None,
            peer: Peer::new(engine.try_clone()?, FIRST_PEER, &poll)?,
            is_free: false,
            next_peer: FIRST_PEER + 1,
            signals,
            listener,
            poll,
            _lock: lock,
        })
    }

    /// Takes in what the engine has said already.
    pub(super) fn has_heard(&mut self, bytes: Vec<u8>) {
        if let Some(peer) = &mut self.peer {
            peer.has_received(bytes);
            self.listen();
            self.record_and_begin();
        }
    }

    /// Has the run to its end. Returns whether its engine is still there, and may have another.
    pub(super) fn run(&mut self) -> io::Result<bool> {
        let mut ready = Vec::new();
        while (self.peer.is_some() && !self.is_free) || self.under_way > 0 || !self.untold.is_empty() {
            let now = self.clock.monotonic();
            let wake_at = self.commands.iter().flatten().filter_map(|command| command.wake_at()).min();
            let wake_at = [wake_at, self.write_again_at, self.tell_at].into_iter().flatten().min();
            ready.clear();
            ready.extend(self.poll.wait(wake_at.map(|at| at.saturating_sub(now)))?);
            for number in &ready {
                self.hear(*number);
            }
            self.attend();
            self.record_and_begin();
        }
        // The lock's file goes last: without it nobody believes that a supervisor lives.
        let run_dir = &self.ground.run_dir;
        failpoint::reach("supervisor-leaves");
        [files::SOCKET, files::LOCK].into_iter().try_for_each(|name| file::remove(&run_dir.join(name)))?;
        Ok(self.is_free)
    }

    fn now(&self) -> Timestamp {
        Timestamp(self.clock.wall_milliseconds())
    }

    fn hear(&mut self, number: u64) {
        match number {
            SIGNALS => self.collect(),
            LISTENER => self.accept(),
            peer if peer < FIRST_STREAM => {
                if peer + 1 == self.next_peer {
                    self.listen();
                }
            }
            stream => {
                let place = usize::try_from((stream - FIRST_STREAM) / 2).unwrap_or(usize::MAX);
                let stream = if stream % 2 == 0 { Stream::Out } else { Stream::Err };
                if let Some(command) = self.commands.get_mut(place).and_then(Option::as_mut) {
                    command.read(stream);
                }
            }
        }
    }

    /// Collects every child that has ended, those it adopted too.
    fn collect(&mut self) {
        self.signals.clear();
        while let Some((pid, status)) = reap() {
            let now = self.clock.monotonic();
            let leader = |command: &&mut Box<Supervision>| command.leader() == Some(pid);
            if let Some(command) = self.commands.iter_mut().flatten().find(leader) {
                let around = &mut Around { poll: &self.poll, strays: &mut self.strays };
                command.leader_ended(status, now, around);
            }
        }
    }

    /// A new engine takes the place of the one before, which has lost the run or is dead.
    fn accept(&mut self) {
        while let Ok((stream, _)) = self.listener.accept() {
            let number = self.next_peer;
            if let Ok(Some(peer)) = Peer::new(stream, number, &self.poll) {
                self.next_peer += 1;
                self.peer = Some(peer);
                self.waiting.clear();
            }
        }
    }

    fn listen(&mut self) {
        let Some(requests) = self.peer.as_mut().and_then(Peer::receive) else { return self.let_go() };
        for request in requests {
            match request {
                Request::Hello { log_head_bytes_max, log_tail_bytes_max, .. } => {
                    self.limits = wire::limits(log_head_bytes_max, log_tail_bytes_max);
                    self.welcome();
                }
                Request::Secrets(secrets) => {
                    let secrets: Vec<Secret> =
                        secrets.into_iter().map(|(name, value)| Secret { name, value }).collect();
                    self.mask = Mask::new(&secrets);
                }
                Request::Start(order) => {
                    self.jobs = usize::try_from(order.jobs).unwrap_or(usize::MAX).max(1);
                    self.waiting.push_back(*order);
                }
                Request::Cancel { task, number, now } => self.cancel(&task, number, now),
                Request::Leave if self.under_way == 0 => self.is_free = true,
                // It has a run, and stays with it.
                Request::Leave | Request::Supervise { .. } => return self.let_go(),
            }
        }
    }

    /// The engine is gone. What it wanted and what has not begun is left to the next one.
    fn let_go(&mut self) {
        self.peer = None;
        self.waiting.clear();
    }

    fn welcome(&mut self) {
        failpoint::reach("engine-welcomed");
        // Everything that is over is in the log before the next engine hears of anything.
        self.record();
        let under_way = self.commands.iter().flatten().map(|command| (command.task.clone(), command.number)).collect();
        let unwritten = std::mem::take(&mut self.untold);
        if let Some(peer) = &mut self.peer {
            peer.say(&Reply::Welcome { protocol: PROTOCOL, under_way });
        }
        self.untold = unwritten;
    }

    fn cancel(&mut self, task: &TaskId, number: u32, at_once: bool) {
        if let Some(place) = self.waiting.iter().position(|order| order.task == *task && order.number == number) {
            self.waiting.remove(place);
            // Nothing was written of it and nothing has happened, so nothing has to be written first.
            let end = self.bare(Outcome::Cancelled);
            if let Some(peer) = &mut self.peer {
                peer.say(&Reply::Ended { task: task.clone(), number, end });
            }
            return;
        }
        let now = self.clock.monotonic();
        let wanted = |command: &&mut Box<Supervision>| command.task == *task && command.number == number;
        if let Some(command) = self.commands.iter_mut().flatten().find(wanted) {
            command.cancel(at_once, now, &mut Around { poll: &self.poll, strays: &mut self.strays });
        }
    }

    /// Does what is due of every command, and notes those that are over.
    fn attend(&mut self) {
        let now = self.clock.monotonic();
        for place in 0..self.commands.len() {
            let Some(command) = &mut self.commands[place] else { continue };
            let around = &mut Around { poll: &self.poll, strays: &mut self.strays };
            if command.advance(now, around)
                && let Some(peer) = &mut self.peer
            {
                peer.say(&Reply::Began { task: command.task.clone(), number: command.number });
            }
            let is_over = command.is_over();
            while let Some((stream, text)) = command.line(now, is_over) {
                if let Some(peer) = &mut self.peer {
                    peer.say(&Reply::Line { task: command.task.clone(), number: command.number, stream, text });
                }
            }
            if is_over && let Some(command) = self.commands[place].take() {
                self.under_way -= 1;
                self.finish(*command);
            }
        }
    }

    fn finish(&mut self, command: Supervision) {
        let (task, number, began) = (command.task.clone(), command.number, command.began);
        let finish = command.finish();
        let (out, err, of_logs) = finish.streams.finish();
        let mut remarks = finish.remarks;
        remarks.extend(of_logs);
        for remark in &mut remarks {
            *remark = self.mask.text(remark).into_owned();
        }
        let end = End { outcome: finish.outcome, began: Some(began), ended: self.now(), out, err, remarks };
        self.over(task, number, end);
    }

    fn bare(&self, mut outcome: Outcome) -> End {
        if let Outcome::NotStarted { reason, .. } = &mut outcome {
            *reason = self.mask.text(reason).into_owned();
        }
        let (out, err) = (LogSize::default(), LogSize::default());
        End { outcome, began: None, ended: self.now(), out, err, remarks: Vec::new() }
    }

    fn over(&mut self, task: TaskId, number: u32, end: End) {
        self.attempts.push(&Fact::Ended { task: task.clone(), number, end: end.clone() });
        self.untold.push(Reply::Ended { task, number, end });
    }

    /// Writes down what has ended and what is about to begin, begins it, and only then tells the engine: a free place is
    /// filled first.
    fn record_and_begin(&mut self) {
        let free = self.jobs.saturating_sub(self.under_way).min(self.waiting.len());
        // While the log cannot be written, nothing begins.
        let begin: Vec<Order> = match self.write_again_at {
            Some(at) if at > self.clock.monotonic() => Vec::new(),
            _ => self.waiting.drain(..free).collect(),
        };
        let mark = self.attempts.mark();
        for order in &begin {
            self.attempts.push(&Fact::Begins { task: order.task.clone(), number: order.number });
        }
        if self.record() {
            failpoint::reach("attempts-written");
            for order in begin {
                self.begin(order);
            }
            // What could not even be started has ended already.
            self.record();
        } else {
            // They begin when there is room again.
            self.attempts.rewind(mark);
            begin.into_iter().rev().for_each(|order| self.waiting.push_front(order));
        }
        if !self.untold.is_empty() {
            failpoint::reach("ends-written");
        }
        self.tell();
    }

    /// Writes the log of attempts. Without an engine that would see to it, what is written is made durable here.
    fn record(&mut self) -> bool {
        let written = self.attempts.write();
        if written.is_ok() && self.peer.is_none() && !self.untold.is_empty() {
            // A disk that cannot make it durable has it written all the same, and nobody is told.
            let _ = self.attempts.sync();
        }
        self.write_again_at = written.is_err().then(|| self.clock.monotonic() + WRITE_AGAIN);
        written.is_ok()
    }

    /// Tells the engine what is written down, and what commands print.
    fn tell(&mut self) {
        if self.write_again_at.is_none() && self.peer.is_none() {
            self.untold.clear();
        }
        let now = self.clock.monotonic();
        if self.write_again_at.is_some() || self.untold.is_empty() {
            self.tell_at = None;
        } else if self.waiting.is_empty() || self.untold.len() >= UNTOLD_MAX || self.tell_at.is_some_and(|at| at <= now)
        {
            self.tell_at = None;
            for reply in self.untold.drain(..) {
                if let Some(peer) = &mut self.peer {
                    peer.say(&reply);
                }
            }
        } else {
            self.tell_at.get_or_insert(now + TELL_AFTER);
        }
        if self.peer.as_mut().is_some_and(|peer| !peer.send(&self.poll)) {
            self.let_go();
        }
    }

    fn begin(&mut self, order: Order) {
        let began = self.now();
        let (task, number, timeout, grace) = (order.task.clone(), order.number, order.timeout, order.grace);
        match self.ground.start(order) {
            Ok(Launched { group, out, err }) => {
                failpoint::reach("command-started");
                let place = self.commands.iter().position(Option::is_none).unwrap_or_else(|| {
                    self.commands.push(None);
                    self.commands.len() - 1
                });
                let id = AttemptId { run: self.ground.run, task: task.clone(), number };
                let first = FIRST_STREAM + 2 * place as u64;
                let streams = Streams::new(&id, &self.ground.run_dir, (out, err), first, &self.mask, &self.limits);
                let terms = Terms { task: task.clone(), number, began, timeout, grace };
                let command = Supervision::new(terms, group, streams, self.clock.monotonic());
                self.commands[place] = Some(Box::new(command));
                self.under_way += 1;
            }
            Err(outcome) => {
                let end = self.bare(outcome);
                self.over(task, number, end);
            }
        }
    }
}
