//! Text as a commit has it. Neither the working tree nor the index is asked, and no filter runs: these are the bytes
//! that a signature vouches for, and that a push has brought.

use std::fs;
use std::path::Path;

use git2::{Commit, ErrorCode, ObjectType, Oid, Repository};

use super::{find, git_error};
use crate::model::{Limits, Source};
use crate::repo::root::folder_of;
use crate::repo::source::source_of;
use crate::repo::{Error, Root};

/// The modes that a regular file can have in a tree.
const REGULAR: [i32; 3] = [0o100_644, 0o100_755, 0o100_664];
/// The mode of a link.
const LINK: i32 = 0o120_000;

/// The commit that HEAD stands for in the repository that the root lies in, as hex digits; `None` when its branch has no commit yet.
///
/// # Errors
/// When there is no repository, or it cannot be read.
pub fn head_of(root: &Root) -> Result<Option<String>, Error> {
    let repository = find(root.path()).map_err(|error| git_error(root.path(), &error))?;
    let head = head_commit(&repository).map_err(|error| git_error(root.path(), &error))?;
    Ok(head.map(|commit| commit.id().to_string()))
}

/// The file at `path` (as the user wrote it: relative to the working folder, or absolute) as the last commit has it.
/// It need not be there in the working tree.
///
/// # Errors
/// When there is no repository or no commit, the commit has no such file, it is no regular file, larger than
/// [`Limits::spore_bytes_max`], or not UTF-8.
pub fn read_committed(root: &Root, path: &Path, limits: &Limits) -> Result<Source, Error> {
    let shown = root.display(path);
    let fail = |error: git2::Error| git_error(root.path(), &error);
    let repository = find(root.path()).map_err(fail)?;
    let top = repository.workdir().and_then(|top| fs::canonicalize(top).ok());
    let missing = || Error::NotFound { path: format!("{shown} (in the last commit)"), nearest: None };
    let (Some(top), Some(name)) = (top, path.file_name()) else { return Err(missing()) };
    // The folder may be gone from the working tree; then the path is taken as it is written.
    let folder = fs::canonicalize(folder_of(path)).or_else(|_| std::path::absolute(folder_of(path)));
    let whole = folder.unwrap_or_default().join(name);
    let inside = whole.strip_prefix(&top).map_err(|_| missing())?;
    let commit = head_commit(&repository).map_err(fail)?.ok_or_else(missing)?;
    read(&repository, &commit, inside, shown.clone(), limits)?.ok_or_else(missing)
}

/// The file at `path` (from the top of the repository, `/` between names) as `commit` (hex digits) has it. `repository`
/// is a git folder, bare or not, or the top of a working tree.
///
/// # Errors
/// As [`read_committed`].
pub fn read_blob_at(repository: &Path, commit: &str, path: &Path, limits: &Limits) -> Result<Source, Error> {
    let fail = |error: git2::Error| git_error(repository, &error);
    let opened = Repository::open(repository).map_err(fail)?;
    let found = Oid::from_str(commit).and_then(|id| opened.find_object(id, None)).and_then(|id| id.peel_to_commit());
    let shown = path.display().to_string();
    let missing = || Error::NotFound { path: format!("{shown} (in {commit})"), nearest: None };
    read(&opened, &found.map_err(fail)?, path, shown.clone(), limits)?.ok_or_else(missing)
}

fn head_commit(repository: &Repository) -> Result<Option<Commit<'_>>, git2::Error> {
    match repository.head() {
        Ok(head) => head.peel_to_commit().map(Some),
        Err(error) if error.code() == ErrorCode::UnbornBranch => Ok(None),
        Err(error) => Err(error),
    }
}

/// The file in the commit; `None` when it has none at that path.
fn read(
    repository: &Repository,
    commit: &Commit<'_>,
    inside: &Path,
    shown: String,
    limits: &Limits,
) -> Result<Option<Source>, Error> {
    let fail = |error: git2::Error| git_error(repository.path(), &error);
    let entry = match commit.tree().map_err(fail)?.get_path(inside) {
        Err(error) if error.code() == ErrorCode::NotFound => return Ok(None),
        entry => entry.map_err(fail)?,
    };
    match entry.filemode_raw() {
        mode if REGULAR.contains(&mode) => {}
        LINK => return Err(Error::NotRegular { path: shown, what: "a link" }),
        _ if entry.kind() == Some(ObjectType::Tree) => return Err(Error::Folder { path: shown }),
        _ => return Err(Error::NotRegular { path: shown, what: "a submodule" }),
    }
    // Asked before it is read: what is too large is never brought into memory.
    let (bytes, _) = repository.odb().and_then(|objects| objects.read_header(entry.id())).map_err(fail)?;
    if bytes > limits.spore_bytes_max {
        return Err(Error::TooLarge { path: shown, bytes: bytes as u64, bytes_max: limits.spore_bytes_max });
    }
    let blob = repository.find_blob(entry.id()).map_err(fail)?;
    source_of(shown, blob.content().to_vec(), limits).map(Some)
}
