//! An attempt, ready to be carried out: everything an executor needs and nothing it has to look up.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{AttemptId, Digest, Language, Outcome, Timestamp};

/// A command with nothing left to evaluate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandLine {
    /// A script for an interpreter.
    Script {
        /// Who reads it; a `#!` line at its beginning has the last word.
        language: Language,
        /// The text.
        text: Arc<str>,
    },
    /// A program and its arguments.
    Argv(Vec<String>),
}

/// A secret value on its way into a command's environment. It is never printed, not even for debugging.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    /// The name people know it by.
    pub name: String,
    /// The value, to be masked wherever it would appear.
    pub value: String,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secret({})", self.name)
    }
}

/// One try of one task, fully decided.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Its name.
    pub id: AttemptId,
    /// What to start.
    pub command: CommandLine,
    /// Variables of the spore, its defaults and the task, in rising precedence and without repeats. They stand above
    /// the process environment and below `SPORE_*`.
    pub env: Vec<(String, String)>,
    /// Secret values, to be masked in everything the attempt leaves behind. Those in `env` are among them.
    pub secrets: Arc<[Secret]>,
    /// The root of the spores: `$SPORE_ROOT`.
    pub root: Arc<PathBuf>,
    /// The folder to run in.
    pub workdir: PathBuf,
    /// The folder of this run, where logs and outputs go.
    pub run_dir: Arc<PathBuf>,
    /// The longest time it may take.
    pub timeout: Option<Duration>,
    /// From being asked to end until being killed.
    pub grace: Duration,
    /// Patterns of the files it makes, relative to `workdir`.
    pub artifacts: Arc<[String]>,
    /// Settings of the executor, with nothing left to evaluate.
    pub with: Arc<IndexMap<String, Value>>,
    /// The long-lived instance it is to run in, which the tasks of its run that name it share.
    pub instance: Option<String>,
    /// How many attempts of its run may be under way at a time, for executors that see to it themselves.
    pub jobs: u32,
    /// Whether an earlier engine has intended it already: it may have begun, and may even be over.
    pub recalled: Option<Recalled>,
}

/// When an attempt was intended that an engine finds in the journal of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recalled {
    /// Since this machine was started: what nobody has written down did not happen.
    ThisBoot,
    /// Before: what was done last may not have reached the disk.
    EarlierBoot,
    /// It is not known that it was. But its journal was written by several engines, and may have lost something.
    Perhaps,
}

/// One of the two streams of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// A file that an attempt declared and made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Recorded {
    /// Its path, relative to the attempt's folder.
    pub path: String,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Its digest.
    pub digest: Digest,
}

/// How much a stream printed, and how much of it was kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LogSize {
    /// Bytes that came.
    pub seen_bytes: u64,
    /// Bytes left out between the head and the tail.
    pub dropped_bytes: u64,
}

impl LogSize {
    /// Whether nothing was printed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.seen_bytes == 0
    }
}

/// Everything that is known when an attempt has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct AttemptEnd {
    /// How it ended.
    pub outcome: Outcome,
    /// When its command began; `None` when that is not known, or it never did.
    pub began: Option<Timestamp>,
    /// When it ended; `None` for now.
    pub ended: Option<Timestamp>,
    /// What it handed on, secrets masked.
    pub outputs: IndexMap<String, Value>,
    /// What it made.
    pub artifacts: Vec<Recorded>,
    /// Its standard output.
    pub out: LogSize,
    /// Its standard error.
    pub err: LogSize,
    /// Remarks for the reader of the result, such as an artifact pattern that matched nothing.
    pub remarks: Vec<String>,
}

impl AttemptEnd {
    /// An end about which nothing else is known.
    #[must_use]
    pub fn bare(outcome: Outcome) -> Self {
        Self {
            outcome,
            began: None,
            ended: None,
            outputs: IndexMap::new(),
            artifacts: Vec::new(),
            out: LogSize::default(),
            err: LogSize::default(),
            remarks: Vec::new(),
        }
    }
}
