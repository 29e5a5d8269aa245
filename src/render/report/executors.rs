//! What executors there are, and what they have left in their places, as JSON.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::model::RunId;

/// One executor.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ExecutorReport {
    /// The word that authors write.
    pub name: String,
    /// Why it cannot be used here; `null` where it can.
    pub missing: Option<String>,
    /// The settings that `spore.toml` has for it.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub settings: IndexMap<String, Value>,
}

/// Something that an executor left in its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LeftoverReport {
    /// Its name there.
    pub name: String,
    /// Where that is.
    pub place: String,
    /// The run it was made for.
    pub run: Option<RunId>,
    /// Whether its command is over.
    pub is_over: bool,
    /// Why it is kept; `null` where it was removed, or would be.
    pub kept: Option<String>,
}

/// What `spore executors clean` did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CleanReport {
    /// The executor.
    pub executor: String,
    /// Whether nothing was really removed.
    pub dry_run: bool,
    /// All that is, or was, there.
    pub leftovers: Vec<LeftoverReport>,
}
