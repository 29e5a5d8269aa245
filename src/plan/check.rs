//! Templates, looked at before anything runs: how they are written, and whether what they name can be there.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use crate::model::{Command, Diagnostic, EnvValue, Limits, Span, Spore, Template, Work};

use super::edges::Tasks;
use super::expand::Units;
use super::names::{HINTS_MAX, Names, hinted, listed};
use super::reach::Reach;
use super::syntax::ROOTS;
use super::template::{Reader, TemplateError, condition_source};

/// How far behind the beginning of its task a template is looked for.
const NEAR_BYTES: usize = 64 << 10;

type Paths = Result<BTreeSet<Vec<String>>, TemplateError>;

/// Reports what is wrong with the templates of a spore and of its tasks.
pub(super) fn templates(
    spore: &Spore,
    text: &str,
    tasks: &Tasks<'_>,
    by_name: &Names<'_>,
    units: &Units,
    reach: &mut Reach<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let mut check = Check {
        spore,
        text,
        tasks,
        by_name,
        units,
        reach,
        reader: Reader::new(),
        seen: HashMap::new(),
        wrong: 0,
        diagnostics,
    };
    let group = spore.concurrency.as_ref().map(|concurrency| concurrency.group.0.clone());
    for source in group.iter().filter(|source| !literal(source)) {
        check.group(source);
    }
    for source in of_settings(spore.env.values().chain(spore.defaults.env.values()), spore.defaults.with.values()) {
        check.one(source, source, None);
    }
    for (at, task) in tasks.all.iter().enumerate() {
        for source in of_settings(task.settings.env.values(), task.settings.with.values()) {
            check.one(source, source, Some(at));
        }
        if let Work::Command(Command::Argv(words)) = &task.work {
            for word in words.iter().filter(|word| !word.is_literal()) {
                check.one(&word.0, &word.0, Some(at));
            }
        }
        if let Some(when) = &task.when {
            let whole = condition_source(when);
            if !whole.is_literal() {
                check.one(&whole.0, &when.0, Some(at));
            }
        }
    }
}

fn literal(text: &str) -> bool {
    Template::from(text).is_literal()
}

/// The templates of an environment and of an executor's settings.
fn of_settings<'a>(env: impl Iterator<Item = &'a EnvValue>, with: impl Iterator<Item = &'a Value>) -> Vec<&'a str> {
    let mut found: Vec<&str> = Vec::new();
    for value in env {
        if let EnvValue::Text(template) = value
            && !template.is_literal()
        {
            found.push(&template.0);
        }
    }
    let mut open: Vec<&Value> = with.collect();
    while let Some(value) = open.pop() {
        match value {
            Value::String(text) if !literal(text) => found.push(text),
            Value::Array(items) => open.extend(items),
            Value::Object(map) => open.extend(map.values()),
            _ => {}
        }
    }
    found
}

struct Check<'a, 'b> {
    spore: &'a Spore,
    text: &'a str,
    tasks: &'a Tasks<'a>,
    by_name: &'a Names<'a>,
    units: &'a Units,
    reach: &'a mut Reach<'b>,
    /// The names in each template; the same text often stands at many tasks.
    seen: HashMap<String, Paths>,
    reader: Reader,
    /// Mistakes found so far.
    wrong: usize,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl Check<'_, '_> {
    /// The name of a concurrency group is made before the run, of parameters alone.
    fn group(&mut self, source: &str) {
        self.one(source, source, None);
        let Some(Ok(paths)) = self.seen.get(source) else { return };
        let late = paths.iter().find(|path| matches!(path[0].as_str(), "tasks" | "matrix" | "run"));
        if let Some(path) = late {
            let message = format!("`{}` is not known before the run, when its concurrency group is", path.join("."));
            let span = self.place(source, None);
            self.diagnostics.push(Diagnostic::error("unknown-variable", span, message).hint("use `params`"));
        }
    }

    /// Checks one template of the task `at`, or of the spore. `written` is how it stands in the file.
    fn one(&mut self, source: &str, written: &str, at: Option<usize>) {
        if self.wrong > Limits::DEFAULT.diagnostics_max {
            return;
        }
        if !self.seen.contains_key(source) {
            let names = self.reader.names(source);
            self.seen.insert(source.to_owned(), names);
        } else if at.is_none() {
            return;
        }
        let wrong: Vec<Diagnostic> = match &self.seen[source] {
            Ok(paths) if paths.is_empty() => return,
            Ok(paths) => {
                let paths: Vec<Vec<String>> = paths.iter().cloned().collect();
                paths.iter().filter_map(|path| self.name(path, at)).collect()
            }
            Err(error) => {
                let hint = "a template is text with `{{ expression }}` in it";
                vec![Diagnostic::error("bad-template", Span::default(), error.to_string()).hint(hint)]
            }
        };
        if !wrong.is_empty() {
            self.wrong += wrong.len();
            let span = self.place(written, at);
            self.diagnostics.extend(wrong.into_iter().map(|diagnostic| Diagnostic { span, ..diagnostic }));
        }
    }

    /// How many names may be compared for the next hint: hints are for people, who stop reading long before.
    fn candidates(&self) -> usize {
        if self.wrong > HINTS_MAX { 0 } else { usize::MAX }
    }

    /// Where a template stands: found in the text, from its task on.
    fn place(&self, written: &str, at: Option<usize>) -> Span {
        let span = at.map(|at| self.tasks.all[at].span).unwrap_or_default();
        let from = (span.start as usize).min(self.text.len());
        // Escapes can hide it; then it is not worth reading the whole file for.
        let end = match at {
            Some(_) => self.text.floor_char_boundary((from + NEAR_BYTES).min(self.text.len())),
            None => self.text.len(),
        };
        let found = self.text.get(from..end).and_then(|near| near.find(written.trim()));
        found.map_or(span, |found| Span::new(from + found, from + found + written.trim().len()))
    }

    /// What is wrong with one name.
    fn name(&mut self, path: &[String], at: Option<usize>) -> Option<Diagnostic> {
        let unknown = |message: String| Diagnostic::error("unknown-variable", Span::default(), message);
        let second = path.get(1).map(String::as_str);
        match (path[0].as_str(), second) {
            ("params", Some(name)) if !self.spore.params.contains_key(name) => {
                let names = || self.spore.params.keys().map(String::as_str);
                let otherwise = || {
                    Some(if self.spore.params.is_empty() {
                        "the spore declares no parameters".to_owned()
                    } else {
                        format!("it declares {}", listed(names(), 8))
                    })
                };
                let diagnostic = unknown(format!("no parameter is called `{name}`"));
                Some(hinted(diagnostic, name, names().take(self.candidates()), otherwise))
            }
            ("matrix", Some(name)) => {
                // What `defaults` says may be meant for those of its tasks that have a matrix.
                let task = self.tasks.all[at?];
                let axes: Vec<&str> =
                    task.matrix.iter().flat_map(|matrix| matrix.axes.keys().map(String::as_str)).collect();
                if axes.contains(&name) {
                    return None;
                }
                let message = format!("the matrix of `{}` has no `{name}`", task.id);
                let there = listed(axes.iter().copied(), 8);
                let otherwise =
                    || Some(if there.is_empty() { "the task has no matrix".into() } else { format!("it has {there}") });
                Some(hinted(unknown(message), name, axes.iter().copied(), otherwise))
            }
            ("run" | "spore", Some(name)) if name != "id" => {
                Some(unknown(format!("`{}.{name}` is not known", path[0])).hint(format!("there is `{}.id`", path[0])))
            }
            ("tasks", Some(name)) => self.task(name, path.get(2).map(String::as_str), at),
            ("env", _) => Some(
                unknown("templates do not see the environment".into())
                    .hint("a command reads it by itself: write `$NAME` in the script"),
            ),
            (root, _) if !ROOTS.contains(&root) => {
                let there = || Some(format!("there are {}", listed(ROOTS, ROOTS.len())));
                Some(hinted(unknown(format!("nothing is called `{root}`")), root, ROOTS, there))
            }
            _ => None,
        }
    }

    /// What is wrong with `tasks.<name>.<field>`.
    fn task(&mut self, name: &str, field: Option<&str>, at: Option<usize>) -> Option<Diagnostic> {
        let unknown = |message: String| Diagnostic::error("unknown-variable", Span::default(), message);
        let named = self.by_name.get(name).and_then(|source| Some((source, self.units.of(source).next()?)));
        let single = || self.units.combination(name).map(|unit| (self.units.all[unit].source, unit));
        let Some((source, unit)) = named.or_else(single) else {
            let known = self.tasks.all.iter().map(|task| task.id.as_str()).take(self.candidates());
            let otherwise = || Some("write `tasks[\"2.1\"]` where an id has dots or dashes".to_owned());
            return Some(hinted(unknown(format!("no task is called `{name}`")), name, known, otherwise));
        };
        if named.is_some() && self.units.of(source).len() > 1 {
            let first = &self.units.all[unit].id;
            let message =
                format!("`{name}` runs once for each combination of its matrix, each with outputs of its own");
            return Some(unknown(message).hint(format!("name one of them: `tasks[\"{first}\"]`")));
        }
        if let Some(field) = field.filter(|field| !matches!(*field, "outputs" | "status")) {
            let fields = ["outputs", "status"];
            let otherwise = || Some("a task has `outputs` and `status`".to_owned());
            return Some(hinted(unknown(format!("`tasks.{name}.{field}` is not known")), field, fields, otherwise));
        }
        let user = at?;
        let task = &self.tasks.all[user].id;
        // What runs when all others have ended may speak of all others.
        if self.tasks.side(user) && !self.tasks.side(source) {
            return None;
        }
        let first = self.units.of(user).next()?;
        if self.reach.needs(first, unit) {
            return None;
        }
        let message = format!("`{task}` uses what `{name}` hands on, but does not need it");
        Some(unknown(message).hint(format!("add `{name}` to its needs")))
    }
}
