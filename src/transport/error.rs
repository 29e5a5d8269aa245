//! What can go wrong between a door and a watcher.

use std::io;
use std::path::PathBuf;

/// Why a watcher could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The socket cannot be made.
    #[error("cannot make the socket `{}`: {source}", path.display())]
    Deaf {
        /// The socket.
        path: PathBuf,
        /// What was said.
        source: io::Error,
    },
    /// Nobody listens.
    #[error("no watcher runs in `{}`", .0.display())]
    Nobody(PathBuf),
    /// It belongs to somebody else.
    #[error("the watcher of `{}` belongs to another user", .0.display())]
    NotOurs(PathBuf),
    /// It does not answer in time.
    #[error("the watcher of `{}` does not answer", .0.display())]
    Silent(PathBuf),
    /// It says what this Spore does not understand.
    #[error("the watcher of `{}` speaks another language: {because}", folder.display())]
    Foreign {
        /// The folder.
        folder: PathBuf,
        /// What was not understood.
        because: String,
    },
    /// The connection broke.
    #[error("the connection to the watcher of `{}` broke: {source}", folder.display())]
    Io {
        /// The folder.
        folder: PathBuf,
        /// What was said.
        source: io::Error,
    },
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Nobody(_) => Some("`spore watch` starts one".to_owned()),
            Self::Foreign { .. } => Some("it may be of another version: end it and start it again".to_owned()),
            _ => None,
        }
    }
}
