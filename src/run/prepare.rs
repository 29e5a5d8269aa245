//! From a planned task to an attempt: conditions are asked, templates evaluated, secrets put in place. What is left is a
//! value that an executor carries out without looking anything up.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use serde_json::Value;

use super::{Allowance, Guard};
use crate::model::{
    Attempt, AttemptId, Command, CommandLine, EnvValue, Limits, Plan, PlannedTask, Recalled, RunId, Secret, TaskId,
    TaskStatus, Work,
};
use crate::plan::{Scope, TemplateError, condition, evaluate, value};

/// What came of preparing an attempt.
#[derive(Debug)]
pub(super) enum Prepared {
    /// It can be started.
    Ready(Box<Attempt>),
    /// It is not wanted: its condition is false.
    Unwanted(String),
    /// It cannot be started: a template names what is not there.
    Impossible(String),
}

/// Makes attempts of the tasks of one run.
pub struct Preparer {
    scope: Scope,
    secrets: Arc<[Secret]>,
    /// Place of each secret, by name.
    secret_places: BTreeMap<String, usize>,
    root: Arc<PathBuf>,
    run_dir: Arc<PathBuf>,
    grace: Duration,
    jobs: Allowance,
    /// Asked before each start.
    guard: Option<Arc<dyn Guard>>,
    /// Variables of every command, below its own.
    told: Vec<(String, String)>,
}

impl Preparer {
    /// For the run `run` of `plan`. `secrets` are all that its tasks name.
    #[must_use]
    pub fn new(
        plan: &Plan,
        run: RunId,
        root: Arc<PathBuf>,
        run_dir: Arc<PathBuf>,
        secrets: Arc<[Secret]>,
        jobs: Allowance,
        limits: &Limits,
    ) -> Self {
        let secret_places = secrets.iter().enumerate().map(|(place, secret)| (secret.name.clone(), place)).collect();
        Self {
            scope: Scope::new(&plan.spore, &run.to_string(), &plan.params),
            secrets,
            secret_places,
            root,
            run_dir,
            grace: limits.grace,
            jobs,
            guard: None,
            told: Vec::new(),
        }
    }

    /// Asks `guard` before each start.
    #[must_use]
    pub fn guarded_by(self, guard: Option<Arc<dyn Guard>>) -> Self {
        Self { guard, ..self }
    }

    /// Has every command have these variables, unless its task sets them itself.
    #[must_use]
    pub fn telling(self, told: Vec<(String, String)>) -> Self {
        Self { told, ..self }
    }

    /// Lets later tasks see how this one ended and what it handed on.
    pub(super) fn task_ended(&self, task: &TaskId, status: TaskStatus, outputs: &IndexMap<String, Value>) {
        self.scope.task_ended(task, status, outputs);
    }

    /// Makes the attempt `id` of `task`.
    pub(super) fn prepare(&self, task: &PlannedTask, id: AttemptId) -> Prepared {
        let scope = self.scope_of(task);
        if let Some(when) = &task.when {
            match condition(when, &scope) {
                Ok(true) => {}
                Ok(false) => return Prepared::Unwanted(format!("its condition is false: `{}`", when.0.trim())),
                Err(error) => return Prepared::Impossible(impossible("when", &error)),
            }
        }
        if let Some(Err(reason)) = self.guard.as_ref().map(|guard| guard.still_holds()) {
            return Prepared::Impossible(reason);
        }
        match self.attempt(task, id, &scope, None) {
            Ok(attempt) => Prepared::Ready(Box::new(attempt)),
            Err(reason) => Prepared::Impossible(reason),
        }
    }

    /// Makes the attempt `id` of `task` once more, for an engine that finds it intended. Whether it is wanted was decided
    /// then, and a command that runs already is not kept from it by what has changed since.
    pub(super) fn prepare_again(
        &self,
        task: &PlannedTask,
        id: AttemptId,
        recalled: Recalled,
    ) -> Result<Attempt, String> {
        self.attempt(task, id, &self.scope_of(task), Some(recalled))
    }

    fn scope_of(&self, task: &PlannedTask) -> Scope {
        if task.matrix.is_empty() { self.scope.clone() } else { self.scope.with_matrix(&task.matrix) }
    }

    fn attempt(
        &self,
        task: &PlannedTask,
        id: AttemptId,
        scope: &Scope,
        recalled: Option<Recalled>,
    ) -> Result<Attempt, String> {
        let mut env = Vec::with_capacity(self.told.len() + task.env.len());
        env.extend(self.told.iter().filter(|(name, _)| !task.env.contains_key(name)).cloned());
        for (name, value) in task.env.iter() {
            let text = match value {
                EnvValue::Text(template) => {
                    evaluate(template, scope).map_err(|error| impossible(&format!("env.{name}"), &error))?
                }
                EnvValue::Secret(secret) => {
                    // A secret that is not there has kept the run from beginning.
                    let place = self.secret_places.get(&secret.name);
                    place.map(|place| self.secrets[*place].value.clone()).unwrap_or_default()
                }
            };
            env.push((name.clone(), text));
        }
        let with = if task.with.is_empty() {
            Arc::clone(&task.with)
        } else {
            let evaluated = task.with.iter().map(|(name, item)| {
                let item = value(item, scope).map_err(|error| impossible(&format!("with.{name}"), &error))?;
                Ok((name.clone(), item))
            });
            Arc::new(evaluated.collect::<Result<_, String>>()?)
        };
        Ok(Attempt {
            id,
            command: command_line(&task.work, scope)?,
            env,
            secrets: Arc::clone(&self.secrets),
            root: Arc::clone(&self.root),
            workdir: task.workdir.as_ref().map_or_else(|| self.root.to_path_buf(), |folder| self.root.join(folder)),
            run_dir: Arc::clone(&self.run_dir),
            timeout: task.timeout,
            grace: self.grace,
            artifacts: Arc::clone(&task.artifacts),
            with,
            instance: task.instance.clone(),
            jobs: self.jobs.get(),
            recalled,
        })
    }
}

fn impossible(place: &str, error: &TemplateError) -> String {
    format!("`{place}` cannot be evaluated: {error}")
}

fn command_line(work: &Work, scope: &Scope) -> Result<CommandLine, String> {
    match work {
        Work::Command(Command::Script { language, text }) => {
            Ok(CommandLine::Script { language: *language, text: Arc::from(text.as_str()) })
        }
        Work::Command(Command::Argv(words)) => {
            let words = words.iter().map(|word| evaluate(word, scope).map_err(|error| impossible("run", &error)));
            Ok(CommandLine::Argv(words.collect::<Result<_, _>>()?))
        }
        Work::Agent(_) | Work::Group => unreachable!("only tasks with a command are started"),
    }
}
