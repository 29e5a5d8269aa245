//! The staircase.
