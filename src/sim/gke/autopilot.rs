//! What a simulated cluster is like: who sees to its machines, how fast they come, what goes wrong on it.

use std::sync::Arc;
use std::time::Duration;

use super::cost::Prices;
use super::faults::{Faults, Rule};
use super::metrics::Counters;
use super::{Cluster, disruption, scheduler};

/// How the cluster is set up. By default an Autopilot cluster whose machines come at once and on which nothing goes wrong.
#[derive(Clone, Debug)]
pub struct Machinery {
    /// Whether Autopilot's rules hold. Without, it is a Standard cluster with the machines of `nodes`.
    pub autopilot: bool,
    /// Whether pods may use more than they request, as on clusters since GKE 1.30.2.
    pub bursting: bool,
    /// Machines that are there from the beginning, and are kept.
    pub nodes: usize,
    /// Machines that there may be at most.
    pub nodes_max: usize,
    /// How long a machine takes to come; 60 to 90 seconds on GKE.
    pub provisioning: Duration,
    /// How long a machine stays empty before it goes.
    pub scale_down: Duration,
    /// How often an hour each spot machine is taken away.
    pub preemptions_per_hour: f64,
    /// How long a pod may take to end when its machine is upgraded: GKE waits an hour at most.
    pub upgrade_grace: Duration,
    /// What goes wrong with requests, from the beginning.
    pub faults: Vec<Rule>,
    /// What makes chance the same each time.
    pub seed: u64,
    /// What pods cost.
    pub prices: Prices,
}

impl Default for Machinery {
    fn default() -> Self {
        Self {
            autopilot: true,
            bursting: true,
            nodes: 0,
            nodes_max: 1_000,
            provisioning: Duration::ZERO,
            scale_down: Duration::from_mins(10),
            preemptions_per_hour: 0.0,
            upgrade_grace: Duration::from_hours(1),
            faults: Vec::new(),
            seed: 0,
            prices: Prices::default(),
        }
    }
}

/// What the machines' side of a cluster keeps outside of its store.
#[derive(Debug)]
pub(super) struct Plant {
    /// How it is set up.
    pub(super) machinery: Machinery,
    /// What goes wrong.
    pub(super) faults: Faults,
    /// What was counted.
    pub(super) counters: Counters,
}

impl Plant {
    pub(super) fn new(machinery: Machinery) -> Self {
        let faults = Faults::new(machinery.seed, machinery.faults.clone());
        Self { machinery, faults, counters: Counters::default() }
    }
}

impl Cluster {
    /// Puts pods onto nodes and sees to the nodes, for as long as it is polled.
    pub async fn operate(self: &Arc<Self>) {
        tokio::join!(scheduler::run(Arc::clone(self)), disruption::run(Arc::clone(self)));
    }
}

/// The `number`th drawing of the kind `salt`: the same for the same seed, whatever else is drawn.
pub(super) fn draw(seed: u64, salt: u64, number: u64) -> u64 {
    // SplitMix64 (Steele, Lea, Flood 2014), whose outputs pass as random for successive inputs.
    let mut bits = seed ^ salt.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number.wrapping_mul(0xd134_2543_de82_ef95);
    bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// A drawing as a number from 0 to 1, without 1.
pub(super) fn fraction(drawn: u64) -> f64 {
    f64::from(u32::try_from(drawn >> 32).unwrap_or(u32::MAX)) / (f64::from(u32::MAX) + 1.0)
}
