//! Watching files. Events are hints: whoever is woken looks for itself.

mod notify;

pub use notify::Follow;
