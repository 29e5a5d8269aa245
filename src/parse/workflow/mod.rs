//! The YAML half of the language: located trees → spores.

mod file;
mod front;

pub(super) use file::decode_document;
pub use file::yaml_spores;
pub(super) use front::front_matter;
