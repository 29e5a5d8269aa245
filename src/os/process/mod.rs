//! The only process start of the house, and what is done to processes afterwards.

mod group;
mod launch;
mod lookup;
mod output;
mod refusal;

pub use group::{Group, Member};
pub use launch::{Child, Launch, Launched, keep_descriptors_home};
pub use lookup::{Found, find_program, guess_program};
pub use output::Output;
pub use refusal::Refusal;
