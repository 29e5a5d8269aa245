//! Runs that were broken off: their engine is gone, and they have no result yet.

use std::io;

use super::Error;
use crate::journal::{self, Damage};
use crate::model::{Origin, RunId, RunRecord};
use crate::repo::{self, Root};
use crate::run::View;

/// Makes sure that the runs without a result are marked. Where nobody has ever marked any, every journal is read, once.
pub(super) fn mark(root: &Root) -> Result<Vec<RunId>, Error> {
    if let Some(marked) = repo::marked_runs(root)? {
        return Ok(marked);
    }
    let mut open = Vec::new();
    for run in journal::list(&root.runs())? {
        // What cannot be read says nothing that one could go on from.
        if let Ok((Some(record), _)) = journal::record(&root.runs().join(run.to_string()))
            && record.result_path.is_none()
        {
            open.push(run);
        }
    }
    if root.state().is_dir() {
        repo::mark_runs(root, &open)?;
    }
    open.sort_unstable();
    Ok(open)
}

/// The runs that were broken off, oldest first, as their first facts tell of them. Only journals of runs without a result
/// are looked at, so it does not matter how many have ended.
pub(super) fn list(root: &Root) -> Result<Vec<RunRecord>, Error> {
    let mut orphans = Vec::new();
    for run in mark(root)? {
        let run_dir = root.runs().join(run.to_string());
        if journal::is_live(&run_dir) {
            continue;
        }
        match journal::begin(&run_dir) {
            Ok(Some(record)) => orphans.push(record),
            _ if never_began(&run_dir) => repo::unmark_run(root, run),
            _ => {}
        }
    }
    Ok(orphans)
}

/// Whether nothing was recorded of a run before its engine died. Its journal is made and locked before its mark.
pub(super) fn never_began(run_dir: &std::path::Path) -> bool {
    match journal::read(run_dir) {
        Ok(entries) => entries.events.is_empty() && entries.damage.iter().all(|one| matches!(one, Damage::Torn { .. })),
        Err(journal::Error::Io { source, .. }) => source.kind() == io::ErrorKind::NotFound,
        Err(_) => false,
    }
}

/// Whether a run that is marked has its result all the same. Whoever finds that out takes its mark away.
pub(super) fn has_result(root: &Root, run: RunId) -> Result<bool, Error> {
    let (record, _) = journal::record(&root.runs().join(run.to_string()))?;
    let has_result = record.is_some_and(|record| record.result_path.is_some());
    if has_result {
        repo::unmark_run(root, run);
    }
    Ok(has_result)
}

/// The oldest run that was broken off and is the same as one from `origin` would be. Others of the same file are named.
pub(super) fn like(root: &Root, origin: &Origin, view: &mut dyn View) -> Result<Option<RunId>, Error> {
    let (mut same, mut others) = (None, Vec::new());
    for orphan in list(root)? {
        let other = &orphan.origin;
        if other.path != origin.path || other.spore != origin.spore {
            continue;
        }
        if has_result(root, orphan.run)? {
            continue;
        }
        if same.is_none() && other.is_like(origin) {
            same = Some(orphan.run);
        } else {
            others.push(orphan);
        }
    }
    let path = &origin.path;
    match others.as_slice() {
        [] => {}
        [RunRecord { run, origin: other, .. }] => {
            let what = if other.digest == origin.digest { "" } else { " as it was then" };
            view.remark(&format!("run {run} of `{path}`{what} was broken off; `spore resume {run}` goes on with it"));
        }
        several => {
            let count = several.len();
            view.remark(&format!("{count} more runs of `{path}` were broken off; `spore resume` goes on with them"));
        }
    }
    Ok(same)
}
