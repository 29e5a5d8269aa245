//! A spore: one file, parsed. Every dialect ends here.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use std::time::Duration;

use super::{Concurrency, Settings, Span, Task, TaskId, Triggers};

/// How a file was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// A YAML workflow.
    Yaml,
    /// Markdown: headings and fences.
    Markdown,
    /// Markdown: a checklist or a dependency table.
    Checklist,
}

/// What a file says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Tasks to run.
    Workflow,
    /// One command to an instance.
    Command,
    /// The definition of an agent.
    Agent,
    /// A long-running service.
    Service,
    /// What a run left behind; never starts one.
    Result,
    /// What runs taught; never starts one.
    Learning,
    /// It does not say. A watcher never runs it.
    Inert,
}

impl Kind {
    /// The kind named `word`, as authors write it.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "workflow" => Self::Workflow,
            "command" => Self::Command,
            "agent" => Self::Agent,
            "service" => Self::Service,
            "result" => Self::Result,
            "learning" => Self::Learning,
            _ => return None,
        })
    }

    /// The kinds that an author can write.
    pub const NAMES: [&str; 6] = ["workflow", "command", "agent", "service", "result", "learning"];
}

/// What puts the tasks of a spore in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// Stated needs alone.
    Needs,
    /// No need is stated anywhere: from top to bottom, or by number.
    Sequence,
}

/// The type of a parameter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ParamType {
    /// Any text.
    #[default]
    String,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
}

/// A value that a run is given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Param {
    /// Its type.
    pub kind: ParamType,
    /// The value when none is given.
    pub default: Option<Value>,
    /// The only values allowed; empty means any.
    pub choices: Vec<Value>,
    /// Whether a run must give it. A parameter without a default is required unless it says `required: false`.
    pub required: bool,
    /// What it is for.
    pub description: Option<String>,
    /// Where it is declared.
    pub span: Span,
}

/// A free key and value of a file (metadata, front matter that Spore has no use for).
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    /// The key, as written.
    pub key: String,
    /// The value, as written.
    pub value: Value,
}

/// One file, parsed.
#[derive(Clone, Debug, PartialEq)]
pub struct Spore {
    /// Its identity: what it calls itself, else its path.
    pub id: String,
    /// What people call it: its first heading or `title`.
    pub title: Option<String>,
    /// What it says it is.
    pub kind: Kind,
    /// How it was read.
    pub dialect: Dialect,
    /// Free metadata, in order.
    pub metadata: Vec<Note>,
    /// When it runs by itself.
    pub triggers: Triggers,
    /// Of what waits to run, the highest goes first: -100 to 100.
    pub priority: i32,
    /// The values a run is given.
    pub params: IndexMap<String, Param>,
    /// Settings for every task.
    pub defaults: Settings,
    /// Environment variables for every task, below `defaults` and the tasks' own.
    pub env: IndexMap<String, super::EnvValue>,
    /// What keeps two runs of it apart.
    pub concurrency: Option<Concurrency>,
    /// The longest time for a whole run.
    pub timeout: Option<Duration>,
    /// Its tasks, in the author's order (in a checklist: by number).
    pub tasks: Vec<Task>,
    /// Tasks that run when the others have ended, whatever happened.
    pub finally: Vec<Task>,
    /// What puts the tasks in order.
    pub order: Order,
    /// A critical path that the author states, with its place.
    pub stated_critical_path: Vec<(TaskId, Span)>,
    /// Whether a run may tick off its checklist in place (`checklist: update`).
    pub checklist_update: bool,
    /// The body of an agent: its instructions.
    pub instructions: Option<String>,
}

impl Spore {
    /// An empty, inert spore: where every translator begins.
    #[must_use]
    pub fn empty(id: impl Into<String>, dialect: Dialect) -> Self {
        Self {
            id: id.into(),
            title: None,
            kind: Kind::Inert,
            dialect,
            metadata: Vec::new(),
            triggers: Triggers::default(),
            priority: 0,
            params: IndexMap::new(),
            defaults: Settings::default(),
            env: IndexMap::new(),
            concurrency: None,
            timeout: None,
            tasks: Vec::new(),
            finally: Vec::new(),
            order: Order::Sequence,
            stated_critical_path: Vec::new(),
            checklist_update: false,
            instructions: None,
        }
    }
}
