//! Bringing a branch, its index and its working tree to another commit, without touching what the user has staged or is
//! editing: by what `git read-tree -m -u` allows, or not at all.
//!
//! Git's lock on the index is held all the while, so nobody commits, adds or changes branches in between. Git works on a
//! copy of the index, which takes its place before the branch moves. A crash between the two leaves what came as staged,
//! and the next time the same is done again.

use std::time::Duration;

use git2::{Delta, FileMode, Index, ObjectType, Oid, Repository};

use super::file::NewFile;
use super::index::{HeldIndex, Obstacle};
use super::program::{Git, Said};
use super::{Skip, Stop};
use crate::os::failpoint;

/// How long git may take to bring the working tree along.
const TIME_MAX: Duration = Duration::from_mins(5);
/// Git's own hooks are for what the user does, and submodules are theirs to move.
const QUIETLY: [&str; 4] = ["-c", "core.hooksPath=/dev/null", "-c", "submodule.recurse=false"];
/// Names of files that are told when they are in the way.
const NAMES_MAX: usize = 3;

/// A move of a branch.
pub(super) struct Move<'a> {
    /// The full name of the branch, which HEAD stands for.
    pub(super) branch: &'a str,
    /// Where it stands; `None` when it has no commit yet.
    pub(super) from: Option<Oid>,
    /// Where it is to go.
    pub(super) to: Oid,
    /// What the log of the branch says of it.
    pub(super) log: &'a str,
}

impl Move<'_> {
    /// Makes the move. False when the branch stands elsewhere by now; then nothing has changed.
    pub(super) fn make(&self, repository: &Repository, held: &HeldIndex) -> Result<bool, Stop> {
        let old = match self.from {
            Some(commit) => commit,
            None => repository.treebuilder(None)?.write()?,
        };
        look_at_files(repository, held, self.from, self.to)?;
        let git = Git::at(repository)?.with_index(held.copy());
        carry(&git, old, self.to)?;
        held.put().map_err(broken)?;
        failpoint::reach("git-tree-carried");
        let moved = match self.from {
            Some(from) => repository.reference_matching(self.branch, self.to, true, from, self.log),
            None => repository.reference(self.branch, self.to, false, self.log),
        };
        if let Err(error) = moved {
            tracing::debug!(branch = self.branch, %error, "the branch cannot be moved");
            held.copy_again().map_err(broken)?;
            carry(&git, self.to, old)?;
            held.put().map_err(broken)?;
            return Ok(false);
        }
        failpoint::reach("git-branch-carried");
        Ok(true)
    }
}

fn broken(obstacle: Obstacle) -> Stop {
    match obstacle {
        Obstacle::Held(skip) => skip.into(),
        Obstacle::Broken(reason) => Skip::passing(reason, None).into(),
    }
}

/// Has git bring index and working tree from one commit to another.
fn carry(git: &Git, from: Oid, to: Oid) -> Result<(), Stop> {
    let quietly = |rest: &[&str]| {
        let words: Vec<&str> = QUIETLY.iter().chain(rest).copied().collect();
        git.run(&words, TIME_MAX)
    };
    // A file that was touched and not changed must not count as the user's edit. That some were edited is no failure.
    quietly(&["update-index", "-q", "--refresh"])?;
    let said = quietly(&["read-tree", "-m", "-u", "--no-recurse-submodules", &from.to_string(), &to.to_string()])?;
    if said.ok { Ok(()) } else { Err(refused(&said).into()) }
}

/// Whose files are in the way.
fn refused(said: &Said) -> Skip {
    let named = said.err.lines().filter_map(|line| {
        let (_, rest) = line.split_once('\'')?;
        let (name, rest) = rest.split_once('\'')?;
        (rest.contains("uptodate") || rest.contains("overwritten") || rest.contains("removed")).then_some(name)
    });
    let names: Vec<String> = named.take(NAMES_MAX).map(|name| format!("`{}`", name.escape_debug())).collect();
    if names.is_empty() {
        return Skip::passing(format!("git cannot bring the working tree along: {}", said.why()), None);
    }
    in_the_way(&names)
}

fn in_the_way(names: &[String]) -> Skip {
    let reason = format!("your changes to {} are in the way of what is to be pulled", names.join(", "));
    Skip::passing(reason, Some("commit them or put them aside; it goes on by itself then"))
}

/// Looks at the files of the working tree before git does, and refuses where one that git does not know stands in the
/// place of one that is to come: git asks that of most files, but takes those that it ignores for worthless. What is
/// there just as it is to come is entered into the copy of the index: a crash may have cut off the last try behind the files.
fn look_at_files(repository: &Repository, held: &HeldIndex, from: Option<Oid>, to: Oid) -> Result<(), Stop> {
    let Some(top) = repository.workdir() else { return Ok(()) };
    let tree = |commit: Oid| repository.find_commit(commit).and_then(|commit| commit.tree());
    let old = from.map(tree).transpose()?;
    let diff = repository.diff_tree_to_tree(old.as_ref(), Some(&tree(to)?), None)?;
    let index = Index::open(held.copy())?;
    let (mut names, mut there) = (Vec::new(), Vec::new());
    for delta in diff.deltas().filter(|delta| matches!(delta.status(), Delta::Added | Delta::Modified)) {
        let (before, after) = (delta.old_file(), delta.new_file());
        let Some(inside) = after.path() else { continue };
        let (known, whole) = (index.get_path(inside, 0).map(|entry| entry.id), top.join(inside));
        let expected = (delta.status() == Delta::Modified).then(|| before.id());
        let Some(metadata) = whole.symlink_metadata().ok().filter(|_| known == expected) else { continue };
        let is_same = || Oid::hash_file(ObjectType::Blob, &whole).is_ok_and(|id| id == after.id());
        if metadata.is_file() && after.mode() == FileMode::Blob && is_same() {
            there.push((NewFile { whole, inside: inside.to_path_buf() }, after.id()));
        } else if expected.is_none() {
            names.push(format!("`{}`", inside.display().to_string().escape_debug()));
        }
    }
    if !names.is_empty() {
        names.truncate(NAMES_MAX);
        return Err(in_the_way(&names).into());
    }
    if there.is_empty() { Ok(()) } else { held.replace(&there).map_err(broken) }
}
