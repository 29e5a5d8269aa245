//! The controllers: what keeps jobs, replica sets and deployments as they are wanted, and tells what happened.

mod events;

pub(super) use events::{Events, Fact};
