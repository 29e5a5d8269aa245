//! What can go wrong on the way up: the errors of the rooms, and what only the way itself can know.

use crate::model::{Diagnostic, Source};
use crate::{hooks, journal, queue, repo, run, transport, trust};

/// Why a command of a person could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder, a file, or git.
    #[error(transparent)]
    Repo(#[from] repo::Error),
    /// The queue of the watcher.
    #[error(transparent)]
    Queue(#[from] queue::Error),
    /// The watcher could not be asked, or nobody could ask it.
    #[error(transparent)]
    Transport(#[from] transport::Error),
    /// Somebody watches the folder already.
    #[error("`{folder}` is watched already{}", pid.map(|pid| format!(", by process {pid}")).unwrap_or_default())]
    Watched {
        /// The folder.
        folder: String,
        /// Who.
        pid: Option<i32>,
    },
    /// Nobody has ever watched the folder.
    #[error("`{folder}` was never watched, so nothing waits there")]
    NeverWatched {
        /// The folder.
        folder: String,
    },
    /// The place of an executor does not answer, or does not do what it is asked.
    #[error("`{executor}` does not do what it is asked: {source}")]
    Away {
        /// The executor.
        executor: String,
        /// Why.
        source: std::io::Error,
    },
    /// What was asked for cannot be done as things are.
    #[error("{because}")]
    Refused {
        /// Why, as a fragment.
        because: String,
        /// What to do.
        hint: Option<String>,
    },
    /// The machine has nothing left to run anything with.
    #[error("the machine has nothing left to run anything with: {0}")]
    Runtime(std::io::Error),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] journal::Error),
    /// The owner's settings.
    #[error(transparent)]
    Trust(#[from] trust::Error),
    /// Nobody has decided what may run in the folder that is to be watched.
    #[error("nobody has decided what may run in `{root}`")]
    Undecided {
        /// The folder.
        root: String,
    },
    /// There is no such approval.
    #[error("nothing is approved as `{wanted}`")]
    NotApproved {
        /// What was asked for.
        wanted: String,
    },
    /// Hooks.
    #[error(transparent)]
    Hooks(#[from] hooks::Error),
    /// Hooks cannot be installed there.
    #[error("cannot install these hooks here: {because}")]
    NoHooks {
        /// Why, as a fragment.
        because: String,
        /// What to do.
        hint: String,
    },
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
        /// Whether that was broken off while its commands go on.
        orphaned: bool,
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
    /// The run was broken off, and can go on as it is.
    #[error("the run {run} was broken off before its end")]
    Orphaned {
        /// The run.
        run: String,
    },
    /// The run to take up has its result.
    #[error("the run {run} has ended, and its result is written")]
    HasEnded {
        /// The run.
        run: String,
    },
    /// No run was broken off.
    #[error("no run of this folder was broken off")]
    NoOrphans,
    /// The run keeps no copy of its spore, or another one.
    #[error("the run {run} cannot go on: its copy of `{path}` is gone or damaged, and the file has changed since")]
    NoCopy {
        /// The run.
        run: String,
        /// The file.
        path: String,
    },
    /// Tasks were lost, and nobody has said what became of them.
    #[error("nobody knows whether {} ran to {} end in the run {run}", named(tasks), if tasks.len() == 1 { "its" } else { "their" })]
    Unresolved {
        /// The run.
        run: String,
        /// The tasks.
        tasks: Vec<String>,
    },
    /// A lost attempt has left processes running, and its task was to run again.
    #[error("the task `{task}` cannot run again: what its lost attempt has left running does not end")]
    LeftRunning {
        /// The task.
        task: String,
        /// The processes.
        pids: Vec<i32>,
    },
    /// The task was not lost, so there is nothing to resolve.
    #[error("the task `{task}` was not lost: it {status}")]
    NotLost {
        /// The task.
        task: String,
        /// What became of it: `has succeeded`.
        status: String,
    },
    /// Somebody has said otherwise before.
    #[error("the task `{task}` is resolved already: `{resolution}`")]
    Resolved {
        /// The task.
        task: String,
        /// What was said: `--ran`.
        resolution: &'static str,
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

/// `a`, `b` and 3 others
fn named(tasks: &[String]) -> String {
    let names: Vec<String> = tasks.iter().take(3).map(|task| format!("`{task}`")).collect();
    match tasks.len() - names.len() {
        0 => names.join(" and "),
        rest => format!("{} and {rest} more", names.join(", ")),
    }
}

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
            Self::Queue(error) => error.hint(),
            Self::Transport(error) => error.hint(),
            Self::NeverWatched { .. } => Some("`spore watch` watches it".to_owned()),
            Self::Away { executor, .. } => Some(format!("see what is missing: `spore executors check {executor}`")),
            Self::Watched { .. } => Some("one watcher is enough; see what it does: `spore status`".to_owned()),
            Self::Trust(error) => error.hint(),
            Self::Undecided { root } => Some(super::trust::three_commands(root)),
            Self::NotApproved { .. } => Some("`spore trust --list` shows what is approved".to_owned()),
            Self::OtherPlan(error) => error.hint(),
            Self::Hooks(error) => error.hint(),
            Self::NoHooks { hint, .. } => Some(hint.clone()),
            Self::Spore(_) | Self::Interrupted | Self::Runtime(_) | Self::NotLost { .. } => None,
            Self::Orphaned { run } => Some(format!("go on with it: `spore resume {run}`")),
            Self::HasEnded { run } => {
                Some(format!("see how: `spore show {run}`; run what did not succeed: `spore retry {run}`"))
            }
            Self::NoOrphans => Some("`spore runs` lists what there is".to_owned()),
            Self::NoCopy { path, .. } => Some(format!(
                "put the file back as it was and resume again, or begin another run: `spore run {path} --new`"
            )),
            Self::Unresolved { run, tasks } => tasks.first().map(|task| {
                format!(
                    "look at what it did, then say so: `spore resolve {run} {task} --ran` if it is done, \
                     `spore resolve {run} {task} --rerun` to run it again"
                )
            }),
            Self::LeftRunning { pids, .. } => {
                let pids: Vec<String> = pids.iter().map(ToString::to_string).collect();
                Some(format!("look at it, and end it: `ps -fp {}`", pids.join(",")))
            }
            Self::Resolved { .. } => Some("what was said once is recorded, and a retry may rest on it".to_owned()),
            Self::Nothing { hint, .. } | Self::Refused { hint, .. } => hint.clone(),
            Self::Several { path, ids } => {
                Some(format!("say which: `{path}#{}`", ids.first().map_or("ID", String::as_str)))
            }
            Self::NoSuchSpore { path, .. } => Some(format!("see what it holds: `spore check {path}`")),
            Self::GroupBusy { holder: Some(run), orphaned: true, .. } => {
                Some(format!("its engine is gone while its commands go on; `spore resume {run}` goes on with it"))
            }
            Self::GroupBusy { .. } => Some("run it when that one has ended; `policy: queue` waits by itself".into()),
            Self::Unkept { run, source, .. } => {
                let first = source.hint().map(|hint| format!("{hint}; then ")).unwrap_or_default();
                Some(format!("{first}`spore resume {run}` writes it"))
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
