//! One simulated cluster: what all its parts share.

use std::path::PathBuf;
use std::sync::Arc;

use super::controllers::{Events, JobSettings};
use super::kubelet::Kubelet;
use super::{KubeletSettings, Store};
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
    /// What runs.
    pub(super) kubelet: Kubelet,
    /// What happened.
    pub(super) events: Events,
    /// How jobs behave.
    pub(super) job_settings: JobSettings,
}

impl Cluster {
    /// An empty cluster whose containers keep their files in `folder`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, folder: PathBuf) -> Self {
        Self {
            store: Arc::new(Store::new(Arc::clone(&clock), HISTORY_MAX)),
            clock,
            folder,
            kubelet: Kubelet::new(KubeletSettings::default()),
            events: Events::default(),
            job_settings: JobSettings::default(),
        }
    }

    /// The same, with other fixed numbers for jobs.
    #[must_use]
    pub fn with_jobs(self, job_settings: JobSettings) -> Self {
        Self { job_settings, ..self }
    }

    /// The same, empty still, with another temper of its kubelet.
    #[must_use]
    pub fn with_kubelet(self, settings: KubeletSettings) -> Self {
        Self { kubelet: Kubelet::new(settings), ..self }
    }
}
