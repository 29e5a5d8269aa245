//! What can go wrong with journals: our own world failing, always with the path it failed at.

use std::io;
use std::path::{Path, PathBuf};

use super::holder::Holder;
use crate::model::RunId;

/// Set to 1 in the environment, it makes this Spore take locks as good wherever they are.
pub const TRUST_VARIABLE: &str = "SPORE_TRUST_LOCKS";

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
    #[error("{}", busy(path, holder.as_deref()))]
    Busy {
        /// The journal.
        path: PathBuf,
        /// Who that is, by the journal.
        holder: Option<Box<Holder>>,
    },
    /// It changed under the hands of its writer, who must not write it again.
    #[error("{}", taken_over(path, holder.as_deref()))]
    TakenOver {
        /// The journal.
        path: PathBuf,
        /// Who works on the run now, by the journal; nobody when it was changed by something else.
        holder: Option<Box<Holder>>,
    },
    /// It stands where a lock does not keep other machines away.
    #[error("a lock in `{}` may not keep a second engine away, for it is on {kind}", path.display())]
    UntrustedLocks {
        /// The folder.
        path: PathBuf,
        /// What kind of file system it is on.
        kind: String,
        /// What is known of locks there.
        because: String,
    },
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
            Self::Busy { holder: Some(holder), .. } => Some(holder.hint()),
            Self::Busy { holder: None, .. } => {
                Some("wait until that run has ended; `spore runs` lists what is under way".into())
            }
            Self::TakenOver { holder: Some(holder), .. } => {
                Some(format!("nothing was written over; see how the run goes on: `spore show {}`", holder.run))
            }
            Self::TakenOver { holder: None, .. } => Some(
                "nothing was written over; look at what changed it, then see how far the run came: `spore runs`".into(),
            ),
            Self::UntrustedLocks { because, .. } => Some(format!(
                "{because}; put the folder on a disk of this machine. `{TRUST_VARIABLE}=1` goes ahead all the same: then \
                 two engines at once run tasks twice, so see to it that there is only one"
            )),
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

fn busy(path: &Path, holder: Option<&Holder>) -> String {
    match holder {
        Some(holder) => format!("the run {} is worked on by {holder}", holder.run),
        None => format!("another process is writing the journal `{}`", path.display()),
    }
}

fn taken_over(path: &Path, holder: Option<&Holder>) -> String {
    match holder {
        Some(holder) => format!("the run {} was taken over by {holder}", holder.run),
        None => format!("the journal `{}` was changed by something else than its engine", path.display()),
    }
}

fn shown(candidates: &[RunId]) -> String {
    let mut names: Vec<String> = candidates.iter().take(5).map(|run| format!("`{run}`")).collect();
    if candidates.len() > names.len() {
        names.push("…".to_owned());
    }
    names.join(", ")
}
