//! What engine and supervisor say to each other, a line of JSON each, and what the supervisor writes down.
//!
//! Fields are only ever added, with a default: an engine may be newer or older than the supervisor it finds.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{
    Attempt, AttemptEnd, AttemptId, CommandLine, Limits, LogSize, Outcome, RunId, Stream, TaskId, Timestamp,
};

/// The word by which this program is a supervisor.
pub const SUBCOMMAND: &str = "supervise";

/// The language that this Spore speaks. It rises when an older supervisor or engine could misunderstand.
pub(super) const PROTOCOL: u32 = 1;

/// What an engine says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Request {
    /// First: who is there, and how logs are kept.
    Hello { protocol: u32, log_head_bytes_max: u64, log_tail_bytes_max: u64 },
    /// The secrets to be masked from here on, with their names.
    Secrets(Vec<(String, String)>),
    /// Carry this out.
    Start(Box<Order>),
    /// To one that waits: which run it has from here on.
    Supervise { root: PathBuf, run_dir: PathBuf, run: RunId },
    /// The run has ended, and nothing more comes: wait for another. Only to one that was told to supervise.
    Leave,
    /// Have it end.
    Cancel { task: TaskId, number: u32, now: bool },
}

/// An attempt, as far as the supervisor of its run has to know it.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) task: TaskId,
    pub(super) number: u32,
    pub(super) command: CommandLine,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) env: Vec<(String, String)>,
    /// From the root; absent for the root itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) workdir: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) timeout: Option<Duration>,
    pub(super) grace: Duration,
    pub(super) jobs: u32,
}

impl Order {
    pub(super) fn of(attempt: &Attempt) -> Self {
        // What comes from a spore is text, so only the root itself can be something else.
        let workdir = attempt.workdir.strip_prefix(attempt.root.as_path()).unwrap_or(&attempt.workdir);
        Self {
            task: attempt.id.task.clone(),
            number: attempt.id.number,
            command: attempt.command.clone(),
            env: attempt.env.clone(),
            workdir: workdir.to_string_lossy().into_owned(),
            timeout: attempt.timeout,
            grace: attempt.grace,
            jobs: attempt.jobs,
        }
    }

    pub(super) fn id(&self, run: RunId) -> AttemptId {
        AttemptId { run, task: self.task.clone(), number: self.number }
    }
}

/// What a supervisor says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reply {
    /// To `Hello`: what is under way. Everything else that ever began has its end in the log of attempts by now.
    Welcome { protocol: u32, under_way: Vec<(TaskId, u32)> },
    /// It has no run, and waits to be told of one.
    Free,
    /// Instead of a welcome: why there is no supervisor.
    Refused { reason: String },
    /// Its command runs.
    Began { task: TaskId, number: u32 },
    /// The last line printed so far.
    Line { task: TaskId, number: u32, stream: Stream, text: String },
    /// It is over; that is in the log of attempts.
    Ended { task: TaskId, number: u32, end: End },
}

/// How an attempt ended, as far as its supervisor knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct End {
    pub(super) outcome: Outcome,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) began: Option<Timestamp>,
    pub(super) ended: Timestamp,
    #[serde(default, skip_serializing_if = "LogSize::is_empty")]
    pub(super) out: LogSize,
    #[serde(default, skip_serializing_if = "LogSize::is_empty")]
    pub(super) err: LogSize,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) remarks: Vec<String>,
}

impl From<End> for AttemptEnd {
    fn from(end: End) -> Self {
        Self {
            began: end.began,
            ended: Some(end.ended),
            out: end.out,
            err: end.err,
            remarks: end.remarks,
            ..Self::bare(end.outcome)
        }
    }
}

/// What a supervisor writes down.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Fact {
    /// A supervisor begins its work: who it is.
    Supervisor(String),
    /// An attempt is about to begin.
    Begins { task: TaskId, number: u32 },
    /// An attempt is over.
    Ended { task: TaskId, number: u32, end: End },
}

/// How much of a log is kept, out of a `Hello`.
pub(super) fn limits(log_head_bytes_max: u64, log_tail_bytes_max: u64) -> Limits {
    Limits { log_head_bytes_max, log_tail_bytes_max, ..Limits::DEFAULT }
}

/// Adds a message to what is to be sent.
pub(super) fn push(out: &mut Vec<u8>, message: &impl Serialize) {
    // Messages are made of texts and whole numbers only, which JSON takes.
    if serde_json::to_writer(&mut *out, message).is_ok() {
        out.push(b'\n');
    }
}

/// Where a run has its supervisor's files.
pub(super) mod files {
    /// Held locked by the supervisor as long as it lives; says who it is.
    pub(in crate::executor::terminal) const LOCK: &str = "supervisor.lock";
    /// Where it listens.
    pub(in crate::executor::terminal) const SOCKET: &str = "supervisor.sock";
    /// Its own log: attempts that began and ended.
    pub(in crate::executor::terminal) const ATTEMPTS: &str = "attempts.jsonl";
}
