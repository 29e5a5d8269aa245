//! What a plan is asked for with, and what comes back.

use std::collections::HashMap;

use indexmap::IndexMap;
use serde_json::Value;

use crate::model::{Diagnostic, Limits, Plan, TaskId};

/// What a person wishes of a plan.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The file the spore came from, for the plan to name.
    pub path: String,
    /// Parameters, as text.
    pub params: IndexMap<String, String>,
    /// Run only these tasks and what they need that is not done. Names of tasks, of tasks with a matrix (all its
    /// combinations) or of parents (all their children); empty means everything.
    pub only: Vec<String>,
    /// Run this task and all that depends on it; what lies before counts as done.
    pub from: Option<String>,
    /// Tasks that count as done for another reason than a ticked box, with that reason: an earlier run.
    pub done: HashMap<TaskId, String>,
    /// For each executor, the settings of tasks that do not say otherwise.
    pub executors: IndexMap<String, IndexMap<String, Value>>,
    /// How much is taken.
    pub limits: Limits,
}

/// Says what is wrong with the settings of an executor, each in a sentence of its own.
pub type WithCheck = fn(&IndexMap<String, Value>) -> Vec<String>;

/// An executor as the plan knows it.
#[derive(Clone, Debug)]
pub struct Capability {
    /// The word authors write.
    pub name: String,
    /// Why it cannot be used for a run; `None` when it can.
    pub unavailable: Option<String>,
    /// How to look at the settings that tasks have for it; without one it has none, and takes no notice of any.
    pub with: Option<WithCheck>,
}

impl Capability {
    /// An executor that can be used.
    #[must_use]
    pub fn available(name: impl Into<String>) -> Self {
        Self { name: name.into(), unavailable: None, with: None }
    }

    /// An executor that is known but cannot be used, with the reason.
    #[must_use]
    pub fn unavailable(name: impl Into<String>, because: impl Into<String>) -> Self {
        Self { name: name.into(), unavailable: Some(because.into()), with: None }
    }

    /// As it is, with settings that are looked at by `check`.
    #[must_use]
    pub fn checking(self, check: Option<WithCheck>) -> Self {
        Self { with: check, ..self }
    }
}

/// What came of planning.
#[derive(Clone, Debug, Default)]
pub struct Planned {
    /// The plan. It is there in spite of errors as long as its tasks and waves can be shown honestly; not when there
    /// is a cycle or too much of anything.
    pub plan: Option<Plan>,
    /// What is wrong with the spore or with what was asked for.
    pub diagnostics: Vec<Diagnostic>,
    /// What keeps this plan from being run here and now although the spore is sound: executors that cannot be used.
    pub unavailable: Vec<Diagnostic>,
}

impl Planned {
    /// Whether the plan may be run.
    #[must_use]
    pub fn runnable(&self) -> bool {
        self.plan.is_some() && self.unavailable.is_empty() && !self.diagnostics.iter().any(Diagnostic::is_error)
    }
}
