//! The settings that a task has, and that `defaults` gives to every task that does not.

use std::time::Duration;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Template;

/// A value for an environment variable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnvValue {
    /// Text, perhaps with templates.
    Text(Template),
    /// A secret, looked up when the attempt starts and masked wherever it would appear.
    Secret(SecretRef),
}

/// Where a secret comes from. The value itself never enters the model's authored side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretRef {
    /// The environment variable of the engine that holds it, and its name in messages.
    pub name: String,
    /// A file that holds it instead; a trailing line end is taken off.
    pub file: Option<String>,
}

/// When a failed attempt is followed by another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Retry {
    /// Attempts after the first.
    pub limit: u32,
    /// Wait before the second attempt.
    pub backoff: Duration,
    /// How much longer each further wait is.
    pub factor: f64,
    /// The longest wait.
    pub max: Duration,
    /// Exit codes worth another attempt; empty means every failure.
    pub on_exit: Vec<i32>,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            limit: 0,
            backoff: Duration::from_secs(1),
            factor: 2.0,
            max: Duration::from_mins(1),
            on_exit: Vec::new(),
        }
    }
}

/// What a task says about how it is to be run; what it leaves out comes from `defaults`, then from Spore.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// Where it runs.
    pub executor: Option<String>,
    /// Longest time for one attempt.
    pub timeout: Option<Duration>,
    /// When to try again.
    pub retry: Option<Retry>,
    /// Whether dependents run although it failed, and the run still counts as succeeded.
    pub continue_on_failure: Option<bool>,
    /// The folder it runs in, relative to the root.
    pub workdir: Option<String>,
    /// Environment variables.
    pub env: IndexMap<String, EnvValue>,
    /// Settings of the executor; strings may be templates.
    pub with: IndexMap<String, Value>,
}
