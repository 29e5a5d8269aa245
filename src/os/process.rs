//! Processes: room under construction.
