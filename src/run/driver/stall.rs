//! A disk without space stalls a run and does not end it: nothing starts, what runs goes on, what it comes to is kept in
//! memory, and the journal is tried again until there is room.

use std::time::Duration;

use super::Driver;
use crate::journal::Error;

/// From one try to the next while there is no space.
const PAUSE: Duration = Duration::from_millis(500);

/// Whether a run is stalled.
#[derive(Debug, Default)]
pub(super) struct Stall {
    again_at: Option<Duration>,
}

impl Stall {
    /// When the journal is to be tried again, by the monotonic clock; `None` while all is well.
    pub(super) fn again_at(&self) -> Option<Duration> {
        self.again_at
    }
}

impl Driver<'_> {
    /// Writes what is unwritten; false when there is no space for it and it is tried again later. Somebody who stops a
    /// stalled run is not kept waiting for space, only for the ends of what runs.
    pub(super) fn write_or_wait(&mut self) -> Result<bool, Error> {
        let now = self.order.clock.monotonic();
        // What is only thought up meanwhile fills no disk, so it is not worth a try of its own.
        let is_early = self.stall.again_at.is_some_and(|at| now < at);
        if is_early && !self.gives_up() {
            return Ok(false);
        }
        let Err(error) = self.write() else {
            if self.stall.again_at.take().is_some() {
                tracing::info!("the journal can be written again");
                self.view.unstalled();
            }
            return Ok(true);
        };
        let running = self.machine.running() > self.unstarted.len();
        tracing::debug!(%error, running, "nothing starts while the journal cannot be written");
        match &error {
            Error::TakenOver { .. } => return Err(error),
            error if error.is_disk_full() && !self.gives_up() => {
                if self.stall.again_at.is_none() {
                    self.view.stalled(&error.to_string());
                }
            }
            // Ends that are still to come may find it well again; without any, waiting would be for ever.
            _ if running => {}
            _ => return Err(error),
        }
        self.stall.again_at = Some(now + PAUSE);
        Ok(false)
    }

    /// Whether somebody has stopped the run and nothing runs any more that could be waited for.
    fn gives_up(&self) -> bool {
        self.stopped && self.machine.running() <= self.unstarted.len()
    }
}
