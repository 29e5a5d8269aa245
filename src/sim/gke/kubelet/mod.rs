//! The kubelet of every machine of the cluster: pods that have a machine become processes of this one.
//!
//! A container is a process group. Its image is a name and changes nothing, or a folder that is its root. Mounts cannot stand
//! where a pod wants them, because the process sees this machine: their paths are translated wherever they stand in words,
//! variables and working directories. Nothing is polled: each pod has a task, which wakes when something happens to it.

mod attending;
mod container;
mod environment;
mod image;
mod leftovers;
mod logs;
mod memory;
mod paths;
mod place;
mod pod;
mod quantity;
mod shared;
mod status;
mod telling;
mod volumes;
mod watch;

pub use logs::LogLimits;
pub use shared::Settings;

pub(super) use logs::{Log, Stream};
pub(super) use place::{Place, Prepared};
pub(super) use shared::Kubelet;
pub(super) use status::set_condition;
pub(super) use telling::{Telling, Wish};
pub(super) use watch::run;

use quantity::{quantity, whole};

#[cfg(test)]
pub(super) mod tests;
