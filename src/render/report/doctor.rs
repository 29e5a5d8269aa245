//! What `spore doctor` found.

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::{RunId, TaskId, Timestamp};

/// How serious a finding is, from what is well to what keeps runs from going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// It is as it should be.
    Fine,
    /// Worth knowing, and nothing has to be done.
    Note,
    /// It could not be found out.
    Unknown,
    /// Something to see to some time.
    Warning,
    /// It keeps runs from going on.
    Problem,
}

/// What to type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Advice {
    /// The command, ready for a shell.
    pub command: String,
    /// What it does.
    pub effect: String,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Finding {
    /// How serious it is.
    pub level: Level,
    /// What was looked at.
    pub subject: String,
    /// What was found.
    pub text: String,
    /// More of it, a line each.
    pub details: Vec<String>,
    /// What can be done about it.
    pub advice: Vec<Advice>,
}

impl Finding {
    /// A finding without details and advice.
    #[must_use]
    pub fn new(level: Level, subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self { level, subject: subject.into(), text: text.into(), details: Vec::new(), advice: Vec::new() }
    }

    /// Something that could not be found out.
    #[must_use]
    pub fn unknown(subject: impl Into<String>, why: impl std::fmt::Display) -> Self {
        Self::new(Level::Unknown, subject, format!("cannot tell: {why}"))
    }

    /// With one more line.
    #[must_use]
    pub fn detail(mut self, line: impl Into<String>) -> Self {
        self.details.push(line.into());
        self
    }

    /// With something to type.
    #[must_use]
    pub fn advise(mut self, command: impl Into<String>, effect: impl Into<String>) -> Self {
        self.advice.push(Advice { command: command.into(), effect: effect.into() });
        self
    }
}

/// The findings about one part of the world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Section {
    /// Which part: `runs`, `orphans`, `locks`, `disk`, `inotify`, `git`, `clock` or `machine`.
    pub name: String,
    /// What was found, in the order in which it is told.
    pub findings: Vec<Finding>,
}

/// An engine that is named in a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct EngineReport {
    /// Its process.
    pub pid: Option<i32>,
    /// The name of its machine.
    pub host: String,
    /// Its version.
    pub version: String,
    /// Since when it works on the run.
    pub since: Timestamp,
    /// Whether it still runs; null when that cannot be seen from here.
    pub alive: Option<bool>,
}

/// The process that sees to the commands of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SupervisorReport {
    /// Its number.
    pub pid: Option<i32>,
    /// Whether it still runs.
    pub alive: bool,
}

/// Where a run without a result stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OpenState {
    /// An engine works on it.
    Running,
    /// Its engine is gone.
    Orphaned,
    /// It has ended, its engine is gone, and its result is not written.
    Unfinished,
}

/// How far an attempt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttemptState {
    /// It waits for one of the run's places.
    Queued,
    /// Its command runs.
    Running,
    /// Its command has ended, and no engine has noted it yet.
    Ended,
    /// Its supervisor died before its end.
    InDoubt,
    /// It is the next one, and has its time.
    Delayed,
}

/// A task of which an attempt is under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct UnderWay {
    /// The task.
    pub task: TaskId,
    /// Which try, from 1.
    pub attempt: u32,
    /// How far it is.
    pub state: AttemptState,
    /// The processes of it, as far as they can be found.
    pub pids: Vec<i32>,
    /// Since when; for `delayed`, when the next attempt may begin.
    pub since: Timestamp,
}

/// A run without a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OpenRun {
    /// The run.
    pub id: RunId,
    /// Its spore.
    pub spore: String,
    /// The spore's file.
    pub path: String,
    /// Where it stands.
    pub state: OpenState,
    /// Attempts at a time.
    pub jobs: u32,
    /// Who works on it, or did last.
    pub engine: Option<EngineReport>,
    /// Who sees to its commands; null where there is nobody and never was.
    pub supervisor: Option<SupervisorReport>,
    /// What is under way.
    pub under_way: Vec<UnderWay>,
    /// How many tasks have not begun.
    pub waiting: usize,
}

/// A process that was started by a run and that nobody sees to any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Stray {
    /// Its number.
    pub pid: i32,
    /// The name of its program.
    pub program: String,
    /// Whether it leads its process group.
    pub leads_group: bool,
    /// The run it belongs to, as its environment says.
    pub run: String,
    /// The task.
    pub task: String,
    /// Which try.
    pub attempt: String,
    /// For how long it has been running.
    pub age_seconds: Option<u64>,
}

/// What `spore doctor` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DoctorReport {
    /// The folder.
    pub root: String,
    /// When it was looked at.
    pub at: Timestamp,
    /// How many findings keep runs from going on. Exit code 111 when there is one.
    pub problems: usize,
    /// How many findings are something to see to some time.
    pub warnings: usize,
    /// The runs without a result, oldest first.
    pub runs: Vec<OpenRun>,
    /// Processes of runs that nobody sees to any more.
    pub orphans: Vec<Stray>,
    /// All findings.
    pub sections: Vec<Section>,
}

impl DoctorReport {
    /// Puts findings together.
    #[must_use]
    pub fn new(root: String, at: Timestamp, runs: Vec<OpenRun>, orphans: Vec<Stray>, sections: Vec<Section>) -> Self {
        let count = |level| {
            sections.iter().flat_map(|section| &section.findings).filter(|finding| finding.level == level).count()
        };
        let (problems, warnings) = (count(Level::Problem), count(Level::Warning));
        Self { root, at, problems, warnings, runs, orphans, sections }
    }
}
