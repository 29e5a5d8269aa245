//! `tasks` and `finally`: a map from ids to tasks, each in its short or its long form.

use super::decoder::{Decoder, Entry, found, short, stands_for};
use super::settings::setting;
use super::trigger::{scalars, template_name};
use crate::model::{Command, Diagnostic, Language, Matrix, Need, NeedTarget, Span, Step, Task, TaskId, Template, Work};
use crate::parse::node::{Node, NodeKind};
use crate::parse::table;

/// The tasks of a map, in the author's order.
pub(super) fn tasks(decoder: &mut Decoder<'_>, entry: Entry<'_>) -> Vec<Task> {
    let tasks_max = decoder.limits.tasks_max;
    match &entry.node.kind {
        NodeKind::Map(entries) if entries.len() > tasks_max => {
            let message = format!("`{}` holds {} tasks, more than {tasks_max}", entry.field.name, entries.len());
            let hint = "split the spore, or use a matrix";
            decoder.remark(|| Diagnostic::error("too-many-tasks", entry.key, message).hint(hint));
            return Vec::new();
        }
        NodeKind::Map(_) => {}
        NodeKind::List(items) => {
            as_list(decoder, entry, items);
            return Vec::new();
        }
        NodeKind::Null => return Vec::new(),
        _ => {
            decoder.mismatch(entry);
            return Vec::new();
        }
    }
    let entries = decoder.named(entry);
    let mut tasks = Vec::with_capacity(entries.len());
    for (key, node) in entries {
        if let Some(id) = task_id(decoder, &key.text, key.span) {
            tasks.push(task(decoder, id, key.span, node));
        }
    }
    tasks
}

/// Tasks as a list are what people bring from other tools; the hint shows their own first task as it must be.
fn as_list(decoder: &mut Decoder<'_>, entry: Entry<'_>, items: &[Node<'_>]) {
    decoder.remark(|| {
        let name = entry.field.name;
        let first = items.iter().find_map(|item| item.get("id").or_else(|| item.get("name")).and_then(Node::scalar));
        let id = first.and_then(TaskId::slug).map_or_else(|| "build".to_owned(), |id| id.to_string());
        let message = format!("`{name}` must be a map from task ids to tasks, not a list");
        let hint = format!("write each id as a key: `{name}: {{{id}: {{run: …}}}}`, without dashes and without `id:`");
        Diagnostic::error("tasks-as-list", entry.key, message).hint(hint)
    });
}

/// Checks an id, and reports what cannot be one.
fn task_id(decoder: &mut Decoder<'_>, text: &str, span: Span) -> Option<TaskId> {
    match TaskId::new(text) {
        Ok(id) => Some(id),
        Err(bad) => {
            decoder.remark(|| {
                let many: Vec<&str> = text.split([',', ' ']).filter(|word| !word.is_empty()).collect();
                let hint = match TaskId::slug(text) {
                    _ if text.contains(", ") && text.len() < 200 => {
                        format!("for several ids write a list: `[{}]`", many.join(", "))
                    }
                    Some(better) if better.as_str() != text => format!("write `{better}`"),
                    _ => "use letters, digits, `.`, `_` and `-`, at most 128 bytes".to_owned(),
                };
                Diagnostic::error("bad-id", span, short(&bad.to_string())).hint(hint)
            });
            None
        }
    }
}

/// One task. What has nothing it could do is reported, and kept as a group so that needs of it do not dangle.
fn task(decoder: &mut Decoder<'_>, id: TaskId, key: Span, node: &Node<'_>) -> Task {
    let title = id.to_string();
    let mut task = Task::new(id, title, key, Work::Group);
    let NodeKind::Map(entries) = &node.kind else {
        task.work = short_form(decoder, &task.id, key, node).map_or(Work::Group, Work::Command);
        return task;
    };
    let mut draft = Draft::default();
    decoder.each(&table::TASK, key, node, |decoder, entry| {
        if !property(decoder, &mut task, entry) {
            draft.take(decoder, &mut task, entry);
        }
    });
    let idle = draft.run.is_none() && task.agent.is_none();
    if idle && entries.iter().take(100).any(|(key, _)| stands_for(&table::TASK, &key.text, "run")) {
        // The key has been reported with `run` as the word to write; that the task is empty is no news.
        return task;
    }
    task.work = draft.work(decoder, &task, key);
    if let Some(title) = draft.title {
        task.title = title;
    }
    if let (Work::Command(_), Some((text, span))) = (&task.work, draft.description) {
        task.steps.push(Step { text, done: None, span });
    }
    task
}

/// A task written as a script or a list.
fn short_form(decoder: &mut Decoder<'_>, id: &TaskId, key: Span, node: &Node<'_>) -> Option<Command> {
    let (_, field) = table::TASK.field("run")?;
    if matches!(node.kind, NodeKind::Null) {
        decoder.remark(|| {
            let hint = format!("write `{id}: command`, or a map with `run`");
            Diagnostic::error("no-work", key, format!("the task `{id}` is empty")).hint(hint)
        });
        return None;
    }
    command(decoder, Entry { field, key, node }, None)
}

/// The parts of a task that only make sense together.
#[derive(Default)]
struct Draft<'n> {
    run: Option<Entry<'n>>,
    language: Option<(Language, Span)>,
    title: Option<String>,
    description: Option<(String, Span)>,
}

impl<'n> Draft<'n> {
    fn take(&mut self, decoder: &mut Decoder<'_>, task: &mut Task, entry: Entry<'n>) {
        match entry.field.name {
            "run" => self.run = Some(entry),
            "language" => {
                self.language = decoder.word(entry).and_then(Language::of_fence).map(|word| (word, entry.key));
            }
            "title" => self.title = decoder.text(entry),
            "description" => self.description = decoder.text(entry).map(|text| (text, entry.node.span)),
            "needs" => task.needs = needs(decoder, entry),
            _ => {}
        }
    }

    fn work(&self, decoder: &mut Decoder<'_>, task: &Task, key: Span) -> Work {
        if let Some(run) = self.run {
            return command(decoder, run, self.language).map_or(Work::Group, Work::Command);
        }
        if task.agent.is_some() {
            let text = self.description.as_ref().map(|(text, _)| text).or(self.title.as_ref());
            return Work::Agent(text.cloned().unwrap_or_else(|| task.id.to_string()));
        }
        let id = &task.id;
        decoder.remark(|| {
            let message = format!("the task `{id}` has nothing to do");
            Diagnostic::error("no-work", key, message)
                .hint("add `run: …` with a command, or `agent: …` with an agent's name")
        });
        Work::Group
    }
}

/// A script or an argument list.
pub(super) fn command(
    decoder: &mut Decoder<'_>,
    entry: Entry<'_>,
    language: Option<(Language, Span)>,
) -> Option<Command> {
    let empty = match &entry.node.kind {
        NodeKind::List(items) if scalars(entry.node) && !items.is_empty() => {
            if let Some((_, span)) = language {
                decoder.remark(|| {
                    let message = "`language` has no effect on a list, which is a program and its arguments";
                    Diagnostic::warning("no-effect", span, message)
                        .hint("write `run` as a text, or leave `language` out")
                });
            }
            let words: Vec<Template> = items.iter().filter_map(Node::scalar).map(Template::from).collect();
            if !words[0].0.trim().is_empty() {
                return Some(Command::Argv(words));
            }
            true
        }
        NodeKind::List(items) => items.is_empty(),
        NodeKind::Null => true,
        _ => match entry.node.scalar() {
            Some(text) if !text.trim().is_empty() => {
                let language = language.map_or(Language::Sh, |(language, _)| language);
                return Some(Command::Script { language, text: text.to_owned() });
            }
            text => text.is_some(),
        },
    };
    if empty {
        decoder.remark(|| {
            let hint = format!("write it like `run: {}`", entry.field.example);
            Diagnostic::error("empty-run", entry.place(), "`run` is empty").hint(hint)
        });
    } else {
        decoder.mismatch(entry);
    }
    None
}

fn needs(decoder: &mut Decoder<'_>, entry: Entry<'_>) -> Vec<Need> {
    if matches!(entry.node.kind, NodeKind::Null) {
        return Vec::new();
    }
    let mut needs = Vec::new();
    for (text, span) in decoder.texts(entry) {
        if let Some(id) = task_id(decoder, text, span) {
            needs.push(Need { target: NeedTarget::Task(id), span });
        }
    }
    needs
}

fn matrix(decoder: &mut Decoder<'_>, entry: Entry<'_>) -> Option<Box<Matrix>> {
    let mut matrix = Matrix::default();
    for (key, node) in decoder.named(entry) {
        if !template_name(decoder, &key.text, key.span) {
            continue;
        }
        let values = node.items().filter(|items| !items.is_empty() && scalars(node));
        let Some(values) = values else {
            decoder.remark(|| {
                let found = found(node);
                let message =
                    format!("the axis `{}` must be a list of texts or numbers, not {found}", short(&key.text));
                Diagnostic::error("wrong-type", key.span, message)
                    .hint(format!("write it like `matrix: {}`", entry.field.example))
            });
            continue;
        };
        matrix.axes.insert(key.text.to_string(), values.iter().map(Node::to_value).collect());
    }
    (!matrix.axes.is_empty()).then(|| Box::new(matrix))
}

/// Reads one of the keys that markdown can state, too; false when it is none.
pub(in crate::parse) fn property(decoder: &mut Decoder<'_>, task: &mut Task, entry: Entry<'_>) -> bool {
    match entry.field.name {
        "when" => task.when = decoder.text(entry).map(Template),
        "matrix" => task.matrix = matrix(decoder, entry),
        "max_parallel" => task.max_parallel = decoder.count(entry),
        "idempotent" => task.idempotent = decoder.flag(entry).unwrap_or_default(),
        "optional" => task.optional = decoder.flag(entry).unwrap_or_default(),
        "artifacts" => task.artifacts = decoder.strings(entry),
        "agent" => task.agent = decoder.text(entry).filter(|name| !name.trim().is_empty()),
        "instance" => task.instance = decoder.text(entry),
        _ => return setting(decoder, &mut task.settings, entry),
    }
    true
}
