//! Commits of new files: what they hold, when there are none, and that nothing of the user's is touched.

use std::fs;

use spore::os;
use spore::repo::{Author, Commit, IndexState, Message, commit_new};

use super::{folder, git_says, made, message, named, put, repository, result, root, run, skipped, try_git};

#[test]
fn a_commit_holds_the_new_file_and_leaves_the_users_work_alone() {
    let folder = repository();
    let at = folder.path();
    put(&at.join("a.txt"), "staged\n");
    put(&at.join("new.txt"), "staged and new\n");
    git_says(at, &["add", "a.txt", "new.txt"]);
    git_says(at, &["rm", "-q", "--cached", "sub/c.txt"]);
    put(&at.join("b.txt"), "edited\n");
    put(&at.join("loose.txt"), "untracked\n");
    put(&at.join("hooked"), "");
    put(&at.join(".git/hooks/post-commit"), "#!/bin/sh\nrm hooked\n");
    git_says(at, &["config", "commit.gpgsign", "true"]);
    let look =
        || (git_says(at, &["status", "--porcelain"]), git_says(at, &["diff"]), git_says(at, &["diff", "--cached"]));
    let before = look();

    let (path, commit) = result(&root(at), 7);

    assert_eq!(look(), before);
    assert_eq!(made(&commit), git_says(at, &["rev-parse", "main"]).trim());
    let inside = format!("results/2025/10/nightly-{}.md", run(7));
    assert_eq!(path, root(at).path().join(&inside));
    assert_eq!(git_says(at, &["show", "--format=", "--name-status"]), format!("A\t{inside}\n"));
    assert_eq!(git_says(at, &["show", &format!("HEAD:{inside}")]), "# Run 7\n");
    assert_eq!(git_says(at, &["log", "-1", "--format=%an <%ae> %s"]), "Ada <ada@example.org> nightly: succeeded\n");
    let trailers = git_says(at, &["log", "-1", "--format=%(trailers)"]);
    assert_eq!(trailers.trim(), format!("Spore-Run: {}\nSpore-Source: nightly.yaml", run(7)));
    assert!(at.join("hooked").exists(), "a hook has run");
    assert!(git_says(at, &["reflog", "-1"]).contains("spore"));
    git_says(at, &["fsck", "--strict"]);
    assert!(fs::read_dir(at.join(".git")).expect("listed").all(|entry| {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        !name.contains("spore") && !name.contains("lock")
    }));
}

#[test]
fn flags_and_racy_entries_of_the_index_survive() {
    let folder = repository();
    let at = folder.path();
    git_says(at, &["config", "core.trustctime", "false"]);
    git_says(at, &["config", "core.checkStat", "minimal"]);
    git_says(at, &["update-index", "--skip-worktree", "b.txt"]);
    git_says(at, &["update-index", "--assume-unchanged", "sub/c.txt"]);
    put(&at.join("later.txt"), "later\n");
    git_says(at, &["add", "-N", "later.txt"]);
    // `a.txt` is changed in the moment in which it was added: same size, same time. Only the index's own time tells.
    let moment = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
    let touch = |name: &str| {
        let file = os::file::read_write(&at.join(name)).expect("opened");
        file.set_modified(moment).expect("its time is set");
    };
    touch("a.txt");
    git_says(at, &["add", "a.txt"]);
    put(&at.join("a.txt"), "A.TXT\n");
    touch("a.txt");
    touch(".git/index");
    let flags = git_says(at, &["ls-files", "-v"]);
    let (path, commit) = result(&root(at), 1);
    made(&commit);
    let name = root(at).display(&path);
    let rest = git_says(at, &["ls-files", "-v"]).replace(&format!("H {name}\n"), "");
    assert_eq!(rest, flags);
    assert_eq!(git_says(at, &["status", "--porcelain"]), " M a.txt\n A later.txt\n");
}

#[test]
fn the_first_commit_of_a_branch_holds_only_the_result() {
    let folder = folder();
    let at = folder.path();
    git_says(at, &["init", "-q", "-b", "trunk"]);
    named(at);
    put(&at.join("staged.txt"), "x");
    git_says(at, &["add", "staged.txt"]);
    let (path, commit) = result(&root(at), 1);
    assert!(matches!(&commit, Commit::Made { branch, .. } if branch == "trunk"), "{commit:?}");
    assert_eq!(git_says(at, &["ls-tree", "-r", "--name-only", "HEAD"]).trim(), root(at).display(&path));
    assert_eq!(git_says(at, &["status", "--porcelain"]), "A  staged.txt\n");
}

#[test]
fn where_a_commit_would_be_lost_or_in_the_way_there_is_none() {
    let outside = folder();
    assert!(skipped(result(&root(outside.path()), 1).1).contains("no git repository"));

    for (name, word) in [("MERGE_HEAD", "merge"), ("CHERRY_PICK_HEAD", "cherry-pick"), ("rebase-merge/head", "rebase")]
    {
        let folder = repository();
        let head = git_says(folder.path(), &["rev-parse", "HEAD"]);
        put(&folder.path().join(".git").join(name), &head);
        assert!(skipped(result(&root(folder.path()), 2).1).contains(word));
        assert_eq!(git_says(folder.path(), &["rev-parse", "main"]), head);
    }

    let folder = repository();
    let at = folder.path();
    let head = git_says(at, &["rev-parse", "HEAD"]);
    git_says(at, &["checkout", "-q", "--detach"]);
    assert!(skipped(result(&root(at), 3).1).contains("detached"));
    git_says(at, &["checkout", "-q", "main"]);
    put(&at.join(".gitignore"), "results/\n");
    assert!(skipped(result(&root(at), 4).1).contains("ignores"));
    put(&at.join(".gitignore"), "");
    put(&at.join(".gitattributes"), "*.md filter=lfs\n");
    assert!(skipped(result(&root(at), 7).1).contains("`lfs`"));
    assert_eq!(git_says(at, &["rev-parse", "main"]), head);

    let bare = super::folder();
    git_says(bare.path(), &["init", "-q", "--bare"]);
    assert!(skipped(result(&root(bare.path()), 5).1).contains("bare"));

    let modern = super::folder();
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
    assert_eq!(git_says(at, &["log", "--oneline"]).lines().count(), 1);
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
    git_says(at, &["add", &root(at).display(&path)]);
    assert_eq!(git_says(at, &["status", "--porcelain"]), "");
}

#[test]
fn worktrees_submodules_and_subfolders_are_repositories_too() {
    let folder = repository();
    let at = folder.path();
    let beside = super::folder();
    let tree = beside.path().join("tree");
    git_says(at, &["worktree", "add", "-q", "-b", "side", &tree.display().to_string()]);
    let (_, commit) = result(&root(&tree), 1);
    assert!(matches!(&commit, Commit::Made { branch, .. } if branch == "side"), "{commit:?}");
    assert_eq!(git_says(&tree, &["status", "--porcelain"]), "");
    assert_eq!(git_says(at, &["status", "--porcelain"]), "");

    put(&at.join("sub/spore.toml"), "commit = true\n");
    let inner = root(&at.join("sub"));
    let (path, commit) = result(&inner, 2);
    made(&commit);
    assert!(inner.display(&path).starts_with("results/2025/"));
    assert!(git_says(at, &["show", "--format=", "--name-only"]).starts_with("sub/results/"));
    assert_eq!(git_says(at, &["status", "--porcelain"]), "?? sub/spore.toml\n");

    let outer = repository();
    git_says(outer.path(), &["submodule", "--quiet", "add", &at.display().to_string(), "module"]);
    let module = outer.path().join("module");
    named(&module);
    made(&result(&root(&module), 3).1);
    assert_eq!(git_says(&module, &["status", "--porcelain"]), "");
    assert_eq!(git_says(outer.path(), &["log", "--oneline"]).lines().count(), 1);
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
            // The user works on meanwhile, and tries again where the branch has moved. Not by `git commit`, which reads the
            // index before it locks it, and so can lose what any other git adds to it.
            let by_hand = || {
                let (_, head) = try_git(at, &["rev-parse", "HEAD"]);
                let tree = format!("{}^{{tree}}", head.trim());
                let (_, new) = try_git(at, &["commit-tree", &tree, "-p", head.trim(), "-m", &format!("by hand {n}")]);
                try_git(at, &["update-ref", "refs/heads/main", new.trim(), head.trim()]).0
            };
            assert!((0..1_000).any(|_| by_hand()), "the branch never stands still");
        }
    });
    let by_hand = git_says(at, &["log", "--format=%s", "--grep=by hand"]);
    assert_eq!(by_hand.lines().count(), usize::try_from(EACH).expect("few"));
    assert_eq!(git_says(at, &["status", "--porcelain"]), "");
    let ours = git_says(at, &["log", "--format=%s", "--grep=Spore-Run"]);
    assert_eq!(ours.lines().count(), usize::try_from(WRITERS * EACH).expect("few"));
    let files = git_says(at, &["ls-tree", "-r", "--name-only", "HEAD", "results/"]);
    assert_eq!(files.lines().count(), ours.lines().count());
    assert_eq!(git_says(at, &["log", "--merges", "--oneline"]), "");
    git_says(at, &["fsck", "--strict"]);
}

#[test]
fn the_author_is_gits_else_the_folders_else_spore() {
    let folder = folder();
    let at = folder.path();
    git_says(at, &["init", "-q", "-b", "main"]);
    let path = at.join("x.md");
    put(&path, "x\n");
    let author = Author { name: "Robot".into(), email: "robot@example.org".into() };
    let commit = commit_new(&root(at), &[path], &message(1), Some(&author)).expect("git works");
    made(&commit);
    let (configured, name) = try_git(at, &["config", "user.name"]);
    let wanted = if configured { name.trim() } else { "Robot" };
    assert_eq!(git_says(at, &["log", "-1", "--format=%an"]).trim(), wanted);
}

#[test]
fn line_ends_in_names_write_no_trailers() {
    let folder = repository();
    let path = folder.path().join("x.md");
    put(&path, "x\n");
    let message = Message::of_run("x\n\nSigned-off-by: me", run(1), "a\nSpore-Run: fake");
    made(&commit_new(&root(folder.path()), &[path], &message, None).expect("git works"));
    let trailers = git_says(folder.path(), &["log", "-1", "--format=%(trailers:keyonly)"]);
    assert_eq!(trailers.trim(), "Spore-Run\nSpore-Source");
}
