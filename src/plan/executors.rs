//! Executors: whether each one that is named is known, and can be used here.

use indexmap::IndexMap;

use crate::model::{Diagnostic, Disposition, PlannedTask};

use super::names::{hinted, listed};
use super::request::{Capability, Planned};

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
            Some(_) => {}
        }
    }
}

fn others(users: &[&PlannedTask]) -> String {
    match users.len() {
        0 | 1 => String::new(),
        count => format!(" ({count} tasks name it)"),
    }
}
