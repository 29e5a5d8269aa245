//! A command in a container that runs.

use std::sync::Arc;

use axum::extract::ws::WebSocketUpgrade;
use axum::response::Response;

use super::Query;
use super::answer::refused;
use crate::sim::gke::{Cluster, Kind, Refusal};

/// Answers `pods/NAME/exec`.
pub(super) async fn exec(
    cluster: Arc<Cluster>,
    namespace: String,
    name: String,
    _query: Query,
    _upgrade: WebSocketUpgrade,
) -> Response {
    let refusal = match cluster.store.get(Kind::Pod, &namespace, &name) {
        None => Refusal::not_found(Kind::Pod, &name),
        Some(_) => Refusal::bad_request(format!("pod {name} does not have a host assigned")),
    };
    std::future::ready(refused(&refusal)).await
}
