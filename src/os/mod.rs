//! Instruments: the only clock, file write and process start of the house. They know no spore, task or run.

pub mod clock;
pub mod failpoint;
pub mod file;
pub mod identity;
mod machine;
mod poll;
pub mod process;
pub mod random;
pub mod seal;
pub mod signals;
pub mod socket;

pub use machine::{columns, cores, host};
pub use poll::{ChildSignals, Poll};
