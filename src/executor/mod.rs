//! Executors: they carry attempts out somewhere. One contract, one folder per place.

mod contract;
pub mod terminal;

pub use contract::{Check, Executor, LogChunk, Observation, Pending, Profile, Report, Reports};
