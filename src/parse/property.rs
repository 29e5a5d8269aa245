//! Task properties written in markdown: `timeout=5m` on a fence, `Timeout: 5m` under a heading.
//!
//! The text becomes the same located value that YAML would give, and is read by the same decoder.

use std::borrow::Cow;

use super::node::{self, Key, Node, NodeKind};
use super::table;
use super::workflow::{Decoder, Entry, property};
use super::yaml;
use crate::model::{Diagnostic, Limits, Severity, Span, Task};

/// Applies one property to `task`; false when `key` is none of Spore's. A value that cannot be read is an error for a
/// task that is marked to run, and a warning elsewhere, where the line may be prose.
pub(super) fn apply(task: &mut Task, key: &str, value: &str, span: Span, diagnostics: &mut Vec<Diagnostic>) -> bool {
    let whole = value;
    let value = without_code_marks(value.trim());
    let (group, name) = key.split_once('.').map_or((key, None), |(group, name)| (group, Some(name)));
    let group = group.trim().to_ascii_lowercase().replace([' ', '-'], "_");
    let group = match group.as_str() {
        "retries" => "retry",
        "working_directory" | "cwd" => "workdir",
        other => other,
    };
    let stateable = !matches!(group, "run" | "needs" | "title" | "description" | "language");
    let Some((_, field)) = table::TASK.field(group).filter(|_| stateable) else { return false };
    let is_map = matches!(group, "env" | "with" | "matrix");
    let is_flow =
        name.is_none() && (is_map || group == "retry" || group == "artifacts") && value.starts_with(['{', '[']);
    let is_whole = !is_map || is_flow;
    if is_whole == name.is_some() {
        return false;
    }
    let mut found = Vec::new();
    let node = if is_flow {
        let at = value.as_ptr() as usize - whole.as_ptr() as usize;
        let documents = yaml::documents(value, span.start as usize + at, &Limits::DEFAULT, &mut found);
        if span.range().len() != whole.len() {
            // What a mark in JSON says is no slice of the file, so the whole mark is its place.
            for diagnostic in &mut found {
                diagnostic.span = span;
            }
        }
        documents.into_iter().next().map_or(NodeKind::Null, |node| node.kind)
    } else {
        plain(group, name, value, span)
    };
    let mut given = Task::new(task.id.clone(), "", span, task.work.clone());
    let node = Node { kind: node, span };
    if found.is_empty() {
        let mut decoder = Decoder::new(&Limits::DEFAULT, &mut found);
        property(&mut decoder, &mut given, Entry { field, key: span, node: &node });
    }
    if found.is_empty() {
        take_over(task, given, group);
    }
    for mut diagnostic in found {
        if !task.marked {
            diagnostic.severity = Severity::Warning;
        }
        diagnostics.push(diagnostic);
    }
    true
}

/// A value that is no YAML of its own.
fn plain<'v>(group: &str, name: Option<&'v str>, value: &'v str, span: Span) -> NodeKind<'v> {
    let list = |kind: fn(Cow<'v, str>) -> NodeKind<'v>| {
        let items = value.split(',').map(str::trim).filter(|item| !item.is_empty());
        NodeKind::List(items.map(|item| Node { kind: kind(Cow::Borrowed(item)), span }).collect())
    };
    match (group, name) {
        (_, Some(name)) => {
            let key = Key { text: Cow::Borrowed(name), span };
            let kind = if group == "matrix" { list(node::plain) } else { node::plain(Cow::Borrowed(value)) };
            NodeKind::Map(vec![(key, Node { kind, span })])
        }
        ("idempotent" | "optional" | "continue_on_failure", _) => flag(value),
        ("artifacts", _) => list(NodeKind::Text),
        ("retry" | "max_parallel", _) => node::plain(Cow::Borrowed(leading_number(value))),
        _ => NodeKind::Text(Cow::Borrowed(value)),
    }
}

fn take_over(task: &mut Task, given: Task, group: &str) {
    let (mine, settings) = (&mut task.settings, given.settings);
    match group {
        "when" => task.when = given.when,
        "matrix" => {
            let axes = given.matrix.map(|matrix| matrix.axes).unwrap_or_default();
            task.matrix.get_or_insert_default().axes.extend(axes);
        }
        "max_parallel" => task.max_parallel = given.max_parallel,
        "idempotent" => task.idempotent = given.idempotent,
        "optional" => task.optional = given.optional,
        "artifacts" => task.artifacts.extend(given.artifacts),
        "agent" => task.agent = given.agent,
        "instance" => task.instance = given.instance,
        "executor" => mine.executor = settings.executor,
        "timeout" => mine.timeout = settings.timeout,
        "retry" => mine.retry = settings.retry,
        "continue_on_failure" => mine.continue_on_failure = settings.continue_on_failure,
        "workdir" => mine.workdir = settings.workdir,
        "env" => mine.env.extend(settings.env),
        _ => mine.with.extend(settings.with),
    }
}

/// A mark without a value is set; people also write `yes` and `no`.
fn flag(value: &str) -> NodeKind<'_> {
    match value.to_ascii_lowercase().as_str() {
        "" | "true" | "yes" | "on" => NodeKind::Bool(true),
        "false" | "no" | "off" => NodeKind::Bool(false),
        _ => NodeKind::Text(Cow::Borrowed(value)),
    }
}

/// The words of a value that is set as code, all of it.
fn without_code_marks(value: &str) -> &str {
    let inner = value.strip_prefix('`').and_then(|value| value.strip_suffix('`'));
    inner.filter(|inner| !inner.contains('`')).map_or(value, str::trim)
}

/// `3` of `3 times`.
fn leading_number(value: &str) -> &str {
    match value.split_once(' ') {
        Some((number, "times" | "time" | "attempts" | "retries")) => number,
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{EnvValue, TaskId, Work};
    use std::time::Duration;

    fn task() -> Task {
        Task::new(TaskId::new("t").expect("an id"), "t", Span::default(), Work::Group)
    }

    #[test]
    fn properties_are_read_like_yaml() {
        let (mut task, mut diagnostics) = (task(), Vec::new());
        let given = [
            ("Timeout", "5 minutes"),
            ("executor", "gke"),
            ("retry", "3 times"),
            ("when", "params.x == 1"),
            ("idempotent", ""),
            ("Continue on failure", "yes"),
            ("max_parallel", "2"),
            ("env.A", "1.10"),
            ("env.B", "b"),
            ("with.cpu", "2"),
            ("artifacts", "a, b"),
            ("working-directory", "x"),
            ("matrix", "{shard: [1, 2], os: [linux]}"),
            ("matrix.arch", "arm,amd"),
            ("env", "`{C: \"{{ params.c }}\"}`"),
        ];
        for (key, value) in given {
            assert!(apply(&mut task, key, value, Span::new(3, 5), &mut diagnostics), "{key}");
        }
        assert_eq!(diagnostics, []);
        assert_eq!(task.settings.timeout, Some(Duration::from_mins(5)));
        assert_eq!(task.settings.retry.as_ref().map(|retry| retry.limit), Some(3));
        assert_eq!(task.settings.env["A"], EnvValue::Text("1.10".into()));
        assert_eq!(
            task.matrix.as_ref().map(|matrix| matrix.axes.values().map(Vec::len).collect()),
            Some(vec![2, 1, 2])
        );
        assert_eq!(task.settings.env["C"], EnvValue::Text("{{ params.c }}".into()));
        assert_eq!((task.settings.env.len(), &task.settings.with["cpu"]), (3, &serde_json::json!(2)));
        assert_eq!(task.artifacts, ["a", "b"]);
        assert_eq!((task.idempotent, task.settings.continue_on_failure), (true, Some(true)));
        assert_eq!(task.settings.workdir.as_deref(), Some("x"));
    }

    #[test]
    fn a_retry_can_say_all_that_it_says_in_yaml() {
        let (mut task, mut diagnostics) = (task(), Vec::new());
        assert!(apply(
            &mut task,
            "retry",
            "{limit: 2, backoff: 10ms, on_exit: 75}",
            Span::new(0, 38),
            &mut diagnostics
        ));
        assert_eq!(diagnostics, []);
        let retry = task.settings.retry.clone().expect("a retry");
        assert_eq!((retry.limit, retry.on_exit.len()), (2, 1));
        assert!(apply(&mut task, "retry", "{limit: 2", Span::new(0, 9), &mut diagnostics));
        assert_eq!(diagnostics.len(), 1, "{diagnostics:?}");
    }

    #[test]
    fn keys_of_others_are_none_of_ours() {
        let (mut task, mut diagnostics) = (task(), Vec::new());
        for key in ["needs", "name", "run", "matrix", "Owner", "env", "timeout.x", ""] {
            assert!(!apply(&mut task, key, "x", Span::default(), &mut diagnostics), "{key}");
        }
        assert_eq!((diagnostics.len(), task), (0, self::task()));
    }

    #[test]
    fn a_bad_value_is_an_error_only_where_it_would_run() {
        for marked in [true, false] {
            let (mut task, mut diagnostics) = (Task { marked, ..task() }, Vec::new());
            assert!(apply(&mut task, "timeout", "see above", Span::new(3, 5), &mut diagnostics));
            assert_eq!((diagnostics[0].is_error(), diagnostics[0].span), (marked, Span::new(3, 5)));
            assert_eq!(task.settings.timeout, None);
        }
    }
}
