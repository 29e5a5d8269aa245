//! How attempts, tasks and runs end. The end of a command is data, never an error.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How one attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Outcome {
    /// It did what it should.
    Succeeded,
    /// The command's fault: it ended with a code other than 0 or by a signal, or broke its side of the contract.
    Failed {
        /// The exit code, where it exited.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        exit_code: Option<i32>,
        /// The number of the signal that ended it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signal: Option<i32>,
        /// What else was wrong, such as an unreadable `$SPORE_OUTPUT`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// It ran out of its time and was stopped.
    TimedOut,
    /// It was stopped because somebody asked.
    Cancelled,
    /// It never began; running it again is safe.
    NotStarted {
        /// Why.
        reason: String,
        /// Whether trying again is pointless: an interpreter that is not installed, a folder that is not there.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        permanent: bool,
    },
    /// Nobody knows how it ended, or whether it did.
    Lost {
        /// How far it was known to be.
        stage: String,
    },
}

impl Outcome {
    /// A command that ended with `code`.
    #[must_use]
    pub fn of_exit(code: i32) -> Self {
        match code {
            0 => Self::Succeeded,
            _ => Self::Failed { exit_code: Some(code), signal: None, reason: None },
        }
    }

    /// A command that ended by `signal`.
    #[must_use]
    pub fn of_signal(signal: i32) -> Self {
        Self::Failed { exit_code: None, signal: Some(signal), reason: None }
    }

    /// What the attempt's end means for its task, when no other attempt follows.
    #[must_use]
    pub fn status(&self) -> TaskStatus {
        match self {
            Self::Succeeded => TaskStatus::Succeeded,
            Self::Failed { .. } => TaskStatus::Failed,
            Self::TimedOut => TaskStatus::TimedOut,
            Self::Cancelled => TaskStatus::Cancelled,
            Self::NotStarted { .. } => TaskStatus::NotStarted,
            Self::Lost { .. } => TaskStatus::Lost,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Succeeded => f.write_str("succeeded"),
            Self::Failed { exit_code, signal, reason } => {
                match (exit_code, signal) {
                    (Some(0) | None, None) => f.write_str("failed")?,
                    (Some(code), _) => write!(f, "exit {code}")?,
                    (None, Some(signal)) => write!(f, "signal {signal}")?,
                }
                reason.as_ref().map_or(Ok(()), |reason| write!(f, ": {reason}"))
            }
            Self::TimedOut => f.write_str("timed out"),
            Self::Cancelled => f.write_str("cancelled"),
            Self::NotStarted { reason, .. } => write!(f, "not started: {reason}"),
            Self::Lost { stage } => write!(f, "lost: {stage}"),
        }
    }
}

/// Where a task of a run stands.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum TaskStatus {
    /// Not begun.
    #[default]
    Waiting,
    /// An attempt is under way, or the next one is being waited for.
    Running,
    /// Its last attempt succeeded.
    Succeeded,
    /// Its last attempt failed.
    Failed,
    /// Its last attempt ran out of time.
    TimedOut,
    /// It was stopped because somebody asked.
    Cancelled,
    /// It never began.
    NotStarted,
    /// Nobody knows how it ended.
    Lost,
    /// It was not run, for a reason.
    Skipped,
    /// It was ticked off before the run, or its result was taken from an earlier one.
    Done,
}

impl TaskStatus {
    /// Every status.
    pub const ALL: [Self; 10] = [
        Self::Waiting,
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::TimedOut,
        Self::Cancelled,
        Self::NotStarted,
        Self::Lost,
        Self::Skipped,
        Self::Done,
    ];

    /// Whether this can still change by itself.
    #[must_use]
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Waiting | Self::Running)
    }

    /// Whether a dependent may go on.
    #[must_use]
    pub fn is_good(self) -> bool {
        matches!(self, Self::Succeeded | Self::Done)
    }

    /// Whether it keeps its run from succeeding.
    #[must_use]
    pub fn is_bad(self) -> bool {
        matches!(self, Self::Failed | Self::TimedOut | Self::Cancelled | Self::NotStarted | Self::Lost)
    }

    /// The word people read, which is also the one in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
            Self::Cancelled => "cancelled",
            Self::NotStarted => "not_started",
            Self::Lost => "lost",
            Self::Skipped => "skipped",
            Self::Done => "done",
        }
    }
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Not ended, as far as the journal tells.
    #[default]
    Running,
    /// Every wanted task succeeded.
    Succeeded,
    /// A wanted task did not.
    Failed,
    /// The run ran out of its time.
    TimedOut,
    /// Somebody stopped it.
    Cancelled,
    /// Its engine is gone before it had ended: killed, or the machine went down. `spore resume` goes on with it. No journal
    /// says so; whoever reads one that has no end and that nobody writes does.
    Orphaned,
}

impl RunStatus {
    /// The word people read, which is also the one in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
            Self::Cancelled => "cancelled",
            Self::Orphaned => "orphaned",
        }
    }
}

/// Why a run stops before its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// Somebody asked. What runs is asked to end, nothing else starts, then `finally` runs.
    #[default]
    Cancelled,
    /// The run's own time is over. As `Cancelled`.
    TimedOut,
    /// Somebody asked again: what runs is killed, and not even `finally` runs.
    AtOnce,
}
