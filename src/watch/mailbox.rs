//! Where the system's thread puts what it sees, and the watcher takes it from. It never grows without bound: each path is
//! there once, and when there are too many, one wish to look at everything stands for them all.

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::settle::{Settled, Settling, Sign, Times};
use crate::os::clock::{Clock as _, SystemClock};

/// Paths that are kept apart; more are taken together.
const PATHS_MAX: usize = 8_192;
/// From the first lost event until everything is looked at: what is lost in one burst is found by one look.
const RESCAN_DELAY: Duration = Duration::from_millis(50);

/// Names something that is watched beside the files, for who wanted it watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(pub &'static str);

/// Something that is watched beside the files.
#[derive(Clone, Debug)]
pub(super) struct Extra {
    pub(super) tag: Tag,
    /// A file, or a folder for what is right in it. It need not be there.
    pub(super) path: PathBuf,
}

/// What was taken out.
#[derive(Debug, Default)]
pub(super) struct Letters {
    pub(super) settled: Settled,
    pub(super) folders: Vec<PathBuf>,
    pub(super) others: BTreeSet<(Tag, PathBuf)>,
    pub(super) rescan: bool,
    pub(super) root_lost: bool,
    /// Extras whose folders came or went, so that they are to be watched anew.
    pub(super) rearm: bool,
}

#[derive(Debug)]
pub(super) struct Mailbox {
    root: PathBuf,
    wanted: fn(&OsStr) -> bool,
    clock: SystemClock,
    wake: Notify,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    settling: Settling,
    /// The folders whose files are watched.
    watched: HashSet<PathBuf>,
    /// Folders to look at.
    folders: HashSet<PathBuf>,
    extras: Vec<Extra>,
    others: BTreeSet<(Tag, PathBuf)>,
    rescan: Option<Duration>,
    root_lost: bool,
    rearm: bool,
}

impl Mailbox {
    pub(super) fn new(root: &Path, wanted: fn(&OsStr) -> bool, times: Times, clock: SystemClock) -> Self {
        let state = State {
            settling: Settling::new(times),
            watched: HashSet::new(),
            folders: HashSet::new(),
            extras: Vec::new(),
            others: BTreeSet::new(),
            rescan: None,
            root_lost: false,
            rearm: false,
        };
        Self { root: root.to_path_buf(), wanted, clock, wake: Notify::new(), state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // What is in it are hints, true or not; a thread that died while it wrote one has damaged nothing.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until something may have been put in.
    pub(super) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Puts in that something may have been lost.
    pub(super) fn lose(&self) {
        let now = self.clock.monotonic();
        self.state().rescan.get_or_insert(now + RESCAN_DELAY);
        self.wake.notify_one();
    }

    /// Puts in what was seen of a path.
    pub(super) fn put(&self, path: &Path, sign: Sign) {
        let now = self.clock.monotonic();
        let mut state = self.state();
        let is_news = if path == self.root {
            state.root_lost |= sign == Sign::Went;
            sign == Sign::Went
        } else {
            state.put_other(path, sign) | state.put_file(path, sign, now, self.wanted)
        };
        if state.settling.len() + state.folders.len() > PATHS_MAX {
            state.settling.clear();
            state.folders.clear();
            state.rescan.get_or_insert(now + RESCAN_DELAY);
        }
        drop(state);
        if is_news {
            self.wake.notify_one();
        }
    }

    /// Has files wait that may still be written to.
    pub(super) fn suspect<'a>(&self, paths: impl IntoIterator<Item = &'a Path>) {
        let now = self.clock.monotonic();
        let mut state = self.state();
        for path in paths {
            if state.settling.len() >= PATHS_MAX {
                // By then the rest has stood still or not.
                let later = now + state.settling.times().still;
                state.rescan.get_or_insert(later);
                return;
            }
            state.settling.suspect(path, now);
        }
    }

    /// Takes out what is ready at `now`.
    pub(super) fn take(&self, now: Duration) -> Letters {
        let mut state = self.state();
        let rescan = state.rescan.is_some_and(|at| at <= now);
        if rescan {
            state.rescan = None;
            let all: Vec<_> = state.extras.iter().map(|extra| (extra.tag, extra.path.clone())).collect();
            state.others.extend(all);
        }
        Letters {
            settled: state.settling.take(now),
            folders: state.folders.drain().collect(),
            others: std::mem::take(&mut state.others),
            rescan,
            root_lost: std::mem::take(&mut state.root_lost),
            rearm: std::mem::take(&mut state.rearm),
        }
    }

    /// When something will be ready of itself.
    pub(super) fn deadline(&self) -> Option<Duration> {
        let state = self.state();
        [state.rescan, state.settling.deadline()].into_iter().flatten().min()
    }

    /// Empties it; what is watched stays known.
    pub(super) fn clear(&self) {
        let mut state = self.state();
        state.settling.clear();
        state.folders.clear();
        (state.rescan, state.root_lost) = (None, false);
    }

    /// Adds a folder whose files are watched; whether it was not among them.
    pub(super) fn add_folder(&self, folder: &Path) -> bool {
        let mut state = self.state();
        !state.watched.contains(folder) && state.watched.insert(folder.to_path_buf())
    }

    pub(super) fn drop_folder(&self, folder: &Path) {
        self.state().watched.remove(folder);
    }

    pub(super) fn folders(&self) -> Vec<PathBuf> {
        self.state().watched.iter().cloned().collect()
    }

    pub(super) fn add_extra(&self, extra: Extra) {
        self.state().extras.push(extra);
    }

    pub(super) fn extras(&self) -> Vec<Extra> {
        self.state().extras.clone()
    }
}

impl State {
    fn put_other(&mut self, path: &Path, sign: Sign) -> bool {
        let mut is_news = false;
        for extra in &self.extras {
            let in_it = path.parent() == Some(&*extra.path);
            if extra.path.starts_with(path) && matches!(sign, Sign::MadeFolder | Sign::Came | Sign::Went) {
                self.rearm = true;
                is_news = true;
            }
            // In a folder, what begins with a dot is being written under a temporary name.
            let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            let is_over = matches!(sign, Sign::Came | Sign::Closed | Sign::Went | Sign::Touched);
            if is_over && (path == extra.path || (in_it && !is_hidden)) {
                let count = self.others.iter().filter(|(tag, _)| *tag == extra.tag).take(PATHS_MAX).count();
                // The folder stands for all that is in it.
                let shown = if count < PATHS_MAX { path } else { &extra.path };
                self.others.insert((extra.tag, shown.to_path_buf()));
                is_news = true;
            }
        }
        is_news
    }

    fn put_file(&mut self, path: &Path, sign: Sign, now: Duration, wanted: fn(&OsStr) -> bool) -> bool {
        let is_watched = self.watched.contains(path);
        let Some((folder, name)) = path.parent().zip(path.file_name()) else { return false };
        if !is_watched && !self.watched.contains(folder) {
            return false;
        }
        let is_folder = match sign {
            Sign::MadeFolder => true,
            Sign::Came if !is_watched && !wanted(name) => fs::symlink_metadata(path).is_ok_and(|found| found.is_dir()),
            Sign::Came | Sign::Went | Sign::Touched => is_watched,
            Sign::Written | Sign::Closed => false,
        };
        if is_folder {
            if sign != Sign::Touched {
                // A folder of this name is another one from now on, and is not watched yet.
                self.watched.retain(|folder| !folder.starts_with(path));
            }
            self.folders.insert(path.to_path_buf());
        }
        if wanted(name) && sign != Sign::MadeFolder {
            self.settling.note(path, sign, now);
        } else if !is_folder {
            return false;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailbox() -> Mailbox {
        let times = Times { settle: Duration::from_millis(100), still: Duration::from_secs(2) };
        let mailbox = Mailbox::new(Path::new("/r"), |name| name != "no", times, SystemClock::new());
        mailbox.add_folder(Path::new("/r"));
        mailbox
    }

    /// Later than everything that waits.
    const LATER: Duration = Duration::from_hours(100_000);

    #[test]
    fn a_flood_becomes_one_wish_to_look_at_everything() {
        let mailbox = mailbox();
        for number in 0..3 * PATHS_MAX {
            mailbox.put(Path::new(&format!("/r/{number}.md")), Sign::Closed);
        }
        let letters = mailbox.take(LATER);
        assert!(letters.rescan && letters.settled.ready.len() <= PATHS_MAX);
        assert!(!mailbox.take(LATER).rescan);
        mailbox.add_extra(Extra { tag: Tag("in"), path: "/in".into() });
        for number in 0..PATHS_MAX + 9 {
            mailbox.put(Path::new(&format!("/in/{number}")), Sign::Came);
        }
        let others = mailbox.take(LATER).others;
        assert!(others.len() == PATHS_MAX + 1 && others.contains(&(Tag("in"), "/in".into())));
    }

    #[test]
    fn only_what_is_in_watched_folders_counts() {
        let mailbox = mailbox();
        mailbox.put(Path::new("/r/sub/a.md"), Sign::Came);
        mailbox.put(Path::new("/r/no"), Sign::Closed);
        assert_eq!(mailbox.take(LATER).settled, Settled::default());
        assert!(mailbox.add_folder(Path::new("/r/sub")) && !mailbox.add_folder(Path::new("/r/sub")));
        mailbox.put(Path::new("/r/sub/a.md"), Sign::Came);
        assert_eq!(mailbox.take(LATER).settled.ready, [PathBuf::from("/r/sub/a.md")]);
        // Another folder has its name from now on.
        mailbox.put(Path::new("/r/sub"), Sign::MadeFolder);
        assert_eq!(mailbox.take(LATER).folders, [PathBuf::from("/r/sub")]);
        mailbox.put(Path::new("/r/sub/a.md"), Sign::Came);
        assert_eq!(mailbox.take(LATER).settled, Settled::default());
    }
}
