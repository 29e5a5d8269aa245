//! What authors write under `with:`, as typed settings, or what is wrong with it.

mod quantity;
mod reader;
mod template;
mod typed;

pub use typed::problems;
pub(super) use typed::{Content, EnvFrom, SecretKey, Settings, read};
