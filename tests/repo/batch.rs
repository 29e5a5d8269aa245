//! One commit for the results of many runs, and what happens to it when something is in the way.

use std::fs;
use std::path::Path;
use std::time::Duration;

use spore::model::{RunStatus, Timestamp};
use spore::os;
use spore::repo::{Batch, Commit, Root, Written, commit_batch, write_result};

use super::{folder, git_says, made, put, repository, root, run};

/// Long enough for a test that waits for nobody.
const PATIENCE: Duration = Duration::from_millis(50);

pub(super) fn written(root: &Root, number: u128, status: RunStatus) -> Written {
    let page = format!("# Run {number}\n");
    let path = write_result(root, "nightly", run(number), Timestamp(1_760_000_000_000), &page).expect("written");
    Written { path, run: run(number), spore: "nightly".into(), status, source: "sub/nightly.yaml".into() }
}

fn many(root: &Root, count: u128) -> Vec<Written> {
    (0..count).map(|n| written(root, n, if n == 3 { RunStatus::Failed } else { RunStatus::Succeeded })).collect()
}

fn commit(root: &Root, results: &[Written]) -> Batch {
    commit_batch(root, results, None, PATIENCE).expect("git works")
}

/// Why nothing was committed, what to do, and whether to come back.
fn skipped(batch: Batch) -> (String, Option<String>, bool) {
    match batch.commit {
        Commit::Skipped { reason, hint, passes } => (reason, hint, passes),
        made @ Commit::Made { .. } => panic!("made: {made:?}"),
    }
}

fn commits(folder: &Path) -> usize {
    git_says(folder, &["log", "--oneline"]).lines().count()
}

#[test]
fn many_results_are_one_commit_that_names_each_run() {
    let folder = repository();
    let at = folder.path();
    put(&at.join("a.txt"), "staged\n");
    git_says(at, &["add", "a.txt"]);
    put(&at.join("b.txt"), "edited\n");
    put(&at.join("stashed.txt"), "stashed\n");
    git_says(at, &["stash", "push", "-q", "-u", "--", "stashed.txt"]);
    let root = root(at);
    let results = many(&root, 12);

    let batch = commit(&root, &results);

    assert!(batch.refused.is_empty());
    assert_eq!(made(&batch.commit), git_says(at, &["rev-parse", "main"]).trim());
    assert_eq!(commits(at), 2);
    assert_eq!(git_says(at, &["log", "-1", "--format=%s"]), "12 results: 11 succeeded, 1 failed\n");
    assert!(git_says(at, &["log", "-1", "--format=%b"]).contains(&format!("- nightly failed ({})\n", run(3))));
    let trailers = git_says(at, &["log", "-1", "--format=%(trailers)"]);
    let wanted = results
        .iter()
        .flat_map(|result| [format!("Spore-Run: {}", result.run), "Spore-Source: sub/nightly.yaml".into()]);
    assert_eq!(trailers.trim().lines().collect::<Vec<_>>(), wanted.collect::<Vec<_>>());
    assert_eq!(
        git_says(at, &["show", "--format=", "--name-status"]).lines().filter(|line| line.starts_with("A\t")).count(),
        12
    );
    assert_eq!(git_says(at, &["status", "--porcelain"]), "M  a.txt\n M b.txt\n");
    assert_eq!(git_says(at, &["stash", "list"]).lines().count(), 1);

    // After a crash the same batch comes again, with one more.
    let again = commit(&root, &results);
    assert_eq!(made(&again.commit), made(&batch.commit));
    let mut more = results;
    more.push(written(&root, 100, RunStatus::TimedOut));
    made(&commit(&root, &more).commit);
    assert_eq!(git_says(at, &["log", "-1", "--format=%s"]), "nightly timed out\n");
    assert_eq!(git_says(at, &["show", "--format=", "--name-only"]).lines().count(), 1);
    assert_eq!(commits(at), 3);
    git_says(at, &["fsck", "--strict"]);
}

#[test]
fn an_index_that_a_crash_left_behind_its_commit_is_told() {
    let folder = repository();
    let at = folder.path();
    let root = root(at);
    let before = fs::read(at.join(".git/index")).expect("read");
    let results = many(&root, 3);
    made(&commit(&root, &results).commit);
    put(&at.join(".git/index"), before);
    assert!(git_says(at, &["status", "--porcelain"]).contains("D  results/"));
    made(&commit(&root, &results).commit);
    assert_eq!(git_says(at, &["status", "--porcelain"]), "");
    assert_eq!(commits(at), 2);
}

#[test]
fn one_file_that_git_does_not_take_leaves_the_others_alone() {
    let folder = repository();
    let at = folder.path();
    let root = root(at);
    let mut results = many(&root, 5);
    put(&at.join(".gitignore"), format!("*{}.md\n", run(1)));
    put(&at.join(".gitattributes"), format!("*{}.md filter=lfs\n", run(2)));
    os::file::remove(&results[4].path).expect("removed");
    let taken = at.join("b.txt");
    put(&taken, "edited\n");
    results.push(Written { path: taken.clone(), ..results[0].clone() });
    let batch = commit(&root, &results);
    made(&batch.commit);
    let refused: Vec<_> = batch.refused.iter().map(|refused| refused.reason.as_str()).collect();
    let [ignored, filtered, gone, other] = refused[..] else { panic!("{refused:?}") };
    assert!(
        ignored.contains("ignores") && filtered.contains("`lfs`") && gone.contains("does not exist"),
        "{refused:?}"
    );
    assert!(other.contains("something else at `b.txt`"), "{other}");
    assert_eq!(git_says(at, &["show", "--format=", "--name-only"]).lines().count(), 2);
    assert!(git_says(at, &["log", "-1", "--format=%s"]).starts_with("2 results: 1 succeeded, 1 failed"));
    let (reason, _, passes) = skipped(commit(&root, &results[1..3]));
    assert!(reason.contains("ignores") && !passes, "{reason}");
    let (reason, _, passes) = skipped(commit(&root, &results[5..]));
    assert!(reason.contains("b.txt") && !passes, "{reason}");
}

#[test]
fn a_lock_is_told_with_its_owner_and_age_and_waited_out() {
    let folder = repository();
    let at = folder.path();
    let root = root(at);
    let results = many(&root, 3);
    let before = git_says(at, &["rev-parse", "main"]);
    for name in ["index.lock", "HEAD.lock", "refs/heads/main.lock", "packed-refs.lock"] {
        let lock = at.join(".git").join(name);
        let held = os::file::create_new(&lock).expect("made");
        let old = std::time::SystemTime::UNIX_EPOCH + Duration::from_hours(24);
        held.set_modified(old).expect("its time is set");
        drop(held);
        let (reason, hint, passes) = skipped(commit(&root, &results));
        assert!(passes && reason.contains(name) && reason.contains("no process has it open"), "{reason}");
        assert!(reason.contains("d0") || reason.contains("d1") || reason.contains("d2"), "no age: {reason}");
        assert!(hint.is_some_and(|hint| hint.contains("rm ")));

        let mut holder = hold(&lock);
        let (reason, hint, passes) = skipped(commit(&root, &results));
        assert!(passes && reason.contains("held by `tail`") && hint.is_none(), "{reason}");
        assert!(reason.contains(&format!("process {}", holder.id())), "{reason}");
        holder.kill().and_then(|()| holder.wait()).expect("ended");

        assert!(lock.exists(), "the lock of somebody else is gone");
        assert_eq!(git_says(at, &["rev-parse", "main"]), before);
        os::file::remove(&lock).expect("removed");
    }
    made(&commit(&root, &results).commit);
    assert_eq!(git_says(at, &["status", "--porcelain"]), "");
}

/// A process that has the file open; it says so by printing what stands in it.
#[expect(clippy::disallowed_methods, reason = "somebody other than Spore must hold the lock")]
fn hold(lock: &Path) -> std::process::Child {
    use std::io::Read as _;
    put(lock, "here\n");
    let mut command = std::process::Command::new("tail");
    command.args(["-f", "-n", "+1"]).arg(lock).stdout(std::process::Stdio::piped());
    let mut child = command.spawn().expect("tail is installed");
    let mut said = [0; 5];
    child.stdout.as_mut().expect("piped").read_exact(&mut said).expect("it reads");
    child
}

#[test]
fn what_git_is_in_the_middle_of_passes_and_what_is_missing_does_not() {
    let outside = folder();
    let outer = root(outside.path());
    let (reason, _, passes) = skipped(commit(&outer, &many(&outer, 2)));
    assert!(reason.contains("no git repository") && !passes, "{reason}");

    let folder = repository();
    let at = folder.path();
    let root = root(at);
    let results = many(&root, 2);
    git_says(at, &["checkout", "-q", "--detach"]);
    let (reason, _, passes) = skipped(commit(&root, &results));
    assert!(reason.contains("detached") && passes, "{reason}");
    git_says(at, &["checkout", "-q", "main"]);

    // A real rebase that stops at a conflict.
    git_says(at, &["checkout", "-q", "-b", "side"]);
    put(&at.join("a.txt"), "side\n");
    git_says(at, &["commit", "-q", "-am", "side"]);
    git_says(at, &["checkout", "-q", "main"]);
    put(&at.join("a.txt"), "main\n");
    git_says(at, &["commit", "-q", "-am", "main"]);
    assert!(!super::try_git(at, &["rebase", "side"]).0, "the rebase did not stop");
    let (reason, _, passes) = skipped(commit(&root, &results));
    assert!(reason.contains("a rebase is in progress") && passes, "{reason}");
    git_says(at, &["rebase", "--abort"]);
    made(&commit(&root, &results).commit);
    assert_eq!(git_says(at, &["status", "--porcelain"]), "");
}

#[test]
fn a_repository_that_cannot_be_written_keeps_its_results_on_disk() {
    let folder = repository();
    let at = folder.path();
    let root = root(at);
    let results = many(&root, 2);
    // The superuser writes into read-only folders, too. A file in the way of the objects stops everybody.
    for n in 0..256 {
        let place = at.join(format!(".git/objects/{n:02x}"));
        if !place.exists() {
            put(&place, "");
        }
    }
    let tried = commit_batch(&root, &results, None, PATIENCE);
    assert!(tried.is_err(), "{tried:?}");
    assert!(results.iter().all(|result| result.path.exists()));
    assert!(!at.join(".git/index.lock").exists());
    assert_eq!(commits(at), 1);
}
