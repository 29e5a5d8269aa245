//! The lock on a journal, which keeps every other engine away.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use super::error::{Error, TRUST_VARIABLE};
use super::holder::Holder;
use super::write::JOURNAL_FILE;
use crate::os::failpoint;
use crate::os::file::{self, Trust, lock_trust};

/// How often the lock of an engine is tried: a program that it has just started may hold it a moment longer than itself.
const TRIES: u32 = 10;
const BETWEEN_TRIES: Duration = Duration::from_millis(5);
/// How often it is tried against those who only look whether a run is live, and hold it for a moment.
const TRIES_AGAINST_LOOKS: u32 = 1_000;
const BETWEEN_LOOKS: Duration = Duration::from_millis(1);

/// Whether a process has the journal of this run open for appending: a run without an end that nobody writes was
/// broken off. A file system without locks cannot tell; then the run counts as live, for nothing that may be running is
/// to be called dead.
#[must_use]
pub fn is_live(run_dir: &Path) -> bool {
    File::open(run_dir.join(JOURNAL_FILE)).is_ok_and(|file| file.try_lock_shared().is_err())
}

/// Keeps every engine away from a run as long as it lives, and changes nothing in its journal.
#[derive(Debug)]
pub struct Hold(#[expect(dead_code, reason = "it holds the lock")] File);

impl Hold {
    /// Takes hold of the run in `run_dir`.
    ///
    /// # Errors
    /// When an engine works on it, locks are not to be trusted there, or the journal cannot be opened.
    pub fn take(run_dir: &Path) -> Result<Self, Error> {
        check_trust(run_dir)?;
        open(&run_dir.join(JOURNAL_FILE)).map(Self)
    }
}

/// Whether somebody has said that locks are good wherever they are.
#[must_use]
pub fn locks_are_taken_on_trust() -> bool {
    std::env::var_os(TRUST_VARIABLE).is_some_and(|value| value == "1")
}

/// What the lock on a journal in this folder is worth.
#[must_use]
pub fn trust_in(folder: &Path) -> Trust {
    match failpoint::try_reach("locks-untrusted") {
        Ok(()) => lock_trust(folder),
        Err(_) => Trust::None { kind: "what a test calls untrusted", because: "the test wants to see it refused" },
    }
}

/// Refuses to rely on locks in a folder where they may not keep other engines away.
pub(super) fn check_trust(folder: &Path) -> Result<(), Error> {
    if locks_are_taken_on_trust() {
        return Ok(());
    }
    let Trust::None { kind, because } = trust_in(folder) else { return Ok(()) };
    Err(Error::UntrustedLocks { path: folder.to_path_buf(), kind: kind.into(), because: because.into() })
}

/// Opens for reading and appending, and holds the only lock.
pub(super) fn open(path: &Path) -> Result<File, Error> {
    loop {
        let file = file::append_existing(path).map_err(Error::io("open", path))?;
        take(&file, path)?;
        // While it was waited for, another file may have come into its place, or it was removed.
        let there = path.metadata().map_err(Error::io("open", path))?;
        let own = file.metadata().map_err(Error::io("open", path))?;
        if (own.dev(), own.ino()) == (there.dev(), there.ino()) {
            return Ok(file);
        }
    }
}

/// Takes the only lock on `file`, which stands, or is about to stand, at `path`.
pub(super) fn take(file: &File, path: &Path) -> Result<(), Error> {
    let (mut tries, mut looks) = (0, 0);
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if looks < TRIES_AGAINST_LOOKS && file.try_lock_shared().is_ok() => {
                file.unlock().map_err(Error::io("unlock", path))?;
                looks += 1;
                std::thread::sleep(BETWEEN_LOOKS);
            }
            Err(TryLockError::WouldBlock) if tries < TRIES => {
                tries += 1;
                std::thread::sleep(BETWEEN_TRIES);
            }
            Err(TryLockError::WouldBlock) => {
                let holder = path.parent().and_then(Holder::of).filter(|holder| !holder.is_gone());
                return Err(Error::Busy { path: path.to_path_buf(), holder });
            }
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
                return without_locks(path);
            }
            Err(TryLockError::Error(error)) => return Err(Error::io("lock", path)(error)),
        }
    }
}

/// On a file system that has no locks at all, one engine at a time is for people to see to.
fn without_locks(path: &Path) -> Result<(), Error> {
    if locks_are_taken_on_trust() {
        return Ok(());
    }
    let (kind, because) = ("a file system without locks", "nothing there keeps a second engine away");
    Err(Error::UntrustedLocks { path: path.to_path_buf(), kind: kind.into(), because: because.into() })
}
