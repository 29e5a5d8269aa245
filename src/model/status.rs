//! What a watcher is asked, and what it answers: the words that go over its socket, and what `spore status` shows.
//!
//! Fields are only ever added, with a default: a door and a watcher of different versions understand each other.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cause, RunId, RunStatus, TaskId, Ticket, Timestamp};

/// What is asked of a watcher.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Ask {
    /// How everything stands.
    Status,
    /// The same, again whenever it has changed.
    Follow,
    /// End a run, or take a wanted one out of the queue.
    Cancel {
        /// The run.
        run: RunId,
        /// By force, without its grace.
        now: bool,
    },
    /// Begin nothing from here on.
    Pause {
        /// Until when; without it, until somebody says so.
        until: Option<Timestamp>,
    },
    /// Begin again.
    Unpause,
    /// Something was decided about trust: look at what waits for it again.
    Recheck,
    /// Look at the whole folder now.
    Rescan,
}

/// What a watcher answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// How everything stands.
    Status(Box<Status>),
    /// It is done.
    Done {
        /// What was done, as a sentence without its end.
        said: String,
    },
    /// It is not done.
    Refused {
        /// Why, as a lower-case fragment.
        because: String,
        /// What to do.
        hint: Option<String>,
    },
}

/// How everything stands in a watched folder.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Status {
    /// The folder.
    pub folder: String,
    /// Who watches it; nobody, where this is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watcher: Option<WatcherStatus>,
    /// Since when nothing begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<Paused>,
    /// Runs under way, oldest first.
    pub running: Vec<RunningStatus>,
    /// Wanted runs that wait for their turn, in the order they came; the first of them, when they are many.
    pub queued: Vec<WaitingStatus>,
    /// How many those are in all.
    pub queued_total: usize,
    /// Wanted runs that wait for somebody's approval, or for something else that is not a turn.
    pub pending: Vec<WaitingStatus>,
    /// How many those are in all.
    pub pending_total: usize,
    /// Runs that have ended, newest first.
    pub recent: Vec<RecentStatus>,
    /// What the clock calls for next, soonest first.
    pub next: Vec<NextStatus>,
    /// Results that are written and not committed yet.
    pub uncommitted: usize,
    /// What is wrong, in sentences that say what to do.
    pub problems: Vec<Problem>,
}

/// Who watches a folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WatcherStatus {
    /// Its process.
    pub pid: i32,
    /// Since when.
    pub since: Timestamp,
    /// Its version.
    pub version: String,
    /// Runs at a time.
    pub jobs: u32,
    /// What may run: `open`, `signed` or `approve`.
    pub trust: String,
    /// Files it knows.
    pub files: usize,
    /// Whether the system tells it of changes; if not, it looks for itself.
    pub native: bool,
}

/// Nothing begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Paused {
    /// Since when.
    pub since: Timestamp,
    /// Until when; without it, until somebody says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// A run under way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunningStatus {
    /// The run.
    pub run: RunId,
    /// What the spore calls itself.
    pub spore: String,
    /// Its file.
    pub path: String,
    /// Since when.
    pub since: Timestamp,
    /// Tasks that have ended.
    pub tasks_ended: usize,
    /// All tasks; 0 as long as that is not known.
    pub tasks: usize,
    /// Tasks whose command runs; the first of them, when they are many.
    pub tasks_running: Vec<TaskId>,
    /// The last line that one of them printed, masked.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub line: String,
}

/// A wanted run that has not begun.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WaitingStatus {
    /// The run.
    pub run: RunId,
    /// What the spore calls itself.
    pub spore: String,
    /// Its file.
    pub path: String,
    /// Since when it is wanted.
    pub since: Timestamp,
    /// What called for it.
    pub cause: Cause,
    /// Higher goes first.
    pub priority: i32,
    /// What it waits for, where that is more than its turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// What to do about that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl WaitingStatus {
    /// What its ticket tells.
    #[must_use]
    pub fn of(ticket: &Ticket) -> Self {
        Self {
            run: ticket.run,
            spore: ticket.spore.clone(),
            path: ticket.path.clone(),
            since: ticket.at,
            cause: ticket.cause.clone(),
            priority: ticket.priority,
            because: None,
            hint: None,
        }
    }
}

/// A run that has ended, or a wanted run that never will.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RecentStatus {
    /// The run.
    pub run: RunId,
    /// What the spore calls itself.
    pub spore: String,
    /// Its file.
    pub path: String,
    /// How it ended; nothing, when it never began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<RunStatus>,
    /// When.
    pub ended: Timestamp,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Its result, relative to the folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// Why it never began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

/// A moment that the clock will call for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NextStatus {
    /// What the spore calls itself.
    pub spore: String,
    /// Its file.
    pub path: String,
    /// The line of its timetable.
    pub line: String,
    /// When.
    pub at: Timestamp,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// What it is about: a file, `git`, `trust`, `watch`.
    pub about: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}
