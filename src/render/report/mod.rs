//! What commands print as JSON. Each shape stands here as a struct; `schemas/` is generated from them.

mod check;
mod doctor;
mod executors;
mod hooks;
mod init;
mod plan;
mod prune;
mod run;
mod sim;
mod trust;
mod watched;

pub use check::{DiagnosticReport, RelatedReport, check_report, diagnostic_reports};
pub use doctor::{
    Advice, AttemptState, DoctorReport, EngineReport, Finding, Level, OpenRun, OpenState, Section, Stray,
    SupervisorReport, UnderWay,
};
pub use executors::{CleanReport, ExecutorReport, LeftoverReport};
pub use hooks::{CallerHooks, HooksReport};
pub use init::{InitReport, json, json_line};
pub use plan::{CommandReport, PlanReport, PlannedTaskReport, StepReport, plan_report};
pub use prune::{KeptReport, PruneReport, PrunedReport};
pub use run::{AttemptReport, LogPiece, OutcomeReport, ResultReport, RunReport, RunsItem, TaskReport, run_report};
pub use sim::{ServedReport, StandingReport};
pub use trust::{
    ApprovalReport, ChangeReport, ScriptReport, SecretReport, TrustListReport, TrustReport, TrustState, TrustedCommand,
};
pub use watched::{DoneReport, QueueReport, UnitReport, UnitState};
