//! The contract of every executor, and the words it speaks.
//!
//! Every call is idempotent by the attempt's id: starting an attempt twice finds the first. The end of a command is an
//! [`AttemptEnd`], never an error; what an executor could not do is `NotStarted` or `Lost`, also in there. So no method
//! that concerns an attempt returns a `Result`: the driver has one way to hear how things went, [`Report::Ended`].

use std::future::Future;
use std::path::Path;
use std::pin::Pin;

use tokio::sync::mpsc;

use crate::model::{Attempt, AttemptEnd, AttemptId, RunId, Stream};

/// A future that an executor hands out.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What an executor tells while it works. Reports of one attempt come in order; `Ended` is its last.
#[derive(Debug)]
pub enum Report {
    /// The command runs.
    Started {
        /// The attempt.
        attempt: AttemptId,
    },
    /// The last line printed so far, masked; sent at most every 50 ms for each attempt.
    Line {
        /// The attempt.
        attempt: AttemptId,
        /// Where it was printed.
        stream: Stream,
        /// The line, without its end, shortened to what a terminal can show.
        text: String,
    },
    /// The attempt is over and everything about it is on disk.
    Ended {
        /// The attempt.
        attempt: AttemptId,
        /// All that is known of it.
        end: Box<AttemptEnd>,
    },
}

/// Where reports go. Unbounded, because an executor must never wait for the driver while a command's pipe fills up; lines
/// are rare by contract.
pub type Reports = mpsc::UnboundedSender<Report>;

/// What is known of an attempt when somebody asks.
#[derive(Clone, Debug, PartialEq)]
pub enum Observation {
    /// Never heard of it.
    Unknown,
    /// It is under way.
    Running,
    /// It is over.
    Ended(Box<AttemptEnd>),
}

/// A piece of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogChunk {
    /// The bytes, masked.
    pub bytes: Vec<u8>,
    /// Where the next piece begins; hand it back to read on.
    pub cursor: u64,
}

/// Something that an executor left in its place for a run, and that is still there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// Its name in its place.
    pub name: String,
    /// Where that is, for people: a cluster and a namespace.
    pub place: String,
    /// The run it was made for.
    pub run: Option<RunId>,
    /// Whether this folder's engine made it; otherwise it belongs to the runs of another folder, or of another machine.
    pub is_ours: bool,
    /// Whether its command is over.
    pub is_over: bool,
}

/// What an executor can do, and whether it can be reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Check {
    /// Its name.
    pub executor: String,
    /// What is missing, in sentences that say what to do; empty when all is well.
    pub missing: Vec<String>,
    /// What it found, for people: versions, places.
    pub facts: Vec<(String, String)>,
}

/// What an instance is to be like.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    /// The settings, as under `with:`.
    pub with: indexmap::IndexMap<String, serde_json::Value>,
}

/// Carries attempts out somewhere.
pub trait Executor: Send + Sync {
    /// The word authors write.
    fn name(&self) -> &'static str;

    /// Whether it holds back by itself what is more than [`Attempt::jobs`], so that it may be given work ahead.
    fn queues(&self) -> bool {
        false
    }

    /// Starts an attempt, or finds it when it was started before. Everything that follows is told to `reports`.
    fn start(&self, attempt: Attempt, reports: Reports);

    /// What is known of an attempt now.
    fn observe(&self, attempt: &AttemptId) -> Observation;

    /// The next piece of a stream's log, from `cursor` (0 is the beginning).
    fn logs<'a>(
        &'a self,
        attempt: &'a AttemptId,
        stream: Stream,
        cursor: u64,
    ) -> Pending<'a, std::io::Result<LogChunk>>;

    /// Asks an attempt to end: politely first, by force after its grace, or at once when `now`. Its end is reported like
    /// any other. An attempt that is unknown or over is left alone.
    fn cancel(&self, attempt: &AttemptId, now: bool);

    /// The attempt's end is on disk: what its place keeps of it may go.
    fn settled(&self, _attempt: &AttemptId) {}

    /// The run is over: nothing will be asked of its attempts any more.
    fn release(&self, _run: RunId) {}

    /// The run and the ends of all its attempts are on disk: what its place keeps of it may go, and is gone when this is
    /// over, unless that would take long.
    fn closed(&self, _run: RunId) -> Pending<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    /// Launches `count` instances that can be given commands, and returns their names.
    fn launch<'a>(&'a self, profile: &'a Profile, count: u32) -> Pending<'a, std::io::Result<Vec<String>>>;

    /// Removes an instance and what belongs to it.
    fn cleanup<'a>(&'a self, instance: &'a str) -> Pending<'a, std::io::Result<()>>;

    /// What it has left in its place for the runs of the folder `root`, and of others as far as it can see them.
    fn leftovers<'a>(&'a self, _root: &'a Path) -> Pending<'a, std::io::Result<Vec<Leftover>>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    /// Removes one of them, if it is still the same.
    fn remove<'a>(&'a self, _leftover: &'a Leftover) -> Pending<'a, std::io::Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Whether it can be reached, and what it can do.
    fn check(&self) -> Pending<'_, Check>;
}
