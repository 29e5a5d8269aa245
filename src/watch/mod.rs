//! Watching files. Events are hints: whoever is woken looks for itself.

mod folder;
mod mailbox;
mod notice;
mod notify;
mod settle;

pub use folder::{Folder, Hints, Options};
pub use mailbox::Tag;
pub use notice::{Notice, Refused};
pub use notify::Follow;
