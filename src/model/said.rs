//! What a watcher tells whoever looks on.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Cause, RunId, RunStatus, Timestamp};

/// What was told, and when: one line of `spore watch --format json`.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Told {
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub said: Said,
}

/// One thing worth telling.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "said", rename_all = "snake_case")]
pub enum Said {
    /// It watches.
    Ready {
        /// The folder.
        folder: String,
        /// Files it knows.
        files: usize,
        /// Runs at a time.
        jobs: u32,
        /// What may run.
        trust: String,
        /// Files that were there before the folder was ever watched, and could run.
        left_alone: usize,
    },
    /// A run is wanted, and waits for its turn.
    Queued {
        /// The run.
        run: RunId,
        /// The file.
        path: String,
        /// What called for it.
        cause: Cause,
    },
    /// A run is wanted, and must not run yet.
    Pending {
        /// The run.
        run: RunId,
        /// The file.
        path: String,
        /// Why, as a fragment.
        because: String,
        /// What to do.
        hint: Option<String>,
    },
    /// A run has begun.
    Began {
        /// The run.
        run: RunId,
        /// The file.
        path: String,
        /// What the spore calls itself.
        spore: String,
        /// Whether it was broken off before, and goes on.
        resumed: bool,
    },
    /// A run is over.
    Ended {
        /// The run.
        run: RunId,
        /// The file.
        path: String,
        /// What the spore calls itself.
        spore: String,
        /// How.
        status: RunStatus,
        /// How long it took, in milliseconds.
        took_ms: u64,
        /// Its result, relative to the folder.
        result: String,
    },
    /// A wanted run will not run.
    Withdrawn {
        /// The run.
        run: RunId,
        /// The file.
        path: String,
        /// Why, as a fragment.
        because: String,
    },
    /// A file arrived that does not run by itself.
    Inert {
        /// The file.
        path: String,
        /// What it is, as a fragment.
        because: String,
        /// What would make it run.
        hint: Option<String>,
    },
    /// Results are committed.
    Committed {
        /// How many.
        results: usize,
        /// The commit.
        commit: String,
        /// On which branch.
        branch: String,
    },
    /// Something is wrong, or not as one would expect.
    Remark {
        /// What it is about: a file, a run, `git`, `watch`.
        about: String,
        /// What, as a sentence without its end; of a spore with mistakes, the mistakes as they are shown to people.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
    /// It ends.
    Leaving {
        /// Runs that go on without it.
        running: usize,
        /// Wanted runs that wait for the next watcher.
        queued: usize,
    },
}
