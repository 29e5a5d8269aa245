//! How many attempts of a run may be under way at a time. It may change while the run goes on.

use std::sync::Arc;

use tokio::sync::watch;

/// A number of attempts, at least 1, that its clones share: whoever has one may change it, from any thread, and every run
/// that has one follows. A higher number lets more begin at once; a lower one holds back what has not begun, and what is
/// under way goes on.
#[derive(Clone, Debug)]
pub struct Allowance(Arc<watch::Sender<u32>>);

impl Allowance {
    /// So many at a time.
    #[must_use]
    pub fn of(jobs: u32) -> Self {
        Self(Arc::new(watch::Sender::new(jobs.max(1))))
    }

    /// How many now.
    #[must_use]
    pub fn get(&self) -> u32 {
        *self.0.borrow()
    }

    /// So many from now on.
    pub fn set(&self, jobs: u32) {
        let jobs = jobs.max(1);
        self.0.send_if_modified(|now| std::mem::replace(now, jobs) != jobs);
    }

    /// Hears of every change from now on.
    pub(super) fn changes(&self) -> watch::Receiver<u32> {
        self.0.subscribe()
    }
}

impl From<u32> for Allowance {
    fn from(jobs: u32) -> Self {
        Self::of(jobs)
    }
}
