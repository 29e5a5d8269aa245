//! The JSON of `spore sim gke` and `spore sim gke status`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a simulated cluster is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ServedReport {
    /// The address of its server. Who knows it may do everything in the cluster, and so run commands here.
    pub url: String,
    /// The file that tells kubectl and other clients of it.
    pub kubeconfig: String,
    /// The name of the context in that file.
    pub context: String,
}

/// How a simulated cluster stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StandingReport {
    /// Machines.
    pub nodes: usize,
    /// Pods, by phase.
    pub pods: BTreeMap<String, usize>,
    /// Pods without a machine.
    pub unscheduled: u64,
    /// Thousandths of a processor that pods on machines request.
    pub cpu_milli_requested: u64,
    /// Thousandths of a processor that the machines have for pods.
    pub cpu_milli_allocatable: u64,
    /// Estimated dollars an hour for what is there now.
    pub dollars_an_hour: f64,
    /// Answered requests, by verb and status code.
    pub requests: BTreeMap<String, u64>,
    /// Jobs.
    pub jobs: usize,
    /// The version of the last change.
    pub version: u64,
}
