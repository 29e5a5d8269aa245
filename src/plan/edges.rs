//! Edges: what was stated, what follows from nesting and from sequence, and whether it all holds together.
//!
//! Everything here is about authored tasks by place; combinations of a matrix come in only at the end, when each edge
//! becomes edges between units. So a cycle through a matrix task is found and told once.

use crate::model::{Cycle, Dag, Diagnostic, Limits, NeedTarget, Order, Task, Work};

use super::expand::Units;
use super::names::{HINTS_MAX, Names, hinted};

/// Cycles told of one spore. Each costs a pass over all edges.
const CYCLES_MAX: usize = 20;
/// Tasks of one cycle named in full.
const CYCLE_TASKS_MAX: usize = 100;

/// All tasks of a spore in one list, those of `finally` last.
pub(super) struct Tasks<'a> {
    pub(super) all: Vec<&'a Task>,
    /// Where those of `finally` begin.
    pub(super) finally: usize,
}

/// Which tasks are parts of which.
pub(super) struct Family {
    pub(super) children: Vec<Vec<usize>>,
    /// Every task, parents first, children in the author's order.
    order: Vec<usize>,
    /// The place of a task in `order`, and one past the place of its last descendant.
    reach: Vec<(usize, usize)>,
    parent: Vec<Option<usize>>,
}

impl Family {
    pub(super) fn new(tasks: &Tasks<'_>, names: &Names<'_>) -> Self {
        let count = tasks.all.len();
        let mut parent = vec![None; count];
        let mut children = vec![Vec::new(); count];
        for (at, task) in tasks.all.iter().enumerate() {
            let found = task.parent.as_ref().and_then(|parent| names.get(parent.as_str()));
            if let Some(found) = found.filter(|found| *found != at && tasks.side(*found) == tasks.side(at)) {
                parent[at] = Some(found);
                children[found].push(at);
            }
        }
        let mut family = Self { children, order: Vec::with_capacity(count), reach: vec![(0, 0); count], parent };
        let mut seen = vec![false; count];
        for root in (0..count).filter(|at| family.parent[*at].is_none()).collect::<Vec<_>>() {
            family.visit(root, &mut seen);
        }
        // Tasks that are parts of each other in a circle have no root; each stands alone.
        for lost in (0..count).filter(|at| !seen[*at]).collect::<Vec<_>>() {
            family.parent[lost] = None;
            family.children[lost].clear();
            family.visit(lost, &mut seen);
        }
        family
    }

    fn visit(&mut self, root: usize, seen: &mut [bool]) {
        let mut open = vec![(root, 0)];
        while let Some((at, next)) = open.pop() {
            if next == 0 {
                seen[at] = true;
                self.reach[at].0 = self.order.len();
                self.order.push(at);
            }
            if let Some(&child) = self.children[at].get(next) {
                open.push((at, next + 1));
                open.push((child, 0));
            } else {
                self.reach[at].1 = self.order.len();
            }
        }
    }

    /// Whether `task` is `of` or a part of it, however deep.
    pub(super) fn is_part(&self, task: usize, of: usize) -> bool {
        let (first, end) = self.reach[of];
        (first..end).contains(&self.reach[task].0)
    }

    /// `task` and all its parts.
    pub(super) fn whole(&self, task: usize) -> &[usize] {
        let (first, end) = self.reach[task];
        &self.order[first..end]
    }

    pub(super) fn is_parent(&self, task: usize) -> bool {
        !self.children[task].is_empty()
    }

    /// Every task after all its parts.
    pub(super) fn bottom_up(&self) -> impl Iterator<Item = usize> + '_ {
        self.order.iter().rev().copied()
    }
}

impl Tasks<'_> {
    /// Whether a task is one of `finally`.
    pub(super) fn side(&self, at: usize) -> bool {
        at >= self.finally
    }
}

/// What every authored task needs.
#[derive(Default)]
pub(super) struct Edges {
    /// Stated needs on whole tasks, by place.
    pub(super) stated: Vec<Vec<u32>>,
    /// Stated needs on single combinations: the task's place and the unit's.
    pub(super) single: Vec<Vec<(u32, u32)>>,
    /// All needs on whole tasks.
    whole: Vec<Vec<u32>>,
    /// All needs on single combinations.
    parts: Vec<Vec<(u32, u32)>>,
}

fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// The edges of `tasks`, cycles removed, with everything that is wrong about them; `None` when there are too many.
pub(super) fn join(
    tasks: &Tasks<'_>,
    names: &Names<'_>,
    units: &Units,
    family: &Family,
    (order, limits): (Order, &Limits),
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Edges> {
    let mut edges = Edges::default();
    resolve(tasks, names, units, family, &mut edges, diagnostics);
    edges.whole.clone_from(&edges.stated);
    edges.parts.clone_from(&edges.single);
    if !inherit(family, &mut edges, limits.needs_max) {
        diagnostics.push(too_many(tasks, limits));
        return None;
    }
    for (parent, children) in family.children.iter().enumerate() {
        edges.whole[parent].extend(children.iter().map(|child| index(*child)));
    }
    if order == Order::Sequence {
        sequence(tasks, family, &mut edges);
    }
    for list in &mut edges.whole {
        list.sort_unstable();
        list.dedup();
    }
    Some(edges)
}

/// Turns names into places, and tells which cannot be.
fn resolve(
    tasks: &Tasks<'_>,
    names: &Names<'_>,
    units: &Units,
    family: &Family,
    edges: &mut Edges,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let mut unknown = 0;
    for (at, task) in tasks.all.iter().enumerate() {
        let mut whole = Vec::new();
        let mut single = Vec::new();
        for need in &task.needs {
            let NeedTarget::Task(id) = &need.target else { continue };
            let unit = units.combination(id.as_str());
            let found = names.get(id.as_str()).or_else(|| unit.map(|unit| units.all[unit].source));
            let Some(found) = found else {
                unknown += 1;
                let known = tasks.all.iter().map(|task| task.id.as_str()).take(if unknown > HINTS_MAX {
                    0
                } else {
                    usize::MAX
                });
                let message = format!("`{}` needs `{id}`, which does not exist", task.id);
                let diagnostic = Diagnostic::error("unknown-need", need.span, message);
                diagnostics
                    .push(hinted(diagnostic, id.as_str(), known, || Some("no task of this file has this name".into())));
                continue;
            };
            if let Some(diagnostic) = refused(tasks, family, at, found) {
                diagnostics.push(Diagnostic { span: need.span, ..diagnostic });
                continue;
            }
            match unit.filter(|_| names.get(id.as_str()).is_none()) {
                Some(unit) => single.push((index(found), index(unit))),
                None => whole.push(index(found)),
            }
        }
        edges.stated.push(whole);
        edges.single.push(single);
    }
}

/// What is wrong with a need of the task `at` on the task `found`, as a diagnostic that has no place yet.
fn refused(tasks: &Tasks<'_>, family: &Family, at: usize, found: usize) -> Option<Diagnostic> {
    let (task, need) = (&tasks.all[at].id, &tasks.all[found].id);
    let span = tasks.all[at].span;
    if at == found {
        return Some(Diagnostic::error("cycle", span, format!("`{task}` needs itself")).hint("take this need out"));
    }
    match (tasks.side(at), tasks.side(found)) {
        (false, true) => {
            let message = format!("`{task}` needs `{need}`, which is in `finally` and runs after all others");
            return Some(Diagnostic::error("need-on-finally", span, message).hint("move one of the two"));
        }
        (true, false) => {
            let message = format!("`{task}` is in `finally` and runs when `{need}` has ended, whatever became of it");
            return Some(Diagnostic::warning("finally-need", span, message).hint("take this need out"));
        }
        _ => {}
    }
    if family.is_part(at, found) {
        let message = format!("`{task}` is a part of `{need}` and cannot wait for it");
        let hint = "the need is passed over; a parent ends with its parts";
        return Some(Diagnostic::warning("need-on-parent", span, message).hint(hint));
    }
    None
}

/// Gives the needs of each parent to its parts, except those that point among the parts themselves. False when there
/// would be more than `most`.
fn inherit(family: &Family, edges: &mut Edges, most: usize) -> bool {
    let mut count: usize = edges.whole.iter().map(Vec::len).sum();
    for &at in &family.order {
        let Some(parent) = family.parent[at] else { continue };
        if edges.whole[parent].is_empty() && edges.parts[parent].is_empty() {
            continue;
        }
        let outside = |need: &u32| !family.is_part(*need as usize, parent);
        let whole: Vec<u32> = edges.whole[parent].iter().copied().filter(outside).collect();
        let parts: Vec<(u32, u32)> = edges.parts[parent].iter().copied().filter(|(need, _)| outside(need)).collect();
        count += whole.len() + parts.len();
        if count > most {
            return false;
        }
        edges.whole[at].extend(whole);
        edges.parts[at].extend(parts);
        edges.whole[at].sort_unstable();
        edges.whole[at].dedup();
    }
    true
}

/// Each task of work needs the one before it. Parents with work of their own come after their parts.
fn sequence(tasks: &Tasks<'_>, family: &Family, edges: &mut Edges) {
    let mut before: [Option<usize>; 2] = [None, None];
    let mut open: Vec<usize> = Vec::new();
    let mut line: Vec<usize> = Vec::with_capacity(family.order.len());
    for &at in &family.order {
        while let Some(&last) = open.last().filter(|last| !family.is_part(at, **last)) {
            line.push(last);
            open.pop();
        }
        open.push(at);
    }
    line.extend(open.into_iter().rev());
    for at in line.into_iter().filter(|at| tasks.all[*at].work != Work::Group) {
        let side = usize::from(tasks.side(at));
        if let Some(before) = before[side].replace(at) {
            edges.whole[at].push(index(before));
        }
    }
}

fn too_many(tasks: &Tasks<'_>, limits: &Limits) -> Diagnostic {
    let span = tasks.all.first().map(|task| task.span).unwrap_or_default();
    Diagnostic::error("too-many-needs", span, format!("there are more than {} needs", limits.needs_max))
        .hint("put a task between the many that need and the many that are needed")
}

impl Edges {
    /// Removes every cycle and tells of it. False when there was one.
    pub(super) fn untangle(&mut self, tasks: &Tasks<'_>, diagnostics: &mut Vec<Diagnostic>) -> bool {
        for told in 0.. {
            let mut needs = self.whole.clone();
            for (list, parts) in needs.iter_mut().zip(&self.parts) {
                list.extend(parts.iter().map(|(source, _)| *source));
            }
            let Err(Cycle(mut cycle)) = Dag::new(needs) else { return told == 0 };
            let first = (0..cycle.len()).min_by_key(|at| cycle[*at]).unwrap_or(0);
            cycle.rotate_left(first);
            diagnostics.push(told_cycle(tasks, &cycle));
            if told + 1 == CYCLES_MAX {
                return false;
            }
            for (at, task) in cycle.iter().enumerate() {
                let need = index(cycle[(at + 1) % cycle.len()]);
                self.whole[*task].retain(|other| *other != need);
                self.parts[*task].retain(|(source, _)| *source != need);
            }
        }
        true
    }

    /// The dag of units; `None` when there are too many edges between them. Cycles must have been removed.
    pub(super) fn dag(
        &self,
        tasks: &Tasks<'_>,
        units: &Units,
        limits: &Limits,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Dag> {
        if units.all.len() == tasks.all.len() && self.parts.iter().all(Vec::is_empty) {
            return Dag::new(self.whole.clone()).ok();
        }
        let mut needs: Vec<Vec<u32>> = Vec::with_capacity(units.all.len());
        let mut count = 0_usize;
        for source in 0..tasks.all.len() {
            let each: usize = self.whole[source].iter().map(|need| units.of(*need as usize).len()).sum();
            let each = each + self.parts[source].len();
            count = count.saturating_add(each.saturating_mul(units.of(source).len()));
            if count > limits.needs_max {
                diagnostics.push(too_many(tasks, limits));
                return None;
            }
            let list: Vec<u32> = (self.whole[source].iter())
                .flat_map(|need| units.of(*need as usize).map(index))
                .chain(self.parts[source].iter().map(|(_, unit)| *unit))
                .collect();
            needs.extend(units.of(source).map(|_| list.clone()));
        }
        Dag::new(needs).ok()
    }
}

fn told_cycle(tasks: &Tasks<'_>, cycle: &[usize]) -> Diagnostic {
    let id = |at: usize| &tasks.all[cycle[at % cycle.len()]].id;
    let mut way: Vec<String> = (0..cycle.len().min(CYCLE_TASKS_MAX)).map(|at| format!("`{}`", id(at))).collect();
    if cycle.len() > CYCLE_TASKS_MAX {
        way.push(format!("{} more", cycle.len() - CYCLE_TASKS_MAX));
    }
    way.push(format!("`{}`", id(0)));
    // The place of the need itself, where it is written; else that of the task that inherits it.
    let place = |at: usize| {
        let task = tasks.all[cycle[at]];
        let stated = task.needs.iter().find(|need| need.target == NeedTarget::Task(id(at + 1).clone()));
        stated.map_or(task.span, |need| need.span)
    };
    let message = format!("these tasks wait for each other: {}", way.join(" → "));
    let diagnostic = Diagnostic::error("cycle", place(0), message).hint("take one of these needs out");
    (1..cycle.len().min(CYCLE_TASKS_MAX)).fold(diagnostic, |diagnostic, at| {
        diagnostic.related(place(at), format!("`{}` needs `{}`", id(at), id(at + 1)))
    })
}
