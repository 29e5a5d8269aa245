//! What starts a spore by itself, and what keeps two runs of it apart.

use serde::{Deserialize, Serialize};

use super::{Cron, Span, Template, Timestamp};

/// When a spore runs by itself (`on:`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Triggers {
    /// The file arrives in a watched folder, or has new contents (`drop`). It also does without any trigger.
    pub drop: bool,
    /// A git push.
    pub push: Option<Push>,
    /// Moments on the clock (`schedule`).
    pub schedule: Vec<Timer>,
    /// A moment in a coding agent's session.
    pub session: Vec<SessionMoment>,
}

impl Triggers {
    /// Whether nothing is said at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it runs when its file arrives: it says so, or says nothing.
    #[must_use]
    pub fn by_drop(&self) -> bool {
        self.drop || (self.push.is_none() && self.schedule.is_empty() && self.session.is_empty())
    }
}

/// One line of a timetable (`on: {schedule: …}`).
#[derive(Clone, Debug, PartialEq)]
pub struct Timer {
    /// When, as cron says it.
    pub cron: Cron,
    /// What happens when its run before this one has not ended.
    pub overlap: Policy,
    /// How many moments that were missed while nobody watched are made up for: the latest of them.
    pub catch_up: u32,
    /// Where it stands.
    pub span: Span,
}

/// Why a run began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Cause {
    /// Its file arrived in the watched folder, or had new contents.
    Drop,
    /// A git push, or a commit that a hook told of.
    Push {
        /// The branch.
        branch: String,
        /// Its commit, 40 or 64 hex digits.
        commit: String,
    },
    /// The clock.
    Schedule {
        /// The moment it was for, which is earlier than its beginning when it was made up for.
        at: Timestamp,
    },
    /// A moment in a coding agent's session.
    Session {
        /// Which.
        moment: SessionMoment,
        /// What the agent calls its session.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<String>,
    },
}

/// Which pushes start a spore.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Push {
    /// Branch patterns; empty means every branch.
    pub branches: Vec<String>,
    /// Path patterns; empty means every path.
    pub paths: Vec<String>,
}

/// A moment in a coding agent's session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SessionMoment {
    /// The session begins.
    Start,
    /// The session ends.
    End,
    /// The user sent a prompt.
    Prompt,
}

impl SessionMoment {
    /// As authors write it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::End => "end",
            Self::Prompt => "prompt",
        }
    }
}

/// What happens when a run of the same group is under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// Wait for it.
    #[default]
    Queue,
    /// Do not run.
    Skip,
    /// Cancel it and take its place.
    Replace,
}

/// Runs of one group never overlap.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Concurrency {
    /// The name of the group; a template over the parameters.
    pub group: Template,
    /// What a second run does.
    pub policy: Policy,
}
