//! Why the kernel did not start a program.

use std::io;

use rustix::io::Errno;

/// What stood in the way of a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Arguments and environment are longer than the kernel takes.
    TooLong,
    /// The file is no program of this machine.
    NoProgram,
    /// The program's interpreter or loader is not there.
    NoLoader,
    /// The file or its file system must not be executed.
    Forbidden,
    /// The machine takes no more processes, memory or open files now; later it may.
    Shortage,
    /// Something else.
    Other,
}

impl Refusal {
    /// What `error`, which a start came to, means.
    #[must_use]
    pub fn of(error: &io::Error) -> Self {
        match Errno::from_io_error(error) {
            Some(Errno::TOOBIG) => Self::TooLong,
            Some(Errno::NOEXEC) => Self::NoProgram,
            Some(Errno::NOENT) => Self::NoLoader,
            Some(Errno::ACCESS | Errno::PERM) => Self::Forbidden,
            Some(Errno::AGAIN | Errno::MFILE | Errno::NFILE | Errno::NOMEM) => Self::Shortage,
            _ => Self::Other,
        }
    }
}
