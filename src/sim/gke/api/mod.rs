//! The API server: Kubernetes' API over HTTP, of whatever the store holds.

mod access;
mod answer;
mod apply;
mod columns;
mod create;
mod delete;
mod discovery;
mod exec;
mod fields;
mod list;
mod log;
mod openapi;
mod owned;
mod patch;
mod pod_row;
mod protobuf;
mod query;
mod route;
mod scale;
mod schema;
mod server;
mod standing;
mod strategic;
mod table;
mod target;
mod update;
mod watch;

pub use server::Server;

pub(super) use query::Query;
