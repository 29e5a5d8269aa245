//! Long-lived instances: pods that several tasks share, and commands in them.
//!
//! An instance of a run is a pod whose name follows from the run and the instance's name, made for the first task that names
//! it. A command in it is begun by one exec and watched by any number of them: what it prints goes into files there, of which
//! an engine reads on where it has left off, so that neither a cut connection nor the engine's death harms it.

mod by_hand;
mod collect;
mod exec;
mod lodge;
mod shell;
mod visit;

pub(super) use by_hand::{cleanup, launch};
pub(super) use exec::{Spot, forget};
