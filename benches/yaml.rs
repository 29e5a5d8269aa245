//! Bench under construction.

pub fn run() {}
