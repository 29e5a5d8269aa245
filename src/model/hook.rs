//! Hooks as people see them: which are installed, and what was done about it.

use schemars::JsonSchema;
use serde::Serialize;

/// What is with a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HookState {
    /// It is installed.
    Installed,
    /// It was installed just now.
    Made,
    /// It was installed already, and is as it should be.
    Kept,
    /// It was taken out just now.
    Removed,
    /// It is not installed.
    Absent,
}

/// One hook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Installed {
    /// What its caller calls it.
    pub name: String,
    /// What is with it.
    pub state: HookState,
    /// Where the hook is kept that stood there before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
}
