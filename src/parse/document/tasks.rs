//! Sections → tasks: names, needs, properties and commands.
//!
//! Several unnamed fences of one language in a section are one script, in order, because a reader runs them in one
//! shell, one after the other. Another language is another task, `heading-2`, which follows the first.

use std::collections::HashMap;

use super::section::{Group, Section, sections};
use crate::model::{Diagnostic, Need, NeedTarget, Span, Task, TaskId, Work};
use crate::parse::command::command_of;
use crate::parse::context::Context;
use crate::parse::markdown::Outline;
use crate::parse::names::{Names, Stranger};
use crate::parse::needs::Reference;
use crate::parse::property;
use crate::parse::words::{self, Piece};

/// What the sections of a file say.
#[derive(Debug, Default)]
pub(in crate::parse) struct Document {
    /// Its tasks, from top to bottom.
    pub tasks: Vec<Task>,
    /// Whether a need is stated anywhere.
    pub states_needs: bool,
}

/// Reads the sections of `outline`. Fences that are `owned` belong to tasks of a checklist; `taken` are the names of
/// those tasks, and with any of them only marked fences become tasks.
pub(in crate::parse) fn read(
    outline: &Outline<'_>,
    owned: &[bool],
    taken: &[Task],
    context: &Context<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Document {
    let mut reader = Reader {
        outline,
        context,
        used: HashMap::new(),
        repeats: HashMap::new(),
        tasks: Vec::new(),
        wanted: Vec::new(),
    };
    reader.used.extend(taken.iter().map(|task| (task.id.to_string(), task.span)));
    let sections = sections(outline, owned, context.is_workflow && taken.is_empty());
    let mut states_needs = false;
    for section in &sections {
        states_needs |= section.states_needs || section.groups.iter().any(|group| group.states_needs);
        reader.section(section, !taken.is_empty(), diagnostics);
    }
    let Reader { mut tasks, wanted, .. } = reader;
    let mut names = Names::new(&tasks);
    let mut resolved: Vec<Vec<Need>> = Vec::with_capacity(tasks.len());
    for (own, wanted) in wanted.iter().enumerate() {
        let stranger = if tasks[own].marked { Stranger::Task } else { Stranger::External };
        let references = wanted.references.iter();
        let mut needs: Vec<Need> =
            references.flat_map(|one| names.resolve(Some(own), one, stranger, diagnostics)).collect();
        if let Some(before) = wanted.after.filter(|_| states_needs) {
            needs.push(Need { target: NeedTarget::Task(tasks[before].id.clone()), span: tasks[own].span });
        }
        resolved.push(needs);
    }
    for (task, needs) in tasks.iter_mut().zip(resolved) {
        task.needs = needs;
    }
    Document { tasks, states_needs }
}

struct Wanted<'f> {
    references: Vec<Reference<'f>>,
    /// The task of the same section that it follows.
    after: Option<usize>,
}

struct Reader<'o, 'f> {
    outline: &'f Outline<'f>,
    context: &'o Context<'o>,
    used: HashMap<String, Span>,
    /// The last number given to each repeated id.
    repeats: HashMap<String, usize>,
    tasks: Vec<Task>,
    wanted: Vec<Wanted<'f>>,
}

impl<'f> Reader<'_, 'f> {
    fn section(&mut self, section: &Section<'f>, only_marked: bool, diagnostics: &mut Vec<Diagnostic>) {
        let mut unnamed = 0;
        let mut after = None;
        if section.groups.is_empty() && self.tasks.len() < self.context.limits.tasks_max {
            let task = self.agent_task(section, diagnostics);
            self.wanted.extend(task.iter().map(|_| Wanted { references: section.needs.clone(), after: None }));
            self.tasks.extend(task);
        }
        for group in &section.groups {
            if self.tasks.len() >= self.context.limits.tasks_max || (only_marked && !self.is_marked(group)) {
                continue;
            }
            let is_unnamed = group.name.is_none();
            unnamed += usize::from(is_unnamed);
            let Some(task) = self.task(section, group, unnamed, diagnostics) else { continue };
            let references = group.needs.iter().chain(&section.needs).copied().collect();
            self.wanted.push(Wanted { references, after: after.filter(|_| is_unnamed) });
            if is_unnamed {
                after = Some(self.tasks.len());
            }
            self.tasks.push(task);
        }
    }

    /// The task of a section that has no command and names an agent.
    fn agent_task(&mut self, section: &Section<'_>, diagnostics: &mut Vec<Diagnostic>) -> Option<Task> {
        let heading = section.heading?;
        let title = words::clean(heading.text);
        let slug = TaskId::slug(&title).map_or_else(|| "task".to_owned(), |slug| slug.to_string());
        let id = self.unused(&slug, heading.span(), false, diagnostics)?;
        let text = section.text.trim();
        let told = if text.is_empty() { title.clone() } else { format!("{title}\n\n{text}") };
        let mut task = Task::new(id, title, heading.span(), Work::Agent(told));
        task.phase.clone_from(&section.phase);
        task.marked = true;
        for (key, value) in &section.properties {
            property::apply(&mut task, &key.text.to_ascii_lowercase(), value.text, value.span(), diagnostics);
        }
        Some(task)
    }

    fn is_marked(&self, group: &Group<'_>) -> bool {
        group.marked || self.context.is_workflow
    }

    fn task(
        &mut self,
        section: &Section<'_>,
        group: &Group<'_>,
        unnamed: usize,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Task> {
        let fence = self.outline.fences[*group.fences.first()?].span;
        let opening = self.outline.slice(fence).find('\n').unwrap_or(0);
        let opening = Span::new(fence.start as usize, fence.start as usize + opening);
        let heading = section.heading.map(|heading| words::clean(heading.text)).filter(|words| !words.is_empty());
        let is_first = group.name.is_none() && unnamed == 1;
        let span = section.heading.filter(|_| is_first).map_or(opening, Piece::span);
        let wanted = if let Some((name, place)) = &group.name {
            named(name, *place, diagnostics)
        } else {
            let slug = TaskId::slug(heading.as_deref().unwrap_or(self.context.stem));
            let slug = slug.map_or_else(|| "task".to_owned(), |slug| slug.to_string());
            if unnamed == 1 { slug } else { format!("{slug}-{unnamed}") }
        };
        let id = self.unused(&wanted, span, group.name.is_some(), diagnostics)?;
        let title = match (&group.name, heading) {
            (Some((name, _)), heading) => heading.filter(|_| section.groups.len() == 1).unwrap_or(name.clone()),
            (None, heading) => heading.unwrap_or_else(|| self.context.stem.to_owned()),
        };
        let mut task = Task::new(id, title, span, Work::Group);
        task.phase.clone_from(&section.phase);
        let found = command_of(self.outline, &group.fences, self.context, diagnostics)?;
        found.give(&mut task, diagnostics);
        for (key, value) in &section.properties {
            if task.marked || key.text.eq_ignore_ascii_case("agent") {
                let key = key.text.to_ascii_lowercase();
                property::apply(&mut task, &key, value.text, value.span(), diagnostics);
            }
        }
        Some(task)
    }

    /// `wanted`, or `wanted-2`, `wanted-3`, … when it is taken.
    fn unused(&mut self, wanted: &str, span: Span, chose: bool, diagnostics: &mut Vec<Diagnostic>) -> Option<TaskId> {
        let Some(first) = self.used.get(wanted).copied() else {
            self.used.insert(wanted.to_owned(), span);
            return TaskId::new(wanted).ok();
        };
        let number = self.repeats.entry(wanted.to_owned()).or_insert(1);
        let renamed = loop {
            *number += 1;
            let renamed = format!("{wanted}-{number}");
            if !self.used.contains_key(&renamed) {
                break renamed;
            }
        };
        diagnostics.push(self.context.duplicate(wanted, &renamed, span, first, chose));
        self.used.insert(renamed.clone(), span);
        TaskId::new(&renamed).ok()
    }
}

/// The id that a mark asks for, or one made of it where it cannot be one.
fn named(name: &str, place: Span, diagnostics: &mut Vec<Diagnostic>) -> String {
    if let Err(error) = TaskId::new(name) {
        let slug = TaskId::slug(name).map_or_else(|| "task".to_owned(), |slug| slug.to_string());
        diagnostics
            .push(Diagnostic::warning("bad-id", place, error.to_string()).hint(format!("it is called `{slug}` here")));
        return slug;
    }
    name.to_owned()
}
