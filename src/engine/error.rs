//! What can go wrong on the way up: the errors of the rooms, and what only the way itself can know.

use crate::model::{Diagnostic, Source};
use crate::{journal, repo, run};

/// Why a command of a person could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder, a file, or git.
    #[error(transparent)]
    Repo(#[from] repo::Error),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] journal::Error),
    /// The run is to go on with a plan that is not its own.
    #[error(transparent)]
    OtherPlan(run::Error),
    /// The spore has errors; they are diagnostics.
    #[error("`{}` cannot run as it is written", .0.source.path)]
    Spore(Box<BadSpore>),
    /// Nothing in the spore would run.
    #[error("nothing to run in `{path}`: {because}")]
    Nothing {
        /// The file.
        path: String,
        /// Why, as a fragment.
        because: String,
        /// What would make something run.
        hint: Option<String>,
    },
    /// The file holds several spores.
    #[error("`{path}` holds several spores: {}", ids.join(", "))]
    Several {
        /// The file.
        path: String,
        /// Their identities.
        ids: Vec<String>,
    },
    /// The file holds no spore of that name.
    #[error("`{path}` holds no spore `{id}`")]
    NoSuchSpore {
        /// The file.
        path: String,
        /// What was asked for.
        id: String,
    },
    /// A run of the same concurrency group is under way, and this one is to stay away.
    #[error("a run of the group `{group}` is under way{}", holder.as_ref().map(|run| format!(": {run}")).unwrap_or_default())]
    GroupBusy {
        /// The group.
        group: String,
        /// The run that has it.
        holder: Option<String>,
    },
    /// A run has ended, and its result spore could not be written.
    #[error("the run {run} has ended ({status}), but its result could not be written: {source}")]
    Unkept {
        /// The run.
        run: String,
        /// How it ended.
        status: &'static str,
        /// What kept it from being written.
        source: Box<Error>,
    },
    /// The run to go on from has not ended.
    #[error("the run {run} is still under way")]
    UnderWay {
        /// The run.
        run: String,
    },
    /// Somebody stopped it before anything had begun.
    #[error("interrupted before anything began")]
    Interrupted,
    /// The run has no such task.
    #[error("the run has no task `{task}`")]
    NoSuchTask {
        /// What was asked for.
        task: String,
        /// The tasks it has.
        known: Vec<String>,
    },
}

/// A spore with errors.
#[derive(Debug)]
pub struct BadSpore {
    /// The file.
    pub source: Source,
    /// All that was said of it.
    pub diagnostics: Vec<Diagnostic>,
}

/// How alike two names are (0 to 1) from which one may be a slip for the other.
const NEAR: f64 = 0.75;

impl From<run::Error> for Error {
    fn from(error: run::Error) -> Self {
        match error {
            run::Error::Journal(error) => Self::Journal(error),
            run::Error::OtherPlan { .. } => Self::OtherPlan(error),
        }
    }
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Repo(error) => error.hint(),
            Self::Journal(error) => error.hint(),
            Self::OtherPlan(error) => error.hint(),
            Self::Spore(_) | Self::Interrupted => None,
            Self::Nothing { hint, .. } => hint.clone(),
            Self::Several { path, ids } => {
                Some(format!("say which: `{path}#{}`", ids.first().map_or("ID", String::as_str)))
            }
            Self::NoSuchSpore { path, .. } => Some(format!("see what it holds: `spore check {path}`")),
            Self::GroupBusy { .. } => Some("run it when that one has ended; `policy: queue` waits by itself".into()),
            Self::Unkept { run, source, .. } => {
                let first = source.hint().map(|hint| format!("{hint}; then ")).unwrap_or_default();
                Some(format!("{first}`spore retry {run}` writes it, and runs only what did not succeed"))
            }
            Self::UnderWay { run } => Some(format!("wait for its end: `spore logs {run} --follow`")),
            Self::NoSuchTask { task, known } => {
                let scored = known.iter().map(|name| (strsim::jaro_winkler(name, task), name));
                let near = scored.filter(|(score, _)| *score > NEAR).max_by(|one, other| one.0.total_cmp(&other.0));
                Some(match near {
                    Some((_, near)) => format!("did you mean `{near}`?"),
                    None => "`spore show RUN` lists its tasks".to_owned(),
                })
            }
        }
    }
}
