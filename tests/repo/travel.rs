//! Results on their way to other repositories: pushed in a race, pulled under the user's feet, and never by force.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use spore::model::RunStatus;
use spore::os;
use spore::repo::{Pulled, Pushed, commit_batch, pull, push};
use tempfile::TempDir;

use super::batch::written;
use super::{folder, git_says, made, named, put, root, try_git};

const PATIENCE: Duration = Duration::from_secs(5);
const MINUTE: Duration = Duration::from_mins(1);

/// A bare repository with one commit, and two clones of it.
struct Two {
    _folder: TempDir,
    bare: PathBuf,
    one: PathBuf,
    other: PathBuf,
}

fn two() -> Two {
    let folder = folder();
    let at = folder.path();
    let places = ["bare.git", "one", "other"].map(|name| at.join(name));
    git_says(at, &["init", "-q", "--bare", "-b", "main", "bare.git"]);
    for clone in &places[1..] {
        git_says(at, &["clone", "-q", "bare.git", &clone.display().to_string()]);
        named(clone);
    }
    let [bare, one, other] = places;
    git_says(&one, &["checkout", "-q", "-B", "main"]);
    for name in ["a.txt", "b.txt", "sub/c.txt"] {
        put(&one.join(name), format!("{name}\n"));
    }
    git_says(&one, &["add", "."]);
    git_says(&one, &["commit", "-q", "-m", "first"]);
    git_says(&one, &["push", "-q", "-u", "origin", "main"]);
    git_says(&other, &["pull", "-q", "origin", "main"]);
    git_says(&other, &["checkout", "-q", "-B", "main", "origin/main"]);
    Two { _folder: folder, bare, one, other }
}

/// Writes and commits the result of a run; its path in the repository.
fn result(folder: &Path, number: u128) -> String {
    let root = root(folder);
    let result = written(&root, number, RunStatus::Succeeded);
    let shown = root.display(&result.path);
    made(&commit_batch(&root, &[result], None, PATIENCE).expect("git works").commit);
    shown
}

/// The user changes a file and pushes that.
fn by_hand(folder: &Path, name: &str, text: &str) {
    put(&folder.join(name), text);
    git_says(folder, &["add", name]);
    git_says(folder, &["commit", "-q", "-m", "by hand"]);
    git_says(folder, &["push", "-q", "origin", "HEAD"]);
}

fn pushed(folder: &Path) -> Pushed {
    push(&root(folder), "origin", MINUTE).expect("git works")
}

fn pulled(folder: &Path) -> Pulled {
    pull(&root(folder), "origin", MINUTE).expect("git works")
}

/// Why nothing was pulled, and whether to come back.
fn refused(folder: &Path) -> (String, bool) {
    let head = try_git(folder, &["rev-parse", "HEAD"]);
    let status = git_says(folder, &["status", "--porcelain"]);
    let Pulled::Skipped { reason, passes, .. } = pulled(folder) else { panic!("pulled") };
    assert_eq!(try_git(folder, &["rev-parse", "HEAD"]), head, "{reason}");
    assert_eq!(git_says(folder, &["status", "--porcelain"]), status, "{reason}");
    assert!(!folder.join(".git/index.lock").exists());
    (reason, passes)
}

fn files(folder: &Path, commit: &str) -> Vec<String> {
    git_says(folder, &["ls-tree", "-r", "--name-only", commit]).lines().map(str::to_owned).collect()
}

#[test]
fn two_that_push_at_the_same_time_lose_no_result() {
    const ROUNDS: u128 = 50;
    let Two { _folder, bare, one, other } = two();
    // The server's hooks run, and those of the users do not.
    os::file::write_script(&bare.join("hooks/post-receive"), b"#!/bin/sh\necho x >>pushes\n").expect("written");
    for clone in [&one, &other] {
        for hook in ["pre-commit", "post-commit", "post-checkout", "post-merge", "post-rewrite", "post-index-change"] {
            let hook = clone.join(".git/hooks").join(hook);
            os::file::write_script(&hook, b"#!/bin/sh\necho x >>\"$(git rev-parse --git-dir)/hooked\"\nexit 1\n")
                .expect("written");
        }
    }
    std::thread::scope(|scope| {
        for (clone, first) in [(&one, 0), (&other, 1000)] {
            scope.spawn(move || {
                for number in first..first + ROUNDS {
                    result(clone, number);
                    let taken = (0..20).any(|_| match pushed(clone) {
                        Pushed::Done { .. } => true,
                        Pushed::Nothing => panic!("there was something to push"),
                        Pushed::Skipped { passes: true, .. } => false,
                        skipped @ Pushed::Skipped { .. } => panic!("{skipped:?}"),
                    });
                    assert!(taken, "never got through");
                }
            });
        }
    });
    let there = files(&bare, "main");
    assert_eq!(there.iter().filter(|file| file.starts_with("results/")).count(), 2 * 50);
    let log = git_says(&bare, &["log", "--format=%s", "main"]);
    assert_eq!(log.lines().count(), 2 * 50 + 1, "each result is one commit, and none came twice");
    assert_eq!(git_says(&bare, &["log", "--merges", "--oneline", "main"]), "");
    assert_eq!(fs::read_to_string(bare.join("pushes")).expect("the server's hook").lines().count(), 100);
    let met = [&one, &other].map(|clone| git_says(clone, &["reflog", "main"]).matches("pull (spore)").count());
    assert_ne!(met, [0, 0], "the two have never met");
    for clone in [&one, &other] {
        assert!(!clone.join(".git/hooked").exists(), "a hook of the user's has run");
        assert!(!matches!(pulled(clone), Pulled::Skipped { .. }));
        assert_eq!(git_says(clone, &["status", "--porcelain"]), "");
        assert_eq!(files(clone, "HEAD"), there);
        git_says(clone, &["fsck", "--strict"]);
        assert_eq!(pushed(clone), Pushed::Nothing);
    }
}

#[test]
fn a_pull_leaves_edits_staged_files_and_the_stash_alone() {
    let Two { _folder, bare: _bare, one, other } = two();
    by_hand(&one, "sub/c.txt", "theirs\n");
    by_hand(&one, "new.txt", "theirs\n");
    git_says(&one, &["rm", "-q", "b.txt"]);
    by_hand(&one, "more.txt", "theirs\n");

    put(&other.join("stashed.txt"), "stashed\n");
    git_says(&other, &["stash", "push", "-q", "-u"]);
    put(&other.join("a.txt"), "edited\n");
    put(&other.join("staged.txt"), "staged\n");
    git_says(&other, &["add", "staged.txt"]);
    put(&other.join("loose.txt"), "untracked\n");
    let path = result(&other, 1);
    let status = git_says(&other, &["status", "--porcelain"]);
    let ours = git_says(&other, &["rev-parse", "HEAD"]);

    let Pulled::Done { moved: 1, from, .. } = pulled(&other) else { panic!("our one commit was not moved") };

    assert_eq!(from.as_deref(), Some(ours.trim()));
    assert_eq!(git_says(&other, &["status", "--porcelain"]), status);
    assert_eq!(git_says(&other, &["diff"]).lines().last(), Some("+edited"));
    assert_eq!(git_says(&other, &["stash", "list"]).lines().count(), 1);
    assert_eq!(fs::read_to_string(other.join("sub/c.txt")).expect("read"), "theirs\n");
    assert!(other.join("new.txt").exists() && !other.join("b.txt").exists());
    assert!(other.join(&path).exists());
    assert_eq!(git_says(&other, &["log", "-1", "--format=%s %an"]), "nightly succeeded Ada\n");
    assert_eq!(git_says(&other, &["rev-parse", "HEAD~1"]), git_says(&one, &["rev-parse", "HEAD"]));
    assert!(git_says(&other, &["reflog", "-1"]).contains("pull (spore)"));
    assert_eq!(pulled(&other), Pulled::Nothing);
    assert!(matches!(pushed(&other), Pushed::Done { .. }));
    assert!(matches!(pulled(&one), Pulled::Done { moved: 0, .. }));
    assert!(one.join(&path).exists());
    git_says(&other, &["stash", "pop", "-q"]);
}

#[test]
fn what_the_user_has_in_the_way_is_named_and_kept() {
    let Two { _folder, bare: _bare, one, other } = two();
    by_hand(&one, "a.txt", "theirs\n");
    by_hand(&one, "new.txt", "theirs\n");
    by_hand(&one, "kept.log", "theirs\n");
    result(&other, 1);

    put(&other.join("a.txt"), "edited\n");
    let (reason, passes) = refused(&other);
    assert!(reason.contains("your changes to `a.txt`") && passes, "{reason}");
    // Our results are not pushed around the user's edits either; they wait.
    let Pushed::Skipped { reason, passes, .. } = pushed(&other) else { panic!("pushed") };
    assert!(reason.contains("`a.txt`") && passes, "{reason}");
    git_says(&other, &["add", "a.txt"]);
    assert!(refused(&other).0.contains("`a.txt`"));
    assert_eq!(git_says(&other, &["show", ":a.txt"]), "edited\n");
    git_says(&other, &["reset", "-q", "--hard"]);

    put(&other.join("new.txt"), "mine\n");
    assert!(refused(&other).0.contains("`new.txt`"));
    assert_eq!(fs::read_to_string(other.join("new.txt")).expect("read"), "mine\n");
    os::file::remove(&other.join("new.txt")).expect("removed");
    // Git would write over a file that it ignores.
    put(&other.join(".git/info/exclude"), "*.log\n");
    put(&other.join("kept.log"), "mine\n");
    assert!(refused(&other).0.contains("`kept.log`"));
    assert_eq!(fs::read_to_string(other.join("kept.log")).expect("read"), "mine\n");
    os::file::remove(&other.join("kept.log")).expect("removed");

    put(&other.join(".git/index.lock"), "");
    let Pulled::Skipped { reason, passes, .. } = pulled(&other) else { panic!("pulled") };
    assert!(reason.contains("index.lock") && passes, "{reason}");
    os::file::remove(&other.join(".git/index.lock")).expect("removed");
    // A file that was touched and not changed is in nobody's way.
    put(&other.join("a.txt"), "a.txt\n");
    assert!(matches!(pushed(&other), Pushed::Done { moved: 1, .. }));
    assert_eq!(git_says(&other, &["status", "--porcelain"]), "");
}

#[test]
fn a_pull_that_a_crash_has_cut_off_is_taken_up() {
    let Two { _folder, bare: _bare, one, other } = two();
    by_hand(&one, "a.txt", "theirs\n");
    git_says(&one, &["rm", "-q", "b.txt"]);
    by_hand(&one, "deep/new.txt", "theirs\n");
    let head = git_says(&one, &["rev-parse", "HEAD"]);
    git_says(&other, &["fetch", "-q", "origin", "main"]);
    let index = fs::read(other.join(".git/index")).expect("read");
    let carry = || git_says(&other, &["read-tree", "-m", "-u", "HEAD", head.trim()]);
    let ends_well = || {
        assert!(matches!(pulled(&other), Pulled::Done { moved: 0, .. }));
        assert_eq!(git_says(&other, &["rev-parse", "HEAD"]), head);
        assert_eq!(git_says(&other, &["status", "--porcelain"]), "");
        git_says(&other, &["reset", "-q", "--hard", "HEAD@{1}"]);
    };
    // Behind the files and the index, before the branch.
    carry();
    ends_well();
    // Behind the files, before the index; and a lock that a dead Spore has left.
    carry();
    put(&other.join(".git/index"), &index);
    put(&other.join(".git/index.lock"), "spore index.spore-1\n");
    put(&other.join(".git/index.spore-1"), &index);
    ends_well();
    assert!(!other.join(".git/index.spore-1").exists());
}

#[test]
fn commits_of_the_user_are_never_moved() {
    let Two { _folder, bare, one, other } = two();
    by_hand(&one, "a.txt", "theirs\n");
    result(&other, 1);
    put(&other.join("b.txt"), "mine\n");
    git_says(&other, &["commit", "-q", "-am", "my own work"]);
    result(&other, 2);
    let (reason, passes) = refused(&other);
    assert!(reason.contains("is your own, and `origin/main` has gone on without it") && passes, "{reason}");
    assert!(matches!(pushed(&other), Pushed::Skipped { passes: true, .. }));
    // It counts what a commit does, not what it says of itself.
    git_says(&other, &["commit", "-q", "--amend", "-m", "x\n\nSpore-Run: 1"]);
    git_says(&other, &["reset", "-q", "--hard", "HEAD~2"]);
    put(&other.join("b.txt"), "mine\n");
    git_says(&other, &["commit", "-q", "-am", "x\n\nSpore-Run: 1"]);
    assert!(refused(&other).0.contains("your own"));
    // The user brings the two together, and then all of it goes.
    git_says(&other, &["pull", "-q", "--rebase", "origin", "main"]);
    result(&other, 3);
    assert!(matches!(pushed(&other), Pushed::Done { moved: 0, .. }));
    assert_eq!(git_says(&bare, &["rev-parse", "main"]), git_says(&other, &["rev-parse", "HEAD"]));
}

#[test]
fn a_remote_that_says_no_is_quoted() {
    let Two { _folder, bare, one, other } = two();
    let skipped = |folder: &Path, remote: &str| match push(&root(folder), remote, MINUTE).expect("git works") {
        Pushed::Skipped { reason, passes, .. } => (reason, passes),
        taken => panic!("{taken:?}"),
    };
    result(&one, 1);
    let hook = bare.join("hooks/pre-receive");
    os::file::write_script(&hook, b"#!/bin/sh\necho closed on sundays >&2\nexit 1\n").expect("written");
    let (reason, passes) = skipped(&one, "origin");
    assert!(reason.contains("closed on sundays") && !passes, "{reason}");
    os::file::remove(&hook).expect("removed");

    for name in ["nowhere", "--upload-pack=x", ""] {
        let (reason, passes) = skipped(&one, name);
        assert!(reason.contains("knows no remote") && !passes, "{reason}");
    }
    git_says(&other, &["remote", "set-url", "origin", "/nowhere/at/all.git"]);
    assert!(refused(&other).0.contains("cannot be reached"));

    git_says(&one, &["checkout", "-q", "--detach"]);
    let (reason, passes) = skipped(&one, "origin");
    assert!(reason.contains("detached") && passes, "{reason}");
    git_says(&one, &["checkout", "-q", "main"]);
    let (reason, passes) = skipped(&bare, "origin");
    assert!(reason.contains("bare") && !passes, "{reason}");

    // A branch that is named like an option is a branch.
    git_says(&one, &["update-ref", "refs/heads/--force", "HEAD"]);
    git_says(&one, &["symbolic-ref", "HEAD", "refs/heads/--force"]);
    result(&one, 2);
    assert!(matches!(pushed(&one), Pushed::Done { .. }));
    let there = git_says(&bare, &["for-each-ref", "--format=%(refname)"]);
    assert_eq!(there, "refs/heads/--force\nrefs/heads/main\n");
    assert_eq!(pulled(&one), Pulled::Nothing);
}

#[test]
fn worktrees_submodules_and_empty_repositories_travel_too() {
    let Two { _folder, bare, one, other } = two();
    let beside = folder();
    let tree = beside.path().join("tree");
    git_says(&one, &["worktree", "add", "-q", "-b", "side", &tree.display().to_string()]);
    result(&tree, 1);
    assert!(matches!(pushed(&tree), Pushed::Done { .. }));
    git_says(&other, &["fetch", "-q"]);
    git_says(&other, &["checkout", "-q", "-b", "mine", "origin/side"]);
    put(&other.join("more.txt"), "more\n");
    git_says(&other, &["add", "."]);
    git_says(&other, &["commit", "-q", "-m", "more"]);
    git_says(&other, &["push", "-q", "origin", "mine:side"]);
    result(&tree, 2);
    assert!(matches!(pushed(&tree), Pushed::Done { moved: 1, .. }));
    assert!(tree.join("more.txt").exists());
    assert_eq!(git_says(&tree, &["status", "--porcelain"]), "");
    assert_eq!(git_says(&one, &["status", "--porcelain"]), "");
    // A branch that follows one of another name goes there.
    assert!(matches!(pulled(&other), Pulled::Done { moved: 0, .. }));
    result(&other, 3);
    assert!(matches!(pushed(&other), Pushed::Done { .. }));
    assert!(!try_git(&bare, &["rev-parse", "-q", "--verify", "refs/heads/mine"]).0);

    let outer = super::repository();
    git_says(outer.path(), &["submodule", "--quiet", "add", &bare.display().to_string(), "module"]);
    let module = outer.path().join("module");
    named(&module);
    by_hand(&one, "later.txt", "later\n");
    result(&module, 4);
    assert!(matches!(pushed(&module), Pushed::Done { moved: 1, .. }));
    assert_eq!(git_says(&module, &["status", "--porcelain"]), "");

    let empty = folder();
    git_says(empty.path(), &["init", "-q", "-b", "main"]);
    named(empty.path());
    git_says(empty.path(), &["remote", "add", "origin", &bare.display().to_string()]);
    assert_eq!(pushed(empty.path()), Pushed::Nothing);
    put(&empty.path().join("staged.txt"), "staged\n");
    git_says(empty.path(), &["add", "staged.txt"]);
    assert!(matches!(pulled(empty.path()), Pulled::Done { from: None, moved: 0, .. }));
    assert_eq!(git_says(empty.path(), &["status", "--porcelain"]), "A  staged.txt\n");
    assert!(empty.path().join("later.txt").exists());
}
