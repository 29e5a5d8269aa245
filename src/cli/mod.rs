//! The door for people: the command line. It talks, prints and ends; the rooms below decide.

mod args;
mod doctor;
pub mod exit;
mod failure;
mod history;
mod hook;
mod hooks;
mod inspect;
pub mod live;
mod main;
mod onlooker;
mod perform;
pub mod plain;
mod prune;
mod screen;
mod setup;
mod tally;
pub mod trust;
mod watch;

pub use main::main;
