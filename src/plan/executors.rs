//! Executors: whether each one that is named is known, and can be used here.

use indexmap::IndexMap;
use serde_json::Value;

use crate::model::{Diagnostic, Disposition, PlannedTask};

use super::names::{hinted, listed};
use super::request::{Capability, Planned, WithCheck};

/// Reports unknown executors and, apart, those that tasks to be run cannot use. One diagnostic for each executor, at
/// the first task that names it: a hundred tasks with one misspelt default are one mistake.
pub(super) fn check(tasks: &[PlannedTask], capabilities: &[Capability], planned: &mut Planned) {
    let mut users: IndexMap<&str, Vec<&PlannedTask>> = IndexMap::new();
    for task in tasks {
        users.entry(&task.executor).or_default().push(task);
    }
    for (name, users) in users {
        let Some(first) = users.first() else { continue };
        match capabilities.iter().find(|capability| capability.name == name) {
            None => {
                let message = format!("no executor is called `{name}`{}", others(&users));
                let known = || capabilities.iter().map(|capability| capability.name.as_str());
                let diagnostic = Diagnostic::error("unknown-executor", first.span, message);
                let otherwise = || Some(format!("there are {}", listed(known(), 8)));
                planned.diagnostics.push(hinted(diagnostic, name, known(), otherwise));
            }
            Some(Capability { unavailable: Some(because), .. }) => {
                let runs: Vec<&PlannedTask> =
                    users.into_iter().filter(|task| task.disposition == Disposition::Run).collect();
                if let Some(first) = runs.first() {
                    let message = format!("the executor `{name}` cannot be used{}: {because}", others(&runs));
                    let diagnostic = Diagnostic::error("executor-unavailable", first.span, message);
                    let hint = capabilities.iter().find(|other| other.unavailable.is_none());
                    planned.unavailable.push(match hint {
                        Some(other) => diagnostic.hint(format!("`executor: {}` can be used here", other.name)),
                        None => diagnostic,
                    });
                }
            }
            Some(Capability { with: Some(check), .. }) => settings(name, *check, &users, planned),
            Some(_) => {}
        }
    }
}

/// Reports what is wrong with the settings of the tasks that an executor is to run. Tasks that share their settings make
/// their mistakes together, so these are told once.
fn settings(name: &str, check: WithCheck, users: &[&PlannedTask], planned: &mut Planned) {
    let mut looked: Vec<&IndexMap<String, Value>> = Vec::new();
    let mut told: Vec<String> = Vec::new();
    for task in users.iter().filter(|task| task.disposition == Disposition::Run) {
        if looked.iter().any(|with| std::ptr::eq(*with, &raw const *task.with)) {
            continue;
        }
        looked.push(&task.with);
        for problem in check(&task.with) {
            if !told.contains(&problem) {
                let message = format!("the task `{}` cannot run on `{name}`: {problem}", task.id);
                planned.diagnostics.push(Diagnostic::error("executor-setting", task.span, message));
                told.push(problem);
            }
        }
    }
}

fn others(users: &[&PlannedTask]) -> String {
    match users.len() {
        0 | 1 => String::new(),
        count => format!(" ({count} tasks name it)"),
    }
}
