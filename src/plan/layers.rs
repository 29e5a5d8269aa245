//! Layers of settings: what a task leaves out comes from `defaults`, then from the spore, then from Spore.
//!
//! Most tasks add nothing of their own, so the merged maps are shared between them.

use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Value;

use crate::model::{EnvValue, Spore, Task};

/// The executor of a task that names none.
pub(super) const DEFAULT_EXECUTOR: &str = "terminal";

/// The merged settings of a spore, and of the task they were last merged for.
pub(super) struct Layers<'a> {
    spore: &'a Spore,
    env: Arc<IndexMap<String, EnvValue>>,
    with: Arc<IndexMap<String, Value>>,
    artifacts: Arc<[String]>,
    last: Option<(&'a Task, Merged)>,
}

/// What is shared between the units of one task, and often between tasks.
#[derive(Clone)]
pub(super) struct Merged {
    pub(super) env: Arc<IndexMap<String, EnvValue>>,
    pub(super) with: Arc<IndexMap<String, Value>>,
    pub(super) artifacts: Arc<[String]>,
}

impl<'a> Layers<'a> {
    pub(super) fn new(spore: &'a Spore) -> Self {
        let mut env = spore.env.clone();
        env.extend(spore.defaults.env.clone());
        let with = Arc::new(spore.defaults.with.clone());
        Self { spore, env: Arc::new(env), with, artifacts: Arc::from([]), last: None }
    }

    /// The executor of `task`.
    pub(super) fn executor(&self, task: &Task) -> String {
        let named = task.settings.executor.as_ref().or(self.spore.defaults.executor.as_ref());
        named.map_or(DEFAULT_EXECUTOR, String::as_str).to_owned()
    }

    /// The maps of `task`, shared with the task before it where both say the same.
    pub(super) fn merged(&mut self, task: &'a Task) -> Merged {
        let before = self.last.take();
        let merged = Merged {
            env: match &before {
                _ if task.settings.env.is_empty() => Arc::clone(&self.env),
                Some((last, merged)) if last.settings.env == task.settings.env => Arc::clone(&merged.env),
                _ => {
                    let mut env = (*self.env).clone();
                    env.extend(task.settings.env.clone());
                    Arc::new(env)
                }
            },
            with: match &before {
                _ if task.settings.with.is_empty() => Arc::clone(&self.with),
                Some((last, merged)) if last.settings.with == task.settings.with => Arc::clone(&merged.with),
                _ => {
                    let mut with = (*self.with).clone();
                    with.extend(task.settings.with.clone());
                    Arc::new(with)
                }
            },
            artifacts: match &before {
                _ if task.artifacts.is_empty() => Arc::clone(&self.artifacts),
                Some((last, merged)) if last.artifacts == task.artifacts => Arc::clone(&merged.artifacts),
                _ => task.artifacts.clone().into(),
            },
        };
        self.last = Some((task, merged.clone()));
        merged
    }
}
