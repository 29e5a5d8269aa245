//! What has changed between two commits, among the files that can be spores.

use std::path::{Path, PathBuf};

use git2::{Delta, DiffOptions, Oid, Repository, Tree};

use super::git_error;
use crate::repo::Error;
use crate::repo::files::has_ending;

/// The files that can be spores and that `new` has with other contents than `old`, or that `old` has not, by their paths
/// from the top of the repository, in order. Both are commits as hooks name them: hex digits, all zeros for none.
/// What was removed is not among them, and what was renamed is there by its new name.
///
/// It is one comparison however many commits lie between the two, so a spore that was changed in each of a thousand is
/// named once, and one that was changed and changed back is not named. `repository` is a git folder, bare or not, or the
/// top of a working tree.
///
/// # Errors
/// When the repository or one of the commits cannot be read.
pub fn changed_between(repository: &Path, old: &str, new: &str) -> Result<Vec<PathBuf>, Error> {
    compare(repository, old, new).map_err(|error| git_error(repository, &error))
}

fn compare(repository: &Path, old: &str, new: &str) -> Result<Vec<PathBuf>, git2::Error> {
    let repository = Repository::open(repository)?;
    let Some(new) = tree_of(&repository, new)? else { return Ok(Vec::new()) };
    let old = tree_of(&repository, old)?;
    let mut options = DiffOptions::new();
    options.include_typechange(true).ignore_submodules(true).skip_binary_check(true);
    let diff = repository.diff_tree_to_tree(old.as_ref(), Some(&new), Some(&mut options))?;
    let is_there =
        |delta: &git2::DiffDelta<'_>| matches!(delta.status(), Delta::Added | Delta::Modified | Delta::Typechange);
    let is_file = |delta: &git2::DiffDelta<'_>| {
        matches!(delta.new_file().mode(), git2::FileMode::Blob | git2::FileMode::BlobExecutable)
    };
    let changed = diff.deltas().filter(|delta| is_there(delta) && is_file(delta));
    let mut paths: Vec<PathBuf> = changed
        .filter_map(|delta| delta.new_file().path().filter(|path| has_ending(path)).map(Path::to_path_buf))
        .collect();
    paths.sort();
    paths.dedup();
    Ok(paths)
}

/// The files of a commit, or of a tag; `None` for all zeros. Only hex digits are looked up, so no name of a ref can be taken
/// for anything else.
fn tree_of<'r>(repository: &'r Repository, commit: &str) -> Result<Option<Tree<'r>>, git2::Error> {
    let id = Oid::from_str(commit)?;
    if id.is_zero() {
        return Ok(None);
    }
    repository.find_object(id, None)?.peel_to_tree().map(Some)
}
