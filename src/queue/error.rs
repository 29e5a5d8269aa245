//! What can go wrong with the queue's log.

use std::io;
use std::path::{Path, PathBuf};

/// Why the queue cannot be worked with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file system said no.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// What was tried: `read`, `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What was said.
        source: io::Error,
    },
    /// Somebody has removed the log.
    #[error("`{}` was removed while it was in use", path.display())]
    Removed {
        /// Where it was.
        path: PathBuf,
    },
}

impl Error {
    pub(super) fn io(action: &'static str, path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_path_buf(), source }
    }

    /// Whether there was no room left to write.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull)
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let Self::Io { source, path, .. } = self else {
            let hint = "start the watcher again: it takes what is in the folder then as known, and nothing of it runs";
            return Some(hint.to_owned());
        };
        match source.kind() {
            io::ErrorKind::StorageFull => Some("make room on the disk; what is in the queue stays there".to_owned()),
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                let folder = path.parent().unwrap_or(path);
                Some(format!("the watcher has to write into `{}`", folder.display()))
            }
            _ => None,
        }
    }
}
