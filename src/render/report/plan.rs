//! What would run, as JSON.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::check::{DiagnosticReport, diagnostic_reports};
use crate::model::{
    Command, Diagnostic, Dialect, Disposition, Kind, LineIndex, Order, Plan, PlannedTask, Source, Step, TaskId, Work,
};

/// A command: script text, or a program with its arguments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum CommandReport {
    /// The text of a script.
    Script(String),
    /// A program and its arguments; each may be a template.
    Argv(Vec<String>),
}

/// One task of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PlannedTaskReport {
    /// Its name.
    pub id: TaskId,
    /// What people call it.
    pub title: String,
    /// Line in the file, from 1.
    pub line: u32,
    /// Ticked off.
    pub done: bool,
    /// Marked as optional.
    pub optional: bool,
    /// The task it is a part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<TaskId>,
    /// The phase it stands under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// The lines of work under it that have no id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepReport>,
    /// The tasks it needs, as the author states.
    pub needs: Vec<TaskId>,
    /// What it needs that the file does not define.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub external_needs: Vec<String>,
    /// What it runs; `null` for prose and groups.
    pub command: Option<CommandReport>,
    /// Who reads the script.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Where it runs.
    pub executor: String,
    /// What is to become of it.
    pub disposition: Disposition,
    /// Why.
    pub explanation: String,
    /// The values of its matrix combination.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub matrix: IndexMap<String, Value>,
    /// The task it was expanded from, where it has a matrix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expanded_from: Option<TaskId>,
    /// Whether it runs when all others have ended.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub finally: bool,
}

/// A line of work inside a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StepReport {
    /// The text.
    pub text: String,
    /// Ticked off; `null` where the line has no box.
    pub done: Option<bool>,
    /// Line in the file, from 1.
    pub line: u32,
}

/// What `spore plan` prints.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PlanReport {
    /// The spore's identity.
    pub spore: String,
    /// What people call it.
    pub title: Option<String>,
    /// The file.
    pub path: String,
    /// What the file says it is.
    pub kind: Kind,
    /// How it was read.
    pub dialect: Dialect,
    /// What puts the tasks in order.
    pub order: Order,
    /// Free metadata of the file, in its order. Of a key that is there twice, the last counts.
    pub metadata: IndexMap<String, Value>,
    /// The parameters, complete.
    pub params: IndexMap<String, Value>,
    /// The tasks, in the author's order.
    pub tasks: Vec<PlannedTaskReport>,
    /// What would run side by side, wave after wave.
    pub waves: Vec<Vec<TaskId>>,
    /// The longest chain of what is not done.
    pub critical_path: Vec<TaskId>,
    /// Remarks on the file.
    pub diagnostics: Vec<DiagnosticReport>,
}

/// What `spore plan` prints of this plan.
#[must_use]
pub fn plan_report(plan: &Plan, source: &Source, diagnostics: &[Diagnostic]) -> PlanReport {
    let lines = LineIndex::new(&source.text);
    let ids = |places: &Vec<usize>| places.iter().map(|at| plan.tasks[*at].id.clone()).collect();
    PlanReport {
        spore: plan.spore.clone(),
        title: plan.title.clone(),
        path: plan.path.clone(),
        kind: plan.kind,
        dialect: plan.dialect,
        order: plan.order,
        metadata: plan.metadata.iter().map(|note| (note.key.clone(), note.value.clone())).collect(),
        params: plan.params.clone(),
        tasks: plan.tasks.iter().map(|task| planned_task(task, &lines)).collect(),
        waves: plan.waves.iter().map(ids).collect(),
        critical_path: ids(&plan.critical_path),
        diagnostics: diagnostic_reports(source, diagnostics),
    }
}

fn planned_task(task: &PlannedTask, lines: &LineIndex) -> PlannedTaskReport {
    let step = |step: &Step| StepReport { text: step.text.clone(), done: step.done, line: lines.line(step.span.start) };
    let (command, language) = match &task.work {
        Work::Command(Command::Script { language, text }) => {
            (Some(CommandReport::Script(text.clone())), Some(language.to_string()))
        }
        Work::Command(Command::Argv(words)) => {
            (Some(CommandReport::Argv(words.iter().map(|word| word.0.clone()).collect())), None)
        }
        Work::Agent(_) | Work::Group => (None, None),
    };
    PlannedTaskReport {
        id: task.id.clone(),
        title: task.title.clone(),
        line: task.line,
        done: task.done,
        optional: task.optional,
        parent: task.parent.clone(),
        phase: task.phase.clone(),
        steps: task.steps.iter().map(step).collect(),
        needs: task.needs.clone(),
        external_needs: task.external_needs.clone(),
        command,
        language,
        executor: task.executor.clone(),
        disposition: task.disposition,
        explanation: task.explanation.clone(),
        matrix: task.matrix.clone(),
        expanded_from: task.expanded_from.clone(),
        finally: task.finally,
    }
}
