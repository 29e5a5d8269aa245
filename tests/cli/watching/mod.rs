//! A watched folder: files go in, runs follow, doors ask.

mod apart;
mod doors;
pub(crate) mod fixture;
