//! The driver of a run: it owns tasks, time and cancellation, and knows neither YAML nor git nor a terminal.

mod view;

pub use view::View;
