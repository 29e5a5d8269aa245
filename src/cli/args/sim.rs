//! The words of `spore sim`.

mod machinery;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use machinery::Machines;

use super::Output;
use crate::sim::gke::Denied;

/// Which place.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum SimCommand {
    /// Serve a GKE cluster on this machine, until Ctrl-C or the end of a command.
    #[command(
        args_conflicts_with_subcommands = true,
        disable_help_subcommand = true,
        after_help = "Examples:\n  spore sim gke\n  spore sim gke -- kubectl get namespaces\n  spore sim gke --deny create:jobs\n  spore sim gke --provisioning 70s --fault too-many=0.05 --seed 7\n  spore sim gke status\n\nWith a command it ends with the exit code of the command."
    )]
    Gke(Gke),
}

/// How to serve.
#[derive(Debug, Args)]
pub(in crate::cli) struct Gke {
    /// Ask one that is served.
    #[command(subcommand)]
    pub(in crate::cli) what: Option<GkeCommand>,
    /// The port; without it, a free one.
    #[arg(long, default_value_t = 0, value_name = "N", hide_default_value = true)]
    pub(in crate::cli) port: u16,
    /// Where the kubeconfig is written; without it, `$XDG_STATE_HOME/spore/sim-gke.kubeconfig`.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) kubeconfig: Option<PathBuf>,
    /// Refuse this to everybody, such as create:jobs or get:pods/log; may be repeated.
    #[arg(long, value_name = "VERB:RESOURCE")]
    pub(in crate::cli) deny: Vec<Denied>,
    #[command(flatten)]
    pub(in crate::cli) machines: Machines,
    #[command(flatten)]
    pub(in crate::cli) output: Output,
    /// A command, which is run with KUBECONFIG set.
    #[arg(last = true, value_name = "COMMAND")]
    pub(in crate::cli) command: Vec<OsString>,
}

/// What to ask.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum GkeCommand {
    /// Show how it stands: machines, pods, jobs.
    #[command(after_help = "Example:\n  spore sim gke status --format json")]
    Status {
        /// The kubeconfig of the cluster; without it, `$XDG_STATE_HOME/spore/sim-gke.kubeconfig`.
        #[arg(long, value_name = "FILE")]
        kubeconfig: Option<PathBuf>,
        #[command(flatten)]
        output: Output,
    },
}
