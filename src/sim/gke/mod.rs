//! A simulated GKE cluster: a server on loopback that speaks the Kubernetes API, and whose containers are processes of this
//! machine.
//!
//! ```text
//! kubectl, Spore ── api ──▶ store ◀── controllers, scheduler, autoscaler, kubelet ──▶ processes
//! ```
//!
//! As in a real cluster, the parts know nothing of one another: each watches the [`Store`] and writes what it decides into it.

mod admission;
mod api;
mod asking;
mod cluster;
mod collector;
mod controllers;
mod faults;
mod kubelet;
mod metrics;
mod object;
mod refusal;
mod resources;
mod selector;
mod store;

pub use api::Server;
pub use asking::ask;
pub use cluster::{Cluster, Denied, Settings};
pub use controllers::JobSettings;
pub use kubelet::{LogLimits, Settings as KubeletSettings};
pub use object::Object;
pub use refusal::Refusal;
pub use resources::{Kind, Resource};
pub use selector::{Selector, Terms};
pub use store::{Change, Changes, Deed, Deletion, Store, named};
