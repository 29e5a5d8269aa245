//! Artifacts: a container is gone with its files, so the command's own wrapper prints what it made after all it printed.

mod pattern;
mod reading;
mod wrapper;

pub(super) use reading::{Found, Trailer};
pub(super) use wrapper::{expressions, list, wrap};
