//! How the cluster stands, in a few numbers: what `spore sim gke status` shows.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::sim::gke::{Cluster, Kind, Selector};

/// How a simulated cluster stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Standing {
    /// Machines.
    pub nodes: usize,
    /// Pods, by phase.
    pub pods: BTreeMap<String, usize>,
    /// Jobs.
    pub jobs: usize,
    /// The version of the last change.
    pub version: u64,
}

/// As JSON.
pub(super) fn value(cluster: &Cluster) -> Value {
    let (pods, version) = cluster.store.list(Kind::Pod, None, &Selector::default());
    let mut phases = BTreeMap::new();
    for pod in pods {
        *phases.entry(pod.field("status.phase")).or_insert(0) += 1;
    }
    let count = |kind| cluster.store.count(kind);
    let standing = Standing { nodes: count(Kind::Node), pods: phases, jobs: count(Kind::Job), version };
    serde_json::to_value(standing).unwrap_or_default()
}
