//! Who sees to the commands of a run although its engine may be gone, and what became of them so far.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::attempts::{Known, Past};
use super::wire::files;
use crate::model::TaskId;
use crate::os::identity::Identity;

/// Whether the run in `run_dir` has a live supervisor. A file system without locks cannot tell; then it counts as alive,
/// for nothing that may be running is to be called dead.
#[must_use]
pub fn is_supervised(run_dir: &Path) -> bool {
    File::open(run_dir.join(files::LOCK)).is_ok_and(|file| file.try_lock_shared().is_err())
}

/// Who holds, or held, the lock of the run's supervisor.
pub(super) fn supervisor_of(run_dir: &Path) -> Option<Identity> {
    std::fs::read_to_string(run_dir.join(files::LOCK)).ok().and_then(|text| Identity::parse(text.trim()))
}

/// What the supervisors of a run have left for others to read.
#[derive(Debug)]
pub struct Supervised {
    /// The file that a supervisor holds locked as long as it lives.
    pub lock: PathBuf,
    /// The one that lives, or died without having seen its commands to their end; `None` when there is no such.
    pub process: Option<Identity>,
    past: Past,
}

/// How far an attempt is, by its supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It has not begun.
    Waiting,
    /// Its command began.
    Begun,
    /// Its command is over.
    Ended,
}

impl Supervised {
    /// Looks at the run in `run_dir`, without asking its supervisor.
    ///
    /// # Errors
    /// When what is there cannot be read.
    pub fn look(run_dir: &Path) -> io::Result<Self> {
        let lock = run_dir.join(files::LOCK);
        let process = match std::fs::read_to_string(&lock) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            text => Identity::parse(text?.trim()),
        };
        Ok(Self { lock, process, past: Past::read(run_dir)? })
    }

    /// How far an attempt is.
    #[must_use]
    pub fn stage(&self, task: &TaskId, number: u32) -> Stage {
        match self.past.of(task, number) {
            None => Stage::Waiting,
            Some(Known::Begun) => Stage::Begun,
            Some(Known::Ended(_)) => Stage::Ended,
        }
    }
}
