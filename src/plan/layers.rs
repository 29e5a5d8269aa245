//! Layers of settings: what a task leaves out comes from `defaults`, then from the spore, then from Spore.
//!
//! Most tasks add nothing of their own, so the merged maps are shared between them.

use std::collections::HashMap;
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
    /// What the settings of an executor are before a task says anything; all others have those of the spore.
    with: HashMap<&'a str, Arc<IndexMap<String, Value>>>,
    with_of_spore: Arc<IndexMap<String, Value>>,
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
    /// The layers below the tasks of `spore`; the lowest of all are the `executors`' own settings.
    pub(super) fn new(spore: &'a Spore, executors: &'a IndexMap<String, IndexMap<String, Value>>) -> Self {
        let mut env = spore.env.clone();
        env.extend(spore.defaults.env.clone());
        let with = executors.iter().map(|(name, settings)| {
            let mut with = settings.clone();
            with.extend(spore.defaults.with.clone());
            (name.as_str(), Arc::new(with))
        });
        Self {
            spore,
            env: Arc::new(env),
            with: with.collect(),
            with_of_spore: Arc::new(spore.defaults.with.clone()),
            artifacts: Arc::from([]),
            last: None,
        }
    }

    /// The executor of `task`.
    pub(super) fn executor(&self, task: &'a Task) -> &'a str {
        let named = task.settings.executor.as_ref().or(self.spore.defaults.executor.as_ref());
        named.map_or(DEFAULT_EXECUTOR, String::as_str)
    }

    /// The maps of `task`, shared with the task before it where both say the same.
    pub(super) fn merged(&mut self, task: &'a Task) -> Merged {
        let before = self.last.take();
        let executor = self.executor(task);
        let below = self.with.get(executor).unwrap_or(&self.with_of_spore);
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
                _ if task.settings.with.is_empty() => Arc::clone(below),
                Some((last, merged)) if last.settings.with == task.settings.with && self.executor(last) == executor => {
                    Arc::clone(&merged.with)
                }
                _ => {
                    let mut with = (**below).clone();
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
