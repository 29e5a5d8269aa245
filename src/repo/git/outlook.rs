//! What a person should know of the git repository around a folder before results are committed to it. Only looked at.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use git2::{ErrorCode, Repository, Status, StatusOptions};

use super::{find, under_way};
use crate::model::Timestamp;
use crate::repo::Root;

/// The folders of the root that Spore writes into.
const WRITTEN_BACK: [&str; 2] = ["results", "learnings"];

/// What HEAD stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Head {
    /// A branch, and whether it has a commit.
    Branch {
        /// Its name.
        name: String,
        /// Whether it has no commit yet.
        unborn: bool,
    },
    /// A commit.
    Detached,
    /// It cannot be told.
    Unknown(String),
}

/// What there is to know of a folder's repository.
#[derive(Clone, Debug)]
pub enum Outlook {
    /// There is none.
    None,
    /// It belongs to somebody else, and git refuses to work with it.
    Foreign,
    /// It cannot be opened.
    Broken(String),
    /// It has no files of its own.
    Bare,
    /// It can be worked with.
    Usable {
        /// Its top.
        top: PathBuf,
        /// Whether it is a second worktree of a repository that stands elsewhere.
        linked: bool,
        /// What HEAD stands for.
        head: Head,
        /// What is in progress, such as `a rebase`.
        under_way: Option<&'static str>,
        /// The lock on the index that somebody holds or has left, and its age.
        index_lock: Option<(PathBuf, Duration)>,
        /// Name and address by git's settings.
        author: Option<(String, String)>,
        /// Whether git passes over this machine's state.
        ignores_state: bool,
        /// Results and learnings that no commit has; `None` when it cannot be told.
        uncommitted: Option<usize>,
    },
}

/// Looks at the repository that the root lies in. `now` is the time by which ages are told.
#[must_use]
pub fn git_outlook(root: &Root, now: Timestamp) -> Outlook {
    let repository = match find(root.path()) {
        Ok(repository) => repository,
        Err(error) if error.code() == ErrorCode::NotFound => return Outlook::None,
        Err(error) if error.code() == ErrorCode::Owner => return Outlook::Foreign,
        Err(error) => return Outlook::Broken(error.message().to_owned()),
    };
    let Some(top) = repository.workdir().and_then(|top| fs::canonicalize(top).ok()) else { return Outlook::Bare };
    let inside = root.path().strip_prefix(&top).unwrap_or(Path::new("")).to_path_buf();
    let lock = repository.path().join("index.lock");
    let index_lock = lock.symlink_metadata().ok().map(|found| {
        let modified = Timestamp(found.mtime().saturating_mul(1000));
        (lock, now.since(modified))
    });
    let author = repository
        .signature()
        .ok()
        .and_then(|signature| Some((signature.name().ok()?.to_owned(), signature.email().ok()?.to_owned())));
    Outlook::Usable {
        linked: repository.is_worktree(),
        head: head(&repository),
        under_way: under_way(&repository),
        index_lock,
        author,
        ignores_state: repository.is_path_ignored(inside.join(".spore/runs/x")).unwrap_or(false),
        uncommitted: uncommitted(&repository, &inside),
        top,
    }
}

fn head(repository: &Repository) -> Head {
    let head = match repository.find_reference("HEAD") {
        Ok(head) => head,
        Err(error) => return Head::Unknown(error.message().to_owned()),
    };
    match head.symbolic_target() {
        Ok(Some(branch)) => Head::Branch {
            name: branch.trim_start_matches("refs/heads/").to_owned(),
            unborn: repository.find_reference(branch).is_err(),
        },
        Ok(None) => Head::Detached,
        Err(error) => Head::Unknown(error.message().to_owned()),
    }
}

/// How many files that Spore has written are in no commit. Git's index is read and not refreshed.
fn uncommitted(repository: &Repository, inside: &Path) -> Option<usize> {
    let mut options = StatusOptions::new();
    options.include_untracked(true).recurse_untracked_dirs(true).include_ignored(false);
    options.disable_pathspec_match(true).update_index(false);
    for folder in WRITTEN_BACK {
        options.pathspec(inside.join(folder));
    }
    let statuses = repository.statuses(Some(&mut options)).ok()?;
    let is_new = |status: Status| status.intersects(Status::WT_NEW | Status::INDEX_NEW);
    Some(statuses.iter().filter(|entry| is_new(entry.status())).count())
}
