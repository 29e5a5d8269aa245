//! Hooks of git: a real git calls them, with what was there before.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::commands::validate;
use super::folder::{Answer, Folder};

/// A line that a hook of somebody else writes, and what it was given.
const THEIRS: &str = "#!/bin/sh\n{ echo \"theirs $*\"; cat; } >> \"$SEEN\"\nexit ${THEIR_CODE:-0}\n";

/// A folder of the tests in which nobody starts a watcher, because it seems to have one.
pub(super) struct Watched {
    pub(super) folder: Folder,
    _lock: File,
}

impl Watched {
    pub(super) fn new() -> Self {
        let folder = Folder::new();
        folder.write("spore.toml", "");
        let lock = hold(&folder.path(".spore"));
        Self { folder, _lock: lock }
    }

    /// The letters in the inbox, oldest first.
    pub(super) fn letters(&self) -> Vec<Value> {
        letters(&self.folder.path(".spore/inbox"))
    }
}

/// Holds the lock of a watcher in a state folder.
fn hold(state: &Path) -> File {
    fs::create_dir_all(state).expect("made");
    let lock = File::create(state.join("watch.lock")).expect("a lock");
    lock.try_lock().expect("it is free");
    lock
}

fn letters(inbox: &Path) -> Vec<Value> {
    let mut paths: Vec<_> =
        fs::read_dir(inbox).into_iter().flatten().map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths.iter().map(|path| serde_json::from_str(&fs::read_to_string(path).expect("a letter")).expect("JSON")).collect()
}

/// The program with these words, or another, with the program on its path and nothing of the real home.
pub(super) fn around(folder: &Folder, program: &str, at: &Path) -> Command {
    let bin = Path::new(env!("CARGO_BIN_EXE_spore")).parent().expect("a folder");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new(program);
    for (name, _) in std::env::vars() {
        if ["GIT_", "CLAUDE", "QWEN", "SPORE_"].iter().any(|own| name.starts_with(own)) {
            command.env_remove(name);
        }
    }
    command.current_dir(at).stdin(Stdio::null()).env("PATH", path).env("HOME", folder.root());
    command.env("XDG_CONFIG_HOME", folder.path("config")).env("SEEN", folder.path("seen"));
    command.env("LC_ALL", "C.UTF-8");
    command
}

pub(super) fn answer(mut command: Command) -> Answer {
    let output = command.output().expect("it starts");
    Answer {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn git_at(folder: &Folder, at: &Path, words: &[&str], code: Option<&str>) -> Answer {
    let mut command = around(folder, "git", at);
    command.args(["-c", "user.name=T", "-c", "user.email=t@localhost", "-c", "init.defaultBranch=main"]);
    command.args(["-c", "advice.detachedHead=false", "-c", "protocol.file.allow=always"]).args(words);
    command.envs(code.map(|code| ("THEIR_CODE", code)));
    answer(command)
}

fn git(folder: &Folder, at: &Path, words: &[&str]) -> String {
    git_at(folder, at, words, None).exits(0).out
}

pub(super) fn spore(folder: &Folder, at: &Path, words: &[&str]) -> Answer {
    let mut command = around(folder, env!("CARGO_BIN_EXE_spore"), at);
    command.args(words);
    answer(command)
}

fn script(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    fs::write(path, text).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("executable");
}

/// Every file of a folder with what it holds and who may do what with it.
fn all_of(folder: &Path) -> Vec<(String, Vec<u8>, u32)> {
    let mut all: Vec<_> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| {
            let entry = entry.expect("an entry");
            let mode = entry.metadata().expect("metadata").permissions().mode();
            (entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).expect("read"), mode)
        })
        .collect();
    all.sort();
    all
}

#[test]
fn commits_merges_and_checkouts_are_told() {
    let watched = Watched::new();
    let (folder, root) = (&watched.folder, watched.folder.root());
    git(folder, root, &["init", "-q"]);
    let report = spore(folder, root, &["hooks", "install", "git", "--format", "json"]).exits(0).json();
    validate(folder, "hooks", &report);
    git(folder, root, &["add", "spore.toml"]);
    git(folder, root, &["commit", "-qm", "one"]);
    let first = git(folder, root, &["rev-parse", "HEAD"]);
    git(folder, root, &["switch", "-qc", "topic"]);
    folder.write("x", "1");
    git(folder, root, &["add", "x"]);
    git(folder, root, &["commit", "-qm", "two"]);
    git(folder, root, &["switch", "-q", "main"]);
    git(folder, root, &["merge", "-q", "topic"]);
    git(folder, root, &["checkout", "-q", "--", "x"]);
    let second = git(folder, root, &["rev-parse", "HEAD"]);
    let told: Vec<(String, String)> = watched
        .letters()
        .iter()
        .map(|letter| {
            assert_eq!(letter["news"], "commit");
            let moved = &letter["refs"][0];
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            (text(&letter["by"]), format!("{} {} {}", text(&moved["name"]), text(&moved["old"]), text(&moved["new"])))
        })
        .collect();
    let (zero, first, second) = ("0".repeat(40), first.trim(), second.trim());
    let says = |by: &str, text: String| (by.to_owned(), text);
    assert_eq!(
        told,
        [
            says("commit", format!("refs/heads/main {zero} {first}")),
            says("checkout", "  ".into()),
            says("commit", format!("refs/heads/topic {first} {second}")),
            says("checkout", "  ".into()),
            says("merge", format!("refs/heads/main {first} {second}")),
        ]
    );
}

#[test]
fn a_push_to_a_bare_repository_is_told_once() {
    let folder = Folder::new();
    let (bare, work) = (folder.path("srv/plans.git"), folder.path("work"));
    git(&folder, folder.root(), &["init", "-q", "--bare", "srv/plans.git"]);
    script(&bare.join("hooks/post-receive"), THEIRS);
    spore(&folder, folder.root(), &["hooks", "install", "git", "srv/plans.git"]).exits(2).says("--bare");
    let into = ["hooks", "install", "git", "--bare", "srv/plans.git", "--into", "runs"];
    spore(&folder, folder.root(), &into).exits(0).says("pushed spores run in");
    spore(&folder, folder.root(), &into).exits(0).says("was installed already");
    let _watched = hold(&folder.path("runs/.spore"));

    git(&folder, folder.root(), &["clone", "-q", "srv/plans.git", "work"]);
    for number in 0..30 {
        git(&folder, &work, &["commit", "-q", "--allow-empty", "-m", &number.to_string()]);
    }
    fs::write(work.join("a.md"), "x").expect("written");
    git(&folder, &work, &["add", "a.md"]);
    git(&folder, &work, &["commit", "-qm", "a"]);
    git(&folder, &work, &["tag", "v1"]);
    git(&folder, &work, &["branch", "--", "topic"]);
    git(&folder, &work, &["push", "-q", "origin", "HEAD:main", "topic", "v1"]);
    let mut quiet = around(&folder, "git", &work);
    quiet.args(["push", "-q", "origin", "HEAD:from-a-run"]).env("SPORE_RUN", "01M7WDC3SC0NYYYCT3JXK4E2HK");
    answer(quiet).exits(0);
    git(&folder, &work, &["push", "-q", "origin", ":topic"]);

    let letters = letters(&folder.path("runs/.spore/inbox"));
    assert_eq!(letters.len(), 2, "one for each push, and none for that of a run: {letters:#?}");
    let names: Vec<&str> =
        letters[0]["refs"].as_array().expect("refs").iter().filter_map(|moved| moved["name"].as_str()).collect();
    assert_eq!(names, ["refs/heads/main", "refs/heads/topic", "refs/tags/v1"]);
    assert_eq!(letters[1]["refs"][0]["new"], "0".repeat(40));
    let seen = folder.read("seen");
    assert_eq!(seen.matches("theirs").count(), 3, "{seen}");
    assert!(seen.contains("refs/heads/main\n") && seen.contains("refs/heads/from-a-run"), "{seen}");

    let code = git_at(&folder, &work, &["push", "origin", "HEAD:other"], Some("7"));
    code.exits(0).never_says("spore:");
    spore(&folder, folder.root(), &["hooks", "uninstall", "git", "--bare", "srv/plans.git"]).exits(0);
    assert_eq!(fs::read_to_string(bare.join("hooks/post-receive")).expect("theirs"), THEIRS);
    assert!(!bare.join("hooks/post-receive.before-spore").exists());
}

#[test]
fn hooks_that_were_there_are_called_and_come_back() {
    let watched = Watched::new();
    let (folder, root) = (&watched.folder, watched.folder.root());
    git(folder, root, &["init", "-q"]);
    let hooks = folder.path(".git/hooks");
    for name in ["pre-commit", "post-commit", "post-checkout"] {
        script(&hooks.join(name), THEIRS);
    }
    fs::set_permissions(hooks.join("pre-commit"), fs::Permissions::from_mode(0o700)).expect("set");
    let before = all_of(&hooks);
    let config = folder.read(".git/config");
    spore(folder, root, &["hooks", "install", "git"]).exits(0).says("called first");
    let installed = all_of(&hooks);
    spore(folder, root, &["hooks", "install", "git"]).exits(0).says("was installed already");
    assert_eq!(all_of(&hooks), installed, "twice is once");

    git_at(folder, root, &["commit", "-q", "--allow-empty", "-m", "x"], Some("9")).exits(1);
    assert!(watched.letters().is_empty(), "their hook has refused it");
    git(folder, root, &["commit", "-q", "--allow-empty", "-m", "x"]);
    assert_eq!(folder.read("seen").matches("theirs").count(), 3);
    assert_eq!(watched.letters().len(), 1);
    git_at(folder, root, &["checkout", "-qb", "new"], Some("3")).exits(1);
    assert_eq!(watched.letters().len(), 2, "what has happened is told whatever theirs says");

    spore(folder, root, &["hooks", "status"]).exits(0).says("installed");
    spore(folder, root, &["hooks", "uninstall", "git"]).exits(0).says("taken out");
    assert_eq!(all_of(&hooks), before);
    assert_eq!(folder.read(".git/config"), config);
    spore(folder, root, &["hooks", "uninstall", "git"]).exits(0);
    assert_eq!(all_of(&hooks), before);
}

#[test]
fn staged_spores_are_checked_as_they_are_staged() {
    let watched = Watched::new();
    let (folder, root) = (&watched.folder, watched.folder.root());
    git(folder, root, &["init", "-q"]);
    spore(folder, root, &["hooks", "install", "git"]).exits(0);
    let good = "spore: a\nkind: workflow\ntasks: {a: date}\n";
    let bad = "spore: a\nkind: workflow\ntasks: {a: {rnu: date}}\n";
    folder.write("-a b.yaml", bad);
    folder.write("unstaged.yaml", bad);
    git(folder, root, &["add", "--", "-a b.yaml"]);
    folder.write("-a b.yaml", good);
    let refused = git_at(folder, root, &["commit", "-qm", "x"], None).exits(1).says("did you mean `run`?");
    assert!(refused.err.contains("--> -a b.yaml:3") && !refused.err.contains("unstaged"), "{}", refused.err);
    git(folder, root, &["add", "--", "-a b.yaml"]);
    folder.write("-a b.yaml", bad);
    git(folder, root, &["commit", "-qm", "the working file does not count"]);
    git_at(folder, root, &["commit", "-qam", "x"], None).exits(1).says("rnu");
    git_at(folder, root, &["commit", "-qm", "x", "--", "-a b.yaml"], None).exits(1).says("rnu");
    git(folder, root, &["commit", "-qam", "x", "--no-verify"]);
}

#[test]
fn worktrees_subfolders_and_hook_paths_are_found() {
    let folder = Folder::new();
    let repo = folder.path("repo");
    git(&folder, folder.root(), &["init", "-q", "repo"]);
    folder.write("repo/plans/spore.toml", "");
    folder.write("repo/.husky/pre-push", "#!/bin/sh\n");
    git(&folder, &repo, &["config", "core.hooksPath", ".husky"]);
    git(&folder, &repo, &["add", "."]);
    git(&folder, &repo, &["commit", "-qm", "x"]);
    spore(&folder, &repo, &["hooks", "install", "git", "plans"]).exits(0);
    assert!(repo.join(".husky/post-commit").exists() && !repo.join(".git/hooks/post-commit").exists());
    let _one = hold(&repo.join("plans/.spore"));
    git(&folder, &repo.join("plans"), &["commit", "-q", "--allow-empty", "-m", "y"]);
    assert_eq!(letters(&repo.join("plans/.spore/inbox")).len(), 1);

    // A relative path counts from the top of each worktree, so this one has none until it is installed there.
    git(&folder, &repo, &["worktree", "add", "-q", "../tree"]);
    let tree = folder.path("tree");
    let _two = hold(&tree.join("plans/.spore"));
    spore(&folder, &tree, &["hooks", "install", "git", "plans"]).exits(0);
    git(&folder, &tree, &["commit", "-q", "--allow-empty", "-m", "z"]);
    let told = letters(&tree.join("plans/.spore/inbox"));
    assert_eq!((told.len(), &told[0]["refs"][0]["name"]), (1, &Value::from("refs/heads/tree")));

    folder.write(".gitconfig", "[core]\n\thooksPath = ~/hooks\n");
    git(&folder, folder.root(), &["init", "-q", "other"]);
    spore(&folder, &folder.path("other"), &["hooks", "install", "git"]).exits(2).says("git config core.hooksPath");
    assert!(!folder.path("hooks").exists());
}

#[test]
fn hooks_never_make_git_fail_or_wait() {
    let folder = Folder::new();
    git(&folder, folder.root(), &["init", "-q"]);
    for event in ["post-receive", "post-merge", "post-commit", "post-checkout"] {
        let answer = spore(&folder, folder.root(), &["hook", event, "x", "--y", "1"]).exits(0);
        assert_eq!((answer.out.as_str(), answer.err.as_str()), ("", ""), "{event} in a folder without spores");
    }
    assert!(!folder.path(".spore").exists());
    let outside = tempfile::tempdir().expect("a folder");
    let answer = spore(&folder, outside.path(), &["hook", "post-commit"]).exits(0).says("spore: ");
    assert_eq!(answer.err.lines().count(), 1, "{}", answer.err);

    folder.write("spore.toml", "");
    let _watched = hold(&folder.path(".spore"));
    // A caller that neither writes nor closes.
    let mut command = around(&folder, env!("CARGO_BIN_EXE_spore"), folder.root());
    let mut child = command.args(["hook", "post-receive"]).stdin(Stdio::piped()).spawn().expect("started");
    let silent = child.stdin.take();
    assert!(child.wait().expect("it ends").success());
    drop(silent);
    assert!(letters(&folder.path(".spore/inbox")).is_empty());
}
