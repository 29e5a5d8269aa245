//! Entries → tasks: which entries count, whose part each is, what it does and what it needs.

use std::collections::{HashMap, HashSet};

use super::collect::{Collected, collect};
use super::entry::{Entry, Origin};
use super::{path, table, waves};
use crate::model::{Diagnostic, Need, NeedTarget, Span, Task, TaskId, Work};
use crate::parse::command::command_of;
use crate::parse::context::Context;
use crate::parse::fence;
use crate::parse::label;
use crate::parse::markdown::Outline;
use crate::parse::names::{NEEDS_MAX, Names, Stranger};
use crate::parse::needs::{self, Reference};
use crate::parse::property;
use crate::parse::words::Piece;

/// What a checklist says.
#[derive(Debug)]
pub(in crate::parse) struct Checklist {
    /// Its tasks, by number.
    pub tasks: Vec<Task>,
    /// Whether a need is stated anywhere, `None` included.
    pub states_needs: bool,
    /// The critical path that the author states.
    pub critical_path: Vec<(TaskId, Span)>,
    /// Which fences belong to a task of the checklist.
    pub owned: Vec<bool>,
}

/// Reads the checklist of `outline`; `None` when there is none.
pub(in crate::parse) fn read(
    outline: &Outline<'_>,
    context: &Context<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Checklist> {
    let mut found = collect(outline, false);
    let mut kept = keep(&found.entries, context);
    let rows = table::rows(outline);
    let makes_rows = rows.iter().any(|row| row.makes_tasks);
    if !kept.contains(&true) && !makes_rows {
        if found.free_boxes.is_empty() || !context.is_task_list {
            return None;
        }
        found = collect(outline, true);
        kept = keep(&found.entries, context);
    }
    let mut builder =
        Builder { outline, context, found: &found, tasks: Vec::new(), owned: Vec::new(), rows: HashMap::new() };
    builder.owned.resize(outline.fences.len(), false);
    let mut wanted: Vec<Vec<Reference<'_>>> = Vec::new();
    let mut states_needs = !found.phase_needs.is_empty();
    let mut phase_needs: HashMap<usize, Vec<&Reference<'_>>> = HashMap::new();
    for (phase, references) in &found.phase_needs {
        phase_needs.entry(*phase).or_default().extend(references);
    }
    let order = builder.entries(&kept, diagnostics);
    for entry in &order {
        let entry = &found.entries[*entry];
        states_needs |= entry.states_needs;
        let mut list = entry.needs.clone();
        for fence in &entry.fences {
            list.extend(fence::marks(&outline.fences[*fence], outline.text).needs.map(needs::read).unwrap_or_default());
        }
        let is_outermost = entry.container.is_none_or(|container| !kept[container]);
        let inherited = entry.phase.filter(|_| is_outermost).and_then(|phase| phase_needs.get(&phase));
        list.extend(inherited.into_iter().flatten().copied());
        wanted.push(list);
    }
    if builder.tasks.is_empty() {
        for row in rows.iter().filter(|row| row.makes_tasks) {
            builder.row(row, diagnostics);
            wanted.push(needs::read(row.needs));
        }
        states_needs |= !builder.tasks.is_empty();
    } else {
        states_needs |= add_rows(&builder.tasks, &rows, &mut wanted);
    }
    if builder.tasks.is_empty() {
        return None;
    }
    let (mut tasks, owned) = (builder.tasks, builder.owned);
    for (task, entry) in tasks.iter_mut().zip(&order) {
        task.steps = std::mem::take(&mut found.entries[*entry].steps);
    }
    note_free_boxes(&found.free_boxes, diagnostics);
    let list = resolve(outline, tasks, &wanted, diagnostics);
    Some(Checklist { states_needs: states_needs || list.states_needs, owned, ..list })
}

/// Looks up what each task wants, and what the file says about all of them.
fn resolve(
    outline: &Outline<'_>,
    mut tasks: Vec<Task>,
    wanted: &[Vec<Reference<'_>>],
    diagnostics: &mut Vec<Diagnostic>,
) -> Checklist {
    let waves = waves::read(outline, diagnostics);
    let mut names = Names::new(&tasks);
    let mut resolved: Vec<Vec<Need>> = Vec::with_capacity(tasks.len());
    for (own, references) in wanted.iter().enumerate() {
        let needs = references.iter().flat_map(|one| names.resolve(Some(own), one, Stranger::External, diagnostics));
        resolved.push(needs.collect());
    }
    let critical_path = path::read(outline, &mut names);
    if !waves.is_empty() {
        add_waves(&tasks, &names, &waves, &mut resolved, diagnostics);
    }
    for (task, needs) in tasks.iter_mut().zip(resolved) {
        task.needs = needs;
    }
    note_done_parents(&tasks, diagnostics);
    Checklist { tasks, states_needs: !waves.is_empty(), critical_path, owned: Vec::new() }
}

/// Which entries are tasks: a box with an id always, a heading or paragraph when there is something to do under it.
fn keep(entries: &[Entry<'_>], context: &Context<'_>) -> Vec<bool> {
    let has_boxes = entries.iter().any(|entry| entry.origin == Origin::Box);
    let acts = |entry: &Entry<'_>| {
        let has_code = context.is_workflow && !entry.fences.is_empty();
        entry.steps.iter().any(|step| step.done.is_some()) || entry.states_needs || has_code
    };
    let mut kept: Vec<bool> = entries
        .iter()
        .map(|entry| match entry.origin {
            Origin::Box | Origin::Counted => true,
            Origin::Heading | Origin::Paragraph => acts(entry),
            Origin::NumberedHeading => !has_boxes && entry.steps.iter().any(|step| step.done.is_some()),
        })
        .collect();
    for index in (0..entries.len()).rev() {
        let entry = &entries[index];
        if let Some(container) = entry.container.filter(|_| kept[index]) {
            let holder = &entries[container];
            let is_part = entry.id.strip_prefix(holder.id.as_str()).is_some_and(|rest| rest.starts_with('.'));
            kept[container] |= is_part || holder.origin == Origin::Heading;
        }
    }
    // Headings that can only be tasks are tasks together: one that has something to do vouches for its sisters with code.
    let any_heading = entries.iter().zip(&kept).any(|(entry, kept)| *kept && entry.origin == Origin::Heading);
    for (index, entry) in entries.iter().enumerate() {
        kept[index] |= any_heading && entry.origin == Origin::Heading && !entry.fences.is_empty();
    }
    kept
}

struct Builder<'b, 'a> {
    outline: &'b Outline<'a>,
    context: &'b Context<'b>,
    found: &'b Collected<'a>,
    tasks: Vec<Task>,
    owned: Vec<bool>,
    /// Where each row's id was first used, and how often.
    rows: HashMap<TaskId, (Span, usize)>,
}

impl Builder<'_, '_> {
    /// Makes a task of each kept entry, by number; the entries in the order of the tasks.
    fn entries(&mut self, kept: &[bool], diagnostics: &mut Vec<Diagnostic>) -> Vec<usize> {
        let entries = &self.found.entries;
        let ids = self.ids(kept, diagnostics);
        let mut first: HashMap<&str, usize> = HashMap::with_capacity(entries.len());
        for index in 0..entries.len() {
            if ids[index].is_some() {
                first.entry(entries[index].id.as_str()).or_insert(index);
            }
        }
        let parents = parents(entries, &ids, &first);
        let mut has_children = vec![false; entries.len()];
        for parent in parents.iter().flatten() {
            has_children[*parent] = true;
        }
        let mut order: Vec<usize> = (0..entries.len()).filter(|index| ids[*index].is_some()).collect();
        if order.iter().all(|index| label::numbers(&entries[*index].id).is_some()) {
            order.sort_by_cached_key(|index| (label::numbers(&entries[*index].id), *index));
        }
        order.truncate(self.context.limits.tasks_max);
        for index in &order {
            let Some(id) = ids[*index].clone() else { continue };
            let mut task = self.task(&entries[*index], id, has_children[*index], diagnostics);
            task.parent = parents[*index].and_then(|parent| ids[parent].clone());
            self.tasks.push(task);
        }
        order
    }

    /// The id of each kept entry. Of equal ones the first keeps it and the others get `-2`, `-3`, ….
    fn ids(&self, kept: &[bool], diagnostics: &mut Vec<Diagnostic>) -> Vec<Option<TaskId>> {
        let entries = &self.found.entries;
        let mut seen: HashMap<&str, (usize, usize)> = HashMap::with_capacity(entries.len());
        let written: HashSet<&str> = entries.iter().map(|entry| entry.id.as_str()).collect();
        let mut ids = vec![None; entries.len()];
        for (index, entry) in entries.iter().enumerate().filter(|(index, _)| kept[*index]) {
            let (first, count) = seen.entry(&entry.id).or_insert((index, 0));
            *count += 1;
            if *count == 1 {
                ids[index] = TaskId::new(&entry.id).ok();
                continue;
            }
            let mut renamed = format!("{}-{count}", entry.id);
            while written.contains(renamed.as_str()) {
                *count += 1;
                renamed = format!("{}-{count}", entry.id);
            }
            let before = entries[*first].span;
            diagnostics.push(self.context.duplicate(&entry.id, &renamed, entry.span, before, true));
            ids[index] = TaskId::new(&renamed).ok();
        }
        ids
    }

    fn task(&mut self, entry: &Entry<'_>, id: TaskId, is_parent: bool, diagnostics: &mut Vec<Diagnostic>) -> Task {
        for fence in &entry.fences {
            self.owned[*fence] = true;
        }
        let command = command_of(self.outline, &entry.fences, self.context, diagnostics);
        let work = match entry.text.as_str() {
            _ if is_parent => Work::Group,
            "" => Work::Agent(entry.title.clone()),
            text => Work::Agent(format!("{}\n\n{text}", entry.title)),
        };
        let mut task = Task::new(id, entry.title.clone(), entry.span, work);
        let mut ticks = entry.steps.iter().filter_map(|step| step.done).peekable();
        let is_ticked_off = matches!(entry.origin, Origin::Heading | Origin::NumberedHeading | Origin::Paragraph)
            && !is_parent
            && ticks.peek().is_some()
            && ticks.all(|done| done);
        task.done = entry.mark.done || is_ticked_off;
        task.in_doubt = entry.mark.in_doubt;
        task.open_boxes = match entry.mark.mark {
            Some(_) if entry.mark.done => Vec::new(),
            Some(mark) => vec![mark],
            // A heading is done when its steps are, so theirs are its boxes.
            None if is_parent => Vec::new(),
            None => entry.open_steps.clone(),
        };
        task.optional = entry.mark.optional;
        task.phase = entry.phase.map(|phase| self.found.phases[phase].clone());
        if let Some(found) = command {
            found.give(&mut task, diagnostics);
        }
        for (key, value) in &entry.properties {
            if self.context.is_workflow || key.text.eq_ignore_ascii_case("agent") {
                let key = key.text.to_ascii_lowercase();
                property::apply(&mut task, &key, value.text, value.span(), diagnostics);
            }
        }
        task
    }

    fn row(&mut self, row: &table::Row<'_>, diagnostics: &mut Vec<Diagnostic>) {
        if self.tasks.len() >= self.context.limits.tasks_max {
            return;
        }
        let id = row.id.and_then(|id| TaskId::new(id).ok()).or_else(|| TaskId::slug(&row.title));
        let base = id.or_else(|| TaskId::new(&format!("row-{}", self.tasks.len() + 1)).ok());
        let Some(mut id) = base else { return };
        let (first, count) = self.rows.entry(id.clone()).or_insert((row.name.span(), 0));
        *count += 1;
        if *count > 1 {
            let (first, mut number) = (*first, *count);
            let renamed = loop {
                let renamed = format!("{id}-{number}");
                if !self.rows.contains_key(renamed.as_str()) {
                    break renamed;
                }
                number += 1;
            };
            self.rows.insert(id.clone(), (first, number));
            diagnostics.push(self.context.duplicate(id.as_str(), &renamed, row.name.span(), first, true));
            let Ok(unused) = TaskId::new(&renamed) else { return };
            self.rows.insert(unused.clone(), (row.name.span(), 1));
            id = unused;
        }
        let title = if row.title.is_empty() { id.to_string() } else { row.title.clone() };
        let mut task = Task::new(id, title.clone(), row.name.span(), Work::Agent(title));
        task.done = row.done;
        self.tasks.push(task);
    }
}

/// Whose part each entry is: by number first, then by where it stands.
fn parents(entries: &[Entry<'_>], ids: &[Option<TaskId>], first: &HashMap<&str, usize>) -> Vec<Option<usize>> {
    let mut parents: Vec<Option<usize>> = vec![None; entries.len()];
    for (index, entry) in entries.iter().enumerate().filter(|(index, _)| ids[*index].is_some()) {
        let mut prefix = entry.id.as_str();
        while let Some((head, _)) = prefix.rsplit_once('.') {
            prefix = head;
            if let Some(parent) = first.get(prefix).filter(|parent| **parent != index) {
                parents[index] = Some(*parent);
                break;
            }
        }
        if parents[index].is_none() {
            let mut container = entry.container;
            while let Some(holder) = container.filter(|holder| ids[*holder].is_none()) {
                container = entries[holder].container;
            }
            let is_whole = |id: &str| id.bytes().all(|byte| byte.is_ascii_digit());
            let is_numbered = |id: &str| label::numbers(id).is_some();
            // A whole number is no part of another number, however it is indented, unless it repeats one.
            let repeats = first.get(entry.id.as_str()) != Some(&index);
            let is_free = |holder: &usize| repeats || !is_whole(&entry.id) || !is_numbered(&entries[*holder].id);
            parents[index] = container.filter(is_free);
        }
    }
    cut_circles(&mut parents);
    parents
}

/// Numbers and indentation that contradict each other could make a task a part of itself.
fn cut_circles(parents: &mut [Option<usize>]) {
    let mut walked_in = vec![0_usize; parents.len()];
    for start in 0..parents.len() {
        let mut at = start;
        while walked_in[at] == 0 {
            walked_in[at] = start + 1;
            match parents[at] {
                Some(parent) if walked_in[parent] == start + 1 => parents[at] = None,
                Some(parent) => at = parent,
                None => break,
            }
        }
    }
}

/// Rows that speak of tasks found elsewhere add to their needs.
fn add_rows<'a>(tasks: &[Task], rows: &[table::Row<'a>], wanted: &mut [Vec<Reference<'a>>]) -> bool {
    if rows.is_empty() {
        return false;
    }
    let names = Names::new(tasks);
    let mut any = false;
    for row in rows {
        let known = row.id.and_then(|id| names.of_id(id)).or_else(|| names.name(row.name.trim("*_`").text));
        if let Some(index) = known {
            wanted[index].extend(needs::read(row.needs));
            any = true;
        }
    }
    any
}

/// A task of a wave needs every task of the wave before; tasks that no wave names follow, by number.
fn add_waves(
    tasks: &[Task],
    names: &Names<'_>,
    waves: &[Vec<Piece<'_>>],
    resolved: &mut [Vec<Need>],
    diagnostics: &mut Vec<Diagnostic>,
) {
    let mut in_wave = vec![false; tasks.len()];
    let mut left = NEEDS_MAX;
    let mut too_many = None;
    let mut before: Vec<usize> = Vec::new();
    let mut need = |task: usize, on: &[usize], span: Span, resolved: &mut [Vec<Need>]| {
        if on.len() <= left {
            left -= on.len();
            let needs = on.iter().map(|on| Need { target: NeedTarget::Task(tasks[*on].id.clone()), span });
            resolved[task].extend(needs);
        } else {
            too_many.get_or_insert(span);
        }
    };
    for wave in waves {
        let mut members = Vec::with_capacity(wave.len());
        for piece in wave {
            match names.name(piece.text) {
                Some(task) if in_wave[task] => {}
                Some(task) => {
                    in_wave[task] = true;
                    need(task, &before, piece.span(), resolved);
                    members.push(task);
                }
                None => diagnostics.push(
                    Diagnostic::warning("unknown-task", piece.span(), format!("a wave names `{}`", piece.text))
                        .hint("no task has this id; the wave goes on without it"),
                ),
            }
        }
        if !members.is_empty() {
            before = members;
        }
    }
    for task in 0..tasks.len() {
        if !in_wave[task] && tasks[task].work != Work::Group && resolved[task].is_empty() {
            let span = tasks[task].span;
            need(task, &before, span, resolved);
            before = vec![task];
        }
    }
    if let Some(span) = too_many {
        let message = format!("the waves mean more than {NEEDS_MAX} needs");
        diagnostics
            .push(Diagnostic::error("too-many-needs", span, message).hint("put a task of its own between large waves"));
    }
}

/// Boxes that are nobody's: said once, so that none is lost in silence.
fn note_free_boxes(boxes: &[Span], diagnostics: &mut Vec<Diagnostic>) {
    let Some(first) = boxes.first() else { return };
    let message = match boxes.len() {
        1 => "a box without an id stands under no task, so it is none".to_owned(),
        count => format!("{count} boxes without an id stand under no task, so they are none"),
    };
    diagnostics.push(
        Diagnostic::note("free-box", *first, message)
            .hint("a task of this list begins with an id, as in `- [ ] 1.2 Title`"),
    );
}

/// A done task with an unfinished part is a slip of one of the two boxes.
fn note_done_parents(tasks: &[Task], diagnostics: &mut Vec<Diagnostic>) {
    let done: HashMap<&TaskId, &Task> = tasks.iter().filter(|task| task.done).map(|task| (&task.id, task)).collect();
    let mut told = HashSet::new();
    for child in tasks.iter().filter(|task| !task.done && !task.optional) {
        let Some(parent) = child.parent.as_ref().and_then(|parent| done.get(parent)) else { continue };
        if told.insert(&parent.id) {
            let message = format!("`{}` is done, but its part `{}` is not", parent.id, child.id);
            diagnostics.push(
                Diagnostic::warning("done-parent", parent.span, message)
                    .hint("untick the parent, or tick the part")
                    .related(child.span, "not done"),
            );
        }
    }
}
