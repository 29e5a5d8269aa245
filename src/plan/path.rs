//! The critical path that an author states, held against the needs.

use crate::model::{Diagnostic, Spore};

use super::edges::Tasks;
use super::expand::Units;
use super::names::{HINTS_MAX, Names, hinted};
use super::reach::Reach;

/// Warns where the stated path and the needs contradict each other, once for each contradiction. A range such as
/// `Tasks 2.1-2.3` is one step of the path: what is in it may run side by side.
pub(super) fn check(
    spore: &Spore,
    tasks: &Tasks<'_>,
    names: &Names<'_>,
    units: &Units,
    reach: &mut Reach<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let (mut before, mut step): (Vec<usize>, Vec<usize>) = (Vec::new(), Vec::new());
    let mut step_span = None;
    let mut unknown = 0;
    for (id, span) in &spore.stated_critical_path {
        if step_span != Some(*span) {
            step_span = Some(*span);
            before = std::mem::take(&mut step);
        }
        let Some(at) = names.get(id.as_str()) else {
            let message = format!("the stated critical path names `{id}`, which does not exist");
            unknown += 1;
            let most = if unknown > HINTS_MAX { 0 } else { usize::MAX };
            let known = tasks.all.iter().map(|task| task.id.as_str()).take(most);
            let diagnostic = Diagnostic::warning("critical-path", *span, message);
            diagnostics
                .push(hinted(diagnostic, id.as_str(), known, || Some("no task of this file has this name".into())));
            continue;
        };
        step.push(at);
        if let Some(&last) = before.last().filter(|_| !before.contains(&at)) {
            let mut needs = |task: usize, need: usize| {
                let (Some(task), Some(need)) = (units.of(task).next(), units.of(need).next()) else { return true };
                reach.needs(task, need)
            };
            if !before.iter().any(|before| needs(at, *before)) {
                let first = &tasks.all[last].id;
                let turned = needs(last, at);
                let but =
                    if turned { format!("`{first}` needs `{id}`") } else { format!("`{id}` does not need `{first}`") };
                let message = format!("the stated critical path goes from `{first}` to `{id}`, but {but}");
                let hint = if turned {
                    "turn the two around in the stated path".to_owned()
                } else {
                    format!("add `{first}` to the needs of `{id}`, or take one of them out of the stated path")
                };
                diagnostics.push(
                    Diagnostic::warning("critical-path", *span, message)
                        .hint(hint)
                        .related(tasks.all[at].span, format!("`{id}` stands here")),
                );
            }
        }
    }
}
