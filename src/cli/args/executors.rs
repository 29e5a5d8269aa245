//! The words of `spore executors`.

use clap::Subcommand;

use super::Output;

/// What to do with executors.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ExecutorsCommand {
    /// Ask whether executors can be reached, what they are, and what exactly is missing.
    #[command(after_help = "Example:\n  spore executors check gke\n\nExits with 111 when anything is missing.")]
    Check {
        /// The executor; without it, all that this Spore has.
        name: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Remove what an executor has left in its place for runs that are over or gone.
    #[command(after_help = "Example:\n  spore executors clean gke --dry-run")]
    Clean {
        /// The executor.
        name: String,
        /// Also what other folders and other machines have left there, whether their runs are over or not.
        #[arg(long)]
        all: bool,
        /// Say what would be removed, and remove nothing.
        #[arg(long, short = 'n')]
        dry_run: bool,
        #[command(flatten)]
        output: Output,
    },
}
