//! Matrix expansion: one unit for each task, or for each combination of its matrix.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use indexmap::IndexMap;
use serde_json::Value;

use crate::model::{Diagnostic, Limits, Matrix, Task, TaskId};

/// One task of the plan to be.
pub(super) struct Unit {
    /// Its name.
    pub(super) id: TaskId,
    /// The place of the authored task it comes from.
    pub(super) source: usize,
    /// The values of its combination.
    pub(super) matrix: IndexMap<String, Value>,
}

/// All units, and which of them come from which authored task.
pub(super) struct Units {
    pub(super) all: Vec<Unit>,
    firsts: Vec<usize>,
    /// Those that stand for a combination, by name.
    combinations: HashMap<TaskId, usize>,
}

impl Units {
    /// The units of the authored task at `source`.
    pub(super) fn of(&self, source: usize) -> Range<usize> {
        self.firsts[source]..self.firsts[source + 1]
    }

    /// The unit of this name that stands for one combination of a matrix.
    pub(super) fn combination(&self, name: &str) -> Option<usize> {
        self.combinations.get(name).copied()
    }
}

/// The units of `tasks`; `None` when there would be too many.
pub(super) fn expand(tasks: &[&Task], limits: &Limits, diagnostics: &mut Vec<Diagnostic>) -> Option<Units> {
    let mut taken: HashSet<String> = HashSet::new();
    if tasks.iter().any(|task| task.matrix.is_some()) {
        taken = tasks.iter().map(|task| task.id.to_string()).collect();
    }
    let mut units = Units {
        all: Vec::with_capacity(tasks.len()),
        firsts: Vec::with_capacity(tasks.len() + 1),
        combinations: HashMap::new(),
    };
    for (source, task) in tasks.iter().enumerate() {
        units.firsts.push(units.all.len());
        let room = limits.tasks_max.saturating_sub(units.all.len());
        let Some(matrix) = task.matrix.as_deref().filter(|matrix| !matrix.axes.is_empty()) else {
            if room == 0 {
                diagnostics.push(too_many(task, limits));
                return None;
            }
            units.all.push(Unit { id: task.id.clone(), source, matrix: IndexMap::new() });
            continue;
        };
        for (axis, _) in matrix.axes.iter().filter(|(_, values)| values.is_empty()) {
            let message = format!("`{axis}` of the matrix of `{}` has no values", task.id);
            diagnostics.push(Diagnostic::error("empty-matrix", task.span, message).hint("give it at least one"));
        }
        let count = matrix.axes.values().try_fold(1_usize, |count, values| count.checked_mul(values.len()));
        let Some(count) = count.filter(|count| *count <= room) else {
            diagnostics.push(too_many(task, limits));
            return None;
        };
        for at in 0..count {
            let values = combination(matrix, at);
            let id = name(task, &values, &mut taken);
            units.combinations.insert(id.clone(), units.all.len());
            units.all.push(Unit { id, source, matrix: values });
        }
    }
    units.firsts.push(units.all.len());
    Some(units)
}

fn too_many(task: &Task, limits: &Limits) -> Diagnostic {
    let message = format!("with `{}` there are more than {} tasks", task.id, limits.tasks_max);
    Diagnostic::error("too-many-tasks", task.span, message).hint("split the spore, or make its matrix smaller")
}

/// The combination number `at`: the last axis turns fastest.
fn combination(matrix: &Matrix, mut at: usize) -> IndexMap<String, Value> {
    let mut values: Vec<(String, Value)> = Vec::with_capacity(matrix.axes.len());
    for (axis, choices) in matrix.axes.iter().rev() {
        values.push((axis.clone(), choices[at % choices.len()].clone()));
        at /= choices.len();
    }
    values.into_iter().rev().collect()
}

/// `task[a,b]`, with what an id cannot hold written as a dash, and a number where that makes two the same.
fn name(task: &Task, values: &IndexMap<String, Value>, taken: &mut HashSet<String>) -> TaskId {
    let words: Vec<String> = values.values().map(word).collect();
    let whole = format!("{}[{}", task.id, words.join(","));
    // Room for the bracket and a number.
    let end = whole.floor_char_boundary((Limits::DEFAULT.id_bytes_max - 12).min(whole.len()));
    let stem = format!("{}]", &whole[..end]);
    let mut id = stem.clone();
    let mut number = 1_u32;
    while !taken.insert(id.clone()) {
        number += 1;
        id = format!("{stem}.{number}");
    }
    TaskId::new(&id).unwrap_or_else(|_| task.id.clone())
}

fn word(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let safe = |c: char| if c.is_alphanumeric() || "._-=+@:".contains(c) { c } else { '-' };
    let word: String = text.chars().take(64).map(safe).collect();
    if word.is_empty() { "-".to_owned() } else { word }
}
