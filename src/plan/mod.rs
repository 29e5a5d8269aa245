//! Plans: a spore and a person's wishes become a dag plus decisions. Value in, value out; nothing is run or looked up.
//!
//! Reading order: `build` is the way through; `params`, `expand`, `edges`, `select`, `decide` are its steps in order;
//! `check`, `path` and `executors` look for what would go wrong. `template` is the one place that evaluates templates,
//! here and in a run.

mod build;
mod check;
mod decide;
mod edges;
mod executors;
mod expand;
mod layers;
mod names;
mod params;
mod path;
mod pattern;
mod reach;
mod request;
mod select;
mod syntax;
mod template;

pub use build::plan;
pub use pattern::is_taken;
pub use request::{Capability, Options, Planned, WithCheck};
pub use template::{Scope, TemplateError, condition, evaluate, value};
