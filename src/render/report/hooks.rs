//! What `spore hooks` says.

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::Installed;

/// What `spore hooks` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct HooksReport {
    /// The folder that was asked about.
    pub folder: String,
    /// Who calls hooks, each with those it has.
    pub callers: Vec<CallerHooks>,
    /// What else is worth knowing.
    pub remarks: Vec<String>,
}

/// The hooks of one caller in one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CallerHooks {
    /// `git`, `claude`, `qwen` or `generic`.
    pub caller: String,
    /// `repository`, `bare`, `project` or `user`.
    pub scope: String,
    /// The folder of the hooks, or the settings file.
    pub path: String,
    /// Whether any of them is installed now.
    pub is_installed: bool,
    /// The hooks.
    pub hooks: Vec<Installed>,
}
