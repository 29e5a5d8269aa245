//! What starts a spore by itself, and what keeps two runs of it apart.

use serde::{Deserialize, Serialize};

use super::{Span, Template};

/// When a spore runs by itself (`on:`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Triggers {
    /// A git push.
    pub push: Option<Push>,
    /// Cron lines, with their places.
    pub schedule: Vec<(String, Span)>,
    /// A moment in a coding agent's session.
    pub session: Vec<SessionMoment>,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SessionMoment {
    /// The session begins.
    Start,
    /// The session ends.
    End,
    /// The user sent a prompt.
    Prompt,
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
