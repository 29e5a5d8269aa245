//! The exit codes: one table, repeated in README.md, compared by a test.

use std::process::ExitCode;

/// How the program ends, for whoever called it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All wanted tasks succeeded.
    Success,
    /// Something unexpected.
    Unexpected,
    /// The command line is wrong.
    Usage,
    /// A spore could not be read or planned.
    Spore,
    /// There is nothing to run.
    Nothing,
    /// Trust does not allow it.
    Refused,
    /// A task failed.
    Failed,
    /// The world was unavailable; trying again may help.
    Unavailable,
    /// Somebody interrupted it.
    Interrupted,
    /// As a command did that was asked for.
    As(u8),
}

impl Exit {
    /// Every exit code, with what it means.
    pub const TABLE: [(Self, u8, &'static str); 9] = [
        (Self::Success, 0, "all wanted tasks succeeded"),
        (Self::Unexpected, 1, "something unexpected"),
        (Self::Usage, 2, "the command line is wrong"),
        (Self::Spore, 3, "a spore could not be read or planned"),
        (Self::Nothing, 4, "nothing to run"),
        (Self::Refused, 5, "refused by trust"),
        (Self::Failed, 100, "a task failed"),
        (Self::Unavailable, 111, "the world was unavailable, try again"),
        (Self::Interrupted, 130, "interrupted"),
    ];

    /// The number.
    #[must_use]
    pub fn code(self) -> u8 {
        if let Self::As(code) = self {
            return code;
        }
        Self::TABLE.iter().find(|(exit, ..)| *exit == self).map_or(1, |(_, code, _)| *code)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
