//! Supervisors that wait for a run, so that a run need not wait for its supervisor.
//!
//! To start a process costs more than all else that a run of one tiny task needs. So a process that performs many runs has
//! a few supervisors started ahead, and has each back when its run has ended. One that waits has no lock, no log and no
//! socket: it becomes the supervisor of a run in the same way as one that was started for it, and ends when the engine does.
//! No supervisor has two runs at a time.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::machine::{OWN_PROGRAM, supervisor_environment};
use super::wire;
use crate::executor::traces::lock;
use crate::os::process::{Detached, Variables, start_detached};
use crate::os::socket;

/// Runs that one supervisor has, at most: whatever a process gathers over time goes with it.
const RUNS_MAX: u32 = 1_000;

/// A supervisor without a run.
#[derive(Debug)]
pub(super) struct Spare {
    pub(super) stream: UnixStream,
    pub(super) process: Detached,
    /// What it has said that nobody has read.
    pub(super) received: Vec<u8>,
    /// Runs that it has had.
    pub(super) runs: u32,
    /// Held as long as it may come back.
    pub(super) seat: Arc<()>,
}

/// The supervisors that wait, of all runs of this process.
pub struct Spares {
    program: PathBuf,
    environment: Variables,
    waiting: Mutex<Vec<Spare>>,
    waiting_max: usize,
    /// Shared with every supervisor that waits or may come back, so that they can be counted.
    seats: Arc<()>,
}

impl fmt::Debug for Spares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Spares({} wait)", lock(&self.waiting).len())
    }
}

impl Spares {
    /// At most so many, those included that have a run; two are started now.
    #[must_use]
    pub fn start(waiting_max: usize) -> Arc<Self> {
        Self::of(Path::new(OWN_PROGRAM), waiting_max)
    }

    /// As [`Spares::start`], with the program at `program`: for who is not Spore itself.
    #[must_use]
    pub fn of(program: &Path, waiting_max: usize) -> Arc<Self> {
        let environment = supervisor_environment(std::env::vars_os());
        let spares = Arc::new(Self {
            program: program.to_path_buf(),
            environment,
            waiting: Mutex::default(),
            waiting_max,
            seats: Arc::default(),
        });
        for _ in 0..waiting_max.min(2) {
            spares.add();
        }
        spares
    }

    /// Takes one, and has another started where none is left and few have a run. `None` when there is none.
    pub(super) fn take(self: &Arc<Self>) -> Option<Spare> {
        let mut waiting = lock(&self.waiting);
        let spare = waiting.pop();
        let seated = Arc::strong_count(&self.seats) - 1;
        if waiting.is_empty() && seated < self.waiting_max {
            let spares = Arc::clone(self);
            // Without a thread there is none ahead, and the next run starts its own.
            let _ = std::thread::Builder::new().name("spares".into()).spawn(move || spares.add());
        }
        spare
    }

    /// Takes one back whose run has ended, or lets it go where there are enough.
    pub(super) fn put(&self, mut spare: Spare) {
        let mut leave = Vec::new();
        wire::push(&mut leave, &wire::Request::Leave);
        let is_told = || io::Write::write(&mut &spare.stream, &leave).is_ok_and(|count| count == leave.len());
        spare.runs += 1;
        if spare.runs < RUNS_MAX && lock(&self.waiting).len() < self.waiting_max && is_told() {
            lock(&self.waiting).push(spare);
        }
    }

    fn add(&self) {
        match self.spawn() {
            Ok(spare) if lock(&self.waiting).len() < self.waiting_max => lock(&self.waiting).push(spare),
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "no supervisor can be started ahead"),
        }
    }

    fn spawn(&self) -> io::Result<Spare> {
        let (stream, other) = socket::pair()?;
        let words = [OsStr::new("spore"), OsStr::new(wire::SUBCOMMAND)];
        let process = start_detached(&self.program, &words, &self.environment, &other)?;
        Ok(Spare { stream, process, received: Vec::new(), runs: 0, seat: Arc::clone(&self.seats) })
    }
}
