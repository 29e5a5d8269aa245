//! Ground floor: the types of Spore and what must always hold of them. No I/O, no clock, no YAML, no printing.
//!
//! Reading order: ids and places, what an author writes (spore, task, command), what is decided (dag, plan), what
//! happens (attempt, outcome, event), and the state that the events add up to (record).

mod attempt;
mod command;
mod cron;
mod dag;
mod diagnostic;
mod digest;
mod duration;
mod event;
mod hook;
mod id;
mod letter;
mod limits;
mod outcome;
mod place;
mod plan;
mod record;
mod said;
mod settings;
mod spore;
mod status;
mod task;
mod ticket;
mod trigger;

pub use attempt::{Attempt, AttemptEnd, CommandLine, LogSize, Recalled, Recorded, Secret, Stream};
pub use command::{Command, Language, Template};
pub use cron::Cron;
pub use dag::{Cycle, Dag};
pub use diagnostic::{Diagnostic, Related, Severity};
pub use digest::{Digest, Digester};
pub use duration::{BadDuration, format_duration, parse_duration};
pub use event::{Declared, Engine, Event, Origin, Resolution, Timestamp};
pub use hook::{HookState, Installed};
pub use id::{AttemptId, BadId, LOGS_FOLDER, OUTPUTS_FOLDER, RunId, TaskId};
pub use letter::{Doing, Letter, Moved, News, is_zero};
pub use limits::{EXECUTORS, Limits};
pub use outcome::{Outcome, RunStatus, Stop, TaskStatus};
pub use place::{LineIndex, Position, Source, Span};
pub use plan::{Disposition, Plan, PlannedTask};
pub use record::{AttemptRecord, RunRecord, TaskRecord};
pub use said::{Said, Told};
pub use settings::{EnvValue, Retry, SecretRef, Settings};
pub use spore::{Dialect, Kind, Note, Order, Param, ParamType, Spore};
pub use status::{
    Answer, Ask, NextStatus, Paused, Problem, RecentStatus, RunningStatus, Status, WaitingStatus, WatcherStatus,
};
pub use task::{Matrix, Need, NeedTarget, Step, Task, Work};
pub use ticket::Ticket;
pub use trigger::{Cause, Concurrency, Policy, Push, SessionMoment, Timer, Triggers};
