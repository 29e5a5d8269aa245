//! What is wanted and has not ended: the durable queue of a watched folder.
//!
//! One append-only log, `.spore/queue.jsonl`, holds every fact; the state is what they add up to. Only the watcher that
//! holds the folder writes it, whoever wants may read it.

mod error;
mod fact;
mod line;
mod log;
mod state;

pub use error::Error;
pub use fact::{Fact, Kept, Pause};
pub use line::{Busy, Candidate, Choice, choose};
pub use log::{Log, QUEUE_FILE, read};
pub use state::{Phase, State, TimerKey, Waiting};
