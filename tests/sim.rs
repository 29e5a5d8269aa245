//! The simulated cluster, as kubectl sees it. Where the machine has no kubectl, these tests say so and do nothing.

mod exec;
mod ground;
mod jobs;
mod logs;
