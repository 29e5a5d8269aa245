//! What becomes of our commits when another branch has gone on without them: those that Spore made, and that only add new
//! files, are put on top of it. Names of results are unique, so nothing can be in conflict. Everything else is the
//! user's, and for the user to bring together.

use std::path::{Path, PathBuf};

use git2::{Commit, Delta, DiffOptions, FileMode, Oid, Repository, Sort};

use super::commit::tree_with;
use super::file::{Folders, Place};
use super::{Skip, Stop};

/// Commits that are put on top of others at a time.
const COMMITS_MAX: usize = 10_000;

/// Where a branch is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Nowhere: it has all that the other one has.
    Stay,
    /// To this commit.
    To {
        /// The commit.
        commit: Oid,
        /// How many commits of ours were put on top of the other branch.
        moved: usize,
    },
}

/// Where the branch at `ours` is to go, now that the other one, known as `name`, stands at `theirs`.
pub(super) fn find_way(repository: &Repository, ours: Option<Oid>, theirs: Oid, name: &str) -> Result<Way, Stop> {
    let Some(ours) = ours else { return Ok(Way::To { commit: theirs, moved: 0 }) };
    if ours == theirs || repository.graph_descendant_of(ours, theirs)? {
        return Ok(Way::Stay);
    }
    if repository.graph_descendant_of(theirs, ours)? {
        return Ok(Way::To { commit: theirs, moved: 0 });
    }
    let mut walk = repository.revwalk()?;
    walk.set_sorting(Sort::TOPOLOGICAL | Sort::REVERSE)?;
    walk.push(ours)?;
    walk.hide(theirs)?;
    let ids = walk.take(COMMITS_MAX + 1).collect::<Result<Vec<_>, _>>()?;
    if ids.len() > COMMITS_MAX {
        return Err(Skip::passing(format!("more than {COMMITS_MAX} commits are not in `{name}`"), None).into());
    }
    // All are looked at before the first is made, so that what is refused leaves nothing behind.
    let commits = ids.into_iter().map(|id| repository.find_commit(id)).collect::<Result<Vec<_>, _>>()?;
    let files = commits.iter().map(|commit| new_files(repository, commit, name)).collect::<Result<Vec<_>, _>>()?;
    let (mut base, mut moved) = (repository.find_commit(theirs)?, 0);
    for (commit, files) in commits.iter().zip(&files) {
        if let Some(put) = put_on(repository, &base, commit, files, name)? {
            base = put;
            moved += 1;
        }
    }
    Ok(Way::To { commit: base.id(), moved })
}

/// The files that a commit of Spore's adds; refused where it is the user's or does anything else.
fn new_files(repository: &Repository, commit: &Commit<'_>, name: &str) -> Result<Vec<(PathBuf, Oid)>, Stop> {
    let short: String = commit.id().to_string().chars().take(10).collect();
    let refuse = || {
        let reason = format!("the commit {short} is your own, and `{name}` has gone on without it");
        Stop::from(Skip::passing(reason, Some("bring the two together: `git pull --rebase`, or merge them")))
    };
    let message = String::from_utf8_lossy(commit.message_bytes());
    if commit.parent_count() > 1 || !message.lines().any(|line| line.starts_with("Spore-Run: ")) {
        return Err(refuse());
    }
    let before = commit.parents().next().map(|parent| parent.tree()).transpose()?;
    let mut options = DiffOptions::new();
    options.include_typechange(true).skip_binary_check(true);
    let diff = repository.diff_tree_to_tree(before.as_ref(), Some(&commit.tree()?), Some(&mut options))?;
    let files = diff.deltas().map(|delta| {
        let file = delta.new_file();
        let is_new = delta.status() == Delta::Added && file.mode() == FileMode::Blob;
        file.path().filter(|_| is_new).map(|path| (path.to_path_buf(), file.id()))
    });
    files.collect::<Option<Vec<_>>>().ok_or_else(refuse)
}

/// The same commit on top of `base`; `None` when that has all of its files.
fn put_on<'r>(
    repository: &'r Repository,
    base: &Commit<'r>,
    commit: &Commit<'_>,
    files: &[(PathBuf, Oid)],
    name: &str,
) -> Result<Option<Commit<'r>>, Stop> {
    let tree = base.tree()?;
    let mut folders = Folders::of(repository, tree.clone());
    let mut new = Vec::new();
    for file in files {
        match folders.look(&file.0, file.1)? {
            Place::Free => new.push(file),
            Place::Same => {}
            Place::Taken(above, _) => return Err(in_the_way(&above, name).into()),
        }
    }
    if new.is_empty() {
        return Ok(None);
    }
    let tree = tree_with(repository, &tree, new.into_iter())?;
    let message = String::from_utf8_lossy(commit.message_raw_bytes());
    let id = repository.commit(None, &commit.author(), &commit.committer(), &message, &tree, &[base])?;
    Ok(Some(repository.find_commit(id)?))
}

fn in_the_way(path: &Path, name: &str) -> Skip {
    let reason = format!("`{name}` has something else at `{}`", path.display());
    Skip::passing(reason, Some("rename one of the two, commit that, and it goes on"))
}
