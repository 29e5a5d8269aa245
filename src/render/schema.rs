//! JSON Schemas of what Spore writes, from the types themselves. The schema of what authors write is the decoder's.

use schemars::{JsonSchema, Schema, generate::SchemaSettings};
use serde::Serialize;
use serde_json::Value;

use super::front::ResultFront;
use super::report::{
    CleanReport, DiagnosticReport, DoctorReport, DoneReport, ExecutorReport, HooksReport, InitReport, LogPiece,
    PlanReport, PruneReport, QueueReport, RunReport, RunsItem, ServedReport, StandingReport, TrustListReport,
    TrustReport, UnitReport,
};
use crate::model::{Event, Status, Timestamp, Told};

/// The kinds of output that have a schema.
pub const KINDS: [&str; 23] = [
    "check",
    "done",
    "doctor",
    "executors",
    "executors-clean",
    "hooks",
    "init",
    "journal",
    "logs",
    "plan",
    "prune",
    "queue",
    "result",
    "run",
    "runs",
    "service",
    "show",
    "sim-gke",
    "sim-gke-status",
    "status",
    "trust",
    "trust-list",
    "watch",
];

/// One line of a journal.
#[derive(Serialize, JsonSchema)]
struct JournalLine {
    /// Version of the format.
    v: u32,
    /// Place in the journal, from 0.
    seq: u64,
    /// Which writer wrote it, from 0: it rises with each engine that goes on with the run.
    epoch: u64,
    /// When it was recorded.
    at: Timestamp,
    /// The fact.
    #[serde(flatten)]
    event: Event,
    /// CRC-32 of the line's bytes before `,"crc"`, as 8 hex digits.
    #[schemars(regex(pattern = "^[0-9a-f]{8}$"))]
    crc: String,
}

/// The JSON Schema (draft 2020-12) of one kind of output; `None` for a kind that has none here.
#[must_use]
pub fn schema(kind: &str) -> Option<Value> {
    let (title, schema) = match kind {
        "check" => ("What `spore check --format json` prints", of::<Vec<DiagnosticReport>>()),
        "done" => ("What `spore cancel`, `queue drop` and `pause` print with `--format json`", of::<DoneReport>()),
        "doctor" => {
            ("What `spore doctor` and `spore executors check` print with `--format json`", of::<DoctorReport>())
        }
        "executors" => ("What `spore executors --format json` prints", of::<Vec<ExecutorReport>>()),
        "executors-clean" => ("What `spore executors clean --format json` prints", of::<CleanReport>()),
        "hooks" => ("What `spore hooks --format json` prints", of::<HooksReport>()),
        "init" => ("What `spore init --format json` prints", of::<InitReport>()),
        "journal" => ("One line of `.spore/runs/<run>/journal.jsonl`", of::<JournalLine>()),
        "logs" => ("What `spore logs --format json` prints", of::<Vec<LogPiece>>()),
        "plan" => ("What `spore plan --format json` prints", of::<PlanReport>()),
        "prune" => ("What `spore prune --format json` prints", of::<PruneReport>()),
        "queue" => ("What `spore queue --format json` prints", of::<QueueReport>()),
        "result" => ("The front matter of a result spore", of::<ResultFront>()),
        "run" => ("What `spore run --format json` prints", of::<RunReport>()),
        "runs" => ("What `spore runs --format json` prints", of::<Vec<RunsItem>>()),
        "service" => ("What `spore service --format json` prints", of::<UnitReport>()),
        "show" => ("What `spore show --format json` prints", of::<RunReport>()),
        "sim-gke" => ("What `spore sim gke --format json` prints", of::<ServedReport>()),
        "sim-gke-status" => ("What `spore sim gke status --format json` prints", of::<StandingReport>()),
        "status" => ("What `spore status --format json` prints", of::<Status>()),
        "trust" => ("What `spore trust FILE... --format json` prints", of::<Vec<TrustReport>>()),
        "trust-list" => {
            ("What `spore trust --list`, `--mode` and `--revoke` print with `--format json`", of::<TrustListReport>())
        }
        "watch" => ("One line of what `spore watch --format json` prints", of::<Told>()),
        _ => return None,
    };
    let mut value = Value::from(schema);
    if let Some(keys) = value.as_object_mut() {
        keys.insert("title".to_owned(), Value::from(title));
    }
    Some(value)
}

fn of<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>()
}
