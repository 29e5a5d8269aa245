//! What the commands about a watched folder print. What `spore status` prints is the model's own.

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::{Paused, Status, WaitingStatus};

/// What `spore queue` prints.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct QueueReport {
    /// The folder.
    pub folder: String,
    /// Whether somebody watches it.
    pub watched: bool,
    /// Since when nothing begins; `null` when things do.
    pub paused: Option<Paused>,
    /// Wanted runs that wait for somebody's approval, oldest first.
    pub pending: Vec<WaitingStatus>,
    /// Wanted runs that wait for their turn, oldest first.
    pub queued: Vec<WaitingStatus>,
}

impl From<Status> for QueueReport {
    fn from(status: Status) -> Self {
        Self {
            folder: status.folder,
            watched: status.watcher.is_some(),
            paused: status.paused,
            pending: status.pending,
            queued: status.queued,
        }
    }
}

/// What `spore cancel`, `spore queue drop` and `spore pause` print.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DoneReport {
    /// What was done, each as a sentence without its end.
    pub done: Vec<String>,
}

/// What became of the file by which the system starts a watcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnitState {
    /// It is new.
    Installed,
    /// It was there, and is up to date now.
    Renewed,
    /// It is there as it should be.
    Unchanged,
    /// It is there, and installing it now would make another one.
    Outdated,
    /// It is not there any more.
    Removed,
    /// It is not there.
    Absent,
}

/// What `spore service` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct UnitReport {
    /// The folder.
    pub folder: String,
    /// How the system calls it.
    pub name: String,
    /// The file.
    pub file: String,
    /// What became of it.
    pub state: UnitState,
    /// What the system could not be told from here, to be typed.
    pub to_type: Vec<String>,
}
