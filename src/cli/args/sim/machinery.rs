//! The words of `spore sim gke` for its machines and for what goes wrong.

use std::time::Duration;

use clap::Args;

use crate::model::parse_duration;
use crate::sim::gke::{Machinery, Rule};

/// What the machines are like, and what goes wrong.
#[derive(Debug, Args)]
pub(in crate::cli) struct Machines {
    /// A Standard cluster: without Autopilot's rules, and with a fixed number of machines.
    #[arg(long)]
    standard: bool,
    /// Machines from the beginning, which are kept.
    #[arg(long, default_value_t = 0, value_name = "N", hide_default_value = true)]
    nodes: usize,
    /// Machines that there may be at most.
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    nodes_max: usize,
    /// How long a machine takes to come; 60s to 90s on GKE.
    #[arg(long, default_value = "0s", value_name = "TIME", value_parser = parse_duration)]
    provisioning: Duration,
    /// How long a machine stays empty before it goes.
    #[arg(long, default_value = "10m", value_name = "TIME", value_parser = parse_duration)]
    scale_down: Duration,
    /// How often an hour each spot machine is taken away.
    #[arg(long, default_value_t = 0.0, value_name = "RATE", hide_default_value = true, value_parser = rate)]
    preemptions: f64,
    /// Let this go wrong with so many requests, such as too-many=0.05; may be repeated.
    #[arg(long, value_name = "KIND=RATE", value_parser = Rule::parse)]
    fault: Vec<Rule>,
    /// What makes chance the same each time.
    #[arg(long, default_value_t = 0, value_name = "N", hide_default_value = true)]
    seed: u64,
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate >= 0.0);
    rate.ok_or_else(|| "write a number that is not negative, such as 0.5".to_owned())
}

impl From<Machines> for Machinery {
    fn from(words: Machines) -> Self {
        Self {
            autopilot: !words.standard,
            nodes: words.nodes,
            nodes_max: words.nodes_max,
            provisioning: words.provisioning,
            scale_down: words.scale_down,
            preemptions_per_hour: words.preemptions,
            faults: words.fault,
            seed: words.seed,
            ..Self::default()
        }
    }
}
