//! What a person should know about how a folder is watched.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::os::watches::Limits;

/// Why the system does not tell of changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// This user's programs watch as many folders as they may; so many.
    Watches(Option<u64>),
    /// This user's programs have as many watchers as they may; so many.
    Watchers(Option<u64>),
    /// This process has as many files open as it may.
    OpenFiles,
    /// Something else, as the system says it.
    Other(String),
    /// It was asked not to.
    Unwanted,
}

impl Refused {
    /// The limit on folders.
    pub(super) fn watches() -> Self {
        Self::Watches(Limits::now().watches)
    }

    /// The limit on watchers.
    pub(super) fn watchers() -> Self {
        Self::Watchers(Limits::now().instances)
    }

    /// The command that raises the limit, where it is one.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        let (name, now) = match self {
            Self::Watches(now) => ("max_user_watches", now.unwrap_or(8_192)),
            Self::Watchers(now) => ("max_user_instances", now.unwrap_or(128)),
            Self::OpenFiles => return Some("ulimit -n 4096".into()),
            Self::Other(_) | Self::Unwanted => return None,
        };
        Some(format!("sudo sysctl fs.inotify.{name}={}", now.saturating_mul(4).max(1_024)))
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let so_many = |count: &Option<u64>| count.map_or(String::new(), |count| format!(" ({count})"));
        match self {
            Self::Watches(now) => {
                write!(f, "your programs watch as many folders as fs.inotify.max_user_watches allows{}", so_many(now))
            }
            Self::Watchers(now) => {
                write!(f, "your programs have as many watchers as fs.inotify.max_user_instances allows{}", so_many(now))
            }
            Self::OpenFiles => f.write_str("this process has as many files open as it may"),
            Self::Other(said) => write!(f, "the system refuses to tell of changes: {said}"),
            Self::Unwanted => f.write_str("it is set so"),
        }
    }
}

/// Something that changed about how a folder is watched. Its text is whole sentences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The files are looked at again and again, because the system does not tell of changes.
    Polling {
        /// Why.
        because: Refused,
        /// From one look to the next.
        every: Duration,
    },
    /// The files are looked at again and again as well, because other machines may change them.
    Shared {
        /// The kind of file system.
        kind: &'static str,
        /// From one look to the next.
        every: Duration,
    },
    /// The system tells of changes again.
    Native,
    /// The folder is gone: removed, renamed, or its disk was taken away.
    RootGone {
        /// The folder.
        root: PathBuf,
    },
    /// The folder is there again.
    RootBack {
        /// The folder.
        root: PathBuf,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Polling { because, every } => {
                write!(f, "Spore looks at the files every {every:?}, because {because}.")?;
                because.remedy().map_or(Ok(()), |remedy| {
                    write!(f, " Raise the limit with `{remedy}`; Spore tries again by itself.")
                })
            }
            Self::Shared { kind, every } => write!(
                f,
                "The folder is on {kind}, where changes by other machines are not told. Spore also looks every {every:?}."
            ),
            Self::Native => f.write_str("The system tells of changes again."),
            Self::RootGone { root } => {
                write!(f, "`{}` is gone. Spore waits until it is there again.", root.display())
            }
            Self::RootBack { root } => write!(f, "`{}` is there again.", root.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_names_the_limit_and_what_raises_it() {
        let polling = |because| Notice::Polling { because, every: Duration::from_secs(2) }.to_string();
        assert_eq!(
            polling(Refused::Watches(Some(8_192))),
            "Spore looks at the files every 2s, because your programs watch as many folders as \
             fs.inotify.max_user_watches allows (8192). Raise the limit with `sudo sysctl \
             fs.inotify.max_user_watches=32768`; Spore tries again by itself."
        );
        assert!(polling(Refused::Watchers(Some(128))).contains("`sudo sysctl fs.inotify.max_user_instances=1024`"));
        assert!(polling(Refused::Other("no".into())).ends_with("changes: no."));
    }
}
