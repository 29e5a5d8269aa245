//! A plan: a dag plus decisions. It can be printed, compared and explained before anything runs.

use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Concurrency, Dag, Dialect, EnvValue, Kind, Note, Order, Retry, Span, Step, TaskId, Template, Work};

/// What is to become of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Disposition {
    /// Its command runs.
    Run,
    /// It was ticked off; its dependents go on.
    Done,
    /// It is left out of this run, and so is everything that needs it, unless told otherwise.
    Skip,
    /// It is prose for an agent; its dependents wait with it.
    Agent,
    /// It only holds other tasks together and ends with them.
    Group,
    /// Its command is not marked as one to run; its dependents go on.
    Inert,
}

/// One task of a plan: what the author said, completed by `defaults` and by Spore, for one matrix combination.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedTask {
    /// Its name; unique in the plan.
    pub id: TaskId,
    /// What people call it.
    pub title: String,
    /// Where it stands in the file.
    pub span: Span,
    /// Line of `span`, from 1.
    pub line: u32,
    /// Ticked off.
    pub done: bool,
    /// Marked as optional.
    pub optional: bool,
    /// The task it is a part of.
    pub parent: Option<TaskId>,
    /// The phase it stands under.
    pub phase: Option<String>,
    /// The lines of work under it that have no id.
    pub steps: Arc<[Step]>,
    /// What it needs, as written and resolved: names of planned tasks. The dag also holds what follows from nesting and
    /// from sequence.
    pub needs: Vec<TaskId>,
    /// Needs that the file does not define.
    pub external_needs: Vec<String>,
    /// What it does.
    pub work: Work,
    /// Where it runs.
    pub executor: String,
    /// Settings of the executor; strings may be templates.
    pub with: Arc<IndexMap<String, Value>>,
    /// The long-lived instance that it shares with the tasks that name the same.
    pub instance: Option<String>,
    /// Its environment, of spore, `defaults` and task, in rising precedence and without repeats.
    pub env: Arc<IndexMap<String, EnvValue>>,
    /// The folder it runs in, relative to the root.
    pub workdir: Option<String>,
    /// A condition.
    pub when: Option<Template>,
    /// When to try again.
    pub retry: Retry,
    /// The longest time for one attempt.
    pub timeout: Option<Duration>,
    /// Whether dependents run although it failed.
    pub continue_on_failure: bool,
    /// Whether running it twice is the same as running it once.
    pub idempotent: bool,
    /// Patterns of the files it makes.
    pub artifacts: Arc<[String]>,
    /// The values of its matrix combination.
    pub matrix: IndexMap<String, Value>,
    /// The task it was expanded from, where it has a matrix.
    pub expanded_from: Option<TaskId>,
    /// How many of that task's combinations may run at a time.
    pub max_parallel: Option<u32>,
    /// It runs when all others have ended.
    pub finally: bool,
    /// What is to become of it.
    pub disposition: Disposition,
    /// Why.
    pub explanation: String,
}

/// A dag plus decisions.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The spore's identity.
    pub spore: String,
    /// What people call it.
    pub title: Option<String>,
    /// The file it came from.
    pub path: String,
    /// What the file says it is.
    pub kind: Kind,
    /// How it was read.
    pub dialect: Dialect,
    /// Free metadata of the file, in its order.
    pub metadata: Vec<Note>,
    /// What puts the tasks in order.
    pub order: Order,
    /// The parameters, complete.
    pub params: IndexMap<String, Value>,
    /// What keeps two runs apart, with the group's name evaluated.
    pub concurrency: Option<Concurrency>,
    /// The longest time for the whole run.
    pub timeout: Option<Duration>,
    /// The tasks, in the author's order; those of `finally` stand last.
    pub tasks: Vec<PlannedTask>,
    /// The edges, by place in `tasks`. Those of `finally` need all others only by what [`PlannedTask::finally`] says.
    pub dag: Dag,
    /// What would run side by side, wave after wave: places in `tasks`.
    pub waves: Vec<Vec<usize>>,
    /// The longest chain of what is not done: places in `tasks`.
    pub critical_path: Vec<usize>,
}

impl Plan {
    /// Whether any command would run.
    #[must_use]
    pub fn has_work(&self) -> bool {
        self.tasks.iter().any(|task| task.disposition == Disposition::Run)
    }
}
