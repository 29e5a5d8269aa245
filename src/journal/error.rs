//! What can go wrong with journals: our own world failing, always with the path it failed at.

use std::io;
use std::path::{Path, PathBuf};

use crate::model::RunId;

/// Why a journal could not be made, found, read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file system said no.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// What was tried: `create`, `read`, `append to` …
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
    /// Another process is writing it.
    #[error("another process is writing the journal `{}`", .0.display())]
    Busy(PathBuf),
    /// It holds facts of a newer Spore, so this one must not add to it.
    #[error("the journal `{}` was written by a newer Spore ({found})", path.display())]
    Newer {
        /// The journal.
        path: PathBuf,
        /// What was found in it.
        found: String,
    },
    /// It is larger than any journal that Spore writes.
    #[error("the journal `{}` has {bytes} bytes, more than Spore reads", path.display())]
    TooLarge {
        /// The journal.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// An event could not be written as JSON: a number in it is none.
    #[error("an event for the journal `{}` cannot be written as JSON: {source}", path.display())]
    Unwritable {
        /// The journal.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// It does not begin with the start of a run.
    #[error("the journal in `{}` tells of no run", .0.display())]
    Empty(PathBuf),
    /// No run is called like this.
    #[error("no run is called `{0}`")]
    NoRun(String),
    /// There is no run at all.
    #[error("there are no runs in `{}`", .0.display())]
    NoRuns(PathBuf),
    /// More than one run is called like this.
    #[error("`{text}` can mean {} runs: {}", candidates.len(), shown(candidates))]
    Ambiguous {
        /// What was asked for.
        text: String,
        /// The runs it fits, newest first.
        candidates: Vec<RunId>,
    },
}

impl Error {
    /// A closure that gives a failure of the file system its place.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { action, path, source }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Io { .. } if self.is_disk_full() => {
                Some("make room and run it again; what is in the journal is safe".into())
            }
            Self::Io { source, .. } if source.kind() == io::ErrorKind::ReadOnlyFilesystem => {
                Some("the folder of the spores must be writable, for the journal stands in it".into())
            }
            Self::Io { source, path, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                let folder = path.parent().unwrap_or(path);
                Some(format!("the folder of the spores must be writable: `ls -ld {}`", folder.display()))
            }
            Self::Io { .. } | Self::Unwritable { .. } | Self::TooLarge { .. } => None,
            Self::Busy(_) => Some("wait until that run has ended; `spore runs` lists what is under way".into()),
            Self::Newer { .. } => Some("use the Spore that wrote it, or a newer one".into()),
            Self::Empty(_) => Some("its engine died before anything began; the folder can be removed".into()),
            Self::NoRun(_) => Some("`spore runs` lists the runs of this folder".into()),
            Self::NoRuns(_) => Some("run something first: `spore run FILE`".into()),
            Self::Ambiguous { .. } => Some("give more of the id".into()),
        }
    }

    /// Whether there is no space left: what is running may go on, and appending will work again when there is.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        let full = |kind| matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        matches!(self, Self::Io { source, .. } if full(source.kind()))
    }
}

fn shown(candidates: &[RunId]) -> String {
    let mut names: Vec<String> = candidates.iter().take(5).map(|run| format!("`{run}`")).collect();
    if candidates.len() > names.len() {
        names.push("…".to_owned());
    }
    names.join(", ")
}
