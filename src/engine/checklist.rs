//! Ticking off what succeeded, in the author's own file, where its front matter says `checklist: update`.
//!
//! The change is left for the author to commit, with results committed or not: the file may hold other edits of theirs.

use super::Opened;
use crate::model::{RunRecord, TaskId, TaskStatus};
use crate::parse;
use crate::repo::{self, Rewrite};

/// Ticks off the tasks of `record` that succeeded. Returns a remark when the file is not as it should be; that costs no
/// result, so it is no error.
pub(super) fn tick_off(opened: &Opened, record: &RunRecord) -> Option<String> {
    // A retry of a file that is gone runs the copy beside the journal, and that is history.
    let is_kept_copy = opened.root.join(&opened.source.path).starts_with(opened.root.state());
    if !opened.spore.checklist_update || is_kept_copy {
        return None;
    }
    let succeeded = |id: &TaskId| record.tasks.get(id).is_some_and(|task| task.status == TaskStatus::Succeeded);
    let boxes = parse::boxes_done(&opened.spore.tasks, succeeded);
    if boxes.is_empty() {
        return None;
    }
    let text = parse::tick(&opened.source.text, &boxes);
    match repo::rewrite_source(&opened.root, &opened.source, &text) {
        Ok(Rewrite::Done) => None,
        Ok(Rewrite::Changed) => {
            Some(format!("`{}` has changed since it was read, so no box of it is ticked off", opened.source.path))
        }
        Err(error) => Some(format!("no box of `{}` is ticked off: {error}", opened.source.path)),
    }
}
