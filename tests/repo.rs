//! The folder: what is found, read and refused, and what is written into it.

mod batch;
mod committed;
mod git;
mod pushes;
mod travel;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use spore::model::{Limits, Position, RunId, Timestamp};
use spore::os;
use spore::repo::{Commit, Error, IndexState, Message, Root, commit_new, find_spores, init, read_source};
use spore::repo::{Project, write_result};
use tempfile::TempDir;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn put(path: &Path, text: impl AsRef<[u8]>) {
    os::file::create_dir_all(path.parent().expect("a folder")).expect("the folder is made");
    os::file::write_over(path, text.as_ref()).expect("the file is written");
}

fn root(folder: &Path) -> Root {
    Root::find(folder).expect("a root")
}

/// What git prints; the environment of whoever runs the tests must not leak in.
fn git_says(folder: &Path, arguments: &[&str]) -> String {
    let (ok, text) = try_git(folder, arguments);
    assert!(ok, "git {arguments:?} in {}: {text}", folder.display());
    text
}

#[expect(clippy::disallowed_methods, reason = "the tests compare with the real git")]
fn try_git(folder: &Path, arguments: &[&str]) -> (bool, String) {
    let mut command = std::process::Command::new("git");
    for variable in ["GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"] {
        command.env_remove(variable);
    }
    let quiet = ["-c", "advice.detachedHead=false", "-c", "protocol.file.allow=always"];
    let output = command.current_dir(folder).args(quiet).args(arguments).output().expect("git is installed");
    let text = [output.stdout, if output.status.success() { Vec::new() } else { output.stderr }].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

/// A repository with three committed files and a name for its user.
fn repository() -> TempDir {
    let folder = folder();
    git_says(folder.path(), &["init", "-q", "-b", "main"]);
    named(folder.path());
    for name in ["a.txt", "b.txt", "sub/c.txt"] {
        put(&folder.path().join(name), format!("{name}\n"));
    }
    git_says(folder.path(), &["add", "."]);
    git_says(folder.path(), &["commit", "-q", "-m", "first"]);
    folder
}

fn named(folder: &Path) {
    git_says(folder, &["config", "user.name", "Ada"]);
    git_says(folder, &["config", "user.email", "ada@example.org"]);
}

fn run(number: u128) -> RunId {
    RunId::from_parts(1_760_000_000_000, number)
}

fn message(number: u128) -> Message {
    Message::of_run("nightly: succeeded", run(number), "nightly.yaml")
}

/// Writes and commits the result of run `number`.
fn result(root: &Root, number: u128) -> (PathBuf, Commit) {
    let page = format!("# Run {number}\n");
    let path = write_result(root, "nightly", run(number), Timestamp(1_760_000_000_000), &page).expect("written");
    let commit = commit_new(root, std::slice::from_ref(&path), &message(number), None).expect("git works");
    (path, commit)
}

fn made(commit: &Commit) -> &str {
    match commit {
        Commit::Made { id, index: IndexState::Updated, .. } => id,
        other => panic!("not made: {other:?}"),
    }
}

fn skipped(commit: Commit) -> String {
    match commit {
        Commit::Skipped { reason, .. } => reason,
        made @ Commit::Made { .. } => panic!("made: {made:?}"),
    }
}

#[test]
fn results_are_never_replaced_and_never_leave_the_folder() {
    let folder = folder();
    let root = root(folder.path());
    let write = |page: &str| write_result(&root, "../a b", run(1), Timestamp(0), page);
    let path = write("one").expect("written");
    assert_eq!(root.display(&path), format!("results/1970/01/a-b-{}.md", run(1)));
    assert_eq!(write("one").expect("found again"), path);
    assert!(matches!(write("two"), Err(Error::InTheWay { .. })));
    assert_eq!(fs::read_to_string(&path).expect("read"), "one");

    let elsewhere = self::folder();
    let linked = self::folder();
    symlink(elsewhere.path(), linked.path().join("results")).expect("linked");
    let refused = write_result(&self::root(linked.path()), "x", run(1), Timestamp(0), "page");
    assert!(matches!(refused, Err(Error::Outside { .. })), "{refused:?}");
    assert_eq!(fs::read_dir(elsewhere.path()).expect("listed").count(), 0, "a folder was made outside");
    let blocked = self::folder();
    put(&blocked.path().join("results"), "a file");
    let refused = write_result(&self::root(blocked.path()), "x", run(1), Timestamp(0), "page");
    assert!(matches!(refused, Err(Error::InTheWay { .. })), "{refused:?}");
    assert!(write_result(&self::root(Path::new("/proc")), "x", run(1), Timestamp(0), "page").is_err());
}

#[test]
fn the_root_is_the_nearest_folder_with_a_mark() {
    let folder = folder();
    let at = fs::canonicalize(folder.path()).expect("there");
    put(&at.join("one/two/x.md"), "");
    assert_eq!(root(&at.join("one/two/x.md")).path(), at.join("one/two"));
    assert_eq!(root(&at.join("one/two")).path(), at.join("one/two"));
    put(&at.join("one/spore.toml"), "");
    assert_eq!(root(&at.join("one/two/x.md")).path(), at.join("one"));
    root(&at.join("one/two/three.md")).make_state().expect("made");
    assert_eq!(fs::read_to_string(at.join("one/.spore/.gitignore")).expect("read"), "*\n");
    let two = root(&at.join("one/two"));
    assert_eq!(two.display(&at.join("one/two/../two/./x.md")), "two/x.md");
    assert_eq!(two.display(&at.join("one")), ".");
    assert_eq!(two.display(&at.join("y.md")), at.join("y.md").display().to_string());
    assert!(Root::find(&at.join("not/there.md")).is_err());

    put(&at.join("shared/mine/x.md"), "");
    put(&at.join("shared/spore.toml"), "");
    assert_eq!(root(&at.join("shared/mine")).path(), at.join("shared"));
    // Only the superuser can make a file that belongs to somebody else.
    let given = std::os::unix::fs::chown(at.join("shared/mine"), Some(12_345), None);
    if given.and_then(|()| std::os::unix::fs::chown(at.join("shared/spore.toml"), Some(12_346), None)).is_ok() {
        assert_eq!(root(&at.join("shared/mine")).path(), at.join("shared/mine"));
    }
}

#[test]
fn reading_refuses_what_is_no_spore() {
    let folder = folder();
    let at = folder.path();
    let root = root(at);
    let limits = Limits { spore_bytes_max: 100, ..Limits::DEFAULT };
    let read = |name: &str| read_source(&root, &at.join(name), &limits);

    put(&at.join("plan.md"), "\u{feff}żółw\r\n");
    let source = read("plan.md").expect("read");
    assert_eq!((&*source.path, &*source.text), ("plan.md", "\u{feff}żółw\r\n"));

    let error = read("plam.md").expect_err("missing");
    assert_eq!(error.to_string(), "`plam.md` does not exist");
    assert!(error.hint().is_some_and(|hint| hint.contains("plan.md")), "{error:?}");
    assert!(matches!(read("plan.md/x"), Err(Error::NotFound { .. })));
    assert!(matches!(read("."), Err(Error::Folder { .. })));

    put(&at.join("large.md"), "x".repeat(101));
    assert!(matches!(read("large.md"), Err(Error::TooLarge { bytes: 101, bytes_max: 100, .. })));
    put(&at.join("exact.md"), "x".repeat(100));
    assert_eq!(read("exact.md").expect("read").text.len(), 100);
    put(&at.join("bad.md"), b"one\nzw\xc3\xb3j\xff\n");
    let error = read("bad.md").expect_err("refused");
    assert_eq!(error.position(), Some(Position { line: 2, column: 5 }));

    make_pipe(&at.join("pipe.md"));
    assert!(matches!(read("pipe.md"), Err(Error::NotRegular { what: "a pipe", .. })));
    assert!(matches!(read_source(&root, Path::new("/dev/zero"), &limits), Err(Error::NotRegular { .. })));

    put(&at.join("closed.md"), "x");
    fs::set_permissions(at.join("closed.md"), std::os::unix::fs::PermissionsExt::from_mode(0o000)).expect("closed");
    // The superuser may read everything.
    if fs::read(at.join("closed.md")).is_err() {
        assert!(matches!(read("closed.md"), Err(Error::Permission { .. })));
    }
}

#[expect(clippy::disallowed_methods, reason = "the standard library cannot make a pipe with a name")]
fn make_pipe(path: &Path) {
    assert!(std::process::Command::new("mkfifo").arg(path).status().expect("mkfifo is installed").success());
}

#[test]
fn links_are_followed_inside_the_folder_only() {
    let outside = folder();
    put(&outside.path().join("x.md"), "outside");
    let folder = folder();
    let at = folder.path();
    put(&at.join("real/x.md"), "inside");
    symlink("real/x.md", at.join("file.md")).expect("linked");
    symlink("real", at.join("folder")).expect("linked");
    symlink(outside.path().join("x.md"), at.join("leads-out.md")).expect("linked");
    symlink(outside.path(), at.join("out")).expect("linked");
    symlink("loop.md", at.join("loop.md")).expect("linked");
    let root = root(at);
    let read = |path: PathBuf| read_source(&root, &path, &Limits::DEFAULT);
    assert_eq!(read(at.join("file.md")).expect("read").text, "inside");
    assert_eq!(read(at.join("folder/x.md")).expect("read").path, "real/x.md");
    assert!(matches!(read(at.join("leads-out.md")), Err(Error::Outside { .. })));
    assert!(matches!(read(at.join("out/x.md")), Err(Error::Outside { .. })));
    assert!(read(at.join("loop.md")).is_err());
    assert_eq!(read(outside.path().join("x.md")).expect("a plain path elsewhere").text, "outside");
    let around = at.join("..").join(outside.path().file_name().expect("a name")).join("x.md");
    assert_eq!(read(around).expect("a plain path elsewhere").text, "outside");
}

#[test]
fn a_search_finds_authored_files_only() {
    let folder = repository();
    let at = folder.path();
    for name in [
        "z.md",
        "a.yaml",
        "deep/er/b.yml",
        "C.MARKDOWN",
        "x.txt",
        "target/t.md",
        "node_modules/n.md",
        ".git/g.md",
        ".spore/s.md",
        "results/2025/01/r.md",
        "learnings/l.md",
        "deep/results/kept.md",
        "ignored.md",
        "build/i.md",
        ".claude/agents/k.md",
    ] {
        put(&at.join(name), "x");
    }
    put(&at.join(".gitignore"), "ignored.md\nbuild/\n");
    symlink(at.join("z.md"), at.join("link.md")).expect("linked");
    let root = root(at);
    let found = |paths: &[&str]| {
        let paths: Vec<PathBuf> = paths.iter().map(|path| at.join(path)).collect();
        let found = find_spores(&root, &paths);
        assert!(found.errors.is_empty(), "{:?}", found.errors);
        found.files.iter().map(|path| root.display(path)).collect::<Vec<_>>()
    };
    let all = [".claude/agents/k.md", "C.MARKDOWN", "a.yaml", "deep/er/b.yml", "deep/results/kept.md", "z.md"];
    assert_eq!(found(&[]), all);
    assert_eq!(found(&[".", "deep", "z.md"]), all);
    assert_eq!(found(&["results", "learnings/l.md"]), ["learnings/l.md", "results/2025/01/r.md"]);
    assert_eq!(found(&["x.txt", "ignored.md", "target/t.md"]), ["ignored.md", "target/t.md", "x.txt"]);
    let broken = find_spores(&root, &[at.join("zz.md"), at.join("a.yaml")]);
    assert_eq!((broken.files.len(), broken.errors.len()), (1, 1));
}

#[test]
fn init_makes_a_folder_ready_once() {
    let folder = folder();
    let at = folder.path().join("new/garden");
    let report = init(&at).expect("made");
    assert!(report.repository_made);
    assert_eq!(report.made, ["spore.toml", "hello.md"]);
    assert_eq!(Project::load(&root(&at)).expect("understood").commit, Some(true));
    assert!(!try_git(&at, &["rev-parse", "-q", "--verify", "HEAD"]).0, "something was committed");
    assert_eq!(git_says(&at, &["status", "--porcelain"]), "?? hello.md\n?? spore.toml\n");

    put(&at.join("hello.md"), "mine");
    let again = init(&at).expect("made");
    assert!(!again.repository_made && again.made.is_empty());
    assert_eq!(again.kept, ["spore.toml", "hello.md"]);
    assert_eq!(fs::read_to_string(at.join("hello.md")).expect("read"), "mine");

    named(&at);
    made(&result(&root(&at), 1).1);
    assert_eq!(git_says(&at, &["log", "--oneline"]).lines().count(), 1);

    let existing = repository();
    let inside = init(&existing.path().join("sub")).expect("made");
    assert!(!inside.repository_made && !existing.path().join("sub/.git").exists());

    put(&folder.path().join("file"), "x");
    assert!(matches!(init(&folder.path().join("file")), Err(Error::InTheWay { .. })));
    assert!(init(&folder.path().join("file/below")).is_err());
    os::file::create_dir_all(&folder.path().join("odd/spore.toml")).expect("made");
    assert!(matches!(init(&folder.path().join("odd")), Err(Error::InTheWay { .. })));
    assert!(init(Path::new("/proc/nowhere")).is_err());
}
