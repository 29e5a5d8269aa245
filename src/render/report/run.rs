//! What has happened, as JSON.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::model::{
    AttemptId, AttemptRecord, Digest, LogSize, Outcome, Recorded, Resolution, RunId, RunRecord, RunStatus, Stream,
    TaskId, TaskRecord, TaskStatus, Timestamp,
};

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OutcomeReport {
    /// `succeeded`, `failed`, `timed_out`, `cancelled`, `not_started` or `lost`.
    pub kind: &'static str,
    /// The exit code, where the command exited; 0 when it succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The number of the signal that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// What else there is to say: why it never began, how far it was when it was lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl From<&Outcome> for OutcomeReport {
    fn from(outcome: &Outcome) -> Self {
        let (exit_code, signal, reason) = match outcome {
            Outcome::Succeeded => (Some(0), None, None),
            Outcome::Failed { exit_code, signal, reason } => (*exit_code, *signal, reason.clone()),
            Outcome::TimedOut | Outcome::Cancelled => (None, None, None),
            Outcome::NotStarted { reason, .. } | Outcome::Lost { stage: reason } => (None, None, Some(reason.clone())),
        };
        Self { kind: outcome.status().word(), exit_code, signal, reason }
    }
}

/// One attempt of a task.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct AttemptReport {
    /// Which try, from 1.
    pub number: u32,
    /// Where.
    pub executor: String,
    /// When it was about to be started.
    pub started: Timestamp,
    /// When it ended; `null` while it has not.
    pub finished: Option<Timestamp>,
    /// How it ended; `null` while it has not.
    pub outcome: Option<OutcomeReport>,
    /// What it printed to standard output.
    pub out: LogSize,
    /// What it printed to standard error.
    pub err: LogSize,
    /// The files it declared and made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<Recorded>,
    /// Remarks for the reader.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

impl From<&AttemptRecord> for AttemptReport {
    fn from(attempt: &AttemptRecord) -> Self {
        Self {
            number: attempt.number,
            executor: attempt.executor.clone(),
            started: attempt.started,
            finished: attempt.finished,
            outcome: attempt.outcome.as_ref().map(OutcomeReport::from),
            out: attempt.out,
            err: attempt.err,
            artifacts: attempt.artifacts.clone(),
            remarks: attempt.remarks.clone(),
        }
    }
}

/// One task of a run.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct TaskReport {
    /// Its name.
    pub id: TaskId,
    /// What people call it.
    pub title: String,
    /// Line in the file, from 1.
    pub line: u32,
    /// Where it was to run.
    pub executor: String,
    /// Where it stands.
    pub status: TaskStatus,
    /// Why it was skipped or counted as done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// Its attempts, first to last.
    pub attempts: Vec<AttemptReport>,
    /// What it handed on.
    pub outputs: IndexMap<String, Value>,
    /// What a person said became of it, when it was lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<Resolution>,
}

impl From<&TaskRecord> for TaskReport {
    fn from(task: &TaskRecord) -> Self {
        Self {
            id: task.declared.id.clone(),
            title: task.declared.title.clone(),
            line: task.declared.line,
            executor: task.declared.executor.clone(),
            status: task.status,
            because: task.because.clone(),
            attempts: task.attempts.iter().map(AttemptReport::from).collect(),
            outputs: task.outputs.clone(),
            resolution: task.resolution,
        }
    }
}

/// The result spore of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ResultReport {
    /// Its path, relative to the root.
    pub path: String,
    /// The commit that holds it; `null` when it was only written.
    pub commit: Option<String>,
}

/// What `spore show` and `spore run` print.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct RunReport {
    /// The run.
    pub id: RunId,
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
    pub params: IndexMap<String, Value>,
    /// Attempts at a time.
    pub jobs: u32,
    /// Where it stands.
    pub status: RunStatus,
    /// Who or what stopped it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// When it began.
    pub started: Timestamp,
    /// When it ended; `null` while it has not.
    pub finished: Option<Timestamp>,
    /// Its tasks, in the author's order.
    pub tasks: Vec<TaskReport>,
    /// The result spore; `null` until it is written.
    pub result: Option<ResultReport>,
}

/// What `spore show` and `spore run --format json` print of this run.
#[must_use]
pub fn run_report(record: &RunRecord) -> RunReport {
    RunReport {
        id: record.run,
        spore: record.origin.spore.clone(),
        path: record.origin.path.clone(),
        digest: record.origin.digest,
        retry_of: record.origin.retry_of,
        params: record.origin.params.clone(),
        jobs: record.jobs,
        status: record.status,
        because: record.stopped_because.clone(),
        started: record.started,
        finished: record.finished,
        tasks: record.tasks.values().map(TaskReport::from).collect(),
        result: record
            .result_path
            .as_ref()
            .map(|path| ResultReport { path: path.clone(), commit: record.result_commit.clone() }),
    }
}

/// One run in the list of `spore runs`.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct RunsItem {
    /// The run.
    pub id: RunId,
    /// The spore's identity.
    pub spore: String,
    /// The file, relative to the root.
    pub path: String,
    /// Where it stands.
    pub status: RunStatus,
    /// When it began.
    pub started: Timestamp,
    /// When it ended; `null` while it has not.
    pub finished: Option<Timestamp>,
    /// How many tasks stand at each status, zeros included.
    pub tasks: IndexMap<String, usize>,
    /// The result spore, relative to the root.
    pub result: Option<String>,
}

impl From<&RunRecord> for RunsItem {
    fn from(record: &RunRecord) -> Self {
        let mut counts: IndexMap<TaskStatus, usize> = TaskStatus::ALL.iter().map(|status| (*status, 0)).collect();
        counts.extend(record.counts());
        Self {
            id: record.run,
            spore: record.origin.spore.clone(),
            path: record.origin.path.clone(),
            status: record.status,
            started: record.started,
            finished: record.finished,
            tasks: counts.into_iter().map(|(status, count)| (status.word().to_owned(), count)).collect(),
            result: record.result_path.clone(),
        }
    }
}

/// A piece of a log, as `spore logs` prints it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LogPiece {
    /// The task.
    pub task: TaskId,
    /// Which try, from 1.
    pub attempt: u32,
    /// Where it was printed.
    pub stream: Stream,
    /// What was printed; what is no UTF-8 is replaced.
    pub text: String,
    /// The bytes themselves.
    #[serde(skip)]
    pub bytes: Vec<u8>,
}

impl LogPiece {
    /// A piece of what `attempt` printed.
    #[must_use]
    pub fn new(attempt: &AttemptId, stream: Stream, bytes: &[u8]) -> Self {
        Self {
            task: attempt.task.clone(),
            attempt: attempt.number,
            stream,
            text: String::from_utf8_lossy(bytes).into_owned(),
            bytes: bytes.to_vec(),
        }
    }
}
