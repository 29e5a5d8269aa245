//! What goes wrong on purpose.

use axum::http::Method;
use axum::response::Response;

use super::Cluster;

/// An answer that is given instead of the right one, where something is to go wrong.
pub(super) async fn before(_: &Cluster, _: &Method, _: &str) -> Option<Response> {
    std::future::ready(None).await
}
