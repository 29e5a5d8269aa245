//! Translates authored files into spores and diagnostics: text in, values out, and never a failure.

mod node;
mod property;
mod workflow;
mod yaml;

pub use workflow::yaml_spores;
