//! Executors: they carry attempts out somewhere. One contract, one folder per place.

mod contract;
#[cfg(feature = "gke")]
pub mod gke;
mod mask;
mod registry;
pub mod terminal;
mod traces;

pub use contract::{Check, Executor, Leftover, LogChunk, Observation, Pending, Profile, Report, Reports};
pub use mask::{Mask, MaskStream, STARS};
pub use registry::{Defaults, Executors, PLACES, Place, built_in};
pub use traces::read_log;
