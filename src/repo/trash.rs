//! Removing the folders of runs, in a way that a crash in the middle leaves no run half there.
//!
//! A run is first moved out of the way, whole, by one rename; when that is durable, what is in the way's other end is
//! removed. What a crash leaves there is removed the next time.

use std::path::PathBuf;

use super::{Error, Root};
use crate::model::RunId;
use crate::os::{failpoint, file};

impl Root {
    /// The folder of runs that are being removed; it may not be there.
    #[must_use]
    pub fn trash(&self) -> PathBuf {
        self.state().join("trash")
    }
}

/// Moves the folder of a run out of the way; false when it is gone already. Call [`empty_trash`] when all are moved.
///
/// # Errors
/// When it cannot be moved.
pub fn discard_run(root: &Root, run: RunId) -> Result<bool, Error> {
    let trash = root.trash();
    file::create_dir_all_synced(&trash).map_err(|source| Error::of_io(&trash, "make", source))?;
    let (from, to) = (root.runs().join(run.to_string()), trash.join(run.to_string()));
    failpoint::reach("run-discarding");
    match file::rename(&from, &to) {
        Err(source) if source.kind() == std::io::ErrorKind::NotFound => Ok(false),
        moved => moved.map(|()| true).map_err(|source| Error::of_io(&from, "move", source)),
    }
}

/// How many runs an earlier removal has left behind, and their bytes.
///
/// # Errors
/// When the folder cannot be read.
pub fn weigh_trash(root: &Root) -> Result<(usize, u64), Error> {
    let mut found = (0, 0);
    for path in left_behind(root)? {
        found.0 += 1;
        found.1 += file::tree_bytes(&path).map_err(|source| Error::of_io(&path, "read", source))?;
    }
    Ok(found)
}

/// Removes what was moved out of the way, now or before a crash.
///
/// # Errors
/// When it cannot be made durable that the runs are out of the way, or not be removed.
pub fn empty_trash(root: &Root) -> Result<(), Error> {
    let left = left_behind(root)?;
    if left.is_empty() {
        return Ok(());
    }
    for folder in [root.trash(), root.runs()] {
        file::sync_dir(&folder).map_err(|source| Error::of_io(&folder, "sync", source))?;
    }
    failpoint::reach("runs-discarded");
    for path in left {
        file::remove_tree(&path).map_err(|source| Error::of_io(&path, "remove", source))?;
        failpoint::reach("run-removed");
    }
    Ok(())
}

fn left_behind(root: &Root) -> Result<Vec<PathBuf>, Error> {
    let trash = root.trash();
    let wrong = |source| Error::of_io(&trash, "read", source);
    match std::fs::read_dir(&trash) {
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.path()).map_err(wrong)).collect(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(wrong(error)),
    }
}
