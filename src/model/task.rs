//! A task: a named unit of work in a spore.

use indexmap::IndexMap;
use serde_json::Value;

use super::{Command, Settings, Span, TaskId, Template};

/// An edge as the author wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// What is needed.
    pub target: NeedTarget,
    /// Where it is written.
    pub span: Span,
}

/// What a need points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NeedTarget {
    /// A task of the same spore; whether it exists is for the plan to say.
    Task(TaskId),
    /// Something that the file does not define and never claimed to; kept, and noted.
    External(String),
}

/// What a task does.
#[derive(Clone, Debug, PartialEq)]
pub enum Work {
    /// It runs a command.
    Command(Command),
    /// It is prose for an agent: the text to act on.
    Agent(String),
    /// It only holds other tasks together.
    Group,
}

/// A line of work inside a task that has no id of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The text.
    pub text: String,
    /// Ticked off; `None` where the line has no box.
    pub done: Option<bool>,
    /// Where it stands.
    pub span: Span,
}

/// The values a task is repeated over: one task for each combination.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matrix {
    /// Each name with its values.
    pub axes: IndexMap<String, Vec<Value>>,
}

/// A named unit of work.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Its name.
    pub id: TaskId,
    /// What people call it.
    pub title: String,
    /// Where its heading, key or item stands.
    pub span: Span,
    /// The task it is a part of.
    pub parent: Option<TaskId>,
    /// The phase it stands under.
    pub phase: Option<String>,
    /// Ticked off.
    pub done: bool,
    /// Marked `[-]` or `[~]`: begun or doubtful; counts as not done.
    pub in_doubt: bool,
    /// Where a run that does it may tick it off: what stands between the brackets of its open boxes.
    pub open_boxes: Vec<Span>,
    /// Marked as optional.
    pub optional: bool,
    /// What it needs, as written.
    pub needs: Vec<Need>,
    /// What it does.
    pub work: Work,
    /// Whether the author marked its command as one to run (a kind, a task mark on the fence).
    pub marked: bool,
    /// The lines under it that have no id.
    pub steps: Vec<Step>,
    /// Who is to do it, where it says so.
    pub agent: Option<String>,
    /// How it is to be run.
    pub settings: Settings,
    /// A condition; false means it is skipped.
    pub when: Option<Template>,
    /// What it is repeated over.
    pub matrix: Option<Box<Matrix>>,
    /// How many of its repetitions may run at a time.
    pub max_parallel: Option<u32>,
    /// Whether running it twice is the same as running it once.
    pub idempotent: bool,
    /// Patterns of the files it makes, relative to its folder.
    pub artifacts: Vec<String>,
    /// A long-lived instance it shares with others.
    pub instance: Option<String>,
}

impl Task {
    /// A task with nothing but a name, a title, a place and its work.
    #[must_use]
    pub fn new(id: TaskId, title: impl Into<String>, span: Span, work: Work) -> Self {
        Self {
            id,
            title: title.into(),
            span,
            parent: None,
            phase: None,
            done: false,
            in_doubt: false,
            open_boxes: Vec::new(),
            optional: false,
            needs: Vec::new(),
            work,
            marked: false,
            steps: Vec::new(),
            agent: None,
            settings: Settings::default(),
            when: None,
            matrix: None,
            max_parallel: None,
            idempotent: false,
            artifacts: Vec::new(),
            instance: None,
        }
    }
}
