//! The supervisor: the process that starts the commands of one run, sees to them, and writes down how they end.
//!
//! It stands apart from the engine, so that the engine may be killed, upgraded or restarted while commands go on. It is
//! one thread and one loop over the kernel's events. It lives while an engine is connected or a command is under way;
//! what it knows at the end is in the log of attempts.

mod peer;
mod prepare;
mod serve;
mod simple;
mod spare;
mod start;
mod strays;
mod streams;
mod supervision;

pub use serve::supervise;
pub use spare::supervise_many;
