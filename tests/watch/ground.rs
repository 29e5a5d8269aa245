//! A watched folder whose hints are followed as the daemon does it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use spore::model::Limits;
use spore::os;
use spore::repo::{Changes, Root, Survey, is_watched};
use spore::watch::{Folder, Hints, Notice, Options, Tag};
use tempfile::TempDir;

use super::put;

/// Long enough for any machine, and only waited for by a test that fails.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// What a test does not wait for.
pub(super) const NEVER: Duration = Duration::from_hours(10);

/// Both wait for nothing at all: for tests of what must not wait.
pub(super) fn patient() -> Options {
    Options { settle: NEVER, still: NEVER, ..Options::new(is_watched) }
}

/// Short, and long enough for whoever writes in a test.
pub(super) fn quick() -> Options {
    let settle = Duration::from_millis(60);
    Options { settle, still: Duration::from_millis(400), poll: Duration::from_millis(50), ..Options::new(is_watched) }
}

/// Held for writing while a limit of the whole system is another one, so that no other watcher is made under it.
pub(super) static LIMITS: RwLock<()> = RwLock::new(());

pub(super) struct Ground {
    pub(super) temporary: TempDir,
    pub(super) root: Root,
    pub(super) folder: Folder,
    survey: Survey,
    /// How often each path got a new content.
    pub(super) arrived: BTreeMap<String, usize>,
    pub(super) gone: BTreeMap<String, usize>,
    pub(super) others: Vec<(Tag, PathBuf)>,
    pub(super) notices: Vec<Notice>,
    pub(super) rescans: usize,
    /// How many paths were to be looked at.
    pub(super) looks: usize,
}

impl Ground {
    /// Watches `root` in a temporary folder, after `prepare` was there.
    pub(super) fn prepared(options: Options, prepare: impl FnOnce(&Path)) -> Self {
        let _others_may = LIMITS.read().unwrap_or_else(PoisonError::into_inner);
        Self::made(options, prepare)
    }

    /// As `prepared`, for who holds the limits.
    pub(super) fn made(options: Options, prepare: impl FnOnce(&Path)) -> Self {
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let here = temporary.path().join("root");
        os::file::create_dir_all(&here).expect("made");
        prepare(&here);
        let root = Root::find(&here).expect("a root");
        let mut ground = Self {
            folder: Folder::new(root.path(), options),
            temporary,
            root,
            survey: Survey::empty(),
            arrived: BTreeMap::new(),
            gone: BTreeMap::new(),
            others: Vec::new(),
            notices: Vec::new(),
            rescans: 0,
            looks: 0,
        };
        // What is there at first is known, and no arrival.
        ground.look_at_everything(Duration::ZERO);
        ground
    }

    pub(super) fn new(options: Options) -> Self {
        Self::prepared(options, |_| {})
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Renames a file in.
    pub(super) fn put(&self, name: &str, text: &str) {
        put(&self.path(name), text);
    }

    fn look_at_everything(&mut self, still: Duration) -> Changes {
        let Self { folder, survey, root, .. } = self;
        survey.refresh(root, &Limits::DEFAULT, still, &mut |path, is_new| folder.enter(path, is_new))
    }

    fn look(&mut self, still: Duration, paths: &[PathBuf]) -> Changes {
        let Self { folder, survey, root, .. } = self;
        let paths = paths.iter().map(PathBuf::as_path);
        survey.refresh_paths(root, &Limits::DEFAULT, still, paths, &mut |path, is_new| folder.enter(path, is_new))
    }

    fn absorb(&mut self, changes: &Changes) {
        for arrival in &changes.arrived {
            *self.arrived.entry(arrival.path.clone()).or_default() += 1;
        }
        for gone in &changes.gone {
            *self.gone.entry(gone.path.clone()).or_default() += 1;
        }
        self.folder.suspect(changes.unsettled.iter().map(PathBuf::as_path));
    }

    /// Follows the next hints.
    pub(super) async fn step(&mut self) {
        let Hints { ready, gone, folders, others, rescan, notices } = self.folder.next().await;
        let still = self.folder.still();
        self.looks += ready.len() + gone.len() + folders.len();
        let careful = [gone, folders].concat();
        let changes = self.look(still, &careful);
        self.absorb(&changes);
        let changes = self.look(Duration::ZERO, &ready);
        self.absorb(&changes);
        if rescan {
            self.rescans += 1;
            let changes = self.look_at_everything(still);
            self.absorb(&changes);
        }
        self.others.extend(others);
        self.notices.extend(notices);
    }

    /// Follows hints until it is so.
    pub(super) async fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let waited = tokio::time::timeout(PATIENCE, async {
            while !is_so(self) {
                self.step().await;
            }
        });
        let in_time = waited.await.is_ok();
        let Self { arrived, gone, notices, .. } = self;
        assert!(in_time, "{PATIENCE:?}, and it is not so that {what}: {arrived:?}, gone {gone:?}, {notices:?}");
    }

    pub(super) async fn until_arrived(&mut self, name: &str) {
        self.until(&format!("{name} arrived"), |ground| ground.count(name) > 0).await;
    }

    /// Follows all hints of what was done before: what is written now comes after it.
    pub(super) async fn until_settled(&mut self, name: &str) {
        let text = format!("the mark {name}");
        write_in_place(&self.path(name), &text);
        self.until_arrived(name).await;
    }

    pub(super) fn count(&self, name: &str) -> usize {
        self.arrived.get(name).copied().unwrap_or(0)
    }

    pub(super) fn digest(&self, name: &str) -> Option<spore::model::Digest> {
        self.survey.digest_of(name)
    }
}

/// Truncates and writes, as a shell's `>` and VS Code do.
pub(super) fn write_in_place(path: &Path, text: &str) {
    let mut file = os::file::read_write(path).expect("opened");
    file.set_len(0).expect("truncated");
    std::io::Write::write_all(&mut file, text.as_bytes()).expect("written");
}
