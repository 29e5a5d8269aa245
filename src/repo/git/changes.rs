//! What changed between two commits, and what is about to be committed.

use std::path::Path;

use git2::{Delta, Diff, DiffOptions, FileMode, Index, Oid, Repository};

use super::{HookHome, find, git_error};
use crate::model::{Limits, Moved, Source, is_zero};
use crate::repo::source::source_of;
use crate::repo::wanted::has_ending;
use crate::repo::{Error, Root};

/// Paths that are told of one move; of more, the first are.
const PATHS_MAX: usize = 100_000;

/// The files that differ between where a ref pointed and where it points, by their paths in the repository. A renamed file
/// counts under both names. What is new is compared with what it has in common with the branch of HEAD; where that is
/// nothing, every file counts.
///
/// # Errors
/// When the repository does not have the commit it points to.
pub fn moved_paths(repository: &Path, moved: &Moved) -> Result<Vec<String>, Error> {
    let fail = |error: git2::Error| git_error(repository, &error);
    let opened = Repository::open(repository).map_err(fail)?;
    let new = Oid::from_str(&moved.new).map_err(fail)?;
    let tree = |id: Oid| opened.find_commit(id).and_then(|commit| commit.tree());
    let after = tree(new).map_err(fail)?;
    let before = base_of(&opened, moved, new).and_then(|base| tree(base).ok());
    let diff = opened.diff_tree_to_tree(before.as_ref(), Some(&after), Some(&mut plain())).map_err(fail)?;
    Ok(paths(&diff))
}

/// The files that differ between two commits, by their paths in the repository; against nothing, all of the second.
///
/// # Errors
/// When the repository does not have the commits.
pub fn paths_between(repository: &Path, old: Option<&str>, new: &str) -> Result<Vec<String>, Error> {
    let fail = |error: git2::Error| git_error(repository, &error);
    let opened = Repository::open(repository).map_err(fail)?;
    let tree = |id: &str| opened.find_commit(Oid::from_str(id)?).and_then(|commit| commit.tree());
    let before = old.map(tree).transpose().map_err(fail)?;
    let after = tree(new).map_err(fail)?;
    let diff = opened.diff_tree_to_tree(before.as_ref(), Some(&after), Some(&mut plain())).map_err(fail)?;
    Ok(paths(&diff))
}

/// What a move is compared with; a commit that is there no more counts as none.
fn base_of(repository: &Repository, moved: &Moved, new: Oid) -> Option<Oid> {
    if !is_zero(&moved.old)
        && let Ok(old) = Oid::from_str(&moved.old)
        && repository.find_commit(old).is_ok()
    {
        return Some(old);
    }
    let head = repository.head().ok()?;
    if head.name().ok() == Some(moved.name.as_str()) {
        return None;
    }
    repository.merge_base(head.target()?, new).ok()
}

/// Paths alone: what stands in the files does not matter.
fn plain() -> DiffOptions {
    let mut options = DiffOptions::new();
    options.skip_binary_check(true).include_typechange(true).ignore_submodules(true);
    options
}

fn paths(diff: &Diff<'_>) -> Vec<String> {
    let mut paths = Vec::new();
    for delta in diff.deltas().take(PATHS_MAX) {
        let file = if delta.status() == Delta::Deleted { delta.old_file() } else { delta.new_file() };
        paths.extend(file.path().map(|path| path.to_string_lossy().into_owned()));
    }
    paths
}

/// A file as it is about to be committed.
#[derive(Debug)]
pub struct Staged {
    /// Its path, as people know it.
    pub path: String,
    /// The file, or why it cannot be read.
    pub source: Result<Source, Error>,
}

/// The files below the root that are new or changed in the index against HEAD and may be spores by their names. `index` is the
/// one that git names to its hooks, where it commits another than its own.
///
/// # Errors
/// When the repository or the index cannot be read.
pub fn staged_files(root: &Root, home: &HookHome, index: Option<&Path>, limits: &Limits) -> Result<Vec<Staged>, Error> {
    let Some(top) = &home.top else { return Ok(Vec::new()) };
    let fail = |error: git2::Error| git_error(top, &error);
    let repository = find(top).map_err(fail)?;
    let index = match index {
        Some(path) => Index::open(&top.join(path)),
        None => repository.index(),
    };
    let index = index.map_err(fail)?;
    let head = repository.head().and_then(|head| head.peel_to_tree()).ok();
    let diff = repository.diff_tree_to_index(head.as_ref(), Some(&index), Some(&mut plain())).map_err(fail)?;
    let odb = repository.odb().map_err(fail)?;
    let mut staged = Vec::new();
    for delta in diff.deltas().filter(|delta| matches!(delta.status(), Delta::Added | Delta::Modified)) {
        let file = delta.new_file();
        let Some(whole) = file.path().filter(|path| may_be_spore(path)).map(|path| top.join(path)) else { continue };
        if !whole.starts_with(root.path()) || file.mode() == FileMode::Link {
            continue;
        }
        let path = root.display(&whole);
        let (size, _) = odb.read_header(file.id()).map_err(fail)?;
        let source = if size > limits.spore_bytes_max {
            Err(Error::TooLarge { path: path.clone(), bytes: size as u64, bytes_max: limits.spore_bytes_max })
        } else {
            source_of(path.clone(), repository.find_blob(file.id()).map_err(fail)?.content().to_vec(), limits)
        };
        staged.push(Staged { path, source });
    }
    Ok(staged)
}

fn may_be_spore(path: &Path) -> bool {
    path.file_name().is_some_and(has_ending)
}
