//! The terminal executor: room under construction.
