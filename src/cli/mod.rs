//! The door for people: the command line. It talks, prints and ends; the rooms below decide.

mod args;
mod asking;
mod doctor;
mod executors;
pub mod exit;
mod failure;
mod hand;
mod history;
mod hook;
mod hooks;
mod inspect;
pub mod live;
mod main;
mod onlooker;
mod perform;
mod picture;
pub mod plain;
mod prune;
mod screen;
mod setup;
#[cfg(feature = "sim")]
mod sim;
mod status;
mod tally;
pub mod trust;
mod unit;
mod watch;

pub use main::main;
