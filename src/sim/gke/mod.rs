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
mod autopilot;
mod autoscaler;
mod cluster;
mod collector;
mod console;
mod controllers;
mod cost;
mod disruption;
mod faults;
mod home;
mod kubelet;
mod metrics;
mod object;
pub mod packing;
pub mod quantity;
mod quota;
mod refusal;
mod resources;
mod scheduler;
mod selector;
mod store;

pub use api::Server;
pub use asking::ask;
pub use autopilot::Machinery;
pub use cluster::{Cluster, Denied, Settings};
pub use controllers::JobSettings;
pub use cost::Prices;
pub use faults::{Kind as Fault, Rule};
pub use home::Home;
pub use kubelet::{LogLimits, Settings as KubeletSettings};
pub use metrics::Report;
pub use object::Object;
pub use refusal::Refusal;
pub use resources::{Kind, Resource};
pub use selector::{Selector, Terms};
pub use store::{Change, Changes, Deed, Deletion, Store, named};
