//! What can go wrong with hooks.

use std::io;
use std::path::{Path, PathBuf};

/// Why hooks cannot be installed, taken out, or looked at.
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
    /// The settings of an agent are no JSON.
    #[error("`{}` is not valid JSON at {line}:{column}: {message}", path.display())]
    NoJson {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong.
        message: String,
    },
    /// The settings of an agent have something else where hooks belong.
    #[error("`{}` has {found} at `{place}`, where {wanted} belongs", path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// Where in it.
        place: String,
        /// What stands there.
        found: &'static str,
        /// What should.
        wanted: &'static str,
    },
    /// A hook was kept before, and another one stands in its place now.
    #[error("`{}` and `{}` are both there, and neither is Spore's", hook.display(), before.display())]
    TwoBefore {
        /// The hook.
        hook: PathBuf,
        /// What was kept.
        before: PathBuf,
    },
}

impl Error {
    pub(super) fn io(action: &'static str, path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_path_buf(), source }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Io { source, path, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                let folder = path.parent().unwrap_or(path);
                Some(format!("see who may write there: `ls -ld {}`", folder.display()))
            }
            Self::Io { .. } => None,
            Self::NoJson { .. } | Self::Shape { .. } => Some("mend it first; it was not changed".to_owned()),
            Self::TwoBefore { hook, before } => {
                Some(format!("keep one of the two as `{}`, and remove `{}`", hook.display(), before.display()))
            }
        }
    }
}
