//! Who holds which lock (`flock(2)`), by what the kernel says of all of them.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// The locks of this machine, as they were at one moment.
#[derive(Clone, Debug, Default)]
pub struct Locks(String);

/// Whether a file is locked, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Nobody has a lock on it.
    Free,
    /// These processes have one; none where the system does not say who.
    By(Vec<i32>),
}

impl Hold {
    /// Whether somebody has it.
    #[must_use]
    pub fn is_held(&self) -> bool {
        matches!(self, Self::By(_))
    }

    /// The process that has it, where that is known.
    #[must_use]
    pub fn pid(&self) -> Option<i32> {
        match self {
            Self::By(pids) => pids.first().copied(),
            Self::Free => None,
        }
    }
}

impl Locks {
    /// The locks as they are now; where the system does not list them, each file is asked for itself.
    #[must_use]
    pub fn now() -> Self {
        Self(std::fs::read_to_string("/proc/locks").unwrap_or_default())
    }

    /// Who has a lock on the file at `path`. One that is not there is free.
    ///
    /// # Errors
    /// When it cannot be looked at, or its file system has no locks.
    pub fn on(&self, path: &Path) -> io::Result<Hold> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Hold::Free),
            opened => opened?,
        };
        let metadata = file.metadata()?;
        let (major, minor) = (rustix::fs::major(metadata.dev()), rustix::fs::minor(metadata.dev()));
        let pids = holders(&self.0, &format!("{major:02x}:{minor:02x}:{}", metadata.ino()));
        if !pids.is_empty() {
            return Ok(Hold::By(pids.into_iter().filter(|pid| *pid > 0).collect()));
        }
        // Some file systems have another number for their device there, so that nothing is found. Asking takes the lock
        // for a moment, which is why it comes last.
        match file.try_lock_shared() {
            Ok(()) => Ok(Hold::Free),
            Err(TryLockError::WouldBlock) => Ok(Hold::By(Vec::new())),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

/// Reads lines such as `1: FLOCK  ADVISORY  WRITE 1234 fe:00:5678 0 EOF` (`proc_locks(5)`). A process of another
/// container has no number here: it is 0 or -1. Who only waits has an arrow and holds nothing.
fn holders(locks: &str, file: &str) -> Vec<i32> {
    let held = locks.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace().skip(1);
        let kind = words.next()?;
        let pid = words.nth(2)?.parse().ok()?;
        (kind == "FLOCK" && words.next()? == file).then_some(pid)
    });
    held.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_has_its_holder() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("lock");
        assert_eq!(Locks::now().on(&path).expect("looked at"), Hold::Free, "nothing is there");
        let file = super::super::file::create_new(&path).expect("made");
        assert_eq!(Locks::now().on(&path).expect("looked at"), Hold::Free);
        file.try_lock().expect("locked");
        let me = super::super::identity::Identity::me().pid();
        let hold = Locks::now().on(&path).expect("looked at");
        assert!(hold == Hold::By(vec![me]) || hold == Hold::By(Vec::new()), "{hold:?}");
        assert_eq!(Locks::default().on(&path).expect("looked at"), Hold::By(Vec::new()), "by asking");
    }

    #[test]
    fn only_who_holds_is_told() {
        let locks = "1: POSIX  ADVISORY  WRITE 7 fe:00:12 0 EOF\n2: FLOCK  ADVISORY  WRITE 8 fe:00:12 0 EOF\n\
                     2: -> FLOCK  ADVISORY  WRITE 9 fe:00:12 0 EOF\n3: FLOCK  ADVISORY  READ 0 fe:00:123 0 EOF\ngarbage";
        assert_eq!(holders(locks, "fe:00:12"), [8]);
        assert_eq!(holders(locks, "fe:00:123"), [0]);
        assert_eq!(holders(locks, "fe:00:1"), [0; 0]);
    }
}
