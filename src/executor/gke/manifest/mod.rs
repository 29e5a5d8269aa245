//! From an attempt to the objects that carry it out in a cluster. Values in, values out.

mod command;
#[cfg(test)]
mod golden;
mod instance;
mod job;
mod merge;
mod volumes;

pub(super) use command::{Plain, SCRIPT, plain};
pub(super) use instance::{ATTEMPTS, Lodging, lodge, profile};
pub(super) use job::{Brought, MAIN, Made, Order, build, container_root, workdir};
