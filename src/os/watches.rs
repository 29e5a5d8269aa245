//! How many folders this user may watch (`inotify(7)`).

use std::io;
use std::path::Path;

use rustix::fs::inotify;

/// The kernel's limits for one user; `None` where it does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Folders watched at a time.
    pub watches: Option<u64>,
    /// Watchers at a time.
    pub instances: Option<u64>,
    /// Events of one watcher that are kept until it reads them.
    pub queued_events: Option<u64>,
}

impl Limits {
    /// As they are now.
    #[must_use]
    pub fn now() -> Self {
        let read =
            |name: &str| std::fs::read_to_string(format!("/proc/sys/fs/inotify/{name}")).ok()?.trim().parse().ok();
        Self {
            watches: read("max_user_watches"),
            instances: read("max_user_instances"),
            queued_events: read("max_queued_events"),
        }
    }
}

/// Why a folder cannot be watched.
#[derive(Debug)]
pub enum Refusal {
    /// This user's programs watch as many folders as they may.
    Watches,
    /// This user's programs have as many watchers as they may.
    Watchers,
    /// Something else.
    Other(io::Error),
}

/// Watches the folder at `path` for a moment, which tells whether others have left one watcher and one watch.
///
/// # Errors
/// When they have not, or the folder cannot be watched at all.
pub fn try_watch(path: &Path) -> Result<(), Refusal> {
    use rustix::io::Errno;

    let watcher = inotify::init(inotify::CreateFlags::CLOEXEC).map_err(|error| match error {
        Errno::MFILE => Refusal::Watchers,
        other => Refusal::Other(other.into()),
    })?;
    inotify::add_watch(&watcher, path, inotify::WatchFlags::CREATE).map_err(|error| match error {
        Errno::NOSPC => Refusal::Watches,
        other => Refusal::Other(other.into()),
    })?;
    Ok(())
}
