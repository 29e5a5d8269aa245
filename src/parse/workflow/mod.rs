//! The YAML half of the language: located trees → spores.

mod decoder;
mod file;
mod front;
mod settings;
mod task;
mod top;
mod trigger;

pub use file::yaml_spores;

pub(super) use decoder::{Decoder, Entry, instead};
pub(super) use front::front_matter;
pub(super) use task::property;
