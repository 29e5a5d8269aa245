//! Tests of the program from outside: the real binary, real files, real git.
#![expect(
    clippy::disallowed_methods,
    reason = "the tests stand outside of the house: they start it and leave files in its way"
)]

mod bad_input;
mod checklist;
mod commands;
mod disk;
mod doctor;
mod endurance;
mod examples;
pub(crate) mod folder;
mod history;
mod hooks;
mod interrupts;
mod orphaned_commands;
mod orphans;
mod prune;
mod readme;
mod resolve;
mod results;
mod secrets;
mod seeds;
mod semantics;
mod sessions;
mod trust;
mod watching;
