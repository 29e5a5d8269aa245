//! Memory limits: who takes more than its own is ended, as the kernel does it to containers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::os::process::{Group, group_bytes};

/// Between two looks, while a container with a limit runs.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// The containers that have a limit and run.
#[derive(Default)]
pub(super) struct Memory {
    limited: Mutex<HashMap<i32, Limited>>,
    any: Notify,
}

struct Limited {
    group: Group,
    bytes_max: u64,
    was_over: Arc<AtomicBool>,
}

/// Watches over one container until it is dropped.
pub(super) struct Watched<'a> {
    memory: &'a Memory,
    group: Group,
    was_over: Arc<AtomicBool>,
}

impl Memory {
    fn limited(&self) -> MutexGuard<'_, HashMap<i32, Limited>> {
        self.limited.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on the group is ended when it takes more than that.
    pub(super) fn watch(&self, group: Group, bytes_max: u64) -> Watched<'_> {
        let was_over = Arc::new(AtomicBool::new(false));
        self.limited().insert(group.id(), Limited { group, bytes_max, was_over: Arc::clone(&was_over) });
        self.any.notify_one();
        Watched { memory: self, group, was_over }
    }

    /// Looks, for ever, as long as there is somebody to look at.
    pub(super) async fn run(&self) {
        loop {
            while self.limited().is_empty() {
                self.any.notified().await;
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
            if self.limited().is_empty() {
                continue;
            }
            let taken = tokio::task::spawn_blocking(group_bytes).await.unwrap_or_default();
            for (id, limited) in self.limited().iter() {
                if taken.get(id).is_some_and(|bytes| *bytes > limited.bytes_max) {
                    limited.was_over.store(true, Ordering::Relaxed);
                    limited.group.kill();
                }
            }
        }
    }
}

impl Watched<'_> {
    /// Whether the group was ended because it took more.
    pub(super) fn was_over(&self) -> bool {
        self.was_over.load(Ordering::Relaxed)
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.memory.limited().remove(&self.group.id());
    }
}
