//! The facts of a queue. Fields are only ever added, with a default, so that an old log stays readable.

use serde::{Deserialize, Serialize};

use crate::model::{Digest, RunId, RunStatus, Ticket, Timestamp};

/// Nothing begins while there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Since when.
    pub since: Timestamp,
    /// Until when; without it, until somebody ends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// A result that is written and not committed yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The result, relative to the root.
    pub path: String,
    /// The spore's file.
    pub source: String,
    /// What the spore calls itself.
    pub spore: String,
    /// How the run ended.
    pub status: RunStatus,
}

/// One fact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Fact {
    /// So many lines follow that count together: where the end of the log is torn, all of them or none.
    Batch {
        /// The lines.
        lines: u32,
    },
    /// These files were looked at, and what is in them is not to be run for having arrived. What stood there before is known,
    /// but no longer there.
    Known {
        /// Each file with its contents.
        files: Vec<(String, Digest)>,
    },
    /// These files are not there any more. Their contents stay known.
    Gone {
        /// The files.
        files: Vec<String>,
    },
    /// Contents that are known and stand in no file now.
    Remembered {
        /// Each with how often.
        contents: Vec<(Digest, u32)>,
    },
    /// A run is wanted.
    Queued {
        /// Which.
        ticket: Box<Ticket>,
        /// The text of the file, which is what will run.
        text: String,
        /// What it waits for before it may run.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pending: Option<String>,
    },
    /// It may run from here on.
    Allowed {
        /// The run.
        run: RunId,
    },
    /// It may not run, or not any more.
    Held {
        /// The run.
        run: RunId,
        /// Why.
        because: String,
    },
    /// The run has begun, or is about to.
    Begun {
        /// The run.
        run: RunId,
    },
    /// The run is over and its result is written.
    Ended {
        /// The run.
        run: RunId,
        /// How it ended.
        status: RunStatus,
    },
    /// Its result is to be committed.
    Kept {
        /// The run.
        run: RunId,
        /// The result.
        kept: Kept,
    },
    /// It will not run. Where it never began and its file is gone, its contents count as never seen.
    Withdrawn {
        /// The run.
        run: RunId,
        /// Why.
        because: String,
        /// Whether the same contents may arrive again.
        forgotten: bool,
    },
    /// The results of these runs are committed, or nobody wants that any more.
    Settled {
        /// The runs.
        runs: Vec<RunId>,
        /// The commit.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        commit: Option<String>,
    },
    /// The clock came by a moment of a timer, whether a run followed or not.
    Fired {
        /// The file.
        path: String,
        /// The spore in it.
        spore: String,
        /// Its line of cron, with its zone.
        line: String,
        /// The moment.
        at: Timestamp,
    },
    /// Whether a file holds spores that something else than its arrival starts.
    Triggered {
        /// The file.
        path: String,
        /// Whether it does.
        is: bool,
    },
    /// A letter of a hook was read, and what it called for is queued.
    Read {
        /// The name of its file.
        letter: String,
    },
    /// Nothing begins from here on.
    Paused(Pause),
    /// Things begin again.
    Unpaused,
}
