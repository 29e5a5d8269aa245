//! What attempts leave, wherever they run: who listens to them, their logs, the values they hand on.

mod entry;
mod handed_on;
mod line;
mod log;
mod output;
mod reading;

pub(super) use entry::{Entry, Urgency, lock};
pub(super) use handed_on::hand_on;
pub(super) use line::LastLine;
pub(super) use log::Log;
pub(super) use output::{ODD, parse, parse_bytes, read, too_large};
pub use reading::read_log;
