//! Git, by libgit2: commits of new files, and nothing else that a user could notice.
//!
//! A commit is put together from HEAD's tree and the new blobs, never from the index, and the branch moves by
//! compare-and-swap. What the user has staged or is editing stays as it is. The new entries are added to the index as
//! well, because a file that is in HEAD but not in the index would show as staged for deletion. Hooks do not run,
//! commits are not signed (`commit.gpgsign` is not looked at), and `GIT_DIR`, `GIT_INDEX_FILE` and the like do not count:
//! the repository is the one that the files lie in.

mod blob;
mod carry;
mod changes;
mod commit;
mod file;
mod history;
mod hooks;
mod index;
mod locks;
mod message;
mod outlook;
mod program;
mod replay;
mod signed;
mod travel;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use git2::{ErrorCode, Oid, Repository, RepositoryInitOptions, RepositoryOpenFlags, RepositoryState, Signature};

pub use blob::{head_of, read_blob_at, read_committed};
pub use changes::{Staged, moved_paths, paths_between, staged_files};
pub use commit::{Batch, Refused, Written, commit_batch, commit_new};
pub use history::find_commit;
pub use hooks::{HookHome, calling_home, clone_local, hook_home, latest_move, remember_served};
pub use message::Message;
pub use outlook::{Head, Outlook, git_outlook};
pub use signed::{Brought, Signers, Verified, bringing, verify_commit};
pub use travel::{Pulled, Pushed, pull, push};

use super::Error;

/// From one try to the next, where somebody else holds a lock.
const PAUSE: Duration = Duration::from_millis(25);

/// How often something is tried within `patience`; once at least.
fn tries(patience: Duration) -> u32 {
    u32::try_from(patience.as_millis() / PAUSE.as_millis()).unwrap_or(u32::MAX).saturating_add(1)
}

/// Who a commit is by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// The name.
    pub name: String,
    /// The address.
    pub email: String,
}

/// What became of a commit. Not committing is no error: the files are written all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Commit {
    /// It was made.
    Made {
        /// Its id, 40 hex digits.
        id: String,
        /// The branch it was made on.
        branch: String,
        /// Whether the index knows the files.
        index: IndexState,
    },
    /// It was not made; the repository is as it was.
    Skipped {
        /// Why, as a lower-case fragment.
        reason: String,
        /// What would have it made.
        hint: Option<String>,
        /// Whether it passes by itself or by what somebody is about to finish, so that trying again later is worth it.
        passes: bool,
    },
}

/// Whether the index knows what was committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexState {
    /// It does.
    Updated,
    /// It was left alone, and so shows the files as staged for deletion until somebody adds them.
    Left {
        /// Why.
        reason: String,
    },
}

/// Why the work ends early.
enum Stop {
    Skip(Skip),
    Fail(Error),
    Git(git2::Error),
}

/// Why nothing is done, though nothing is broken.
#[derive(Debug)]
struct Skip {
    reason: String,
    hint: Option<String>,
    /// Whether trying again later is worth it.
    passes: bool,
}

impl Skip {
    /// Something that stays so until somebody changes it.
    fn lasting(reason: impl Into<String>, hint: Option<&str>) -> Self {
        Self { reason: reason.into(), hint: hint.map(str::to_owned), passes: false }
    }

    /// Something that is over sooner or later.
    fn passing(reason: impl Into<String>, hint: Option<&str>) -> Self {
        Self { passes: true, ..Self::lasting(reason, hint) }
    }
}

impl From<git2::Error> for Stop {
    fn from(error: git2::Error) -> Self {
        Self::Git(error)
    }
}

impl From<Skip> for Stop {
    fn from(skip: Skip) -> Self {
        Self::Skip(skip)
    }
}

impl From<Skip> for Commit {
    fn from(Skip { reason, hint, passes }: Skip) -> Self {
        Self::Skipped { reason, hint, passes }
    }
}

fn made(id: Oid, branch: &str, installed: Result<(), index::Obstacle>) -> Commit {
    let index = match installed {
        Ok(()) => IndexState::Updated,
        Err(obstacle) => IndexState::Left { reason: obstacle.reason() },
    };
    Commit::Made { id: id.to_string(), branch: branch.trim_start_matches("refs/heads/").to_owned(), index }
}

fn git_error(path: &Path, error: &git2::Error) -> Error {
    Error::Git { path: path.display().to_string(), message: error.message().to_owned() }
}

/// The repository that `folder` lies in, whatever the environment says, if commits can be made in it now.
fn open(folder: &Path) -> Result<Repository, Skip> {
    let repository = match find(folder) {
        Ok(repository) => repository,
        Err(error) if error.code() == ErrorCode::NotFound => {
            return Err(Skip::lasting("the folder is in no git repository", Some("`spore init` makes one")));
        }
        Err(error) if error.code() == ErrorCode::Owner => {
            let hint = "if you trust it: `git config --global --add safe.directory FOLDER`";
            return Err(Skip::lasting("the git repository belongs to another user", Some(hint)));
        }
        Err(error) => {
            return Err(Skip::lasting(format!("this git repository cannot be opened: {}", error.message()), None));
        }
    };
    if repository.is_bare() {
        return Err(Skip::lasting("the git repository is bare", Some("work in a clone of it")));
    }
    match under_way(&repository) {
        None => Ok(repository),
        Some(what) => {
            let hint = "finish it, then `git add` and commit the file yourself";
            Err(Skip::passing(format!("{what} is in progress"), Some(hint)))
        }
    }
}

/// What git is in the middle of, with its article.
fn under_way(repository: &Repository) -> Option<&'static str> {
    match repository.state() {
        RepositoryState::Clean => None,
        RepositoryState::Merge => Some("a merge"),
        RepositoryState::Revert | RepositoryState::RevertSequence => Some("a revert"),
        RepositoryState::CherryPick | RepositoryState::CherryPickSequence => Some("a cherry-pick"),
        RepositoryState::Bisect => Some("a bisect"),
        RepositoryState::Rebase | RepositoryState::RebaseInteractive | RepositoryState::RebaseMerge => Some("a rebase"),
        RepositoryState::ApplyMailbox | RepositoryState::ApplyMailboxOrRebase => Some("a `git am`"),
    }
}

fn find(folder: &Path) -> Result<Repository, git2::Error> {
    Repository::open_ext(folder, RepositoryOpenFlags::empty(), [] as [&Path; 0])
}

/// The full name of the branch that HEAD stands for; it may have no commit yet.
fn current_branch(repository: &Repository) -> Result<String, Stop> {
    let head = repository.find_reference("HEAD")?;
    match head.symbolic_target() {
        Ok(Some(branch)) if branch.starts_with("refs/heads/") => Ok(branch.to_owned()),
        Ok(Some(other)) => Err(Skip::passing(format!("HEAD stands for `{other}`, which is no branch"), None).into()),
        Ok(None) => {
            let hint = "a commit there is easily lost: `git switch BRANCH`";
            Err(Skip::passing("HEAD is detached", Some(hint)).into())
        }
        Err(_) => Err(Skip::lasting("the branch's name is not UTF-8", None).into()),
    }
}

fn signature(repository: &Repository, author: Option<&Author>) -> Result<Signature<'static>, git2::Error> {
    if let Ok(configured) = repository.signature() {
        return Ok(configured);
    }
    match author {
        Some(author) => Signature::now(&author.name, &author.email),
        None => Signature::now("Spore", "spore@localhost"),
    }
}

/// What git ignores in a folder; nothing, where there is no repository.
pub(super) struct Ignored(Option<(Repository, PathBuf)>);

impl Ignored {
    /// By the rules of the repository that `folder` lies in.
    pub(super) fn in_folder(folder: &Path) -> Self {
        let repository = find(folder).ok();
        Self(repository.and_then(|repository| {
            let top = fs::canonicalize(repository.workdir()?).ok()?;
            Some((repository, top))
        }))
    }

    /// Whether git ignores the canonical `path`.
    pub(super) fn contains(&self, path: &Path) -> bool {
        let Self(Some((repository, top))) = self else { return false };
        path.strip_prefix(top).is_ok_and(|inside| repository.is_path_ignored(inside).unwrap_or(false))
    }

    /// The top of the working tree, and the file of the repository's own rules; `None` where there is no repository.
    pub(super) fn repository(&self) -> Option<(&Path, PathBuf)> {
        let Self(Some((repository, top))) = self else { return None };
        Some((top, repository.commondir().join("info/exclude")))
    }
}

/// Makes `folder` a git repository unless it lies in one. Returns the top of the repository, and whether it was made.
///
/// # Errors
/// When it cannot be written, or the repository found is bare or cannot be opened.
pub(super) fn ensure_repository(folder: &Path) -> Result<(PathBuf, bool), Error> {
    let fail = |error: git2::Error| git_error(folder, &error);
    match find(folder) {
        Ok(repository) => {
            let bare = || Error::Git { path: folder.display().to_string(), message: "the repository is bare".into() };
            Ok((repository.workdir().ok_or_else(bare)?.to_path_buf(), false))
        }
        Err(error) if error.code() == ErrorCode::NotFound => {
            let configured = git2::Config::open_default().and_then(|config| config.get_string("init.defaultBranch"));
            let mut options = RepositoryInitOptions::new();
            options.initial_head(configured.as_deref().unwrap_or("main")).no_reinit(true);
            let repository = Repository::init_opts(folder, &options).map_err(fail)?;
            Ok((repository.workdir().unwrap_or(folder).to_path_buf(), true))
        }
        Err(error) => Err(fail(error)),
    }
}
