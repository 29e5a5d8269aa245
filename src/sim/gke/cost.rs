//! What the pods of a cluster cost, estimated.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::packing::{Amounts, Family};

/// Dollars an hour.
///
/// The built-in prices are the list prices of `https://cloud.google.com/kubernetes-engine/pricing` for us-central1, general
/// purpose pods, 2025. Google says that spot pods are 60 to 91 % cheaper; 70 % is taken. Pods of other compute classes are
/// counted at the same prices, which is too little; accelerators at the list price of Compute Engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Prices {
    /// A processor.
    pub cpu: f64,
    /// A GiB of memory.
    pub memory_gib: f64,
    /// A GiB of disk.
    pub ephemeral_gib: f64,
    /// The part of the price that a spot pod costs.
    pub spot: f64,
    /// An NVIDIA T4.
    pub t4: f64,
    /// An NVIDIA L4.
    pub l4: f64,
    /// An NVIDIA A100 of 40 GB.
    pub a100: f64,
    /// The cluster itself.
    pub cluster: f64,
}

impl Default for Prices {
    fn default() -> Self {
        Self {
            cpu: 0.0445,
            memory_gib: 0.004_922_5,
            ephemeral_gib: 0.000_070_6,
            spot: 0.3,
            t4: 0.35,
            l4: 0.56,
            a100: 2.93,
            cluster: 0.1,
        }
    }
}

impl Prices {
    /// What a pod of the family costs an hour while it is on a machine.
    #[must_use]
    pub fn of_pod(&self, requests: &Amounts, family: Family, spot: bool) -> f64 {
        let gpu = match family {
            Family::T4 => self.t4,
            Family::L4 => self.l4,
            Family::A100 => self.a100,
            _ => 0.0,
        };
        let sum = f64::from(requests.cpu_milli) / 1e3 * self.cpu
            + f64::from(requests.memory_mib) / 1_024.0 * self.memory_gib
            + f64::from(requests.ephemeral_mib) / 1_024.0 * self.ephemeral_gib
            + f64::from(requests.gpus) * gpu;
        if spot { sum * self.spot } else { sum }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_costs_what_it_requests() {
        let requests = Amounts { cpu_milli: 500, memory_mib: 2_048, ephemeral_mib: 1_024, gpus: 0, pods: 1 };
        let price = Prices::default().of_pod(&requests, Family::General, false);
        assert!((price - 0.032_165_6).abs() < 1e-9, "{price}");
        let spot = Prices::default().of_pod(&requests, Family::General, true);
        assert!((spot - 0.3 * price).abs() < 1e-9, "{spot}");
        let gpu = Amounts { gpus: 2, ..requests };
        assert!((Prices::default().of_pod(&gpu, Family::L4, false) - price - 1.12).abs() < 1e-9);
    }
}
