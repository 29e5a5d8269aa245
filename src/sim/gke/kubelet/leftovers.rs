//! What containers leave behind: processes that have left their group and their session. They carry the mark of their
//! container, and end with it as they would in a real one.
//!
//! Finding them reads every process of the machine, so it is done for many containers at a time.

use std::collections::HashSet;
use std::ffi::OsString;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

use crate::os::process::find_marked;

/// The variable that every process of a container has; its value is the id of the container.
pub(super) const MARK: &str = "SPORE_SIM_CONTAINER";
/// For how long those that nobody waits for are gathered.
const GATHERED: Duration = Duration::from_millis(500);
/// How often it is looked again for processes that were started meanwhile.
const LOOKS_MAX: usize = 10;

/// The containers whose processes are to be ended.
#[derive(Default)]
pub(super) struct Leftovers {
    wanted: Mutex<Wanted>,
    any: Notify,
    soon: Notify,
}

#[derive(Default)]
struct Wanted {
    marks: HashSet<OsString>,
    waiting: Vec<oneshot::Sender<()>>,
}

impl Leftovers {
    fn want(&self, mark: &str, waiting: Option<oneshot::Sender<()>>) {
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        wanted.marks.insert(mark.into());
        wanted.waiting.extend(waiting);
    }

    /// Ends what the container has left, some time.
    pub(super) fn end_later(&self, mark: &str) {
        self.want(mark, None);
        self.any.notify_one();
    }

    /// Ends all that the container has started, and waits for that.
    pub(super) async fn end(&self, mark: &str) {
        let (done, ended) = oneshot::channel();
        self.want(mark, Some(done));
        self.any.notify_one();
        self.soon.notify_one();
        // It is only dropped when the cluster ends.
        let _ = ended.await;
    }

    /// Does so, for ever.
    pub(super) async fn run(&self) {
        loop {
            self.any.notified().await;
            let _ = tokio::time::timeout(GATHERED, self.soon.notified()).await;
            let Wanted { marks, waiting } =
                std::mem::take(&mut *self.wanted.lock().unwrap_or_else(PoisonError::into_inner));
            if !marks.is_empty() {
                // It fails when the cluster ends.
                let _ = tokio::task::spawn_blocking(move || end(&marks)).await;
            }
            for done in waiting {
                // Who waited has gone.
                let _ = done.send(());
            }
        }
    }

    /// Ends at once what is left of every container: the cluster ends.
    pub(super) fn end_all(&self, marks: &HashSet<OsString>) {
        let wanted = std::mem::take(&mut *self.wanted.lock().unwrap_or_else(PoisonError::into_inner));
        end(&marks.union(&wanted.marks).cloned().collect());
    }
}

fn end(marks: &HashSet<OsString>) {
    for _ in 0..LOOKS_MAX {
        let found = find_marked(&[], &[MARK]).unwrap_or_default();
        let is_meant = |value: &Option<OsString>| value.as_ref().is_some_and(|value| marks.contains(value));
        let mut is_clean = true;
        for marked in found.iter().filter(|marked| marked.values.first().is_some_and(is_meant)) {
            marked.identity.kill();
            is_clean = false;
        }
        if is_clean {
            return;
        }
    }
}
