//! The driver of a run: it owns tasks, time and cancellation, and knows neither YAML nor git nor a terminal.

mod machine;
mod view;

pub use machine::{Action, Machine, Stop};
pub use view::View;
