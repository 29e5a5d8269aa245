//! Git, by libgit2: commits of new files, and nothing else that a user could notice.
//!
//! A commit is put together from HEAD's tree and the new blobs, never from the index, and the branch moves by
//! compare-and-swap. What the user has staged or is editing stays as it is. The new entries are added to the index as
//! well, because a file that is in HEAD but not in the index would show as staged for deletion. Hooks do not run,
//! commits are not signed (`commit.gpgsign` is not looked at), and `GIT_DIR`, `GIT_INDEX_FILE` and the like do not count:
//! the repository is the one that the files lie in.

mod history;
mod index;
mod outlook;
mod signed;

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use git2::build::TreeUpdateBuilder;
use git2::{
    AttrCheckFlags, AttrValue, ErrorCode, FileMode, ObjectType, Oid, Repository, RepositoryInitOptions,
    RepositoryOpenFlags, RepositoryState, Signature, Tree,
};

pub use history::find_commit;
use index::PreparedIndex;
pub use outlook::{Head, Outlook, git_outlook};
pub use signed::{Brought, Signers, Verified, bringing, verify_commit};

use super::root::folder_of;
use super::{Error, Root};
use crate::model::RunId;
use crate::os::failpoint;

/// How often a lock is tried again, or the commit put together anew because the branch has moved.
const TRIES: u32 = 200;
/// From one try to the next.
const PAUSE: Duration = Duration::from_millis(25);
/// Characters of a commit's first line.
const SUBJECT_MAX: usize = 120;

/// Who a commit is by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// The name.
    pub name: String,
    /// The address.
    pub email: String,
}

/// What a commit says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message(String);

impl Message {
    /// A first line, and the trailers `Spore-Run` and `Spore-Source` (the file the run came from).
    #[must_use]
    pub fn of_run(subject: &str, run: RunId, source: &str) -> Self {
        // A line end in a name would let the name write trailers of its own.
        let line = |text: &str| text.split(char::is_control).collect::<Vec<_>>().join(" ").trim().to_owned();
        let subject: String = line(subject).chars().take(SUBJECT_MAX).collect();
        Self(format!("{subject}\n\nSpore-Run: {run}\nSpore-Source: {}\n", line(source)))
    }
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
    Skip(String, Option<&'static str>),
    Fail(Error),
}

/// Commits the files `paths`, all of them new, onto the current branch. `author` is who it is by where git's settings
/// name nobody. Where others hold git's locks it blocks the thread, for ten seconds at most.
///
/// # Errors
/// When git cannot be worked with in a way that has no name. The files stay written.
pub fn commit_new(root: &Root, paths: &[PathBuf], message: &Message, author: Option<&Author>) -> Result<Commit, Error> {
    match try_commit(root, paths, message, author) {
        Ok(commit) => Ok(commit),
        Err(Stop::Skip(reason, hint)) => Ok(Commit::Skipped { reason, hint: hint.map(str::to_owned) }),
        Err(Stop::Fail(error)) => Err(error),
    }
}

fn try_commit(root: &Root, paths: &[PathBuf], message: &Message, author: Option<&Author>) -> Result<Commit, Stop> {
    let fail = |error: git2::Error| Stop::Fail(git_error(root.path(), &error));
    let Some(first) = paths.first() else { return Err(Stop::Skip("there is nothing to commit".into(), None)) };
    let repository = open(folder_of(first))?;
    let files = paths.iter().map(|path| in_repository(&repository, path)).collect::<Result<Vec<_>, _>>()?;
    let signature = signature(&repository, author).map_err(fail)?;
    let blobs = blobs(&repository, &files).map_err(fail)?;

    // The lock is taken before the branch moves, so that nobody commits the old index on top of the new commit.
    let prepared = PreparedIndex::lock(&repository, &files, &blobs);
    for _ in 0..TRIES {
        let branch = current_branch(&repository)?;
        let parent = match repository.find_reference(&branch) {
            Ok(reference) => Some(reference.peel_to_commit().map_err(fail)?),
            Err(error) if error.code() == ErrorCode::NotFound => None,
            Err(error) => return Err(fail(error)),
        };
        let base = match &parent {
            Some(parent) => parent.tree(),
            None => repository.treebuilder(None).and_then(|empty| repository.find_tree(empty.write()?)),
        };
        let tree = updated_tree(&repository, &base.map_err(fail)?, &blobs, root)?;
        let parents: Vec<_> = parent.iter().collect();
        let id = repository.commit(None, &signature, &signature, &message.0, &tree, &parents).map_err(fail)?;
        failpoint::reach("git-objects-written");
        let log = format!("commit (spore): {}", message.0.lines().next().unwrap_or_default());
        let moved = match &parent {
            Some(parent) => repository.reference_matching(&branch, id, true, parent.id(), &log),
            None => repository.reference(&branch, id, false, &log),
        };
        match moved {
            Ok(_) => {
                failpoint::reach("git-ref-moved");
                return Ok(made(id, &branch, prepared.and_then(PreparedIndex::install)));
            }
            // Somebody else has committed meanwhile: on top of that, then.
            Err(error) if matches!(error.code(), ErrorCode::Modified | ErrorCode::Exists | ErrorCode::NotFound) => {
                tracing::debug!(branch, %error, "the branch has moved");
            }
            Err(error) if error.code() == ErrorCode::Locked => thread::sleep(PAUSE),
            Err(error) => return Err(fail(error)),
        }
    }
    Err(Stop::Skip("the branch is locked, or moves faster than it can be followed".into(), Some("try again later")))
}

fn made(id: Oid, branch: &str, installed: Result<(), String>) -> Commit {
    let index = match installed {
        Ok(()) => IndexState::Updated,
        Err(reason) => IndexState::Left { reason },
    };
    Commit::Made { id: id.to_string(), branch: branch.trim_start_matches("refs/heads/").to_owned(), index }
}

fn git_error(path: &Path, error: &git2::Error) -> Error {
    Error::Git { path: path.display().to_string(), message: error.message().to_owned() }
}

/// The repository that `folder` lies in, whatever the environment says, if commits can be made in it now.
fn open(folder: &Path) -> Result<Repository, Stop> {
    let skip = |reason: String, hint| Err(Stop::Skip(reason, hint));
    let repository = match find(folder) {
        Ok(repository) => repository,
        Err(error) if error.code() == ErrorCode::NotFound => {
            return skip("the folder is in no git repository".into(), Some("`spore init` makes one"));
        }
        Err(error) if error.code() == ErrorCode::Owner => {
            let hint = "if you trust it: `git config --global --add safe.directory FOLDER`";
            return skip("the git repository belongs to another user".into(), Some(hint));
        }
        Err(error) => return skip(format!("this git repository cannot be opened: {}", error.message()), None),
    };
    if repository.is_bare() {
        return skip("the git repository is bare".into(), Some("work in a clone of it"));
    }
    match under_way(&repository) {
        None => Ok(repository),
        Some(what) => {
            skip(format!("{what} is in progress"), Some("finish it, then `git add` and commit the file yourself"))
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

/// One file, by its canonical path and by its path in the repository.
struct NewFile {
    whole: PathBuf,
    inside: PathBuf,
}

fn in_repository(repository: &Repository, path: &Path) -> Result<NewFile, Stop> {
    let whole = fs::canonicalize(path).map_err(|source| Stop::Fail(Error::of_io(path, "read", source)))?;
    let top = repository.workdir().and_then(|top| fs::canonicalize(top).ok()).unwrap_or_default();
    let Ok(inside) = whole.strip_prefix(&top) else {
        return Err(Stop::Skip(format!("`{}` lies outside the git repository", path.display()), None));
    };
    let inside = inside.to_path_buf();
    if repository.is_path_ignored(&inside).unwrap_or(false) {
        let hint = "take it out of `.gitignore` to have it committed";
        return Err(Stop::Skip(format!("git ignores `{}`", inside.display()), Some(hint)));
    }
    let filter = repository.get_attr(&inside, "filter", AttrCheckFlags::FILE_THEN_INDEX).ok().flatten();
    if let AttrValue::String(filter) = AttrValue::from_string(filter) {
        // Git would run a program here and store what it prints; stored as it is, the file would show as changed.
        let hint = "take results out of it in `.gitattributes`, or commit the file yourself";
        return Err(Stop::Skip(format!("git has the filter `{filter}` for `{}`", inside.display()), Some(hint)));
    }
    Ok(NewFile { whole, inside })
}

/// The files as git stores them, by their paths in the repository.
fn blobs(repository: &Repository, files: &[NewFile]) -> Result<Vec<(PathBuf, Oid)>, git2::Error> {
    files.iter().map(|file| Ok((file.inside.clone(), repository.blob_path(&file.whole)?))).collect()
}

/// The full name of the branch that HEAD stands for; it may have no commit yet.
fn current_branch(repository: &Repository) -> Result<String, Stop> {
    let head = repository.find_reference("HEAD");
    let head = head.map_err(|error| Stop::Fail(git_error(repository.path(), &error)))?;
    match head.symbolic_target() {
        Ok(Some(branch)) if branch.starts_with("refs/heads/") => Ok(branch.to_owned()),
        Ok(Some(other)) => Err(Stop::Skip(format!("HEAD stands for `{other}`, which is no branch"), None)),
        Ok(None) => {
            let hint = "a commit there is easily lost: `git switch BRANCH`";
            Err(Stop::Skip("HEAD is detached".into(), Some(hint)))
        }
        Err(_) => Err(Stop::Skip("the branch's name is not UTF-8".into(), None)),
    }
}

/// `base` with the new files in it. A file that is there already with other contents is not new, and not ours to change.
fn updated_tree<'r>(
    repository: &'r Repository,
    base: &Tree<'_>,
    blobs: &[(PathBuf, Oid)],
    root: &Root,
) -> Result<Tree<'r>, Stop> {
    let mut update = TreeUpdateBuilder::new();
    for (path, blob) in blobs {
        let in_the_way = path.ancestors().find_map(|above| {
            let entry = base.get_path(above).ok()?;
            (entry.kind() != Some(ObjectType::Tree)).then_some((above, entry.id()))
        });
        if let Some((above, id)) = in_the_way.filter(|(above, id)| *above != path || id != blob) {
            let reason = format!("the last commit has something else at `{}` ({id})", above.display());
            return Err(Stop::Skip(reason, None));
        }
        update.upsert(path.as_path(), *blob, FileMode::Blob);
    }
    let tree = update.create_updated(repository, base).and_then(|tree| repository.find_tree(tree));
    tree.map_err(|error| Stop::Fail(git_error(root.path(), &error)))
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
