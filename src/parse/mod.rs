//! Translates authored files into spores and diagnostics: text in, values out, and never a failure.

mod agent;
mod checklist;
mod command;
mod context;
mod document;
mod fence;
mod file;
mod foreign;
mod front_matter;
mod identity;
mod label;
mod markdown;
mod names;
mod needs;
mod node;
mod property;
mod schema;
mod table;
mod words;
mod workflow;
mod yaml;

pub use checklist::{boxes_done, tick};
pub use file::{Parsed, parse};
pub use schema::spore_schema;
pub use workflow::yaml_spores;
