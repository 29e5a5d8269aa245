//! What the current branch holds already: a commit that was made by an engine that died before it could say so.

use std::path::{Path, PathBuf};
use std::time::Duration;

use git2::{Oid, Repository, Sort, Tree};

use super::file::{Folders, Place, blobs, in_repository};
use super::index::HeldIndex;
use super::{Commit, current_branch, made, open};
use crate::repo::root::folder_of;

/// For how long the index's lock is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// Commits that are looked through, newest first.
const COMMITS_MAX: usize = 10_000;

/// The commit that brought the files `paths`, as they are now, into the history of the current branch; `None` when there is
/// none, or it cannot be told. If the index does not know the files, it is told of them.
#[must_use]
pub fn find_commit(paths: &[PathBuf]) -> Option<Commit> {
    let repository = open(folder_of(paths.first()?)).ok()?;
    let files = in_repository(&repository, paths.iter().map(PathBuf::as_path));
    let files = files.into_iter().collect::<Result<Vec<_>, _>>().ok()?;
    let branch = current_branch(&repository).ok()?;
    let blobs = blobs(&repository, &files).ok()?;
    let id = brought_by(&repository, &branch, &blobs)?;
    let index = repository.index().ok()?;
    let is_known = |path: &Path| index.get_path(path, 0).is_some();
    let told = if blobs.iter().all(|(path, _)| is_known(path)) {
        Ok(())
    } else {
        HeldIndex::with_files(&repository, &files, &blobs, PATIENCE).and_then(HeldIndex::install)
    };
    Some(made(id, &branch, told))
}

/// The first commit found that holds the blobs while none of its parents does.
pub(super) fn brought_by(repository: &Repository, branch: &str, blobs: &[(PathBuf, Oid)]) -> Option<Oid> {
    let mut walk = repository.revwalk().ok()?;
    walk.set_sorting(Sort::TOPOLOGICAL).ok()?;
    walk.push_ref(branch).ok()?;
    let holds = |tree: Tree<'_>| {
        let mut folders = Folders::of(repository, tree);
        blobs.iter().all(|(path, blob)| folders.look(path, *blob).is_ok_and(|place| place == Place::Same))
    };
    walk.take(COMMITS_MAX).flatten().find(|id| {
        let Ok(commit) = repository.find_commit(*id) else { return false };
        commit.tree().is_ok_and(holds) && !commit.parents().any(|parent| parent.tree().is_ok_and(holds))
    })
}
