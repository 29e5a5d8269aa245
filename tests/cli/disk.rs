//! A disk without room, and an engine that dies at every step of its journal.

use std::fmt::Write as _;
use std::fs::File;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use spore::journal::{self, Damage};
use spore::model::{Event, RunId};

use super::folder::Folder;

const PATIENCE: Duration = Duration::from_mins(1);

/// Looks again and again until there is something.
#[track_caller]
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what} did not come");
        std::thread::yield_now();
    }
}

fn text_of(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// A file system of its own on a folder, with little room.
struct Mount(PathBuf);

impl Mount {
    fn small(path: &Path) -> Option<Self> {
        let mut mount = Command::new("mount");
        let mounted = mount.args(["-t", "tmpfs", "-o", "size=2m", "spore-test"]).arg(path).output().ok()?;
        mounted.status.success().then(|| Self(path.to_path_buf()))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // What cannot be taken away any more is gone with the machine, and the test has said what there is to say.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

struct Running {
    child: Child,
    said: PathBuf,
}

impl Running {
    /// Starts the program with everything that it says in a file of the folder `beside`.
    fn start(folder: &Folder, words: &[&str], beside: &Path) -> Self {
        let said = beside.join("said");
        let file = File::create(&said).expect("a file");
        let mut command = folder.command(words);
        command.stderr(file.try_clone().expect("a second hand")).stdout(file);
        Self { child: command.spawn().expect("started"), said }
    }

    #[track_caller]
    fn says(&self, text: &str) {
        until(text, || text_of(&self.said).contains(text).then_some(()));
    }

    fn code(&mut self) -> Option<i32> {
        until("the end", || self.child.try_wait().expect("waited for")).code()
    }
}

#[test]
fn a_full_disk_stalls_a_run_which_goes_on_when_there_is_room() {
    let folder = Folder::new();
    let Some(_mount) = Mount::small(folder.root()) else { return crate::skipped("mounting is not permitted here") };
    let beside = tempfile::tempdir().expect("a folder");
    let out = beside.path().display();
    let mut text = format!(
        "spore: w\nkind: workflow\ntasks:
  slow: 'until [ -e {out}/go ]; do sleep 0.01; done; echo slow >> {out}/seen'
  fill: 'dd if=/dev/zero of=filler bs=4k 2>{out}/dd || echo fill >> {out}/seen'\n"
    );
    // Of these the journal alone has to tell, so it is the first that needs room.
    for n in 0..60 {
        let _ = writeln!(text, "  left{n}: {{needs: fill, when: '1 == 2', run: 'echo left >> {out}/seen'}}");
    }
    for n in 0..20 {
        let _ = writeln!(text, "  more{n}: {{needs: fill, run: 'echo more{n} >> {out}/seen'}}");
    }
    folder.write("w.yaml", text);

    let mut run = Running::start(&folder, &["run", "w.yaml", "--jobs", "2"], beside.path());
    run.says("nothing starts until there is room");
    assert_eq!(text_of(&beside.path().join("seen")), "fill\n", "{}", text_of(&run.said));
    // What runs goes on, and what it comes to is kept.
    File::create(beside.path().join("go")).expect("made");
    until("the end of what runs", || (text_of(&beside.path().join("seen")) == "fill\nslow\n").then_some(()));
    std::fs::remove_file(folder.path("filler")).expect("there is room");
    assert_eq!(run.code(), Some(0), "{}", text_of(&run.said));

    let said = text_of(&run.said);
    assert_eq!(said.matches("nothing starts until there is room").count(), 1, "{said}");
    assert_eq!(said.matches("the run goes on").count(), 1, "{said}");
    let mut seen: Vec<String> = text_of(&beside.path().join("seen")).lines().map(str::to_owned).collect();
    seen.sort();
    let mut wanted: Vec<String> = (0..20).map(|n| format!("more{n}")).chain(["fill".into(), "slow".into()]).collect();
    wanted.sort();
    assert_eq!(seen, wanted, "each task once");
    let shown = folder.spore(&["show", "latest", "--format", "json"]).exits(0).json();
    assert_eq!(shown["status"], "succeeded");
    let results = Command::new("find").arg(folder.path("results")).args(["-name", "*.md"]).output().expect("found");
    assert_eq!(String::from_utf8_lossy(&results.stdout).lines().count(), 1, "one result spore");
}

#[test]
fn who_stops_a_stalled_run_does_not_wait_for_room() {
    let folder = Folder::new()
        .file("w.yaml", "spore: w\nkind: workflow\ntasks: {a: touch ran}\n")
        .env("SPORE_FAILPOINTS", "journal-append-before=full@2");
    for words in [&["run", "w.yaml"] as &[&str], &["run", "w.yaml", "--format", "json"]] {
        let beside = tempfile::tempdir().expect("a folder");
        let mut run = Running::start(&folder, words, beside.path());
        run.says("nothing starts until there is room");
        let signal = Command::new("kill").args(["-INT", &run.child.id().to_string()]).status().expect("kill starts");
        assert!(signal.success());
        assert_eq!(run.code(), Some(111), "{}", text_of(&run.said));
        run.says("what is in the journal is safe");
        assert!(!folder.path("ran").exists());
    }
}

#[test]
fn a_write_that_ran_out_of_room_half_way_leaves_nothing() {
    let folder = Folder::new()
        .file("w.yaml", "spore: w\nkind: workflow\ntasks: {a: 'true'}\n")
        .env("SPORE_FAILPOINTS", "journal-append-half=full");
    folder.spore(&["run", "w.yaml"]).exits(111).says("make room");
    assert_eq!(text_of(&journal_of(&folder).expect("it was made").join(journal::JOURNAL_FILE)), "");
}

/// The folder of the only run.
fn journal_of(folder: &Folder) -> Option<PathBuf> {
    let runs = folder.path(".spore/runs");
    let run: RunId = *journal::list(&runs).expect("listed").first()?;
    Some(runs.join(run.to_string()))
}

#[test]
fn killed_at_any_step_the_journal_holds_every_intent_and_nothing_else() {
    let steps = [
        "journal-create-before",
        "journal-created",
        "journal-append-before",
        "journal-append-half",
        "journal-appended",
        "journal-sync-before",
        "journal-synced",
    ];
    for (step, visit) in steps.iter().flat_map(|step| (1..=3).map(move |visit| (step, visit))) {
        let wanted = format!("{step}=kill@{visit}");
        let folder = Folder::new()
            .file(
                "w.yaml",
                "spore: w\nkind: workflow\ntasks: {a: echo a >> seen, b: {needs: a, run: echo b >> seen}}\n",
            )
            .env("SPORE_FAILPOINTS", &wanted);
        let status = folder.command(&["run", "w.yaml"]).status().expect("started");
        let once = step.starts_with("journal-create");
        assert_eq!(status.signal(), (visit == 1 || !once).then_some(9), "{wanted}: {status:?}");
        let Some(run_dir) = journal_of(&folder) else { continue };
        if run_dir.join(journal::JOURNAL_FILE).exists() {
            let read = journal::read(&run_dir).expect("read");
            assert!(!read.damage.iter().any(|damage| matches!(damage, Damage::Broken { .. })), "{:?}", read.damage);
            for task in text_of(&folder.path("seen")).lines() {
                let intent =
                    |event: &Event| matches!(event, Event::AttemptIntended { task: id, .. } if id.as_str() == task);
                assert!(read.events.iter().any(|(_, event)| intent(event)), "{wanted}: `{task}` ran without an intent");
            }
        }
        folder.spore(&["runs"]).exits(0);
    }
}

#[test]
fn where_locks_cannot_be_trusted_nothing_runs_unless_somebody_forces_it() {
    let folder = Folder::new()
        .file("w.yaml", "spore: w\nkind: workflow\ntasks: {a: touch ran}\n")
        .env("SPORE_FAILPOINTS", "locks-untrusted=full");
    folder.spore(&["run", "w.yaml"]).exits(111).says("may not keep a second engine away").says("SPORE_TRUST_LOCKS=1");
    assert!(!folder.path("ran").exists() && journal_of(&folder).is_none());
    let folder = folder.env("SPORE_TRUST_LOCKS", "1");
    folder.spore(&["run", "w.yaml"]).exits(0);
    assert!(folder.path("ran").exists());
}

#[test]
fn an_engine_that_lost_its_journal_starts_nothing_more_and_says_who_has_it() {
    let folder = Folder::new().file(
        "w.yaml",
        "spore: w\nkind: workflow\ntasks: {a: 'touch begun; until [ -e go ]; do sleep 0.01; done', b: {needs: a, run: touch ran}}\n",
    );
    let beside = tempfile::tempdir().expect("a folder");
    let mut run = Running::start(&folder, &["run", "w.yaml"], beside.path());
    until("the first task", || folder.path("begun").exists().then_some(()));
    // Another engine has come by in spite of the lock.
    let run_dir = journal_of(&folder).expect("a run");
    let path = run_dir.join(journal::JOURNAL_FILE);
    let before = text_of(&path);
    let line = format!(
        r#"{{"v":1,"seq":{},"epoch":1,"at":"2026-01-01T00:00:00.000Z","event":"run_resumed","engine":{{"process":"77@8@9","host":"elsewhere","version":"1"}}"#,
        before.lines().count()
    );
    let stolen = format!("{before}{line},\"crc\":\"{:08x}\"}}\n", crc32fast::hash(line.as_bytes()));
    std::fs::write(&path, &stolen).expect("written");
    folder.write("go", "");
    assert_eq!(run.code(), Some(111), "{}", text_of(&run.said));
    run.says("was taken over by process 77 on elsewhere since 2026-01-01T00:00:00.000Z");
    assert!(!folder.path("ran").exists());
    assert_eq!(text_of(&path), stolen, "not a byte more");
}
