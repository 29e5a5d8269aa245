//! The only process start of the house, and what is done to processes afterwards.

mod apart;
mod ask;
mod attended;
mod capture;
mod child;
mod group;
mod guest;
mod launch;
mod lookup;
mod marked;
mod memory;
mod output;
mod pty;
mod refusal;
mod stat;
mod variables;

pub use apart::{Apart, go_apart, start_apart};
pub use ask::{Answer, ask};
pub use attended::{Attended, Beginning, Pipes};
pub use capture::{Captured, End, capture};
pub use child::{Detached, adopt_orphans, leave_session, reap};
pub use group::{Group, Member};
pub use guest::host;
pub use launch::{Launch, Launched, keep_descriptors_home, leave_folder, start_detached};
pub use lookup::{Found, find_program, guess_program};
pub use marked::{Marked, find_marked, find_opener};
pub use memory::group_bytes;
pub use output::Output;
pub use pty::Pty;
pub use refusal::Refusal;
pub use variables::Variables;

pub(super) use stat::Stat;
