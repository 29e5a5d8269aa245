//! Room under construction.

pub mod live;
pub mod plain;
mod tally;
