//! What a survey tells of files that come, change, are touched and go.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use spore::model::{Digest, Limits};
use spore::os;
use spore::repo::{Changes, Error, Root, RootState, Survey, find_spores, init};
use tempfile::TempDir;

use super::put;

/// Long enough that nothing in a test is older.
const LONG: Duration = Duration::from_hours(1);

struct Ground {
    /// Removed at the end.
    _folder: TempDir,
    root: Root,
    survey: Survey,
    entered: BTreeSet<(PathBuf, bool)>,
}

impl Ground {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = Root::find(folder.path()).expect("a root");
        Self { _folder: folder, root, survey: Survey::empty(), entered: BTreeSet::new() }
    }

    fn repository() -> Self {
        let ground = Self::new();
        init(ground.root.path()).expect("a repository");
        ground
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn put(&self, name: &str, text: &str) {
        put(&self.path(name), text);
    }

    fn refresh(&mut self) -> Changes {
        self.refresh_still(Duration::ZERO)
    }

    fn refresh_still(&mut self, still: Duration) -> Changes {
        self.entered.clear();
        let entered = &mut self.entered;
        let mut enter = |path: &Path, is_new| {
            entered.insert((path.to_path_buf(), is_new));
        };
        self.survey.refresh(&self.root, &Limits::DEFAULT, still, &mut enter)
    }

    fn look(&mut self, names: &[&str]) -> Changes {
        let paths: Vec<PathBuf> = names.iter().map(|name| self.path(name)).collect();
        let paths = paths.iter().map(PathBuf::as_path);
        self.survey.refresh_paths(&self.root, &Limits::DEFAULT, Duration::ZERO, paths, &mut |_, _| {})
    }

    fn known(&self) -> BTreeSet<String> {
        self.survey.iter().map(|(path, _)| path).collect()
    }
}

fn arrived(changes: &Changes) -> Vec<&str> {
    let mut paths: Vec<&str> = changes.arrived.iter().map(|arrival| &*arrival.path).collect();
    paths.sort_unstable();
    paths
}

fn gone(changes: &Changes) -> Vec<&str> {
    let mut paths: Vec<&str> = changes.gone.iter().map(|gone| &*gone.path).collect();
    paths.sort_unstable();
    paths
}

fn texts(errors: &[Error]) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn contents_come_change_and_go_and_touching_is_nothing() {
    let mut ground = Ground::new();
    ground.put("a.md", "one");
    ground.put("sub/deep/b.yaml", "two");
    let first = ground.refresh();
    assert_eq!(arrived(&first), ["a.md", "sub/deep/b.yaml"]);
    assert_eq!(first.arrived.iter().map(|one| one.before).collect::<Vec<_>>(), [None, None]);
    assert!(ground.refresh().is_empty());

    ground.put("a.md", "three");
    let changed = ground.refresh();
    assert_eq!(arrived(&changed), ["a.md"]);
    assert_eq!(
        (changed.arrived[0].before, changed.arrived[0].digest),
        (Some(Digest::of(b"one")), Digest::of(b"three"))
    );
    assert_eq!(changed.arrived[0].file, ground.path("a.md"));

    // The same bytes once more, another time, other permissions: nothing came.
    ground.put("a.md", "three");
    let file = File::open(ground.path("a.md")).expect("opened");
    file.set_permissions(fs::Permissions::from_mode(0o600)).expect("set");
    assert!(ground.refresh().is_empty());

    // A rename is one that goes and one that comes, with one content.
    os::file::rename(&ground.path("a.md"), &ground.path("c.md")).expect("renamed");
    let renamed = ground.refresh();
    assert_eq!((arrived(&renamed), gone(&renamed)), (vec!["c.md"], vec!["a.md"]));
    assert_eq!(renamed.arrived[0].digest, renamed.gone[0].digest);

    os::file::remove_tree(&ground.path("sub")).expect("removed");
    let removed = ground.refresh();
    assert_eq!((arrived(&removed), gone(&removed)), (vec![], vec!["sub/deep/b.yaml"]));
    assert_eq!(ground.known(), BTreeSet::from(["c.md".to_owned()]));
}

#[test]
fn contents_are_counted() {
    let mut ground = Ground::new();
    for name in ["a.md", "b.md", "x/c.md"] {
        ground.put(name, "same");
    }
    ground.put("d.md", "other");
    ground.refresh();
    let (same, none) = (Digest::of(b"same"), Digest::of(b"none"));
    let counts = ground.survey.count([same, none]);
    assert_eq!((counts[&same], counts[&none]), (3, 0));
    assert_eq!(ground.survey.digest_of("x/c.md"), Some(same));
    assert_eq!((ground.survey.digest_of("x"), ground.survey.digest_of("")), (None, None));
    assert_eq!(ground.survey.len(), 4);
}

#[test]
fn a_change_within_one_step_of_the_clock_is_seen() {
    let mut ground = Ground::new();
    ground.put("a.md", "0");
    ground.refresh();
    // In place and of the same size, so that nothing but the time could tell.
    for round in 1..200_u32 {
        let text = (round % 10).to_string();
        let file = os::file::read_write(&ground.path("a.md")).expect("opened");
        std::os::unix::fs::FileExt::write_all_at(&file, text.as_bytes(), 0).expect("written");
        drop(file);
        let changes = ground.refresh();
        assert_eq!(arrived(&changes), ["a.md"], "round {round}");
        assert_eq!(changes.arrived[0].digest, Digest::of(text.as_bytes()), "round {round}");
    }
}

#[test]
fn what_changed_a_moment_ago_waits() {
    let mut ground = Ground::new();
    ground.put("a.md", "one");
    ground.put("sub/b.md", "one");
    let mut waiting = ground.refresh_still(LONG);
    waiting.unsettled.sort();
    assert_eq!(waiting.unsettled, [ground.path("a.md"), ground.path("sub/b.md")]);
    assert!(waiting.arrived.is_empty() && ground.known().is_empty());
    assert_eq!(arrived(&ground.look(&["a.md"])), ["a.md"]);
    assert_eq!(arrived(&ground.refresh()), ["sub/b.md"]);
    // What is known stays known while its new content waits.
    ground.put("a.md", "two");
    let waiting = ground.refresh_still(LONG);
    assert_eq!((waiting.unsettled.len(), waiting.gone.len()), (2, 0));
    assert_eq!(ground.survey.digest_of("a.md"), Some(Digest::of(b"one")));
}

#[test]
fn only_the_wanted_are_taken_and_the_search_finds_them_too() {
    let mut ground = Ground::repository();
    for name in ["a.md", "docs/b.markdown", "docs/results/c.yml", ".github/d.yaml", "ünï/e f.md"] {
        ground.put(name, name);
    }
    let found = find_spores(&ground.root, &[]).files;
    for name in [
        ".#a.md",
        "a.md~",
        "a.txt",
        "results/r.md",
        "learnings/l.md",
        "target/t.md",
        "x/node_modules/n.md",
        ".a.md",
        ".spore/s.md",
        "x/.git/g.md",
    ] {
        ground.put(name, name);
    }
    let all: BTreeSet<PathBuf> = ground.refresh().arrived.into_iter().map(|one| one.file).collect();
    assert_eq!(all.len(), 6, "the five and the first one of `spore init`: {all:?}");
    assert_eq!(all, found.into_iter().collect());
    assert!(ground.look(&["results/r.md", ".git/x.md", "results", ".spore/s.md", "target/t.md"]).is_empty());
    assert!(ground.entered.iter().all(|(path, _)| !path.ends_with("results") || path.ends_with("docs/results")));
}

#[test]
fn rules_of_git_are_asked_again_when_they_change() {
    let mut ground = Ground::repository();
    ground.refresh();
    ground.put("a.md", "a");
    ground.put("out/b.md", "b");
    ground.put("out/deep/c.md", "c");
    ground.put(".gitignore", "/out/\n");
    assert_eq!(arrived(&ground.refresh()), ["a.md"]);
    assert!(ground.refresh().is_empty() && ground.look(&["out/b.md", "out", "out/deep/c.md"]).is_empty());
    ground.put(".gitignore", "/out/deep\n");
    assert_eq!(arrived(&ground.look(&[".gitignore"])), ["out/b.md"]);
    ground.put("out/.gitignore", "b.md\n");
    assert_eq!(gone(&ground.look(&["out/.gitignore"])), ["out/b.md"]);
    os::file::remove(&ground.path(".gitignore")).expect("removed");
    os::file::remove(&ground.path("out/.gitignore")).expect("removed");
    assert_eq!(arrived(&ground.refresh()), ["out/b.md", "out/deep/c.md"]);
    ground.put(".git/info/exclude", "a.md\nout/\n");
    assert_eq!(gone(&ground.refresh()), ["a.md", "out/b.md", "out/deep/c.md"]);
    // Without a repository nothing is ignored.
    os::file::remove_tree(&ground.path(".git")).expect("removed");
    assert_eq!(arrived(&ground.refresh()), ["a.md", "out/b.md", "out/deep/c.md"]);
}

#[test]
fn single_paths_are_looked_at_whatever_they_have_become() {
    let mut ground = Ground::new();
    ground.refresh();
    ground.put("new/deep/a.md", "a");
    ground.put("new/b.md", "b");
    // One file in a folder that is not known brings the folder.
    assert_eq!(arrived(&ground.look(&["new/deep/a.md"])), ["new/b.md", "new/deep/a.md"]);
    assert!(ground.look(&["new/deep/a.md", "new", ".", "nowhere/x.md"]).is_empty());
    // A folder in the place of a file, and back.
    ground.put("x.md", "file");
    assert_eq!(arrived(&ground.look(&["x.md"])), ["x.md"]);
    os::file::remove(&ground.path("x.md")).expect("removed");
    ground.put("x.md/inside.md", "deeper");
    let changes = ground.look(&["x.md"]);
    assert_eq!((arrived(&changes), gone(&changes)), (vec!["x.md/inside.md"], vec!["x.md"]));
    os::file::remove_tree(&ground.path("x.md")).expect("removed");
    ground.put("x.md", "file");
    let changes = ground.look(&["x.md"]);
    assert_eq!((arrived(&changes), gone(&changes)), (vec!["x.md"], vec!["x.md/inside.md"]));
    os::file::rename(&ground.path("new"), &ground.path("old")).expect("renamed");
    let changes = ground.look(&["new", "old"]);
    assert_eq!(arrived(&changes), ["old/b.md", "old/deep/a.md"]);
    assert_eq!(gone(&changes), ["new/b.md", "new/deep/a.md"]);
    assert!(ground.refresh().is_empty());
}

#[test]
fn links_pipes_and_the_unreadable_are_told_once() {
    let mut ground = Ground::new();
    let elsewhere = tempfile::tempdir().expect("a folder");
    put(&elsewhere.path().join("secret.md"), "secret");
    symlink(elsewhere.path().join("secret.md"), ground.path("link.md")).expect("linked");
    symlink(elsewhere.path(), ground.path("folder")).expect("linked");
    symlink("gone", ground.path("dangling.yaml")).expect("linked");
    os::file::create_new(&ground.path("large.md")).and_then(|file| file.set_len(5 << 20)).expect("made");
    ground.put("a.md", "a");
    let changes = ground.refresh();
    assert_eq!(arrived(&changes), ["a.md"]);
    let mut told = texts(&changes.errors);
    told.sort();
    assert_eq!(
        told,
        [
            "`dangling.yaml` is a link, not a regular file",
            "`large.md` has 5242880 bytes; a spore may have 4194304",
            "`link.md` is a link, not a regular file",
        ]
    );
    assert!(ground.refresh().is_empty());
    // What becomes a file is taken; what becomes a link is gone.
    os::file::remove(&ground.path("link.md")).expect("removed");
    ground.put("link.md", "own");
    assert_eq!(arrived(&ground.refresh()), ["link.md"]);
    os::file::remove(&ground.path("link.md")).expect("removed");
    symlink(elsewhere.path().join("secret.md"), ground.path("link.md")).expect("linked");
    let changes = ground.look(&["link.md"]);
    assert_eq!((gone(&changes), changes.errors.len()), (vec!["link.md"], 1));
}

#[test]
fn a_missing_root_takes_nothing_with_it() {
    let mut ground = Ground::new();
    ground.put("in/a.md", "a");
    ground.root = Root::find(&ground.path("in")).expect("a root");
    ground.refresh();
    let here = ground.root.path().to_path_buf();
    let there = here.with_file_name("out");
    os::file::rename(&here, &there).expect("renamed");
    let changes = ground.refresh();
    assert_eq!((changes.root, changes.gone.len(), ground.survey.len()), (RootState::Missing, 0, 1));
    let changes = ground.look(&["a.md"]);
    assert_eq!((changes.root, changes.gone.len(), ground.survey.len()), (RootState::Missing, 0, 1));
    os::file::rename(&there, &here).expect("renamed");
    assert!(ground.refresh().is_empty());
    os::file::rename(&here, &there).expect("renamed");
    put(&here.join("b.md"), "b");
    let changes = ground.refresh();
    assert_eq!(changes.root, RootState::Replaced);
    assert_eq!((arrived(&changes), gone(&changes)), (vec!["b.md"], vec!["a.md"]));
    assert_eq!(ground.entered, BTreeSet::from([(ground.root.path().to_path_buf(), true)]));
}

#[test]
fn every_folder_is_entered_before_it_is_read() {
    let mut ground = Ground::new();
    ground.put("sub/a.md", "a");
    let (root, limits) = (ground.root.clone(), Limits::DEFAULT);
    // Written while the folder is entered: whoever watches from there on sees it or its event.
    let mut enter = |path: &Path, is_new: bool| {
        if is_new && path.ends_with("sub") {
            put(&path.join("late.md"), "late");
        }
    };
    let changes = ground.survey.refresh(&root, &limits, Duration::ZERO, &mut enter);
    assert_eq!(arrived(&changes), ["sub/a.md", "sub/late.md"]);
    ground.refresh();
    let known = [ground.root.path().to_path_buf(), ground.path("sub")].map(|path| (path, false));
    assert_eq!(ground.entered, BTreeSet::from(known));
}

#[test]
fn a_kept_survey_is_taken_up_and_a_damaged_one_is_none() {
    let mut ground = Ground::repository();
    for number in 0..50 {
        ground.put(&format!("f{}/a{number}.md", number % 5), &number.to_string());
    }
    ground.put(".gitignore", "f4/\n");
    ground.refresh();
    let kept = ground.root.make_state().expect("a folder").join("../survey");
    ground.survey.save(&kept).expect("kept");
    let bytes = fs::read(&kept).expect("read");
    ground.survey = Survey::load(&kept);
    let changes = ground.refresh();
    assert!(changes.is_empty(), "{changes:?}");
    assert_eq!(ground.entered.iter().filter(|(_, is_new)| *is_new).count(), 0);
    ground.survey = Survey::load(&kept);
    ground.put("f1/a1.md", "changed while nobody looked");
    os::file::remove(&ground.path("f2/a2.md")).expect("removed");
    let changes = ground.refresh();
    assert_eq!((arrived(&changes), gone(&changes)), (vec!["f1/a1.md"], vec!["f2/a2.md"]));
    for place in (0..bytes.len()).step_by(97) {
        let mut broken = bytes.clone();
        broken[place] ^= 4;
        os::file::write_over(&kept, &broken).expect("written");
        assert!(Survey::load(&kept).is_empty(), "byte {place}");
        os::file::write_over(&kept, &bytes[..place]).expect("written");
        assert!(Survey::load(&kept).is_empty(), "cut at {place}");
    }
    assert!(Survey::load(&kept.join("nowhere")).is_empty() && Survey::load(ground.root.path()).is_empty());
}
