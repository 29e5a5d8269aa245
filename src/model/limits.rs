//! Every limit of Spore, with its name and unit. What has no limit is a bug waiting for input.

use std::time::Duration;

/// The executors that authors can name, whether this Spore has them or not.
pub const EXECUTORS: [&str; 3] = ["terminal", "gke", "cloud-run"];

/// How much of everything is taken. A copy travels into each room that must stop somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one spore file.
    pub spore_bytes_max: usize,
    /// Tasks of one spore, and of one plan after its matrices are expanded.
    pub tasks_max: usize,
    /// Edges of one plan, those that follow from nesting, sequence and matrices included.
    pub needs_max: usize,
    /// Levels of YAML nesting.
    pub nesting_max: usize,
    /// Bytes of a task id.
    pub id_bytes_max: usize,
    /// Diagnostics kept for one file; the rest is counted.
    pub diagnostics_max: usize,
    /// Log bytes kept from the beginning of one stream of one attempt.
    pub log_head_bytes_max: u64,
    /// Log bytes kept from the end of one stream of one attempt.
    pub log_tail_bytes_max: u64,
    /// Bytes of one attempt's `$SPORE_OUTPUT`.
    pub output_bytes_max: u64,
    /// Files one attempt may declare as artifacts.
    pub artifacts_max: usize,
    /// Attempts of one task in one run.
    pub attempts_max: u32,
    /// Attempts at a time in one run.
    pub jobs_max: u32,
    /// From asking a process group to end until it is killed.
    pub grace: Duration,
    /// Steps a template may take.
    pub template_fuel: u64,
}

impl Limits {
    /// The limits of a plain Spore.
    pub const DEFAULT: Self = Self {
        spore_bytes_max: 4 << 20,
        tasks_max: 200_000,
        needs_max: 5_000_000,
        nesting_max: 64,
        id_bytes_max: 128,
        diagnostics_max: 1_000,
        log_head_bytes_max: 2 << 20,
        log_tail_bytes_max: 6 << 20,
        output_bytes_max: 1 << 20,
        artifacts_max: 10_000,
        attempts_max: 100,
        jobs_max: 1_024,
        grace: Duration::from_secs(10),
        template_fuel: 100_000,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
