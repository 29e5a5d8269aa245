//! Names, and the nearest one to a name that is not known.

use std::collections::HashMap;

use crate::model::{Diagnostic, Task};

/// Names tried when looking for the nearest: the search is for people, and stays far below a second.
const CANDIDATES_MAX: usize = 20_000;

/// Mistaken names of one kind for which the nearest known one is looked for.
pub(super) const HINTS_MAX: usize = 50;

/// The known name nearest to `name`, when one is near enough to be what was meant.
pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    let length = name.chars().count();
    let allowed = (length / 3).min(3);
    known
        .into_iter()
        .take(CANDIDATES_MAX)
        .filter(|known| known.len().abs_diff(name.len()) <= 4 * allowed)
        .map(|known| (strsim::damerau_levenshtein(&name, &known.to_lowercase()), known))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// `diagnostic` with the nearest known name as its hint, or with `otherwise` when none is near.
pub(super) fn hinted<'a>(
    diagnostic: Diagnostic,
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
    otherwise: impl FnOnce() -> Option<String>,
) -> Diagnostic {
    let hint = nearest(name, known).map(|near| format!("did you mean `{near}`?")).or_else(otherwise);
    Diagnostic { hint, ..diagnostic }
}

/// `` `a`, `b` and `c` ``, with all names past the first `most` counted only.
pub(super) fn listed<'a>(names: impl IntoIterator<Item = &'a str>, most: usize) -> String {
    let all: Vec<&str> = names.into_iter().collect();
    let mut shown: Vec<String> = all.iter().take(most).map(|name| format!("`{name}`")).collect();
    if all.len() > shown.len() {
        shown.push(format!("{} more", all.len() - shown.len()));
    }
    match shown.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        Some((last, _)) => last.clone(),
        None => String::new(),
    }
}

/// The tasks of a spore by name: places in the list of all its tasks, those of `finally` last. Of tasks with the same
/// name the first has it.
pub(super) struct Names<'a> {
    places: HashMap<&'a str, usize>,
}

impl<'a> Names<'a> {
    pub(super) fn new(tasks: &[&'a Task]) -> Self {
        let mut places = HashMap::with_capacity(tasks.len());
        for (place, task) in tasks.iter().enumerate() {
            places.entry(task.id.as_str()).or_insert(place);
        }
        Self { places }
    }

    pub(super) fn get(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_is_near() {
        assert_eq!(nearest("biuld", ["test", "build", "built"]), Some("build"));
        assert_eq!(nearest("deploy", ["test", "build"]), None);
        assert_eq!(nearest("b", ["a", "c"]), None);
        assert_eq!(nearest("8.2", ["8.1", "8.3", "1"]), Some("8.1"));
    }

    #[test]
    fn lists_read_as_sentences() {
        assert_eq!(listed(["a"], 3), "`a`");
        assert_eq!(listed(["a", "b"], 3), "`a` and `b`");
        assert_eq!(listed(["a", "b", "c", "d"], 2), "`a`, `b` and 2 more");
        assert_eq!(listed([], 2), "");
    }
}
