//! Tests of the simulated places, from outside.
#![expect(clippy::disallowed_methods, reason = "the tests stand outside of the house: they start it and its clients")]

mod exec;
mod ground;
mod hostile;
mod jobs;
mod kubectl;
mod logs;
mod served;
