//! A folder of files that is watched for arrivals. It tells where to look, and never what is there: the survey finds that
//! out, and one event too many costs a look at one file.
//!
//! How the two go together: [`Folder::enter`] is called for each folder before the survey reads it, so that what is written
//! from then on is told, and what was written before is read. What the survey finds too fresh goes to [`Folder::suspect`],
//! and is told when it has stood still.
//!
//! Where the system does not tell of changes, everything is looked at again and again. Idle, the watcher wakes for nothing.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::mailbox::{Extra, Mailbox, Tag};
use super::notice::{Notice, Refused};
use super::notify::{Failure, Native};
use super::settle::Times;
use crate::os::clock::{Clock as _, SystemClock};
use crate::os::file::{Trust, lock_trust};

/// How a folder is watched.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Which names of files are worth a look.
    pub wanted: fn(&OsStr) -> bool,
    /// From the last event of a file that was closed after writing until it is ready. Files renamed in do not wait: who
    /// renames has finished writing.
    pub settle: Duration,
    /// From the last event of a file that was not closed until it is ready all the same.
    pub still: Duration,
    /// From one look to the next where the system does not tell of changes.
    pub poll: Duration,
    /// From one try of the system's watcher to the next, after it refused.
    pub retry: Duration,
    /// Whether to ask the system at all.
    pub is_native: bool,
}

impl Options {
    /// 100 ms to settle, 2 s to stand still, a look every 2 s where there must be, a new try every 3 minutes.
    #[must_use]
    pub fn new(wanted: fn(&OsStr) -> bool) -> Self {
        Self {
            wanted,
            settle: Duration::from_millis(100),
            still: Duration::from_secs(2),
            poll: Duration::from_secs(2),
            retry: Duration::from_mins(3),
            is_native: true,
        }
    }
}

/// Where to look.
#[derive(Debug, Default)]
pub struct Hints {
    /// Files that are ready to be taken as they are. A folder may be among them.
    pub ready: Vec<PathBuf>,
    /// Files that went. Look whether they did; what is there again is not ready yet.
    pub gone: Vec<PathBuf>,
    /// Folders that came, went or changed: look at all in them, with care for what is fresh.
    pub folders: Vec<PathBuf>,
    /// What is watched beside the files, by [`Folder::also`]: sorted by tag and path.
    pub others: Vec<(Tag, PathBuf)>,
    /// Anything may have changed: look at everything, with care for what is fresh.
    pub rescan: bool,
    /// What a person should know.
    pub notices: Vec<Notice>,
}

impl Hints {
    /// Whether there is nothing to look at and nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { ready, gone, folders, others, rescan, notices } = self;
        let paths = ready.is_empty() && gone.is_empty() && folders.is_empty();
        paths && others.is_empty() && !rescan && notices.is_empty()
    }
}

/// Watches the files of a root.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    options: Options,
    clock: SystemClock,
    mailbox: Arc<Mailbox>,
    mode: Mode,
    /// Looked at again and again even where the system tells of changes, because other machines may make some.
    shared: Option<Duration>,
    notices: Vec<Notice>,
    /// A whole look is due.
    rescan: bool,
    /// What the extras were like, where the system does not tell.
    stamps: HashMap<PathBuf, Option<(u64, i64, i64)>>,
}

#[derive(Debug)]
enum Mode {
    /// The system tells of changes.
    Native(Native),
    /// It does not; when to look, and when to ask it again.
    Polling { look: Duration, retry: Duration },
    /// There is no root; when to look for it.
    Lost { look: Duration },
}

impl Folder {
    /// Watches the root itself; [`Folder::enter`] adds the folders in it. What could not be had is told by the first
    /// [`Folder::next`].
    #[must_use]
    pub fn new(root: &Path, options: Options) -> Self {
        let clock = SystemClock::new();
        let times = Times { settle: options.settle, still: options.still };
        let mailbox = Arc::new(Mailbox::new(root, options.wanted, times, clock));
        mailbox.add_folder(root);
        let mut folder = Self {
            root: root.to_path_buf(),
            options,
            clock,
            mailbox,
            mode: Mode::Lost { look: Duration::ZERO },
            shared: None,
            notices: Vec::new(),
            rescan: false,
            stamps: HashMap::new(),
        };
        let now = clock.monotonic();
        if let Trust::None { kind, .. } = lock_trust(root) {
            folder.shared = Some(now + options.poll);
            folder.notices.push(Notice::Shared { kind, every: options.poll });
        }
        match folder.start() {
            Ok(native) => folder.mode = Mode::Native(native),
            Err(refused) => folder.poll_because(refused),
        }
        folder
    }

    /// Whether the system tells of changes.
    #[must_use]
    pub fn is_native(&self) -> bool {
        matches!(self.mode, Mode::Native(_))
    }

    /// How old a change has to be that a look takes as it is, unless the file was told as ready: what the survey wants to
    /// know for everything else. Less would take a file half-way whose writer pauses when the look comes by.
    #[must_use]
    pub fn still(&self) -> Duration {
        self.options.still
    }

    /// Watches the files in this folder from now on. `is_new`: a folder that had this path before was another one. For a
    /// folder that is watched already, it costs nothing.
    pub fn enter(&mut self, folder: &Path, is_new: bool) {
        let is_added = self.mailbox.add_folder(folder);
        let Mode::Native(native) = &mut self.mode else { return };
        if !is_added && !is_new {
            return;
        }
        match native.watch(folder) {
            Ok(()) => {}
            Err(Failure::Folder) => self.mailbox.drop_folder(folder),
            Err(Failure::All(refused)) => {
                self.poll_because(refused);
                self.rescan = true;
            }
        }
    }

    /// Watches something else as well: a file, or a folder for what is right in it. It may come later.
    pub fn also(&mut self, path: &Path, tag: Tag) {
        let extra = Extra { tag, path: path.to_path_buf() };
        self.stamps.insert(path.to_path_buf(), stamp(path));
        self.mailbox.add_extra(extra.clone());
        if let Mode::Native(native) = &mut self.mode
            && let Err(refused) = arm(native, &extra)
        {
            self.poll_because(refused);
        }
    }

    /// Has files told as ready when they have stood still: those that a look found too fresh.
    pub fn suspect<'a>(&self, paths: impl IntoIterator<Item = &'a Path>) {
        // A look will find them again, where there are looks.
        if self.is_native() {
            self.mailbox.suspect(paths);
        }
    }

    /// Waits until there is somewhere to look. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Hints {
        let mailbox = Arc::clone(&self.mailbox);
        loop {
            let now = self.clock.monotonic();
            let hints = self.collect(now);
            if !hints.is_empty() {
                return hints;
            }
            match self.deadline() {
                Some(at) => {
                    // Running out of time is a wake-up like any other.
                    let _ = tokio::time::timeout(at.saturating_sub(now), mailbox.woken()).await;
                }
                None => mailbox.woken().await,
            }
        }
    }

    fn deadline(&self) -> Option<Duration> {
        match &self.mode {
            Mode::Native(_) => [self.mailbox.deadline(), self.shared].into_iter().flatten().min(),
            Mode::Polling { look, retry } => Some(*look.min(retry)),
            Mode::Lost { look } => Some(*look),
        }
    }

    fn collect(&mut self, now: Duration) -> Hints {
        let mut hints = match self.mode {
            Mode::Native(_) => self.collect_told(now),
            Mode::Polling { look, retry } => self.collect_polled(now, look, retry),
            Mode::Lost { look } if look <= now => {
                self.look_for_root(now);
                Hints::default()
            }
            Mode::Lost { .. } => Hints::default(),
        };
        hints.rescan |= std::mem::take(&mut self.rescan);
        hints.notices.append(&mut self.notices);
        hints
    }

    fn collect_told(&mut self, now: Duration) -> Hints {
        let letters = self.mailbox.take(now);
        if letters.root_lost {
            self.lose_root(now);
            return Hints::default();
        }
        let mut others = letters.others;
        if letters.rearm {
            self.rearm();
            let extras = self.mailbox.extras().into_iter().filter(|extra| extra.path.exists());
            others.extend(extras.map(|extra| (extra.tag, extra.path)));
        }
        let mut rescan = letters.rescan;
        if self.shared.is_some_and(|look| look <= now) {
            self.shared = Some(now + self.options.poll);
            rescan = true;
        }
        Hints {
            ready: letters.settled.ready,
            gone: letters.settled.gone,
            folders: letters.folders,
            others: others.into_iter().collect(),
            rescan,
            notices: Vec::new(),
        }
    }

    fn collect_polled(&mut self, now: Duration, look: Duration, retry: Duration) -> Hints {
        if look > now && retry > now {
            return Hints::default();
        }
        if !self.root.is_dir() {
            self.lose_root(now);
            return Hints::default();
        }
        let again = if retry <= now { now + self.options.retry } else { retry };
        self.mode = Mode::Polling { look: now + self.options.poll, retry: again };
        if retry <= now
            && let Ok(native) = self.start()
        {
            self.mode = Mode::Native(native);
            self.notices.push(Notice::Native);
        }
        let mut others = Vec::new();
        for extra in self.mailbox.extras() {
            let (now, before) = (stamp(&extra.path), self.stamps.get(&extra.path));
            if before != Some(&now) {
                self.stamps.insert(extra.path.clone(), now);
                others.push((extra.tag, extra.path));
            }
        }
        others.sort();
        Hints { rescan: true, others, ..Hints::default() }
    }

    /// Has the system tell of changes in all folders that are known by now.
    fn start(&mut self) -> Result<Native, Refused> {
        if !self.options.is_native {
            return Err(Refused::Unwanted);
        }
        self.mailbox.clear();
        let mut native = Native::start(&self.mailbox)?;
        for folder in self.mailbox.folders() {
            match native.watch(&folder) {
                Ok(()) => {}
                Err(Failure::Folder) if folder == self.root => {
                    return Err(Refused::Other("the folder cannot be watched".into()));
                }
                Err(Failure::Folder) => self.mailbox.drop_folder(&folder),
                Err(Failure::All(refused)) => return Err(refused),
            }
        }
        for extra in self.mailbox.extras() {
            arm(&mut native, &extra)?;
        }
        Ok(native)
    }

    fn rearm(&mut self) {
        let Mode::Native(native) = &mut self.mode else { return };
        let armed = self.mailbox.extras().iter().try_for_each(|extra| arm(native, extra));
        if let Err(refused) = armed {
            self.poll_because(refused);
        }
    }

    fn poll_because(&mut self, because: Refused) {
        let now = self.clock.monotonic();
        let retry = if self.options.is_native { now + self.options.retry } else { Duration::MAX };
        self.mode = Mode::Polling { look: now + self.options.poll, retry };
        self.mailbox.clear();
        if because != Refused::Unwanted {
            self.notices.push(Notice::Polling { because, every: self.options.poll });
        }
    }

    fn lose_root(&mut self, now: Duration) {
        // The watches of what is now somewhere else end with their watcher.
        self.mode = Mode::Lost { look: now };
        self.mailbox.clear();
        self.notices.push(Notice::RootGone { root: self.root.clone() });
    }

    fn look_for_root(&mut self, now: Duration) {
        if !self.root.is_dir() {
            self.mode = Mode::Lost { look: now + self.options.poll };
            return;
        }
        self.notices.push(Notice::RootBack { root: self.root.clone() });
        self.rescan = true;
        match self.start() {
            Ok(native) => self.mode = Mode::Native(native),
            Err(refused) => self.poll_because(refused),
        }
    }
}

/// Watches an extra: the folder itself, or the one that a file is in; where that is missing, the nearest one above it.
fn arm(native: &mut Native, extra: &Extra) -> Result<(), Refused> {
    let mut watched = None;
    loop {
        let Some(folder) = extra.path.ancestors().find(|path| path.is_dir()) else { return Ok(()) };
        if watched.as_deref() == Some(folder) {
            return Ok(());
        }
        match native.watch(folder) {
            // A nearer one may have been made before this watch stood.
            Ok(()) => watched = Some(folder.to_path_buf()),
            Err(Failure::Folder) if folder.is_dir() => return Ok(()),
            Err(Failure::Folder) => {}
            Err(Failure::All(refused)) => return Err(refused),
        }
    }
}

/// What tells whether an extra has changed: of a folder, whether something came into it or went.
fn stamp(path: &Path) -> Option<(u64, i64, i64)> {
    let found = fs::metadata(path).ok()?;
    let time = found.ctime().saturating_mul(1_000_000_000).saturating_add(found.ctime_nsec());
    Some((found.ino(), time, found.mtime()))
}
