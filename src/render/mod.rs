//! Rendering: what people and programs get to see, as values. Nothing here prints; whoever calls says how wide the screen
//! is, whether it has colours, and what time it is.

mod difference;
mod digest;
mod doctor_text;
mod executors_text;
mod front;
mod hooks_text;
mod page;
mod plan_graph;
mod plan_text;
mod prune_text;
pub mod report;
mod run_line;
mod run_text;
mod said_text;
pub mod schema;
mod sim_text;
mod snippet;
mod status_frame;
mod status_text;
mod style;
mod table;
mod tame;
mod trust_text;
mod unit_text;
mod words;

pub use difference::difference;
pub use digest::{Page, session_digest};
pub use doctor_text::doctor_text;
pub use executors_text::{clean_text, executors_text};
pub use front::{ResultFront, result_front, result_id};
pub use hooks_text::hooks_text;
pub use page::{PageError, RESULT_TEMPLATE, result_page};
pub use plan_graph::{plan_dot, plan_mermaid};
pub use plan_text::{plan_summary, plan_text};
pub use prune_text::prune_text;
pub use report::{check_report, json, json_line, plan_report, run_report};
pub use run_text::{killing_text, resolved_text, runs_text, show_text, stopping_text, summary_text};
pub use said_text::{cause_text, said_text};
pub use sim_text::{served_text, standing_text};
pub use snippet::{diagnostics_summary, diagnostics_text};
pub use status_frame::{Gaze, choices, status_frame};
pub use status_text::{queue_text, status_text};
pub use style::Style;
pub use tame::Tame;
pub use trust_text::{trust_list_text, trust_text};
pub use unit_text::{LAUNCHD_MARK, SYSTEMD_MARK, Started, launchd_agent, systemd_unit, unit_text};
pub use words::{done_text, error_text, init_text, log_heading, warning_text};

pub(crate) use run_line::{name_width, retry_line, tail_lines, task_line, task_name};
pub(crate) use run_text::bytes_text;
pub(crate) use style::{Tone, clean, columns, count, cut, pad};
