//! Waking up when a file under a folder changes, for `spore logs --follow`.
//!
//! The system's watcher wakes at once. Where it cannot be had (watches and watchers are few, and some file systems have
//! none), a short tick does instead. Even a good watcher misses files in folders made a moment ago, so a slow tick goes on
//! beside it.

mod native;

pub(super) use native::{Failure, Native};

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;

/// The tick without a watcher.
const POLL: Duration = Duration::from_millis(200);
/// The tick beside a watcher.
const RECONCILE: Duration = Duration::from_secs(2);

/// Wakes when something under its paths changes.
#[derive(Debug)]
pub struct Follow {
    wake: Arc<Notify>,
    tick: Duration,
    /// Ends the watch when dropped; `None` where there is only the tick.
    watcher: Option<RecommendedWatcher>,
}

impl Follow {
    /// Follows files, and folders with all in them. What cannot be watched is looked at every 200 ms.
    #[must_use]
    pub fn new(paths: &[&Path]) -> Self {
        let wake = Arc::new(Notify::new());
        match watch(paths, &wake) {
            Ok(watcher) => Self { wake, tick: RECONCILE, watcher: Some(watcher) },
            Err(error) => {
                tracing::debug!(%error, "no watcher; looking every {POLL:?}");
                Self { wake, tick: POLL, watcher: None }
            }
        }
    }

    /// Whether the system wakes us; if not, there is only the tick.
    #[must_use]
    pub fn is_watching(&self) -> bool {
        self.watcher.is_some()
    }

    /// Returns when something may have changed since the last call: at once, if it did so in between. Two seconds at most.
    /// Dropping the future loses nothing.
    pub async fn changed(&mut self) {
        // Running out of time is a wake-up like any other.
        let _ = tokio::time::timeout(self.tick, self.wake.notified()).await;
    }
}

fn watch(paths: &[&Path], wake: &Arc<Notify>) -> notify::Result<RecommendedWatcher> {
    let wake = Arc::clone(wake);
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        // An error, such as an overflow, may stand for any change.
        if event.as_ref().map_or(true, is_change) {
            wake.notify_one();
        }
    })?;
    for path in paths {
        watcher.watch(path, RecursiveMode::Recursive)?;
    }
    Ok(watcher)
}

/// Reading makes events too, our own reading first of all.
fn is_change(event: &Event) -> bool {
    match event.kind {
        EventKind::Access(kind) => kind == AccessKind::Close(AccessMode::Write),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os;

    /// Long enough for any machine, and only waited for by a test that fails.
    const PATIENCE: Duration = Duration::from_secs(20);

    fn only_watching(path: &Path) -> Follow {
        let mut follow = Follow::new(&[path]);
        assert!(follow.is_watching(), "this machine has no watcher left");
        follow.tick = Duration::from_hours(1);
        follow
    }

    #[tokio::test]
    async fn wakes_for_new_and_for_growing_files() {
        let folder = tempfile::tempdir().expect("a folder");
        os::file::create_dir(&folder.path().join("logs")).expect("made");
        let log = folder.path().join("logs/a.1.out");
        let mut follow = only_watching(folder.path());
        os::file::write_new(&log, b"one\n").expect("written");
        tokio::time::timeout(PATIENCE, follow.changed()).await.expect("woken by the new file");
        let mut follow = only_watching(folder.path());
        std::io::Write::write_all(&mut os::file::append(&log).expect("opened"), b"two\n").expect("appended");
        tokio::time::timeout(PATIENCE, follow.changed()).await.expect("woken by the appended line");
    }

    #[tokio::test(start_paused = true)]
    async fn looks_by_itself_where_nothing_can_be_watched() {
        let mut follow = Follow::new(&[Path::new("/nowhere/at/all")]);
        assert!(!follow.is_watching());
        assert!(tokio::time::timeout(POLL / 2, follow.changed()).await.is_err(), "woken by nothing");
        assert!(tokio::time::timeout(POLL * 2, follow.changed()).await.is_ok());
    }

    #[test]
    fn reading_is_no_change() {
        assert!(!is_change(&Event::new(EventKind::Access(AccessKind::Read))));
        assert!(!is_change(&Event::new(EventKind::Access(AccessKind::Open(AccessMode::Read)))));
        assert!(is_change(&Event::new(EventKind::Access(AccessKind::Close(AccessMode::Write)))));
    }
}
