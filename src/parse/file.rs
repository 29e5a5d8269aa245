//! One file → its spores and every remark on it. The door of this room.

use super::context::Context;
use super::front_matter;
use super::markdown::{self, Outline};
use super::{agent, checklist, document, fence, identity, workflow};
use crate::model::{Diagnostic, Dialect, Kind, Limits, Order, Source, Span, Spore};

/// What a file says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parsed {
    /// Its spores: one for a markdown file, one for each document of a YAML file, none for a file that cannot be read.
    pub spores: Vec<Spore>,
    /// Every remark on it, sorted by place.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads a file of any dialect. It never fails: what is wrong is said in diagnostics.
#[must_use]
pub fn parse(source: &Source, limits: &Limits) -> Parsed {
    let mut diagnostics = Vec::new();
    let mut spores = Vec::new();
    if let Some(refusal) = refuse(&source.text, limits) {
        diagnostics.push(refusal);
    } else if is_yaml(&source.path) {
        (spores, diagnostics) = workflow::yaml_spores(source, limits);
    } else {
        spores.push(markdown_spore(source, limits, &mut diagnostics));
    }
    diagnostics.sort_by_key(|diagnostic| diagnostic.span);
    if diagnostics.len() > limits.diagnostics_max {
        let errors = diagnostics.iter().skip(limits.diagnostics_max).any(Diagnostic::is_error);
        let left = diagnostics.len() - limits.diagnostics_max;
        diagnostics.truncate(limits.diagnostics_max);
        let place = diagnostics.last().map(|last| last.span).unwrap_or_default();
        let message = format!("{left} more remarks on this file are not shown");
        let more = if errors { Diagnostic::error } else { Diagnostic::note };
        diagnostics.push(more("more-remarks", place, message));
    }
    Parsed { spores, diagnostics }
}

fn is_yaml(path: &str) -> bool {
    let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
    ending.eq_ignore_ascii_case("yaml") || ending.eq_ignore_ascii_case("yml")
}

fn refuse(text: &str, limits: &Limits) -> Option<Diagnostic> {
    if text.len() > limits.spore_bytes_max {
        let message = format!("the file has {} bytes; a spore has {} at most", text.len(), limits.spore_bytes_max);
        return Some(Diagnostic::error("too-large", Span::new(0, 0), message).hint("split it into several spores"));
    }
    let at = memchr::memchr(0, text.as_bytes())?;
    let message = "a NUL byte stands in the text";
    Some(Diagnostic::error("nul-byte", Span::new(at, at + 1), message).hint("this is no text file; take the byte out"))
}

fn markdown_spore(source: &Source, limits: &Limits, diagnostics: &mut Vec<Diagnostic>) -> Spore {
    let text = source.text.as_str();
    let mut spore = Spore::empty(source.path.clone(), Dialect::Markdown);
    let front = front_matter::split(text).inspect_err(|body| front_matter::note_open(text, *body, diagnostics));
    let body = front.map_or_else(|body| body, |front| front.body);
    let is_agent = agent::is_agent(&source.path, front.ok());
    if is_agent {
        agent::read(front.ok(), &text[body..], limits, &mut spore, diagnostics);
    } else if let Ok(front) = front {
        front_matter::read(front, false, limits, &mut spore, diagnostics);
    }
    let outline = markdown::outline(text, body);
    if spore.id == source.path {
        spore.id = identity::signature(&outline).unwrap_or(spore.id);
    }
    if spore.metadata.is_empty() {
        spore.metadata = identity::metadata(&outline);
    }
    if spore.title.is_none() {
        spore.title = identity::title(&outline);
    }
    if matches!(spore.kind, Kind::Agent | Kind::Result | Kind::Learning) {
        spore.tasks.clear();
        return spore;
    }
    read_tasks(source, &outline, limits, &mut spore, diagnostics);
    spore
}

fn read_tasks(
    source: &Source,
    outline: &Outline<'_>,
    limits: &Limits,
    spore: &mut Spore,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let name = source.path.rsplit(['/', '\\']).next().unwrap_or(&source.path);
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let is_workflow = spore.kind == Kind::Workflow;
    let has_commands = is_workflow && outline.fences.iter().any(|fence| fence.language.is_some());
    let says_tasks = |text: &str| {
        let text = text.to_lowercase();
        ["task", "todo", "to-do", "checklist", "implementation plan", "\u{4efb}\u{52a1}"]
            .iter()
            .any(|word| text.contains(word))
    };
    let is_task_list = !has_commands && (says_tasks(stem) || spore.title.as_deref().is_some_and(says_tasks));
    let context = Context { limits, is_workflow, is_task_list, stem };
    let list = checklist::read(outline, &context, diagnostics);
    let mut states_needs = false;
    let mut owned = Vec::new();
    if let Some(list) = list {
        spore.dialect = Dialect::Checklist;
        spore.stated_critical_path = list.critical_path;
        states_needs = list.states_needs;
        owned = list.owned;
        spore.tasks.extend(list.tasks);
    }
    let sections = document::read(outline, &owned, &spore.tasks, &context, diagnostics);
    spore.tasks.extend(sections.tasks);
    states_needs |= sections.states_needs || spore.tasks.iter().any(|task| !task.needs.is_empty());
    spore.order = if states_needs { Order::Needs } else { Order::Sequence };
    if spore.tasks.len() > limits.tasks_max {
        spore.tasks.truncate(limits.tasks_max);
    }
    note_inert(outline, spore, diagnostics);
}

/// What a file would run if it said so: how many fences, and the one line that is missing.
fn note_inert(outline: &Outline<'_>, spore: &Spore, diagnostics: &mut Vec<Diagnostic>) {
    if spore.kind != Kind::Inert {
        return;
    }
    let mut inert = outline.fences.iter().filter(|fence| fence.language.is_some()).filter(|fence| {
        let marks = fence::marks(fence, outline.text);
        !marks.marked && !marks.no_run
    });
    let Some(first) = inert.next() else { return };
    let count = 1 + inert.count();
    let fences = if count == 1 { "fence is" } else { "fences are" };
    let message = format!("{count} runnable {fences} not marked as commands to run");
    let place = Span::new(first.span.start as usize, first.span.start as usize + 3);
    diagnostics.push(
        Diagnostic::note("inert", place, message)
            .hint("`kind: workflow` in the front matter makes them tasks that run"),
    );
}
