//! Watchers die, at any moment and at each step: every file has run once in the end, and every result is committed once.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt as _;

use spore::queue;

use super::arrivals::{says, seen};
use super::fixture::Watching;
use crate::cli::folder::Folder;

/// Files of the burst that watchers die in; `SPORE_BURST=300` says how many.
const BURST: usize = 60;
/// How often they die in it.
const DEATHS: usize = 10;

/// The failpoints that only a watcher comes by, with the visit at which it dies there.
const STEPS: &[(&str, usize)] = &[
    ("queue-write", 3),
    ("queue-write", 5),
    ("tickets-written", 2),
    ("tickets-synced", 2),
    ("ticket-begun", 1),
    ("ticket-begun", 4),
    ("run-over", 1),
    ("run-over", 5),
    ("batch-committing", 1),
    ("batch-committed", 1),
];

/// A folder in a repository, whose results are committed.
pub(super) fn repository(settings: &str) -> Folder {
    let folder = Folder::new().file("spore.toml", &format!("commit = true\n{settings}")).file(".gitignore", "/seen\n");
    folder.git(&["init", "-q"]);
    folder.git(&["config", "user.name", "T"]);
    folder.git(&["config", "user.email", "t@localhost"]);
    folder.git(&["add", "-A"]);
    folder.git(&["commit", "-q", "-m", "first"]);
    folder
}

/// Drops so many files, each with contents of its own. Returns what they say.
fn drop_files(folder: &Folder, count: usize) -> Vec<String> {
    let words: Vec<String> = (0..count).map(|number| format!("f{number:04}")).collect();
    for word in &words {
        folder.write(&format!("{word}.yaml"), says(word));
    }
    words
}

/// Has a watcher do what is left, and looks at what has come of everything.
#[track_caller]
pub(super) fn account(folder: &Folder, expected: &[String]) {
    let (status, told) = Watching::spawn(folder, &["--once"]).wait();
    assert_eq!(status.code(), Some(0), "{told:#?}");
    assert_eq!(seen(folder), expected, "each file once; the last watcher said {told:#?}");
    let added = folder.git(&["log", "--format=", "--name-only", "--diff-filter=A", "--", "results"]);
    let once: BTreeSet<&str> = added.lines().collect();
    assert_eq!((once.len(), added.lines().count()), (expected.len(), expected.len()), "{added}\n{told:#?}");
    assert_eq!(folder.git(&["status", "--porcelain", "--", "results"]), "", "every result is committed");
    let state = queue::read(&folder.path(".spore")).expect("a queue");
    assert_eq!((state.tickets().count(), state.kept().count()), (0, 0));
    let runs = std::fs::read_dir(folder.path(".spore/runs")).expect("runs").count();
    assert_eq!(runs, expected.len(), "each run has one folder");
}

#[test]
fn a_burst_survives_ten_deaths() {
    let burst = std::env::var("SPORE_BURST").ok().and_then(|burst| burst.parse().ok()).unwrap_or(BURST);
    let seed = std::env::var("SPORE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
        u64::from(now.subsec_nanos()) | 1
    });
    tell(seed);
    let mut random = seed;
    let mut below = |most: u64| {
        // xorshift64: enough to choose moments.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % most
    };
    let folder = repository("");
    let mut watching = Watching::start(&folder);
    let expected = drop_files(&folder, burst);
    let told_in_all = 3 * burst as u64;
    for _ in 0..DEATHS {
        // What it tells is a clock that runs as fast as this machine.
        for _ in 0..below(told_in_all / DEATHS as u64) {
            watching.hears_that("anything", |_| true);
        }
        watching.kill();
        watching = Watching::start(&folder);
    }
    watching.kill();
    account(&folder, &expected);
}

#[expect(clippy::print_stderr, reason = "who repeats a failure needs its seed")]
fn tell(seed: u64) {
    eprintln!("SPORE_SEED={seed}");
}

/// A watcher that dies at its visit of a failpoint.
fn doomed(folder: &Folder, step: &str, visit: usize) -> Watching {
    let mut command = folder.command(&["watch", "--format", "json", "--trust", "open"]);
    command.env("SPORE_FAILPOINTS", format!("{step}=kill@{visit}"));
    Watching::spawn_command(command)
}

/// Waits for its end, which must be that of a kill.
#[track_caller]
fn dies(watching: Watching, step: &str) {
    let (status, told) = watching.wait();
    assert_eq!(status.signal(), Some(9), "nobody came by {step}: {status:?} {told:#?}");
}

#[test]
fn at_each_step_a_death_loses_nothing_and_repeats_nothing() {
    for (step, visit) in STEPS {
        let folder = repository("");
        Watching::start(&folder).end();
        let watching = doomed(&folder, step, *visit);
        let expected = drop_files(&folder, 6);
        dies(watching, step);
        account(&folder, &expected);
    }
}

#[test]
fn a_death_after_the_log_was_written_anew_loses_nothing() {
    let folder = repository("");
    Watching::start(&folder).end();
    let watching = doomed(&folder, "queue-compacted", 1);
    let expected: Vec<String> = (0..4).map(|number| format!("f{number}")).collect();
    for word in &expected {
        folder.write(&format!("{word}.yaml"), format!("{}# {}\n", says(word), "x".repeat(400_000)));
    }
    dies(watching, "queue-compacted");
    account(&folder, &expected);
}

#[test]
fn a_death_in_a_pull_leaves_what_the_next_one_brings_to_its_end() {
    for step in ["git-tree-carried", "git-branch-carried"] {
        let folder = repository("[git]\npull = \"1h\"\n");
        let bare = tempfile::tempdir().expect("a folder");
        let at = bare.path().to_str().expect("a path");
        folder.git(&["clone", "-q", "--bare", ".", at]);
        folder.git(&["remote", "add", "origin", at]);
        folder.git(&["fetch", "-q"]);
        folder.git(&["branch", "-q", "--set-upstream-to=origin/main"]);
        let mut watching = Watching::start(&folder);
        let mut expected = drop_files(&folder, 2);
        (0..2).for_each(|_| drop(watching.hears("ended")));
        watching.hears("committed");
        watching.end();
        // Somebody else pushes a spore.
        let other = Folder::new();
        other.git(&["clone", "-q", at, "."]);
        other.write("pulled.yaml", says("pulled"));
        other.git(&["add", "-A"]);
        other.git(&["commit", "-q", "-m", "more"]);
        other.git(&["push", "-q"]);
        dies(doomed(&folder, step, 1), step);
        // The index is locked as long as somebody carries; the dead one's lock is told of and taken away by hand.
        let lock = folder.path(".git/index.lock");
        if lock.exists() {
            std::fs::remove_file(lock).expect("removed");
        }
        let mut watching = Watching::start(&folder);
        watching.hears_end_of("pulled.yaml", "succeeded");
        watching.end();
        expected.push("pulled".to_owned());
        account(&folder, &expected);
    }
}

#[test]
fn who_is_told_to_leave_leaves_commands_alone_and_the_next_one_takes_them_up() {
    let folder = repository("");
    let mut watching = Watching::start(&folder);
    let text = "spore: waits\nkind: workflow\ntasks:\n  a: 'echo begun >> seen; while [ -e seen ] && [ ! -e go ]; do sleep 0.01; done'\n  b: {needs: a, run: echo b >> seen}\n";
    folder.write("waits.yaml", text);
    watching.hears("began");
    super::until("the command", || seen(&folder) == ["begun"]);
    let told = watching.end();
    let leaving = told.last().expect("something");
    assert_eq!((leaving["said"].as_str(), leaving["running"].as_u64()), (Some("leaving"), Some(1)), "{leaving:#}");
    let mut watching = Watching::start(&folder);
    let began = watching.hears("began");
    assert_eq!(began["resumed"], true, "{began:#}");
    folder.write("go", "");
    watching.hears_end_of("waits.yaml", "succeeded");
    watching.hears("committed");
    watching.end();
    assert_eq!(seen(&folder), ["b", "begun"]);
    let state = queue::read(&folder.path(".spore")).expect("a queue");
    assert_eq!((state.tickets().count(), state.kept().count()), (0, 0));
}

/// Every failpoint of the watcher stands in this file, so somebody dies there.
#[test]
fn no_step_of_the_watcher_is_left_out() {
    let own = include_str!("deaths.rs");
    let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let rooms = ["engine/daemon", "queue"].map(|room| std::fs::read_dir(source.join(room)).expect("a room"));
    let files = rooms.into_iter().flatten().map(|entry| entry.expect("an entry").path());
    for file in files.chain([source.join("repo/git/carry.rs")]) {
        let text = std::fs::read_to_string(&file).expect("read");
        for rest in text.split("reach(\"").skip(1) {
            let name = rest.split('"').next().expect("a name");
            assert!(own.contains(&format!("\"{name}\"")), "{}: nobody dies at {name}", file.display());
        }
    }
}
