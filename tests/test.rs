//! The one test binary: each module below tests one promise.

mod cli;
mod corpus;
mod executor;
mod hooks;
mod journal;
mod machine;
mod markdown;
mod plan;
mod queue;
mod render;
mod repo;
#[cfg(feature = "sim")]
mod sim;
mod tidy;
mod watch;
mod yaml;

/// Says why a test does nothing here.
#[expect(clippy::print_stderr, reason = "a test that does nothing must say so")]
fn skipped(because: &str) {
    eprintln!("skipped: {because}");
}
