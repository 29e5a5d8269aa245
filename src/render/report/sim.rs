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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StandingReport {
    /// Machines.
    pub nodes: usize,
    /// Pods, by phase.
    pub pods: BTreeMap<String, usize>,
    /// Jobs.
    pub jobs: usize,
    /// The version of the last change.
    pub version: u64,
}
