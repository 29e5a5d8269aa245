//! Journals: what happened in each run, fact by fact, on disk. One folder for each run, one line for each fact.
//!
//! Every state is a fold of these facts (see [`RunRecord`](crate::model::RunRecord)); nothing here adds them up.

mod error;
mod find;
mod holder;
mod line;
mod lock;
mod read;
mod sync;
mod write;

pub use error::{Error, TRUST_VARIABLE};
pub use find::{find, list};
pub use holder::Holder;
pub use lock::{Hold, is_live, locks_are_taken_on_trust, trust_in};
pub use read::{Damage, Entries, JOURNAL_BYTES_MAX, begin, read, record};
pub use sync::Syncer;
pub use write::{JOURNAL_FILE, Journal};
