//! What can go wrong with the folder. Every error names its path; the hint stands apart, and the code is for machines.

use std::io;
use std::path::Path;

use crate::model::Position;

/// Why a file could not be read, or a new one not be written or committed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing is there.
    #[error("`{path}` does not exist")]
    NotFound {
        /// The path.
        path: String,
        /// A name beside it that looks like what was meant.
        nearest: Option<String>,
    },
    /// A folder stands where a file was asked for.
    #[error("`{path}` is a folder, not a file")]
    Folder {
        /// The path.
        path: String,
    },
    /// The system does not let us.
    #[error("no permission to {doing} `{path}`")]
    Permission {
        /// The path.
        path: String,
        /// What we were doing: `read`, `write`.
        doing: &'static str,
    },
    /// A pipe, a socket or a device, which may never end.
    #[error("`{path}` is {what}, not a regular file")]
    NotRegular {
        /// The path.
        path: String,
        /// What it is, with its article.
        what: &'static str,
    },
    /// More than a spore may have.
    #[error("`{path}` has {bytes} bytes; a spore may have {bytes_max}")]
    TooLarge {
        /// The path.
        path: String,
        /// Bytes it has, or the least it has when it grew while it was read.
        bytes: u64,
        /// Bytes it may have.
        bytes_max: usize,
    },
    /// The text is not UTF-8.
    #[error("`{path}` is not UTF-8 at {}:{}", position.line, position.column)]
    NotUtf8 {
        /// The path.
        path: String,
        /// The first bad byte.
        position: Position,
        /// How many bytes before it are good.
        good_bytes: usize,
        /// The text, with a mark in place of what is no text.
        lossy: Box<str>,
    },
    /// A link leads out of the folder.
    #[error("`{path}` leads out of the folder, to `{target}`")]
    Outside {
        /// The path.
        path: String,
        /// Where it leads.
        target: String,
    },
    /// `spore.toml` cannot be understood.
    #[error("`{path}` at {}:{}: {message}", position.line, position.column)]
    Project {
        /// The path.
        path: String,
        /// The place.
        position: Position,
        /// What is wrong.
        message: String,
        /// The known name that is nearest, or the form that is wanted.
        hint: Option<String>,
    },
    /// Something else has the name that a new file or folder was to have.
    #[error("`{path}` is in the way")]
    InTheWay {
        /// The path.
        path: String,
    },
    /// The file system is mounted read-only.
    #[error("`{path}` is on a read-only file system")]
    ReadOnly {
        /// The path.
        path: String,
    },
    /// No room is left, or none that this user may use.
    #[error("the disk is full: cannot write `{path}`")]
    DiskFull {
        /// The path.
        path: String,
    },
    /// Whatever else the system says.
    #[error("cannot {doing} `{path}`: {source}")]
    Io {
        /// The path.
        path: String,
        /// What we were doing.
        doing: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// What lies in the inbox is no letter.
    #[error("`{path}` is no letter: {because}")]
    NoLetter {
        /// The file.
        path: String,
        /// Why.
        because: String,
    },
    /// The git repository could not be worked with.
    #[error("git in `{path}`: {message}")]
    Git {
        /// The repository or file.
        path: String,
        /// What libgit2 says.
        message: String,
    },
}

impl Error {
    /// What `source` means for somebody who was `doing` something to `path`.
    pub(crate) fn of_io(path: &Path, doing: &'static str, source: io::Error) -> Self {
        let path = path.display().to_string();
        match source.kind() {
            io::ErrorKind::NotFound => Self::NotFound { path, nearest: None },
            io::ErrorKind::PermissionDenied => Self::Permission { path, doing },
            io::ErrorKind::IsADirectory => Self::Folder { path },
            io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => Self::InTheWay { path },
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { path },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path },
            _ if crate::os::file::is_link_loop(&source) => {
                Self::NotRegular { path, what: "a link that leads to itself" }
            }
            _ => Self::Io { path, doing, source },
        }
    }

    /// The path it is about.
    #[must_use]
    pub fn path(&self) -> &str {
        match self {
            Self::NotFound { path, .. }
            | Self::Folder { path }
            | Self::Permission { path, .. }
            | Self::NotRegular { path, .. }
            | Self::TooLarge { path, .. }
            | Self::NotUtf8 { path, .. }
            | Self::Outside { path, .. }
            | Self::Project { path, .. }
            | Self::InTheWay { path }
            | Self::ReadOnly { path }
            | Self::DiskFull { path }
            | Self::Io { path, .. }
            | Self::NoLetter { path, .. }
            | Self::Git { path, .. } => path,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotFound { nearest, .. } => nearest.as_ref().map(|name| format!("did you mean `{name}`?")),
            Self::Folder { path } => Some(format!("name a file in it, or look at all of them: `spore check {path}`")),
            Self::Permission { path, doing: "read" | "search" } => Some(format!("see who may: `ls -ld {path}`")),
            Self::Permission { path, .. } => {
                let folder = Path::new(path).ancestors().skip(1).find(|folder| folder.is_dir());
                let folder = folder.map_or_else(|| ".".into(), |folder| folder.display().to_string());
                Some(format!("the folder must be writable: `ls -ld {folder}`"))
            }
            Self::NotRegular { .. } => Some("save the text to a file and name that".into()),
            Self::TooLarge { .. } => {
                Some("split it, or raise `spore_bytes_max` under `[limits]` in `spore.toml`".into())
            }
            Self::NotUtf8 { .. } => Some("save it as UTF-8, for example `iconv -f LATIN1 -t UTF-8`".into()),
            Self::Outside { .. } => Some("put the file itself into the folder".into()),
            Self::Project { hint, .. } => hint.clone(),
            Self::InTheWay { .. } => Some("move it away, or choose another folder".into()),
            Self::ReadOnly { .. } => {
                Some("make it writable; what has run is safe in the journal if there is one".into())
            }
            Self::DiskFull { .. } => Some("make room; nothing that was there has been changed".into()),
            Self::NoLetter { .. } => Some("what it should have told is lost; look at it, then remove it".into()),
            Self::Io { .. } | Self::Git { .. } => None,
        }
    }

    /// A stable name for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "not-found",
            Self::Folder { .. } => "is-a-folder",
            Self::Permission { .. } => "no-permission",
            Self::NotRegular { .. } => "not-a-regular-file",
            Self::TooLarge { .. } => "too-large",
            Self::NotUtf8 { .. } => "not-utf8",
            Self::Outside { .. } => "outside-the-folder",
            Self::Project { .. } => "bad-settings",
            Self::InTheWay { .. } => "in-the-way",
            Self::ReadOnly { .. } => "read-only",
            Self::DiskFull { .. } => "disk-full",
            Self::Io { .. } => "io",
            Self::NoLetter { .. } => "no-letter",
            Self::Git { .. } => "git",
        }
    }

    /// The text of a file that is not UTF-8, with a mark in place of what is no text, and where the first mark stands.
    #[must_use]
    pub fn lossy_text(&self) -> Option<(usize, &str)> {
        match self {
            Self::NotUtf8 { good_bytes, lossy, .. } => Some((*good_bytes, lossy)),
            _ => None,
        }
    }

    /// The place in the file, where there is one.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        match self {
            Self::NotUtf8 { position, .. } | Self::Project { position, .. } => Some(*position),
            _ => None,
        }
    }
}
