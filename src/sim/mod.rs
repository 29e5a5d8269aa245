//! Simulated places, to try spores on without an account, without a network and without cost.
//!
//! Each is a real server on loopback that speaks the place's own API to whoever asks: Spore, or the place's own tools.

pub mod gke;
