//! A ticket: one wanted run, from the moment something called for it.

use serde::{Deserialize, Serialize};

use super::{Cause, Digest, RunId, Timestamp};

/// One wanted run. Its id is decided when it is queued, so that it never runs twice however often its engine dies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ticket {
    /// The run.
    pub run: RunId,
    /// When it was called for.
    pub at: Timestamp,
    /// The file, relative to the root.
    pub path: String,
    /// What the spore calls itself.
    pub spore: String,
    /// The digest of the file's bytes.
    pub digest: Digest,
    /// What called for it.
    pub cause: Cause,
    /// Higher goes first.
    #[serde(default)]
    pub priority: i32,
    /// The run that wrote the file, as far as can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written_by: Option<RunId>,
    /// What its cause tells besides, as JSON: the event of an agent's session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// How many runs wrote one another's files before this one.
    #[serde(default)]
    pub depth: u32,
}
