//! How the cluster stands, in a few numbers: what `spore sim gke status` shows.

use serde_json::Value;

use crate::render::report::StandingReport;
use crate::sim::gke::{Cluster, Kind};

/// As JSON.
pub(super) fn value(cluster: &Cluster) -> Value {
    let report = cluster.report();
    let whole = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    let standing = StandingReport {
        nodes: report.nodes.len(),
        pods: report.pods.into_iter().map(|(phase, count)| (phase, whole(count))).collect(),
        unscheduled: report.unscheduled,
        cpu_milli_requested: report.cpu_milli_requested,
        cpu_milli_allocatable: report.cpu_milli_allocatable,
        dollars_an_hour: report.dollars_an_hour,
        requests: report.requests,
        jobs: cluster.store.count(Kind::Job),
        version: cluster.store.version(),
    };
    serde_json::to_value(standing).unwrap_or_default()
}
