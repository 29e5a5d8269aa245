//! The scheduler: which pod goes onto which node; and the autoscaler, which has nodes made for those that fit on none.
//!
//! On GKE these are two programs. Here they are one loop over one picture of the cluster, because the second needs exactly
//! what the first knows, and because a pod whose node comes at once need not be told first that there is none.

mod picture;
mod reading;
#[cfg(test)]
mod tests;
mod turn;
mod writing;

pub(super) use picture::{Idle, RETIRING};
pub(super) use reading::{belonging, requests, wish};
pub(super) use turn::run;
pub(super) use writing::{condition, event};
