//! How the cluster stands, in a few numbers: what `spore sim gke status` shows.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::render::report::StandingReport;
use crate::sim::gke::{Cluster, Kind, Selector};

/// As JSON.
pub(super) fn value(cluster: &Cluster) -> Value {
    let (pods, version) = cluster.store.list(Kind::Pod, None, &Selector::default());
    let mut phases = BTreeMap::new();
    for pod in pods {
        *phases.entry(pod.field("status.phase")).or_insert(0) += 1;
    }
    let count = |kind| cluster.store.count(kind);
    let standing = StandingReport { nodes: count(Kind::Node), pods: phases, jobs: count(Kind::Job), version };
    serde_json::to_value(standing).unwrap_or_default()
}
