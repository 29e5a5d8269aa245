//! The folder and its repository: what is read and refused, what is committed, and that nothing else is touched.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use spore::model::{Limits, Position, RunId, Timestamp};
use spore::os;
use spore::repo::{Author, Commit, Error, IndexState, Message, Root, commit_new, find_spores, init, read_source};
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
fn git(folder: &Path, arguments: &[&str]) -> String {
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
    git(folder.path(), &["init", "-q", "-b", "main"]);
    named(folder.path());
    for name in ["a.txt", "b.txt", "sub/c.txt"] {
        put(&folder.path().join(name), format!("{name}\n"));
    }
    git(folder.path(), &["add", "."]);
    git(folder.path(), &["commit", "-q", "-m", "first"]);
    folder
}

fn named(folder: &Path) {
    git(folder, &["config", "user.name", "Ada"]);
    git(folder, &["config", "user.email", "ada@example.org"]);
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
fn a_commit_holds_the_new_file_and_leaves_the_users_work_alone() {
    let folder = repository();
    let at = folder.path();
    put(&at.join("a.txt"), "staged\n");
    put(&at.join("new.txt"), "staged and new\n");
    git(at, &["add", "a.txt", "new.txt"]);
    git(at, &["rm", "-q", "--cached", "sub/c.txt"]);
    put(&at.join("b.txt"), "edited\n");
    put(&at.join("loose.txt"), "untracked\n");
    put(&at.join("hooked"), "");
    put(&at.join(".git/hooks/post-commit"), "#!/bin/sh\nrm hooked\n");
    git(at, &["config", "commit.gpgsign", "true"]);
    let look = || (git(at, &["status", "--porcelain"]), git(at, &["diff"]), git(at, &["diff", "--cached"]));
    let before = look();

    let (path, commit) = result(&root(at), 7);

    assert_eq!(look(), before);
    assert_eq!(made(&commit), git(at, &["rev-parse", "main"]).trim());
    let inside = format!("results/2025/10/nightly-{}.md", run(7));
    assert_eq!(path, root(at).path().join(&inside));
    assert_eq!(git(at, &["show", "--format=", "--name-status"]), format!("A\t{inside}\n"));
    assert_eq!(git(at, &["show", &format!("HEAD:{inside}")]), "# Run 7\n");
    assert_eq!(git(at, &["log", "-1", "--format=%an <%ae> %s"]), "Ada <ada@example.org> nightly: succeeded\n");
    let trailers = git(at, &["log", "-1", "--format=%(trailers)"]);
    assert_eq!(trailers.trim(), format!("Spore-Run: {}\nSpore-Source: nightly.yaml", run(7)));
    assert!(at.join("hooked").exists(), "a hook has run");
    assert!(git(at, &["reflog", "-1"]).contains("spore"));
    git(at, &["fsck", "--strict"]);
    assert!(fs::read_dir(at.join(".git")).expect("listed").all(|entry| {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        !name.contains("spore") && !name.contains("lock")
    }));
}

#[test]
fn flags_and_racy_entries_of_the_index_survive() {
    let folder = repository();
    let at = folder.path();
    git(at, &["config", "core.trustctime", "false"]);
    git(at, &["config", "core.checkStat", "minimal"]);
    git(at, &["update-index", "--skip-worktree", "b.txt"]);
    git(at, &["update-index", "--assume-unchanged", "sub/c.txt"]);
    put(&at.join("later.txt"), "later\n");
    git(at, &["add", "-N", "later.txt"]);
    // `a.txt` is changed in the moment in which it was added: same size, same time. Only the index's own time tells.
    let moment = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
    let touch = |name: &str| {
        let file = os::file::read_write(&at.join(name)).expect("opened");
        file.set_modified(moment).expect("its time is set");
    };
    touch("a.txt");
    git(at, &["add", "a.txt"]);
    put(&at.join("a.txt"), "A.TXT\n");
    touch("a.txt");
    touch(".git/index");
    let flags = git(at, &["ls-files", "-v"]);
    let (path, commit) = result(&root(at), 1);
    made(&commit);
    let name = root(at).display(&path);
    let rest = git(at, &["ls-files", "-v"]).replace(&format!("H {name}\n"), "");
    assert_eq!(rest, flags);
    assert_eq!(git(at, &["status", "--porcelain"]), " M a.txt\n A later.txt\n");
}

#[test]
fn the_first_commit_of_a_branch_holds_only_the_result() {
    let folder = folder();
    let at = folder.path();
    git(at, &["init", "-q", "-b", "trunk"]);
    named(at);
    put(&at.join("staged.txt"), "x");
    git(at, &["add", "staged.txt"]);
    let (path, commit) = result(&root(at), 1);
    assert!(matches!(&commit, Commit::Made { branch, .. } if branch == "trunk"), "{commit:?}");
    assert_eq!(git(at, &["ls-tree", "-r", "--name-only", "HEAD"]).trim(), root(at).display(&path));
    assert_eq!(git(at, &["status", "--porcelain"]), "A  staged.txt\n");
}

#[test]
fn where_a_commit_would_be_lost_or_in_the_way_there_is_none() {
    let outside = folder();
    assert!(skipped(result(&root(outside.path()), 1).1).contains("no git repository"));

    for (name, word) in [("MERGE_HEAD", "merge"), ("CHERRY_PICK_HEAD", "cherry-pick"), ("rebase-merge/head", "rebase")]
    {
        let folder = repository();
        let head = git(folder.path(), &["rev-parse", "HEAD"]);
        put(&folder.path().join(".git").join(name), &head);
        assert!(skipped(result(&root(folder.path()), 2).1).contains(word));
        assert_eq!(git(folder.path(), &["rev-parse", "main"]), head);
    }

    let folder = repository();
    let at = folder.path();
    let head = git(at, &["rev-parse", "HEAD"]);
    git(at, &["checkout", "-q", "--detach"]);
    assert!(skipped(result(&root(at), 3).1).contains("detached"));
    git(at, &["checkout", "-q", "main"]);
    put(&at.join(".gitignore"), "results/\n");
    assert!(skipped(result(&root(at), 4).1).contains("ignores"));
    assert_eq!(git(at, &["rev-parse", "main"]), head);

    let bare = self::folder();
    git(bare.path(), &["init", "-q", "--bare"]);
    assert!(skipped(result(&root(bare.path()), 5).1).contains("bare"));

    let modern = self::folder();
    if try_git(modern.path(), &["init", "-q", "--object-format=sha256"]).0 {
        assert!(skipped(result(&root(modern.path()), 6).1).contains("cannot be opened"));
    }
}

#[test]
fn a_path_that_the_last_commit_has_is_not_replaced() {
    let folder = repository();
    let at = folder.path();
    let path = at.join("a.txt");
    put(&path, "edited\n");
    let commit = commit_new(&root(at), &[path], &message(1), None).expect("git works");
    assert!(skipped(commit).contains("a.txt"));
    // A folder now, but a file in the last commit.
    os::file::remove(&at.join("b.txt")).expect("removed");
    put(&at.join("b.txt/new.md"), "new\n");
    let commit = commit_new(&root(at), &[at.join("b.txt/new.md")], &message(2), None).expect("git works");
    assert!(skipped(commit).contains("b.txt"));
    assert_eq!(git(at, &["log", "--oneline"]).lines().count(), 1);
}

#[test]
fn a_held_index_is_left_and_said() {
    let folder = repository();
    let at = folder.path();
    put(&at.join(".git/index.lock"), "");
    let before = fs::read(at.join(".git/index")).expect("read");
    let (path, commit) = result(&root(at), 1);
    let Commit::Made { index: IndexState::Left { reason }, .. } = &commit else { panic!("{commit:?}") };
    assert!(reason.contains("index.lock"), "{reason}");
    assert_eq!(fs::read(at.join(".git/index")).expect("read"), before);
    assert!(at.join(".git/index.lock").exists(), "the lock of somebody else is gone");
    os::file::remove(&at.join(".git/index.lock")).expect("removed");
    git(at, &["add", &root(at).display(&path)]);
    assert_eq!(git(at, &["status", "--porcelain"]), "");
}

#[test]
fn worktrees_submodules_and_subfolders_are_repositories_too() {
    let folder = repository();
    let at = folder.path();
    let beside = self::folder();
    let tree = beside.path().join("tree");
    git(at, &["worktree", "add", "-q", "-b", "side", &tree.display().to_string()]);
    let (_, commit) = result(&root(&tree), 1);
    assert!(matches!(&commit, Commit::Made { branch, .. } if branch == "side"), "{commit:?}");
    assert_eq!(git(&tree, &["status", "--porcelain"]), "");
    assert_eq!(git(at, &["status", "--porcelain"]), "");

    put(&at.join("sub/spore.toml"), "commit = true\n");
    let inner = root(&at.join("sub"));
    let (path, commit) = result(&inner, 2);
    made(&commit);
    assert!(inner.display(&path).starts_with("results/2025/"));
    assert!(git(at, &["show", "--format=", "--name-only"]).starts_with("sub/results/"));
    assert_eq!(git(at, &["status", "--porcelain"]), "?? sub/spore.toml\n");

    let outer = repository();
    git(outer.path(), &["submodule", "--quiet", "add", &at.display().to_string(), "module"]);
    let module = outer.path().join("module");
    named(&module);
    made(&result(&root(&module), 3).1);
    assert_eq!(git(&module, &["status", "--porcelain"]), "");
    assert_eq!(git(outer.path(), &["log", "--oneline"]).lines().count(), 1);
}

#[test]
fn many_writers_and_a_moving_branch_lose_nothing() {
    const WRITERS: u128 = 4;
    const EACH: u128 = 5;
    let folder = repository();
    let at = folder.path();
    let root = root(at);
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let root = &root;
            scope.spawn(move || (0..EACH).for_each(|n| drop(made(&result(root, writer * 100 + n).1).to_owned())));
        }
        for n in 0..EACH {
            // The user works on meanwhile; git itself may find a lock or a moved branch, as it does beside another git.
            try_git(at, &["commit", "-q", "--allow-empty", "-m", &format!("by hand {n}")]);
        }
    });
    assert_eq!(git(at, &["status", "--porcelain"]), "");
    let ours = git(at, &["log", "--format=%s", "--grep=Spore-Run"]);
    assert_eq!(ours.lines().count(), usize::try_from(WRITERS * EACH).expect("few"));
    let files = git(at, &["ls-tree", "-r", "--name-only", "HEAD", "results/"]);
    assert_eq!(files.lines().count(), ours.lines().count());
    assert_eq!(git(at, &["log", "--merges", "--oneline"]), "");
    git(at, &["fsck", "--strict"]);
}

#[test]
fn the_author_is_gits_else_the_folders_else_spore() {
    let folder = folder();
    let at = folder.path();
    git(at, &["init", "-q", "-b", "main"]);
    let path = at.join("x.md");
    put(&path, "x\n");
    let author = Author { name: "Robot".into(), email: "robot@example.org".into() };
    let commit = commit_new(&root(at), &[path], &message(1), Some(&author)).expect("git works");
    made(&commit);
    let (configured, name) = try_git(at, &["config", "user.name"]);
    let wanted = if configured { name.trim() } else { "Robot" };
    assert_eq!(git(at, &["log", "-1", "--format=%an"]).trim(), wanted);
}

#[test]
fn line_ends_in_names_write_no_trailers() {
    let folder = repository();
    let path = folder.path().join("x.md");
    put(&path, "x\n");
    let message = Message::of_run("x\n\nSigned-off-by: me", run(1), "a\nSpore-Run: fake");
    made(&commit_new(&root(folder.path()), &[path], &message, None).expect("git works"));
    let trailers = git(folder.path(), &["log", "-1", "--format=%(trailers:keyonly)"]);
    assert_eq!(trailers.trim(), "Spore-Run\nSpore-Source");
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
    fs::set_permissions(at.join("closed.md"), std::os::unix::fs::PermissionsExt::from_mode(0)).expect("closed");
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
    assert!(Project::load(&root(&at)).expect("understood").commit);
    assert!(!try_git(&at, &["rev-parse", "-q", "--verify", "HEAD"]).0, "something was committed");
    assert_eq!(git(&at, &["status", "--porcelain"]), "?? hello.md\n?? spore.toml\n");

    put(&at.join("hello.md"), "mine");
    let again = init(&at).expect("made");
    assert!(!again.repository_made && again.made.is_empty());
    assert_eq!(again.kept, ["spore.toml", "hello.md"]);
    assert_eq!(fs::read_to_string(at.join("hello.md")).expect("read"), "mine");

    named(&at);
    made(&result(&root(&at), 1).1);
    assert_eq!(git(&at, &["log", "--oneline"]).lines().count(), 1);

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
