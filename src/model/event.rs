//! Events: recorded facts. A journal is a list of them, and every state of a run is what they add up to.
//!
//! Fields are only ever added, with a default, so that an old journal stays readable.

use std::fmt;

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::{Cause, Digest, LogSize, Outcome, Recorded, RunId, RunStatus, Stop, TaskId, TaskStatus};

/// A moment, in milliseconds since 1970; RFC 3339 in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Milliseconds from `earlier` to this moment; 0 when the clock went backwards.
    #[must_use]
    pub fn since(self, earlier: Self) -> std::time::Duration {
        std::time::Duration::from_millis(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = jiff::Timestamp::from_millisecond(self.0).unwrap_or_default();
        write!(f, "{moment:.3}")
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let moment: jiff::Timestamp = text.parse().map_err(serde::de::Error::custom)?;
        Ok(Self(moment.as_millisecond()))
    }
}

impl JsonSchema for Timestamp {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

/// A task as it stood when its run began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Declared {
    /// Its name.
    pub id: TaskId,
    /// What people call it.
    pub title: String,
    /// Line in the file, from 1.
    pub line: u32,
    /// Where it was to run.
    pub executor: String,
    /// `waiting`, or what was decided before anything ran: `done` or `skipped`.
    pub status: TaskStatus,
    /// Why it is done or skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// Whether its failure keeps the run from succeeding: not so with `continue_on_failure`.
    pub counts: bool,
    /// Whether running it twice is the same as running it once, so that it runs again by itself when it was lost.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub idempotent: bool,
}

/// Where a run comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Origin {
    /// The spore's identity.
    pub spore: String,
    /// The file, relative to the root.
    pub path: String,
    /// The digest of the file's bytes.
    pub digest: Digest,
    /// The run whose results this one goes on from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<RunId>,
    /// The parameters given.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub params: IndexMap<String, Value>,
    /// The tasks it was narrowed to, as they were named; empty means all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
    /// The task it was to begin from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Why it began by itself; `None` when a person said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// The run that wrote the file, as far as can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written_by: Option<RunId>,
    /// How many runs wrote one another's files before this one.
    #[serde(default, skip_serializing_if = "is_default")]
    pub depth: u32,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Origin {
    /// Whether a run from `other` would do the same, whatever its cause.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        let causeless = |origin: &Self| Self { cause: None, written_by: None, depth: 0, ..origin.clone() };
        causeless(self) == causeless(other)
    }
}

/// The engine that works on a run, for people who ask which one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Engine {
    /// Which process of which boot of its machine, with its number and when it started.
    pub process: String,
    /// The name of its machine.
    pub host: String,
    /// Its version.
    pub version: String,
}

/// What a person says of an attempt that was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// It did what it should: the task counts as done.
    Ran,
    /// It is to run again.
    Rerun,
}

impl Resolution {
    /// How people say it: `--ran`.
    #[must_use]
    pub fn flag(self) -> &'static str {
        match self {
            Self::Ran => "--ran",
            Self::Rerun => "--rerun",
        }
    }
}

/// One fact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A run began. Always the first event of a journal.
    RunStarted {
        /// The run.
        run: RunId,
        /// Where it comes from.
        origin: Box<Origin>,
        /// Attempts at a time.
        jobs: u32,
        /// All its tasks.
        tasks: Vec<Declared>,
        /// Who works on it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        engine: Option<Engine>,
    },
    /// Another engine goes on with the run, because the one before is gone.
    RunResumed {
        /// Who works on it from here on.
        engine: Engine,
    },
    /// A task was left out while the run went on.
    TaskSkipped {
        /// The task.
        task: TaskId,
        /// Why.
        because: String,
    },
    /// A task's end and outputs were taken from an earlier run.
    TaskReused {
        /// The task.
        task: TaskId,
        /// The run they were taken from.
        from: RunId,
        /// What it handed on.
        #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
        outputs: IndexMap<String, Value>,
    },
    /// These may be started from here on without another word on disk; they take the place of those foreseen before.
    StartsForeseen {
        /// The tasks.
        tasks: Vec<TaskId>,
    },
    /// An attempt is about to be started. Written before the command can have any effect.
    AttemptIntended {
        /// The task.
        task: TaskId,
        /// Which try, from 1.
        number: u32,
        /// Where.
        executor: String,
    },
    /// An attempt ended.
    AttemptEnded {
        /// The task.
        task: TaskId,
        /// Which try.
        number: u32,
        /// How.
        outcome: Outcome,
        /// When its command began, where that is not the moment it was intended.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        began: Option<Timestamp>,
        /// What it handed on.
        #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
        outputs: IndexMap<String, Value>,
        /// What it made.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        artifacts: Vec<Recorded>,
        /// Its standard output.
        #[serde(default, skip_serializing_if = "LogSize::is_empty")]
        out: LogSize,
        /// Its standard error.
        #[serde(default, skip_serializing_if = "LogSize::is_empty")]
        err: LogSize,
        /// Remarks for the reader.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        remarks: Vec<String>,
    },
    /// Another attempt will follow.
    RetryScheduled {
        /// The task.
        task: TaskId,
        /// Which try it will be.
        number: u32,
        /// When, at the earliest. Called otherwise in JSON, where `at` is the moment of the event itself.
        #[serde(rename = "not_before")]
        at: Timestamp,
    },
    /// Somebody, or the run's own time limit, stopped the run.
    StopRequested {
        /// Who or what.
        because: String,
        /// In which way, so that an engine that takes the run over goes on stopping it so.
        #[serde(default)]
        stop: Stop,
    },
    /// After the run: a person said what became of a task that was lost.
    TaskResolved {
        /// The task.
        task: TaskId,
        /// What they said.
        resolution: Resolution,
    },
    /// The run ended.
    RunEnded {
        /// How.
        status: RunStatus,
    },
    /// The result spore was written.
    ResultWritten {
        /// Its path, relative to the root.
        path: String,
        /// The commit that holds it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        commit: Option<String>,
    },
}
