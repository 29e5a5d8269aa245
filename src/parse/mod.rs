//! Translates authored files into spores and diagnostics: text in, values out, and never a failure.

mod foreign;
mod node;
mod property;
mod schema;
mod table;
mod workflow;
mod yaml;

pub use schema::spore_schema;
pub use workflow::yaml_spores;

pub struct Parsed {
    pub spores: Vec<crate::model::Spore>,
    pub diagnostics: Vec<crate::model::Diagnostic>,
}
pub fn parse(source: &crate::model::Source, limits: &crate::model::Limits) -> Parsed {
    let (spores, diagnostics) = yaml_spores(source, limits);
    Parsed { spores, diagnostics }
}
