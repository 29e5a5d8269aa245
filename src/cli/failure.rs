//! What a person is told when something did not work: one line that says what, the hint apart, and an exit code.

use std::io;

use super::exit::Exit;
use crate::engine;
use crate::journal;
use crate::render::{self, Style};
use crate::repo;
use crate::trust;

/// Why a command did not do what it should.
#[derive(Debug)]
pub(super) enum Failure {
    /// The staircase could not be climbed.
    Engine(engine::Error),
    /// The command line asks for what there is not.
    Usage {
        /// What is wrong.
        message: String,
        /// What to do.
        hint: String,
    },
    /// A watcher that was to go on by itself has ended before it watched.
    NotUp {
        /// Its exit code.
        code: u8,
        /// What it said.
        said: String,
    },
    /// Standard output cannot be written.
    Io(io::Error),
    /// The machine has nothing left to run anything with.
    Runtime(io::Error),
}

impl From<engine::Error> for Failure {
    fn from(error: engine::Error) -> Self {
        Self::Engine(error)
    }
}

impl From<repo::Error> for Failure {
    fn from(error: repo::Error) -> Self {
        Self::Engine(error.into())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Failure {
    /// The exit code by the table.
    #[must_use]
    pub(super) fn exit(&self) -> Exit {
        use engine::Error;
        match self {
            Self::Usage { .. }
            | Self::Engine(
                Error::NoSuchTask { .. }
                | Error::NotApproved { .. }
                | Error::Trust(trust::Error::NoSigners | trust::Error::NotUtf8(_))
                | Error::HasEnded { .. }
                | Error::NeverWatched { .. }
                | Error::Refused { .. }
                | Error::NotLost { .. }
                | Error::Resolved { .. }
                | Error::NoHooks { .. }
                | Error::Hooks(crate::hooks::Error::TwoBefore { .. }),
            ) => Exit::Usage,
            Self::Engine(
                Error::Spore(_)
                | Error::Several { .. }
                | Error::NoSuchSpore { .. }
                | Error::OtherPlan(_)
                | Error::NoCopy { .. }
                | Error::Hooks(crate::hooks::Error::NoJson { .. } | crate::hooks::Error::Shape { .. }),
            ) => Exit::Spore,
            Self::Engine(Error::Nothing { .. } | Error::NoOrphans) => Exit::Nothing,
            Self::Engine(Error::Unresolved { .. }) => Exit::Failed,
            Self::Engine(
                Error::GroupBusy { .. }
                | Error::Watched { .. }
                | Error::Queue(_)
                | Error::Transport(_)
                | Error::Runtime(_)
                | Error::Away { .. }
                | Error::UnderWay { .. }
                | Error::Trust(trust::Error::Io { .. })
                | Error::Orphaned { .. }
                | Error::LeftRunning { .. }
                | Error::Hooks(crate::hooks::Error::Io { .. })
                | Error::Unkept { .. },
            )
            | Self::Runtime(_) => Exit::Unavailable,
            Self::Engine(Error::Interrupted) => Exit::Interrupted,
            Self::Engine(Error::Trust(_) | Error::Undecided { .. }) => Exit::Refused,
            Self::Engine(Error::Repo(error)) => of_repo(error),
            Self::Engine(Error::Journal(error)) => of_journal(error),
            Self::NotUp { code, .. } => {
                Exit::TABLE.iter().find(|(_, known, _)| known == code).map_or(Exit::Unexpected, |(exit, ..)| *exit)
            }
            Self::Io(error) if error.kind() == io::ErrorKind::StorageFull => Exit::Unavailable,
            Self::Io(_) => Exit::Unexpected,
        }
    }

    /// What is printed.
    #[must_use]
    pub(super) fn text(&self, style: Style) -> String {
        let (message, hint) = match self {
            Self::Engine(engine::Error::Spore(bad)) => {
                let mut text = render::diagnostics_text(&bad.source, &bad.diagnostics, style);
                text.push_str(&render::diagnostics_summary(&bad.diagnostics, 1, style));
                text.push('\n');
                return text;
            }
            Self::NotUp { said, .. } if said.trim().is_empty() => {
                let hint = "`spore watch` without `--detach` shows what it does".to_owned();
                ("the watcher has ended before it watched, and said nothing".to_owned(), Some(hint))
            }
            // Its last words are an error and a hint already.
            Self::NotUp { said, .. } => return said.clone(),
            Self::Engine(error) => (error.to_string(), error.hint()),
            Self::Usage { message, hint } => (message.clone(), Some(hint.clone())),
            Self::Runtime(error) => (format!("cannot start working: {error}"), None),
            Self::Io(error) => (format!("cannot write to standard output: {error}"), None),
        };
        render::error_text(&message, hint.as_deref(), style)
    }
}

/// A file that cannot be understood is the author's; a world that is full, locked or gone may come back.
fn of_repo(error: &repo::Error) -> Exit {
    use repo::Error;
    match error {
        Error::NotFound { .. }
        | Error::Folder { .. }
        | Error::Permission { doing: "read" | "search", .. }
        | Error::NotRegular { .. }
        | Error::TooLarge { .. }
        | Error::NotUtf8 { .. }
        | Error::Outside { .. }
        | Error::NoLetter { .. }
        | Error::Project { .. } => Exit::Spore,
        Error::Permission { .. }
        | Error::InTheWay { .. }
        | Error::ReadOnly { .. }
        | Error::DiskFull { .. }
        | Error::Io { .. }
        | Error::Git { .. } => Exit::Unavailable,
    }
}

fn of_journal(error: &journal::Error) -> Exit {
    use journal::Error;
    match error {
        Error::NoRun(_) | Error::NoRuns(_) | Error::Ambiguous { .. } => Exit::Usage,
        Error::Io { .. } | Error::Busy { .. } | Error::TakenOver { .. } | Error::UntrustedLocks { .. } => {
            Exit::Unavailable
        }
        Error::Newer { .. } | Error::TooLarge { .. } | Error::Unwritable { .. } | Error::Empty(_) => Exit::Unexpected,
    }
}
