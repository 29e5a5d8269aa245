//! What commands print as JSON. Each shape stands here as a struct; `schemas/` is generated from them.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::model::{
    AttemptId, AttemptRecord, Command, Diagnostic, Dialect, Digest, Disposition, Kind, LineIndex, LogSize, Order,
    Outcome, Plan, PlannedTask, Recorded, RunId, RunRecord, RunStatus, Severity, Source, Stream, TaskId, TaskRecord,
    TaskStatus, Timestamp, Work,
};

/// One diagnostic, as `spore check` and `spore plan` print it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DiagnosticReport {
    /// The file, relative to the root where there is one.
    pub path: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// How grave.
    pub severity: Severity,
    /// A stable name, such as `unknown-key`.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    /// Other places it speaks of, in the same file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<RelatedReport>,
}

/// Another place that a diagnostic speaks of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RelatedReport {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// What is there.
    pub message: String,
}

/// The diagnostics of one file, by place.
#[must_use]
pub fn diagnostic_reports(source: &Source, diagnostics: &[Diagnostic]) -> Vec<DiagnosticReport> {
    if diagnostics.is_empty() {
        return Vec::new();
    }
    let lines = LineIndex::new(&source.text);
    let mut sorted: Vec<&Diagnostic> = diagnostics.iter().collect();
    sorted.sort_by_key(|diagnostic| (diagnostic.span, diagnostic.severity));
    let reports = sorted.into_iter().map(|diagnostic| {
        let place = lines.position(&source.text, diagnostic.span.start);
        let related = diagnostic.related.iter().map(|related| {
            let place = lines.position(&source.text, related.span.start);
            RelatedReport { line: place.line, column: place.column, message: related.message.clone() }
        });
        DiagnosticReport {
            path: source.path.clone(),
            line: place.line,
            column: place.column,
            severity: diagnostic.severity,
            code: diagnostic.code.to_owned(),
            message: diagnostic.message.clone(),
            hint: diagnostic.hint.clone(),
            related: related.collect(),
        }
    });
    reports.collect()
}

/// What `spore check` prints: every diagnostic of every file, by path and place.
#[must_use]
pub fn check_report<'a>(files: impl IntoIterator<Item = (&'a Source, &'a [Diagnostic])>) -> Vec<DiagnosticReport> {
    let reports = files.into_iter().map(|(source, diagnostics)| diagnostic_reports(source, diagnostics));
    let mut reports: Vec<Vec<DiagnosticReport>> = reports.filter(|reports| !reports.is_empty()).collect();
    reports.sort_by(|one, other| one[0].path.cmp(&other[0].path));
    reports.concat()
}

/// A command: script text, or a program with its arguments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum CommandReport {
    /// The text of a script.
    Script(String),
    /// A program and its arguments; each may be a template.
    Argv(Vec<String>),
}

/// One task of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PlannedTaskReport {
    /// Its name.
    pub id: TaskId,
    /// What people call it.
    pub title: String,
    /// Line in the file, from 1.
    pub line: u32,
    /// Ticked off.
    pub done: bool,
    /// Marked as optional.
    pub optional: bool,
    /// The tasks it needs, as the author states.
    pub needs: Vec<TaskId>,
    /// What it needs that the file does not define.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub external_needs: Vec<String>,
    /// What it runs; `null` for prose and groups.
    pub command: Option<CommandReport>,
    /// Who reads the script.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Where it runs.
    pub executor: String,
    /// What is to become of it.
    pub disposition: Disposition,
    /// Why.
    pub explanation: String,
    /// The values of its matrix combination.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub matrix: IndexMap<String, Value>,
    /// The task it was expanded from, where it has a matrix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expanded_from: Option<TaskId>,
    /// Whether it runs when all others have ended.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub finally: bool,
}

/// What `spore plan` prints.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PlanReport {
    /// The spore's identity.
    pub spore: String,
    /// What people call it.
    pub title: Option<String>,
    /// The file.
    pub path: String,
    /// What the file says it is.
    pub kind: Kind,
    /// How it was read.
    pub dialect: Dialect,
    /// What puts the tasks in order.
    pub order: Order,
    /// The parameters, complete.
    pub params: IndexMap<String, Value>,
    /// The tasks, in the author's order.
    pub tasks: Vec<PlannedTaskReport>,
    /// What would run side by side, wave after wave.
    pub waves: Vec<Vec<TaskId>>,
    /// The longest chain of what is not done.
    pub critical_path: Vec<TaskId>,
    /// Remarks on the file.
    pub diagnostics: Vec<DiagnosticReport>,
}

/// What `spore plan` prints of this plan.
#[must_use]
pub fn plan_report(plan: &Plan, source: &Source, diagnostics: &[Diagnostic]) -> PlanReport {
    let ids = |places: &Vec<usize>| places.iter().map(|at| plan.tasks[*at].id.clone()).collect();
    PlanReport {
        spore: plan.spore.clone(),
        title: plan.title.clone(),
        path: plan.path.clone(),
        kind: plan.kind,
        dialect: plan.dialect,
        order: plan.order,
        params: plan.params.clone(),
        tasks: plan.tasks.iter().map(planned_task).collect(),
        waves: plan.waves.iter().map(ids).collect(),
        critical_path: ids(&plan.critical_path),
        diagnostics: diagnostic_reports(source, diagnostics),
    }
}

fn planned_task(task: &PlannedTask) -> PlannedTaskReport {
    let (command, language) = match &task.work {
        Work::Command(Command::Script { language, text }) => {
            (Some(CommandReport::Script(text.clone())), Some(language.to_string()))
        }
        Work::Command(Command::Argv(words)) => {
            (Some(CommandReport::Argv(words.iter().map(|word| word.0.clone()).collect())), None)
        }
        Work::Agent(_) | Work::Group => (None, None),
    };
    PlannedTaskReport {
        id: task.id.clone(),
        title: task.title.clone(),
        line: task.line,
        done: task.done,
        optional: task.optional,
        needs: task.needs.clone(),
        external_needs: task.external_needs.clone(),
        command,
        language,
        executor: task.executor.clone(),
        disposition: task.disposition,
        explanation: task.explanation.clone(),
        matrix: task.matrix.clone(),
        expanded_from: task.expanded_from.clone(),
        finally: task.finally,
    }
}

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

/// What `spore init` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct InitReport {
    /// The folder.
    pub folder: String,
    /// The top of its git repository, which may be above it.
    pub repository: String,
    /// Whether that repository was made.
    pub repository_made: bool,
    /// Files that were made.
    pub made: Vec<String>,
    /// Files that were there and were kept as they are.
    pub kept: Vec<String>,
}

/// Any report as JSON: two spaces of indentation, a line end at the end.
///
/// # Panics
/// When a report holds something that JSON cannot, which none of this room does.
#[must_use]
pub fn json(report: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(report).expect("reports are made of JSON's own types");
    text.push('\n');
    text
}
