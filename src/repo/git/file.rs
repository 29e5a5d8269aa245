//! New files on their way into a commit: whether git would take each of them, and what the last commit has in its place.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use git2::{AttrCheckFlags, AttrValue, ErrorCode, ObjectType, Oid, Repository, Tree};

use super::{Skip, Stop};
use crate::repo::Error;

/// One file, by its canonical path and by its path in the repository.
pub(super) struct NewFile {
    pub(super) whole: PathBuf,
    pub(super) inside: PathBuf,
}

/// The files at `paths`, each with what keeps it from being committed.
pub(super) fn in_repository<'p>(
    repository: &Repository,
    paths: impl Iterator<Item = &'p Path>,
) -> Vec<Result<NewFile, Stop>> {
    let top = repository.workdir().and_then(|top| fs::canonicalize(top).ok()).unwrap_or_default();
    paths.map(|path| one(repository, &top, path)).collect()
}

fn one(repository: &Repository, top: &Path, path: &Path) -> Result<NewFile, Stop> {
    let whole = fs::canonicalize(path).map_err(|source| Stop::Fail(Error::of_io(path, "read", source)))?;
    let Ok(inside) = whole.strip_prefix(top) else {
        return Err(Skip::lasting(format!("`{}` lies outside the git repository", path.display()), None).into());
    };
    let inside = inside.to_path_buf();
    if repository.is_path_ignored(&inside).unwrap_or(false) {
        let hint = "take it out of `.gitignore` to have it committed";
        return Err(Skip::lasting(format!("git ignores `{}`", inside.display()), Some(hint)).into());
    }
    let filter = repository.get_attr(&inside, "filter", AttrCheckFlags::FILE_THEN_INDEX).ok().flatten();
    if let AttrValue::String(filter) = AttrValue::from_string(filter) {
        // Git would run a program here and store what it prints; stored as it is, the file would show as changed.
        let hint = "take results out of it in `.gitattributes`, or commit the file yourself";
        let reason = format!("git has the filter `{filter}` for `{}`", inside.display());
        return Err(Skip::lasting(reason, Some(hint)).into());
    }
    Ok(NewFile { whole, inside })
}

/// The files as git stores them, by their paths in the repository.
pub(super) fn blobs(repository: &Repository, files: &[NewFile]) -> Result<Vec<(PathBuf, Oid)>, git2::Error> {
    files.iter().map(|file| Ok((file.inside.clone(), blob(repository, file)?))).collect()
}

/// One file as git stores it. What git would do to it on the way concerns line ends and `$Id$` only, so a file without
/// either is stored as it is, which is faster by far and costs nothing where the object is there already.
fn blob(repository: &Repository, file: &NewFile) -> Result<Oid, git2::Error> {
    match fs::read(&file.whole) {
        Ok(bytes) if memchr::memchr2(b'\r', b'$', &bytes).is_none() => repository.blob(&bytes),
        _ => repository.blob_path(&file.whole),
    }
}

/// What a commit has at the path of a new file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Nothing.
    Free,
    /// The very file.
    Same,
    /// Something else, there or where a folder above it would be.
    Taken(PathBuf, Oid),
}

/// The folders of a commit that were looked into. Each is read once, however many files go there.
pub(super) struct Folders<'r> {
    repository: &'r Repository,
    known: HashMap<PathBuf, Folder<'r>>,
}

enum Folder<'r> {
    Tree(Tree<'r>),
    Missing,
    Taken(PathBuf, Oid),
}

impl<'r> Folders<'r> {
    /// Those of the commit whose tree this is.
    pub(super) fn of(repository: &'r Repository, top: Tree<'r>) -> Self {
        Self { repository, known: HashMap::from([(PathBuf::new(), Folder::Tree(top))]) }
    }

    /// What is at `path`, where `blob` is to be.
    pub(super) fn look(&mut self, path: &Path, blob: Oid) -> Result<Place, git2::Error> {
        let (folder, name) = (path.parent().unwrap_or(Path::new("")), path.file_name().unwrap_or_default());
        self.open(folder)?;
        Ok(match &self.known[folder] {
            Folder::Missing => Place::Free,
            Folder::Taken(above, id) => Place::Taken(above.clone(), *id),
            Folder::Tree(tree) => match tree.get_name_bytes(name.as_encoded_bytes()) {
                None => Place::Free,
                Some(entry) if entry.id() == blob => Place::Same,
                Some(entry) => Place::Taken(path.to_path_buf(), entry.id()),
            },
        })
    }

    fn open(&mut self, path: &Path) -> Result<(), git2::Error> {
        if self.known.contains_key(path) {
            return Ok(());
        }
        let (above, name) = (path.parent().unwrap_or(Path::new("")), path.file_name().unwrap_or_default());
        self.open(above)?;
        let folder = match &self.known[above] {
            Folder::Missing => Folder::Missing,
            Folder::Taken(path, id) => Folder::Taken(path.clone(), *id),
            Folder::Tree(tree) => match tree.get_name_bytes(name.as_encoded_bytes()) {
                None => Folder::Missing,
                Some(entry) if entry.kind() == Some(ObjectType::Tree) => {
                    Folder::Tree(self.repository.find_tree(entry.id())?)
                }
                Some(entry) => Folder::Taken(path.to_path_buf(), entry.id()),
            },
        };
        self.known.insert(path.to_path_buf(), folder);
        Ok(())
    }
}

/// The tree of the commit that `branch` stands at, and that commit; of no files, where it has none yet.
pub(super) fn tip<'r>(
    repository: &'r Repository,
    branch: &str,
) -> Result<(Option<git2::Commit<'r>>, Tree<'r>), git2::Error> {
    match repository.find_reference(branch) {
        Ok(reference) => {
            let commit = reference.peel_to_commit()?;
            let tree = commit.tree()?;
            Ok((Some(commit), tree))
        }
        Err(error) if error.code() == ErrorCode::NotFound => {
            let empty = repository.treebuilder(None).and_then(|empty| empty.write())?;
            Ok((None, repository.find_tree(empty)?))
        }
        Err(error) => Err(error),
    }
}
