//! Whole folders: making them durably, weighing them, removing them.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::{create_dir, sync_dir};

/// Makes a folder and those above it, and makes each that is new durable in the one above it.
///
/// # Errors
/// As [`fs::create_dir_all`], and when a folder above a new one cannot be synced.
pub fn create_dir_all_synced(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    let above = path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    create_dir_all_synced(above)?;
    match create_dir(path) {
        // Somebody else made it at the same time; whoever was first may not have synced it yet.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
        made => made?,
    }
    sync_dir(above)
}

/// The bytes of the disk that a folder and everything in it takes. Links are not followed; what is gone by then counts
/// as nothing.
///
/// # Errors
/// When a folder cannot be read.
pub fn tree_bytes(path: &Path) -> io::Result<u64> {
    let found = match path.symlink_metadata() {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    // Blocks of `stat(2)` have 512 bytes, whatever the file system's own have. Of a file with several names, this one
    // frees nothing by itself.
    let own = if found.is_dir() || found.nlink() == 1 { found.blocks() * 512 } else { 0 };
    if !found.is_dir() {
        return Ok(own);
    }
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(own),
        Err(error) => return Err(error),
    };
    entries.map(|entry| tree_bytes(&entry?.path())).sum::<io::Result<u64>>().map(|inside| own + inside)
}

/// Removes a folder and everything in it, without following links. One that is gone is no error: somebody else removed
/// it at the same time.
///
/// # Errors
/// As [`fs::remove_dir_all`].
#[expect(clippy::disallowed_methods, reason = "this is where files are written")]
pub fn remove_tree(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_made_weighed_and_removed_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let deep = folder.path().join("a/b/c");
        create_dir_all_synced(&deep).expect("made");
        create_dir_all_synced(&deep).expect("made already");
        let empty = tree_bytes(&folder.path().join("a")).expect("weighed");
        super::super::write_new(&deep.join("x"), &vec![7; 100_000]).expect("written");
        std::os::unix::fs::symlink("/", deep.join("link")).expect("linked");
        let full = tree_bytes(&folder.path().join("a")).expect("weighed");
        assert!((100_000..200_000).contains(&(full - empty)), "{empty} {full}");
        remove_tree(&folder.path().join("a")).expect("removed");
        remove_tree(&folder.path().join("a")).expect("removed already");
        assert!(!folder.path().join("a").exists() && Path::new("/").exists());
        assert_eq!(tree_bytes(&folder.path().join("a")).expect("gone"), 0);
    }
}
