//! Making a journal durable, with callers who come together sharing one sync.
//!
//! A caller is content with any sync that *begins* after it asked; one that is already under way may have missed its
//! writes. After a failed sync nothing is known of what was written before it, and the kernel may call the next one a
//! success all the same. So a failure stays: every later call fails with it.

use std::fs::File;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::os::failpoint;

/// Syncs one journal, from any thread. Clones share their syncs.
#[derive(Clone, Debug)]
pub struct Syncer(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    file: File,
    turns: Mutex<Turns>,
    turned: Condvar,
}

#[derive(Debug, Default)]
struct Turns {
    running: bool,
    begun: u64,
    ended: u64,
    failed: Option<(io::ErrorKind, String)>,
}

impl Syncer {
    pub(super) fn new(file: File) -> Self {
        Self(Arc::new(Shared { file, turns: Mutex::default(), turned: Condvar::new() }))
    }

    /// Returns when everything appended before the call is on disk.
    ///
    /// # Errors
    /// What the file system says, now and on every later call.
    pub fn sync(&self) -> io::Result<()> {
        let mut turns = self.turns();
        let wanted = turns.begun + 1;
        while turns.ended < wanted && turns.failed.is_none() {
            if turns.running {
                turns = self.0.turned.wait(turns).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            turns.running = true;
            turns.begun += 1;
            let turn = turns.begun;
            drop(turns);
            failpoint::reach("journal-sync-before");
            let synced = self.0.file.sync_data();
            failpoint::reach("journal-synced");
            turns = self.turns();
            turns.running = false;
            turns.ended = turn;
            turns.failed = synced.err().map(|error| (error.kind(), error.to_string()));
            self.0.turned.notify_all();
        }
        match &turns.failed {
            Some((kind, text)) => Err(io::Error::new(*kind, text.clone())),
            None => Ok(()),
        }
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.0.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
