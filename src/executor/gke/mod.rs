//! The GKE executor: commands as Jobs of a Kubernetes cluster.
//!
//! An attempt is one Job with one pod, whose name follows from the attempt: so the cluster itself sees to it that there is at
//! most one, and an engine that takes a run over finds it. The pure middle turns an attempt into a manifest and the state of a
//! pod into an outcome; around it, each attempt has a task of its own that waits for what the one watch of its run tells.
//!
//! ```text
//! attempt ──settings──▶ manifest ──create or adopt──▶ Job ──▶ pod
//!    ▲                                                         │ watch, log
//!    └──────────── attend ◀── outcome, logs, trailer ◀─────────┘
//! ```

mod attend;
mod check;
mod client;
mod facts;
mod instance;
mod leftovers;
mod logs;
mod machine;
mod manifest;
mod names;
mod outcome;
mod pods;
mod run;
mod settings;
mod trailer;

pub use machine::Gke;
pub use settings::problems;
