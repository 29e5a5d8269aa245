//! Translates authored files into spores and diagnostics: text in, values out, and never a failure.

mod foreign;
mod node;
mod property;
mod table;
mod workflow;
mod yaml;

pub use workflow::yaml_spores;
