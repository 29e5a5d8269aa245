//! Journals: what happened in each run, fact by fact, on disk. One folder for each run, one line for each fact.
//!
//! Every state is a fold of these facts (see [`RunRecord`](crate::model::RunRecord)); nothing here adds them up.

mod error;
mod find;
mod line;
mod read;
mod sync;
mod write;

pub use error::Error;
pub use find::{find, is_live, list};
pub use read::{Damage, Entries, JOURNAL_BYTES_MAX, begin, read, record};
pub use sync::Syncer;
pub use write::{JOURNAL_FILE, Journal};
