//! Markdown workflows: heading sections whose fences are commands.

mod section;
mod tasks;

pub(super) use tasks::read;
