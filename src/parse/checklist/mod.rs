//! Checklists: tasks written as boxes, numbered headings, bold paragraphs or rows of a dependency table.

mod build;
mod collect;
mod entry;
mod path;
mod table;
mod tick;
mod waves;

pub(super) use build::read;
pub(super) use entry::{Line, read_line};
pub use tick::{boxes_done, tick};
