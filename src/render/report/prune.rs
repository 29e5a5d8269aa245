//! What was removed and what was kept, as JSON.

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::{RunId, RunRecord, Timestamp};

/// A run that was removed, or would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PrunedReport {
    /// The run.
    pub id: RunId,
    /// The spore's identity.
    pub spore: String,
    /// When it began.
    pub started: Timestamp,
    /// The bytes of the disk that it took.
    pub bytes: u64,
    /// Its result spore, which stays, relative to the root.
    pub result: Option<String>,
}

impl PrunedReport {
    /// A run that took `bytes` of the disk.
    #[must_use]
    pub fn new(record: &RunRecord, bytes: u64) -> Self {
        Self {
            id: record.run,
            spore: record.origin.spore.clone(),
            started: record.started,
            bytes,
            result: record.result_path.clone(),
        }
    }
}

/// An old run that was kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct KeptReport {
    /// The run.
    pub id: RunId,
    /// Why, as a fragment, with what to type.
    pub because: String,
}

/// What `spore prune` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PruneReport {
    /// Whether nothing was removed, because that was only to be looked at.
    pub dry_run: bool,
    /// Runs that began in that many last days are kept; `null` when age does not matter.
    pub keep_days: Option<u32>,
    /// That many of the newest runs are kept; `null` when their number does not matter.
    pub keep_runs: Option<usize>,
    /// What was removed, or would be, newest first.
    pub removed: Vec<PrunedReport>,
    /// Old runs that were kept, newest first.
    pub kept: Vec<KeptReport>,
    /// How many runs were kept as the newest, or as young.
    pub kept_by_rule: usize,
    /// Removed runs whose folders an earlier prune could not remove to the end.
    pub leftovers: usize,
    /// The bytes of the disk that are free again, or would be.
    pub freed_bytes: u64,
}
