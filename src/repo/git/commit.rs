//! Commits of new files: one, or the results of many runs at a time.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use git2::build::TreeUpdateBuilder;
use git2::{ErrorCode, FileMode, Oid, Repository, Signature, Tree};

use super::file::{Folders, NewFile, Place, blobs, in_repository, tip};
use super::history::brought_by;
use super::index::{HeldIndex, Obstacle};
use super::{
    Author, Commit, Message, PAUSE, Skip, Stop, current_branch, git_error, locks, made, open, signature, tries,
};
use crate::model::{RunId, RunStatus};
use crate::os::failpoint;
use crate::repo::root::folder_of;
use crate::repo::{Error, Root};

/// For how long a single result waits for each of git's locks.
const PATIENCE: Duration = Duration::from_secs(5);

/// A result that stands in the folder and is to be committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Where it is.
    pub path: PathBuf,
    /// The run that it tells of.
    pub run: RunId,
    /// The spore that has run, by its id.
    pub spore: String,
    /// How the run ended.
    pub status: RunStatus,
    /// The file the run came from.
    pub source: String,
}

/// What became of many results.
#[derive(Debug)]
pub struct Batch {
    /// The commit of all that could be committed. One that was skipped concerns all of them; one that was made holds all
    /// but those that were refused.
    pub commit: Commit,
    /// Those that git does not take whatever else is done.
    pub refused: Vec<Refused>,
}

/// A file that is not committed and will not be, as long as nobody changes what is said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The file.
    pub path: PathBuf,
    /// Why, as a lower-case fragment.
    pub reason: String,
    /// What would have it committed.
    pub hint: Option<String>,
}

/// Commits the files `paths`, all of them new, onto the current branch. `author` is who it is by where git's settings
/// name nobody. Where others hold git's locks it blocks the thread, for ten seconds at most; if it is the index's, the
/// commit is made nevertheless and says so, because nobody may come back to it.
///
/// # Errors
/// When git cannot be worked with in a way that has no name. The files stay written.
pub fn commit_new(root: &Root, paths: &[PathBuf], message: &Message, author: Option<&Author>) -> Result<Commit, Error> {
    let terms = Terms { patience: PATIENCE, is_batch: false };
    let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
    finish(root, try_commit(&paths, &|_| message.clone(), author, &terms)).map(|batch| batch.commit)
}

/// Commits these results, all of them new files, onto the current branch in one commit. What the branch has already is
/// left out, so a batch that a crash has cut off can be committed again. `author` is who it is by where git's settings name
/// nobody. Each of git's locks that somebody holds is waited for as long as `patience` says, which blocks the thread;
/// after that nothing is committed, and the caller comes back with the same batch.
///
/// # Errors
/// When git cannot be worked with in a way that has no name. The files stay written.
pub fn commit_batch(
    root: &Root,
    results: &[Written],
    author: Option<&Author>,
    patience: Duration,
) -> Result<Batch, Error> {
    let paths: Vec<&Path> = results.iter().map(|result| result.path.as_path()).collect();
    let message = |new: &[usize]| Message::of_results(&new.iter().map(|at| &results[*at]).collect::<Vec<_>>());
    finish(root, try_commit(&paths, &message, author, &Terms { patience, is_batch: true }))
}

fn finish(root: &Root, tried: Result<Batch, Stop>) -> Result<Batch, Error> {
    match tried {
        Ok(batch) => Ok(batch),
        Err(Stop::Skip(skip)) => Ok(Batch { commit: skip.into(), refused: Vec::new() }),
        Err(Stop::Fail(error)) => Err(error),
        Err(Stop::Git(error)) => Err(git_error(root.path(), &error)),
    }
}

struct Terms {
    patience: Duration,
    /// Whether a file that is refused leaves the others alone, and a held index is a reason to come back later.
    is_batch: bool,
}

/// What a message is made of: which of the files are in the commit.
type MessageOf<'a> = &'a dyn Fn(&[usize]) -> Message;

/// The files that git takes.
struct Taken {
    files: Vec<NewFile>,
    /// Which of those that were asked for they are.
    numbers: Vec<usize>,
    blobs: Vec<(PathBuf, Oid)>,
    refused: Vec<Refused>,
}

fn try_commit(paths: &[&Path], message: MessageOf<'_>, author: Option<&Author>, terms: &Terms) -> Result<Batch, Stop> {
    let first = paths.first().ok_or_else(|| Skip::lasting("there is nothing to commit", None))?;
    let repository = open(folder_of(first))?;
    let signature = signature(&repository, author)?;
    let mut taken = take(&repository, paths, terms)?;

    // The lock is taken before the branch moves, so that nobody commits the old index on top of the new commit.
    let held = match HeldIndex::with_files(&repository, &taken.files, &taken.blobs, terms.patience) {
        Err(Obstacle::Held(skip)) if terms.is_batch => return Err(skip.into()),
        held => held,
    };
    let mut reason = Skip::passing("the branch moves faster than it can be followed", Some("try again later"));
    for _ in 0..tries(terms.patience) {
        let branch = current_branch(&repository)?;
        if let Some(lock) = locks::of_branch(&repository, &branch) {
            reason = locks::told(&lock);
            thread::sleep(PAUSE);
            continue;
        }
        let (parent, base) = tip(&repository, &branch)?;
        let new = sort_out(&repository, &base, &mut taken, terms)?;
        if new.is_empty() {
            all_refused(&taken)?;
            let id = brought_by(&repository, &branch, &taken.blobs).or(parent.map(|parent| parent.id()));
            let id = id.ok_or_else(|| Skip::lasting("there is nothing to commit", None))?;
            let commit = made(id, &branch, held.and_then(HeldIndex::install));
            return Ok(Batch { commit, refused: taken.refused });
        }
        let tree = tree_with(&repository, &base, new.iter().map(|at| &taken.blobs[*at]))?;
        let message = message(&new.iter().map(|at| taken.numbers[*at]).collect::<Vec<_>>());
        match advance(&repository, &branch, parent.as_ref(), &tree, &signature, &message) {
            Ok(id) => {
                let commit = made(id, &branch, held.and_then(HeldIndex::install));
                return Ok(Batch { commit, refused: taken.refused });
            }
            // Somebody else has committed meanwhile: on top of that, then.
            Err(error) if matches!(error.code(), ErrorCode::Modified | ErrorCode::Exists | ErrorCode::NotFound) => {
                tracing::debug!(branch, %error, "the branch has moved");
            }
            Err(error) if error.code() == ErrorCode::Locked => thread::sleep(PAUSE),
            Err(error) => return Err(error.into()),
        }
    }
    Err(reason.into())
}

/// Looks at each file. In a batch, those that git does not take are set aside.
fn take(repository: &Repository, paths: &[&Path], terms: &Terms) -> Result<Taken, Stop> {
    let mut taken = Taken { files: Vec::new(), numbers: Vec::new(), blobs: Vec::new(), refused: Vec::new() };
    for (number, found) in in_repository(repository, paths.iter().copied()).into_iter().enumerate() {
        let refused = |reason, hint| Refused { path: paths[number].to_path_buf(), reason, hint };
        match found {
            Ok(file) => {
                taken.files.push(file);
                taken.numbers.push(number);
            }
            Err(Stop::Skip(skip)) if terms.is_batch => taken.refused.push(refused(skip.reason, skip.hint)),
            Err(Stop::Fail(error)) if terms.is_batch => {
                taken.refused.push(refused(error.to_string(), error.hint()));
            }
            Err(stop) => return Err(stop),
        }
    }
    all_refused(&taken)?;
    taken.blobs = blobs(repository, &taken.files)?;
    Ok(taken)
}

/// Ends the work where every file was refused.
fn all_refused(taken: &Taken) -> Result<(), Skip> {
    match taken.refused.first() {
        Some(Refused { reason, hint, .. }) if taken.files.is_empty() => {
            Err(Skip::lasting(reason.clone(), hint.as_deref()))
        }
        _ => Ok(()),
    }
}

/// Which of the files the branch has not yet. A file that is there already with other contents is not new, and not ours
/// to change: in a batch it is set aside.
fn sort_out(repository: &Repository, base: &Tree<'_>, taken: &mut Taken, terms: &Terms) -> Result<Vec<usize>, Stop> {
    let mut folders = Folders::of(repository, base.clone());
    let mut at = 0;
    let mut new = Vec::new();
    while let Some((path, blob)) = taken.blobs.get(at) {
        match folders.look(path, *blob)? {
            Place::Free => new.push(at),
            Place::Same => {}
            Place::Taken(above, id) => {
                let reason = format!("the last commit has something else at `{}` ({id})", above.display());
                if !terms.is_batch {
                    return Err(Skip::lasting(reason, None).into());
                }
                let (file, _, _) = (taken.files.remove(at), taken.numbers.remove(at), taken.blobs.remove(at));
                taken.refused.push(Refused { path: file.whole, reason, hint: None });
                continue;
            }
        }
        at += 1;
    }
    Ok(new)
}

/// `base` with these files in it.
pub(super) fn tree_with<'r, 'b>(
    repository: &'r Repository,
    base: &Tree<'_>,
    files: impl Iterator<Item = &'b (PathBuf, Oid)>,
) -> Result<Tree<'r>, git2::Error> {
    let mut update = TreeUpdateBuilder::new();
    for (path, blob) in files {
        update.upsert(path.as_path(), *blob, FileMode::Blob);
    }
    let tree = update.create_updated(repository, base)?;
    repository.find_tree(tree)
}

/// Makes the commit and moves the branch to it, if the branch still stands where it was read.
fn advance(
    repository: &Repository,
    branch: &str,
    parent: Option<&git2::Commit<'_>>,
    tree: &Tree<'_>,
    signature: &Signature<'_>,
    message: &Message,
) -> Result<Oid, git2::Error> {
    let parents: Vec<_> = parent.into_iter().collect();
    let id = repository.commit(None, signature, signature, message.text(), tree, &parents)?;
    failpoint::reach("git-objects-written");
    let log = format!("commit (spore): {}", message.subject());
    match parent {
        Some(parent) => repository.reference_matching(branch, id, true, parent.id(), &log)?,
        None => repository.reference(branch, id, false, &log)?,
    };
    failpoint::reach("git-ref-moved");
    Ok(id)
}
