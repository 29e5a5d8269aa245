//! Finding the spores of a folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use super::git::Ignored;
use super::source::missing;
use super::{Error, Root, wanted};

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// The files, sorted by the path people know.
    pub files: Vec<PathBuf>,
    /// Paths that could not be looked at. They hide none of the others.
    pub errors: Vec<Error>,
}

/// The spores in `paths`: a file is taken whatever its name, a folder is searched with all folders in it. No path means
/// the whole root.
///
/// Left out of a search: `.git`, `.spore`, `target`, `node_modules`, what git ignores, links, and the root's `results/`
/// and `learnings/` unless a path names them or something in them.
#[must_use]
pub fn find_spores(root: &Root, paths: &[PathBuf]) -> Found {
    let whole = [root.path().to_path_buf()];
    let paths = if paths.is_empty() { &whole } else { paths };
    let mut errors = Vec::new();
    let mut files = BTreeMap::new();
    let mut ignored = None;
    for path in paths {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => {
                let ignored = ignored.get_or_insert_with(|| Ignored::in_folder(root.path()));
                search(root, path, ignored, &mut files, &mut errors);
            }
            Ok(_) => {
                files.insert(root.display(path), path.clone());
            }
            Err(source) => errors.push(missing(path, source)),
        }
    }
    Found { files: files.into_values().collect(), errors }
}

/// How many folders a search of the whole root looks into, as long as `goes_on` says so; and whether those are all.
pub fn count_folders(root: &Root, mut goes_on: impl FnMut() -> bool) -> (usize, bool) {
    let ignored = Ignored::in_folder(root.path());
    let wanted =
        |entry: &DirEntry| entry.depth() == 0 || (entry.file_type().is_dir() && is_wanted(root, entry, &ignored));
    let mut count = 0;
    for entry in WalkDir::new(root.path()).into_iter().filter_entry(wanted) {
        // What cannot be looked into cannot be watched either.
        count += usize::from(entry.is_ok());
        if !goes_on() {
            return (count, false);
        }
    }
    (count, true)
}

fn search(
    root: &Root,
    folder: &Path,
    ignored: &Ignored,
    files: &mut BTreeMap<String, PathBuf>,
    errors: &mut Vec<Error>,
) {
    let start = match fs::canonicalize(folder) {
        Ok(start) => start,
        Err(source) => return errors.push(Error::of_io(folder, "read", source)),
    };
    let wanted = |entry: &DirEntry| entry.depth() == 0 || is_wanted(root, entry, ignored);
    for entry in WalkDir::new(&start).sort_by_file_name().into_iter().filter_entry(wanted) {
        match entry {
            Ok(entry) if entry.file_type().is_file() => {
                // Canonical, as the search began at a canonical folder and followed no link.
                let path = entry.into_path();
                let shown = path.strip_prefix(root.path()).unwrap_or(&path).display().to_string();
                files.insert(shown, path);
            }
            Ok(_) => {}
            Err(error) => {
                let path = error.path().unwrap_or(&start).to_path_buf();
                errors.push(Error::of_io(&path, "read", error.into()));
            }
        }
    }
}

fn is_wanted(root: &Root, entry: &DirEntry, ignored: &Ignored) -> bool {
    let by_name = if entry.file_type().is_dir() {
        wanted::is_folder(entry.file_name(), entry.path().parent() == Some(root.path()))
    } else {
        entry.file_type().is_file() && wanted::has_ending(entry.file_name())
    };
    by_name && !ignored.contains(entry.path())
}
