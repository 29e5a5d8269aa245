//! The words of the commands about a watched folder.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::{Output, TrustMode};
use crate::model::parse_duration;

/// How to watch.
#[derive(Debug, Args)]
pub(in crate::cli) struct Watch {
    /// The folder.
    #[arg(default_value = ".")]
    pub(in crate::cli) dir: PathBuf,
    /// Runs at a time; without it, what spore.toml says, else the number of cores.
    #[arg(long, short = 'j', value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(in crate::cli) jobs: Option<u32>,
    /// What may run, for this time; without it, what was decided for the folder by `spore trust --mode`.
    #[arg(long, value_enum, value_name = "MODE")]
    pub(in crate::cli) trust: Option<TrustMode>,
    /// Run what is there already too, in a folder that nobody has watched before.
    #[arg(long)]
    pub(in crate::cli) existing: bool,
    /// End as soon as nothing is left to do.
    #[arg(long)]
    pub(in crate::cli) once: bool,
    /// Return as soon as it watches, and leave it without a terminal; what it says goes to `.spore/watch.log`.
    #[arg(long, short = 'd', conflicts_with = "once")]
    pub(in crate::cli) detach: bool,
    /// It was started by --detach.
    #[arg(long, hide = true, conflicts_with = "detach")]
    pub(in crate::cli) apart: bool,
    #[command(flatten)]
    pub(in crate::cli) output: Output,
}

/// What is asked of a watched folder.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum WatchedCommand {
    /// Show how everything stands in a folder: what runs, what waits and for what, what comes next.
    #[command(
        after_help = "Examples:\n  spore status\n  spore status --follow\n  spore status ~/plans --format json\n\nOn a terminal, --follow fills the screen; elsewhere it prints again whenever something has changed."
    )]
    Status {
        /// The folder.
        #[arg(default_value = ".")]
        dir: PathBuf,
        /// Go on showing it.
        #[arg(long, short = 'f')]
        follow: bool,
        #[command(flatten)]
        output: Output,
    },

    /// End runs, or take wanted ones out of the queue.
    #[command(
        after_help = "Examples:\n  spore cancel latest\n  spore cancel 01K9Z 7XQ2 --now\n\nIts commands are asked to end, and its `finally` tasks run; the result is written."
    )]
    Cancel {
        /// The runs: an id, the beginning or end of it, `@2` for the second newest, or `latest` for the newest that has not ended.
        #[arg(required = true, value_name = "RUN")]
        runs: Vec<String>,
        /// Kill the commands, and run nothing more.
        #[arg(long)]
        now: bool,
        /// The folder.
        #[arg(long, default_value = ".", value_name = "DIR")]
        dir: PathBuf,
        #[command(flatten)]
        output: Output,
    },

    /// List the wanted runs of a folder, or take one out.
    #[command(
        args_conflicts_with_subcommands = true,
        disable_help_subcommand = true,
        after_help = "Examples:\n  spore queue\n  spore queue ~/plans --format json\n  spore queue drop 7XQ2"
    )]
    Queue {
        /// What to do.
        #[command(subcommand)]
        what: Option<QueueCommand>,
        /// The folder; for one called `drop`, `./drop`.
        #[arg(default_value = ".")]
        dir: PathBuf,
        #[command(flatten)]
        output: Output,
    },

    /// Have nothing begin in a folder for a while; what runs goes on.
    #[command(after_help = "Examples:\n  spore pause\n  spore pause --for 1h\n  spore pause --off")]
    Pause {
        /// The folder.
        #[arg(default_value = ".")]
        dir: PathBuf,
        /// For how long, such as `30m`; without it, until `--off`.
        #[arg(long = "for", value_name = "TIME", value_parser = parse_duration, conflicts_with = "off")]
        time: Option<Duration>,
        /// Have wanted runs begin again.
        #[arg(long)]
        off: bool,
        #[command(flatten)]
        output: Output,
    },

    /// Have the system watch a folder from your login on: a unit of systemd, or an agent of launchd.
    #[command(
        after_help = "Examples:\n  spore service install ~/plans\n  spore service install --print\n  spore service status\n  spore service uninstall ~/plans"
    )]
    Service {
        /// What to do.
        #[command(subcommand)]
        what: UnitCommand,
    },
}

/// What to do with the queue.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum QueueCommand {
    /// Take wanted runs out of the queue.
    #[command(after_help = "Example:\n  spore queue drop 7XQ2")]
    Drop {
        /// The runs: an id, or the beginning or end of it.
        #[arg(required = true, value_name = "RUN")]
        runs: Vec<String>,
        /// The folder.
        #[arg(long, default_value = ".", value_name = "DIR")]
        dir: PathBuf,
        #[command(flatten)]
        output: Output,
    },
}

/// What to do with what the system starts by itself.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum UnitCommand {
    /// Have the system watch a folder, now and from each login on.
    #[command(
        after_help = "Examples:\n  spore service install ~/plans --trust approve\n  spore service install --print > spore.service\n\nInstalling again brings it up to date."
    )]
    Install {
        #[command(flatten)]
        unit: Unit,
        /// What may run; without it, what was decided for the folder by `spore trust --mode`.
        #[arg(long, value_enum, value_name = "MODE")]
        trust: Option<TrustMode>,
        /// Print the file, and change nothing.
        #[arg(long)]
        print: bool,
    },
    /// Take it out; what runs goes on.
    #[command(after_help = "Example:\n  spore service uninstall ~/plans")]
    Uninstall {
        #[command(flatten)]
        unit: Unit,
    },
    /// Show whether it is installed, and whether it is the newest.
    #[command(after_help = "Example:\n  spore service status")]
    Status {
        #[command(flatten)]
        unit: Unit,
    },
}

/// Of which folder, and of which system.
#[derive(Debug, Args)]
pub(in crate::cli) struct Unit {
    /// The folder.
    #[arg(default_value = ".")]
    pub(in crate::cli) dir: PathBuf,
    /// For launchd, as on macOS, instead of systemd.
    #[arg(long)]
    pub(in crate::cli) launchd: bool,
    #[command(flatten)]
    pub(in crate::cli) output: Output,
}
