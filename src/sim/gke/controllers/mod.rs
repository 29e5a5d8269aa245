//! The controllers: what keeps jobs, replica sets and deployments as they are wanted, and tells what happened.
//!
//! Each follows its own kind and what it owns, and looks at one object at a time, however many changes called for that.

mod deployments;
mod events;
mod jobs;
mod policy;
mod queue;
mod replicas;
mod run;
mod tally;

pub use run::JobSettings;

pub(super) use events::{Events, Fact};
pub(super) use run::run;

#[cfg(test)]
mod tests;
