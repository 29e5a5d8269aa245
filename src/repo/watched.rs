//! Who watches a folder: one process at a time, by a lock in the folder of this machine's state.

use std::fs::{File, TryLockError};
use std::io::{Seek as _, Write as _};

use super::{Error, Root};
use crate::os;
use crate::os::identity::Identity;
use crate::os::locks::Locks;

/// The lock, whose text is the identity of who has it.
const LOCK_FILE: &str = "watch.lock";

/// The right to watch a folder, as long as it is held.
#[derive(Debug)]
pub struct Watch(#[expect(dead_code, reason = "it holds the lock")] File);

/// Takes the right to watch the folder, whose state folder is there; `None` when somebody has it.
///
/// # Errors
/// When the lock cannot be made.
pub fn take_watch(root: &Root) -> Result<Option<Watch>, Error> {
    let path = root.state().join(LOCK_FILE);
    let failed = |source| Error::of_io(&path, "lock", source);
    let mut file = os::file::read_write(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(source)) => return Err(failed(source)),
    }
    file.set_len(0).map_err(failed)?;
    file.rewind().map_err(failed)?;
    writeln!(file, "{}", Identity::me()).map_err(failed)?;
    Ok(Some(Watch(file)))
}

/// Whether somebody watches the folder. Where the kernel tells who holds which lock, this one is not touched.
#[must_use]
pub fn is_under_watch(root: &Root) -> bool {
    Locks::now().on(&root.state().join(LOCK_FILE)).is_ok_and(|hold| hold.is_held())
}

/// Who watches the folder, or did last.
#[must_use]
pub fn watched_by(root: &Root) -> Option<Identity> {
    let text = std::fs::read_to_string(root.state().join(LOCK_FILE)).ok()?;
    Identity::parse(text.trim())
}
