//! The cluster in numbers, as Prometheus reads them.

use std::fmt::Write as _;

use super::{Cluster, Kind};

/// All numbers.
pub(super) fn text(cluster: &Cluster) -> String {
    let mut text = "# TYPE spore_sim_objects gauge\n".to_owned();
    for kind in Kind::ALL {
        let _ = writeln!(text, "spore_sim_objects{{kind=\"{:?}\"}} {}", kind, cluster.store.count(*kind));
    }
    text
}
