//! The front matter of a result spore: what machines read of it.
//!
//! It is written by hand, one key or task on a line, with every text as a JSON string: JSON is YAML, so no title, path or
//! output can break out of it, and a git host shows it as a table.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::model::{Digest, Outcome, RunId, RunRecord, RunStatus, TaskId, TaskStatus, Timestamp};

/// Bytes of the list of tasks. Tasks that went well are the first to be left out, and counted.
const TASKS_BYTES_MAX: usize = 100_000;
/// Bytes of all outputs; longer values are left to `spore show`.
const OUTPUTS_BYTES_MAX: usize = 16_000;

/// Front matter of a result spore.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ResultFront {
    /// Always `result`: such a file never starts a run.
    pub kind: ResultKind,
    /// The identity of the result: the spore's and the run's.
    pub spore: String,
    /// The run.
    pub run: RunId,
    /// What it answers.
    pub in_response_to: InResponseTo,
    /// The run whose results this one went on from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<RunId>,
    /// How the run ended.
    pub status: RunStatus,
    /// Who or what stopped it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Option<Timestamp>,
    /// From its beginning to its end.
    pub duration_seconds: f64,
    /// Where its tasks ran.
    pub executors: Vec<String>,
    /// The parameters given.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub params: IndexMap<String, Value>,
    /// Its tasks, in the author's order.
    pub tasks: Vec<ResultTask>,
    /// Tasks left out of the list, all of which went well or never began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tasks_left_out: Option<usize>,
    /// What tasks handed on, by task.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub outputs: IndexMap<TaskId, IndexMap<String, Value>>,
}

/// The word `result`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ResultKind {
    /// The only one.
    Result,
}

/// The file that was run, as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct InResponseTo {
    /// The spore's identity.
    pub spore: String,
    /// The file, relative to the root.
    pub path: String,
    /// The digest of its bytes.
    pub digest: Digest,
}

/// One task in the front matter of a result spore.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ResultTask {
    /// Its name.
    pub id: TaskId,
    /// How it ended.
    pub status: TaskStatus,
    /// The exit code of its last attempt, where it exited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The signal that ended its last attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// From the first attempt's start to the last one's end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<f64>,
    /// How many attempts there were.
    pub attempts: usize,
}

/// The identity of the result of a run: the spore's and the run's, as a name that a spore can have.
#[must_use]
pub fn result_id(record: &RunRecord) -> String {
    let mut slug = String::new();
    for c in record.origin.spore.to_lowercase().chars() {
        let allowed = c.is_ascii_alphanumeric() || (matches!(c, '.' | '_') && !slug.is_empty());
        match (allowed, slug.is_empty() || slug.ends_with('-')) {
            (true, _) => slug.push(c),
            (false, false) => slug.push('-'),
            (false, true) => {}
        }
    }
    slug.truncate(36);
    let slug = slug.trim_end_matches(['-', '.', '_']);
    let run = record.run.to_string().to_lowercase();
    if slug.is_empty() { run } else { format!("{slug}-{run}") }
}

/// The front matter of this run's result spore.
#[must_use]
pub fn result_front(record: &RunRecord) -> ResultFront {
    let mut executors: Vec<String> = Vec::new();
    for attempt in record.tasks.values().flat_map(|task| &task.attempts) {
        if !executors.contains(&attempt.executor) {
            executors.push(attempt.executor.clone());
        }
    }
    let (tasks, left_out) = tasks_within(record, TASKS_BYTES_MAX);
    ResultFront {
        kind: ResultKind::Result,
        spore: result_id(record),
        run: record.run,
        in_response_to: InResponseTo {
            spore: record.origin.spore.clone(),
            path: record.origin.path.clone(),
            digest: record.origin.digest,
        },
        retry_of: record.origin.retry_of,
        status: record.status,
        because: record.stopped_because.clone(),
        started: record.started,
        finished: record.finished,
        duration_seconds: seconds(record.finished.unwrap_or(record.started).since(record.started)),
        executors,
        params: record.origin.params.clone(),
        tasks,
        tasks_left_out: (left_out > 0).then_some(left_out),
        outputs: outputs_within(record, OUTPUTS_BYTES_MAX),
    }
}

/// Seconds to the millisecond.
fn seconds(duration: Duration) -> f64 {
    f64::from(u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)) / 1_000.0
}

/// The tasks as far as they have room: what did not go well first, and all in the author's order.
fn tasks_within(record: &RunRecord, bytes_max: usize) -> (Vec<ResultTask>, usize) {
    let cost = |id: &TaskId| id.as_str().len() + 85;
    let mut keep = vec![false; record.tasks.len()];
    let mut used = 0;
    for bad in [true, false] {
        for (at, (id, task)) in record.tasks.iter().enumerate().filter(|(_, (_, task))| task.status.is_bad() == bad) {
            used += cost(id);
            keep[at] = used <= bytes_max || (bad && task.status == TaskStatus::Failed && used <= 2 * bytes_max);
        }
    }
    let kept = record.tasks.values().zip(&keep).filter(|(_, keep)| **keep).map(|(task, _)| {
        let outcome = task.attempts.last().and_then(|attempt| attempt.outcome.as_ref());
        let (exit_code, signal) = match outcome {
            Some(Outcome::Succeeded) => (Some(0), None),
            Some(Outcome::Failed { exit_code, signal, .. }) => (*exit_code, *signal),
            _ => (None, None),
        };
        ResultTask {
            id: task.declared.id.clone(),
            status: task.status,
            exit_code,
            signal,
            duration_seconds: task.duration().map(seconds),
            attempts: task.attempts.len(),
        }
    });
    let kept: Vec<ResultTask> = kept.collect();
    let left_out = record.tasks.len() - kept.len();
    (kept, left_out)
}

/// The outputs as far as they have room; a value that is too long is passed over.
fn outputs_within(record: &RunRecord, bytes_max: usize) -> IndexMap<TaskId, IndexMap<String, Value>> {
    let mut kept: IndexMap<TaskId, IndexMap<String, Value>> = IndexMap::new();
    let mut used = 0;
    for (id, task) in &record.tasks {
        for (name, value) in &task.outputs {
            let bytes = name.len() + value.as_str().map_or_else(|| value.to_string().len(), str::len);
            if used + bytes <= bytes_max {
                used += bytes;
                kept.entry(id.clone()).or_default().insert(name.clone(), value.clone());
            }
        }
    }
    kept
}

/// The front matter as it stands in the file, fences included.
#[must_use]
pub(super) fn front_text(mut front: ResultFront) -> String {
    // Of a thousand tasks no tree of values is made; their lines are written straight away.
    let tasks = std::mem::take(&mut front.tasks);
    let Ok(Value::Object(keys)) = serde_json::to_value(front) else { return String::new() };
    let mut text = String::from("---\n");
    for (key, value) in keys {
        match (key.as_str(), &value) {
            ("tasks", _) if !tasks.is_empty() => {
                text.push_str("tasks:\n");
                for task in &tasks {
                    push_task(&mut text, task);
                }
            }
            ("in_response_to" | "params" | "outputs", Value::Object(inner)) if !inner.is_empty() => {
                let _ = writeln!(text, "{key}:");
                for (name, value) in inner {
                    let _ = writeln!(text, "  {}: {}", name_text(name), flow(value));
                }
            }
            _ => {
                let _ = writeln!(text, "{key}: {}", flow(&value));
            }
        }
    }
    text.push_str("---\n");
    text
}

/// One task as YAML on one line, as [`flow`] would have it.
fn push_task(text: &mut String, task: &ResultTask) {
    let _ = write!(text, "  - {{id: {}, status: \"{}\"", quoted(task.id.as_str()), task.status.word());
    if let Some(exit_code) = task.exit_code {
        let _ = write!(text, ", exit_code: {exit_code}");
    }
    if let Some(signal) = task.signal {
        let _ = write!(text, ", signal: {signal}");
    }
    if let Some(seconds) = task.duration_seconds {
        let _ = write!(text, ", duration_seconds: {}", Value::from(seconds));
    }
    let _ = writeln!(text, ", attempts: {}}}", task.attempts);
}

/// A value as YAML on one line: JSON, with spaces where people expect them.
fn flow(value: &Value) -> String {
    let mut text = String::new();
    push_flow(&mut text, value);
    text
}

fn push_flow(text: &mut String, value: &Value) {
    match value {
        Value::Object(map) => {
            text.push('{');
            for (at, (name, value)) in map.iter().enumerate() {
                text.push_str(if at == 0 { "" } else { ", " });
                text.push_str(&name_text(name));
                text.push_str(": ");
                push_flow(text, value);
            }
            text.push('}');
        }
        Value::Array(list) => {
            text.push('[');
            for (at, value) in list.iter().enumerate() {
                text.push_str(if at == 0 { "" } else { ", " });
                push_flow(text, value);
            }
            text.push(']');
        }
        Value::String(string) => text.push_str(&quoted(string)),
        other => {
            let _ = write!(text, "{other}");
        }
    }
}

/// A name that can stand without quotes does.
fn name_text(name: &str) -> Cow<'_, str> {
    const WORDS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let is_plain = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !WORDS.iter().any(|word| word.eq_ignore_ascii_case(name));
    if is_plain { Cow::Borrowed(name) } else { Cow::Owned(quoted(name)) }
}

/// A JSON string in which whatever YAML does not let stand as it is, is escaped too.
fn quoted(text: &str) -> String {
    let json = Value::from(text).to_string();
    if json.is_ascii() && !json.contains('\u{7f}') {
        return json;
    }
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        let number = u32::from(c);
        let must = matches!(number, 0x7f..=0xa0 | 0xad | 0x2000..=0x200f | 0x2028..=0x202f | 0x2060..=0x206f | 0xfeff | 0xfff0..=0xffff);
        if must {
            let _ = write!(escaped, "\\u{number:04x}");
        } else {
            escaped.push(c);
        }
    }
    escaped
}
