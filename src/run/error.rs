//! What can keep a run from going on, besides how its commands end.

use crate::journal;

/// Why a run cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its journal cannot be written, or does not tell how it began.
    #[error(transparent)]
    Journal(#[from] journal::Error),
    /// The plan is not the one that the run began with.
    #[error("the plan is no longer the one that the run began with: {difference}")]
    OtherPlan {
        /// The first difference, as a sentence without its end.
        difference: String,
    },
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Journal(error) => error.hint(),
            Self::OtherPlan { .. } => Some(
                "go on with the Spore and the settings that it began with, or begin another: `spore run FILE --new`"
                    .into(),
            ),
        }
    }
}
