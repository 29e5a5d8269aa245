//! The driver of a run: it owns tasks, time and cancellation, and knows neither YAML nor git nor a terminal.

mod allowance;
mod driver;
mod error;
mod guard;
mod machine;
mod prepare;
mod tail;
mod view;

pub use crate::model::Stop;
pub use allowance::Allowance;
pub use driver::{Order, Ran, Reused, drive};
pub use error::Error;
pub use guard::Guard;
pub use machine::{Action, Machine, Past};
pub use prepare::Preparer;
pub use tail::{compose as compose_tail, tail_cursor};
pub use view::View;
