//! Why nothing can be said about trust. Every one of these keeps everything from running.

use std::io;
use std::path::{Path, PathBuf};

use crate::os;

/// What is wrong with the owner's settings, or with what was asked of them.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no place for settings.
    #[error("nothing says where your settings are: neither `HOME` nor `XDG_CONFIG_HOME` is set")]
    NoHome,
    /// They are somebody else's.
    #[error("`{path}` belongs to another user (number {owner}), so it does not count")]
    Foreign {
        /// The file or folder.
        path: PathBuf,
        /// The user it belongs to.
        owner: u32,
    },
    /// Somebody else may have written them.
    #[error("`{path}` may be written by other users, so it does not count")]
    Writable {
        /// The file or folder.
        path: PathBuf,
    },
    /// What runs in the folder could decide about itself.
    #[error("your settings `{settings}` lie inside of the folder that they decide about, `{root}`")]
    Inside {
        /// The folder of the settings.
        settings: PathBuf,
        /// The root.
        root: PathBuf,
    },
    /// The file system says no.
    #[error("cannot {action} `{path}`: {source}")]
    Io {
        /// What was tried: `read`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// It is not as Spore writes it.
    #[error("`{path}` cannot be understood: {message}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        message: String,
    },
    /// Nobody is allowed to sign.
    #[error("`signed` needs to know whose signatures count")]
    NoSigners,
    /// The folder's path cannot be written down.
    #[error("the path `{0}` is not UTF-8")]
    NotUtf8(PathBuf),
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoHome => Some("set `HOME`".into()),
            Self::Foreign { path, .. } => {
                Some(format!("look at who put it there; to take it over: `chown \"$(id -u)\" {}`", quoted(path)))
            }
            Self::Writable { path } => Some(format!(
                "look at whether it still says what you decided, then keep others out: `chmod go-w {}`",
                quoted(path)
            )),
            Self::Inside { .. } => {
                Some("set `XDG_CONFIG_HOME` to a folder elsewhere, or watch a folder that does not hold it".into())
            }
            Self::Unreadable { path, .. } => {
                Some(format!("move it away and decide again: `mv {0} {0}.old`", quoted(path)))
            }
            Self::NoSigners => Some(
                "name a file of allowed signers: `spore trust --mode signed --signers FILE`; its lines are those of \
                 ssh-keygen(1), ALLOWED SIGNERS, or `gpg FINGERPRINT`"
                    .into(),
            ),
            Self::Io { .. } | Self::NotUtf8(_) => None,
        }
    }
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    os::shell_word(&path.display().to_string())
}
