//! Selection: which units `--only` and `--from` leave in.

use crate::model::{Dag, Diagnostic, Span};

use super::edges::{Family, Tasks};
use super::expand::Units;
use super::names::{Names, hinted};
use super::request::Options;

/// What a selection says of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// It is in.
    In,
    /// It lies before what `--from` names: counts as done.
    Before,
    /// `--only` leaves it out.
    NotOnly,
    /// `--from` leaves it out.
    NotFrom,
}

/// One choice for each unit. `finished` tells which units are done anyway: what only they need is not wanted.
pub(super) fn select(
    options: &Options,
    tasks: &Tasks<'_>,
    names: &Names<'_>,
    units: &Units,
    family: &Family,
    (dag, finished): (&Dag, &dyn Fn(usize) -> bool),
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Choice> {
    let count = units.all.len();
    let mut find = |name: &String| {
        let found = named(name, names, units, family);
        if found.is_none() {
            let diagnostic = Diagnostic::error("unknown-task", Span::default(), format!("no task is called `{name}`"));
            let known = tasks.all.iter().map(|task| task.id.as_str());
            diagnostics.push(hinted(diagnostic, name, known, || Some("`spore plan` lists the tasks".into())));
        }
        found.unwrap_or_default()
    };
    let only: Vec<usize> = options.only.iter().flat_map(&mut find).collect();
    let from: Vec<usize> = options.from.iter().flat_map(&mut find).collect();
    let wanted = if options.only.is_empty() {
        vec![true; count]
    } else {
        // A done task is passed by: what it needed is no longer needed for its sake.
        closure(count, only.clone(), |at| if finished(at) { &[] } else { dag.needs(at) })
    };
    let after = match options.from {
        None => vec![true; count],
        Some(_) => closure(count, from, |at| dag.dependents(at)),
    };
    let finally = |at: usize| tasks.side(units.all[at].source);
    let selected = |at: usize| wanted[at] && after[at];
    let leading = match options.from {
        None => vec![false; count],
        Some(_) => closure(count, (0..count).filter(|at| selected(*at)).collect(), |at| dag.needs(at)),
    };
    let cleans_up = options.only.is_empty() || only.iter().any(|at| !finally(*at));
    let choose = |at| match (selected(at), leading[at]) {
        (true, _) => Choice::In,
        // What must run whatever happens also runs whatever was selected.
        _ if finally(at) && cleans_up => Choice::In,
        (false, true) => Choice::Before,
        (false, false) if !wanted[at] => Choice::NotOnly,
        (false, false) => Choice::NotFrom,
    };
    (0..count).map(choose).collect()
}

/// The units that `name` means: one unit, all of a matrix, or all parts of a parent.
fn named(name: &str, names: &Names<'_>, units: &Units, family: &Family) -> Option<Vec<usize>> {
    if let Some(source) = names.get(name) {
        return Some(family.whole(source).iter().flat_map(|part| units.of(*part)).collect());
    }
    units.combination(name).map(|unit| vec![unit])
}

/// Everything that is reached from `start`, itself included.
fn closure<'a>(count: usize, start: Vec<usize>, next: impl Fn(usize) -> &'a [u32]) -> Vec<bool> {
    let mut reached = vec![false; count];
    let mut open = start;
    for at in &open {
        reached[*at] = true;
    }
    while let Some(at) = open.pop() {
        for &other in next(at) {
            if !std::mem::replace(&mut reached[other as usize], true) {
                open.push(other as usize);
            }
        }
    }
    reached
}
