//! Translates authored files into spores and diagnostics: text in, values out, and never a failure.

mod agent;
mod checklist;
mod command;
mod context;
mod document;
mod fence;
mod file;
mod front_matter;
mod identity;
mod label;
mod markdown;
mod names;
mod needs;
mod node;
mod property;
mod words;
mod workflow;
mod yaml;

pub use file::{Parsed, decode_utf8, parse};
pub use workflow::yaml_spores;
