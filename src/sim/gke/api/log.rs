//! What a container printed.

use std::sync::Arc;

use axum::response::Response;

use super::Query;
use super::answer::refused;
use crate::sim::gke::{Cluster, Kind, Refusal};

/// Answers `pods/NAME/log`.
pub(super) async fn log(cluster: Arc<Cluster>, namespace: String, name: String, _query: Query) -> Response {
    let refusal = match cluster.store.get(Kind::Pod, &namespace, &name) {
        None => Refusal::not_found(Kind::Pod, &name),
        Some(_) => Refusal::bad_request(format!("pod \"{name}\" has no container that has started")),
    };
    std::future::ready(refused(&refusal)).await
}
