//! Tests of the simulated places, from outside.
#![expect(clippy::disallowed_methods, reason = "the tests stand outside of the house: they start it and its clients")]

mod exec;
mod jobs;
mod logs;
mod served;
