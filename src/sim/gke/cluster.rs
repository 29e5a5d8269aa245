//! One simulated cluster: what all its parts share.

use std::path::PathBuf;
use std::sync::Arc;

use super::Store;
use super::autopilot::{Machinery, Plant};
use crate::os::clock::Clock;

/// Changes of each kind that are remembered for who watches.
const HISTORY_MAX: usize = 10_000;

/// A cluster. Its parts hold it by [`Arc`] and meet only in its store.
pub struct Cluster {
    /// Every object.
    pub(super) store: Arc<Store>,
    /// Where time comes from.
    pub(super) clock: Arc<dyn Clock>,
    /// Where the files of containers are, and their logs.
    pub(super) folder: PathBuf,
    /// What its machines are like, and what goes wrong.
    pub(super) plant: Plant,
}

impl Cluster {
    /// An empty cluster whose containers keep their files in `folder`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, folder: PathBuf) -> Self {
        Self::with(clock, folder, Machinery::default())
    }

    /// One that is set up so.
    #[must_use]
    pub fn with(clock: Arc<dyn Clock>, folder: PathBuf, machinery: Machinery) -> Self {
        let store = Arc::new(Store::new(Arc::clone(&clock), HISTORY_MAX));
        Self { store, clock, folder, plant: Plant::new(machinery) }
    }
}
