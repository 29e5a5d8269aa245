//! Instruments: the only clock, file write and process start of the house. They know no spore, task or run.

pub mod clock;
pub mod disk;
pub mod failpoint;
pub mod file;
pub mod identity;
mod input;
pub mod locks;
mod machine;
mod poll;
pub mod process;
pub mod random;
pub mod seal;
pub mod signals;
pub mod socket;
pub mod terminal;
pub mod user;
pub mod watches;
mod word;

pub use input::{Input, read_input};
pub use machine::{columns, control_group, cores, host, kernel, open_files_max};
pub use poll::{ChildSignals, Poll};
pub use word::shell_word;
