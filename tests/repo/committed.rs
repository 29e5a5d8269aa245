//! What commits hold: text as it was committed, and what has changed between two of them.

use std::os::unix::fs::symlink;
use std::path::Path;

use spore::model::Limits;
use spore::os;
use spore::repo::{Error, head_of, read_blob_at, read_committed};

use super::{folder, git_says, put, repository, root};

const NONE: &str = "0000000000000000000000000000000000000000";

fn id(folder: &Path) -> String {
    git_says(folder, &["rev-parse", "HEAD"]).trim().to_owned()
}

fn commit_all(folder: &Path) -> String {
    git_says(folder, &["add", "-A"]);
    git_says(folder, &["commit", "-q", "-m", "changed"]);
    id(folder)
}

#[test]
fn committed_text_is_read_whatever_the_working_tree_says() {
    let folder = repository();
    let at = folder.path();
    put(&at.join("sub/plan.md"), "committed\n");
    symlink("plan.md", at.join("sub/link.md")).expect("linked");
    put(&at.join("latin.md"), b"\xff\n");
    let commit = commit_all(at);
    put(&at.join("sub/plan.md"), "edited\n");
    put(&at.join("new.md"), "never committed\n");
    git_says(at, &["add", "new.md", "sub/plan.md"]);
    put(&at.join("sub/spore.toml"), "");
    let inner = root(&at.join("sub"));
    let read = |name: &str| read_committed(&inner, &at.join(name), &Limits::DEFAULT);

    assert_eq!(head_of(&inner).expect("read").as_deref(), Some(&*commit));
    let source = read("sub/plan.md").expect("read");
    assert_eq!((&*source.path, &*source.text), ("plan.md", "committed\n"));
    assert_eq!(source.digest, spore::model::Digest::of(b"committed\n"));
    os::file::remove(&at.join("sub/plan.md")).expect("removed");
    assert_eq!(read("sub/plan.md").expect("read").text, "committed\n");
    let error = read("new.md").expect_err("not committed");
    assert!(error.to_string().contains("in the last commit"), "{error}");
    assert!(matches!(read("sub"), Err(Error::Folder { .. })));
    assert!(matches!(read("sub/link.md"), Err(Error::NotRegular { what: "a link", .. })));
    assert!(matches!(read("latin.md"), Err(Error::NotUtf8 { .. })));
    let small = Limits { spore_bytes_max: 5, ..Limits::DEFAULT };
    let large = read_committed(&inner, &at.join("sub/plan.md"), &small);
    assert!(matches!(large, Err(Error::TooLarge { bytes: 10, bytes_max: 5, .. })), "{large:?}");

    let bare = super::folder();
    git_says(bare.path(), &["clone", "-q", "--bare", &at.display().to_string(), "x.git"]);
    let bare = bare.path().join("x.git");
    let blob = |path: &str| read_blob_at(&bare, &commit, Path::new(path), &Limits::DEFAULT);
    assert_eq!(blob("sub/plan.md").expect("read").text, "committed\n");
    assert!(matches!(blob("plan.md"), Err(Error::NotFound { .. })));
    for odd in ["main", "--all", NONE, ""] {
        assert!(read_blob_at(&bare, odd, Path::new("sub/plan.md"), &Limits::DEFAULT).is_err(), "{odd}");
    }
}

#[test]
fn where_nothing_is_committed_nothing_is_read() {
    let outside = folder();
    assert!(head_of(&root(outside.path())).is_err());
    let unborn = folder();
    git_says(unborn.path(), &["init", "-q"]);
    put(&unborn.path().join("a.md"), "x");
    assert_eq!(head_of(&root(unborn.path())).expect("read"), None);
    let read = read_committed(&root(unborn.path()), &unborn.path().join("a.md"), &Limits::DEFAULT);
    assert!(matches!(read, Err(Error::NotFound { .. })), "{read:?}");
}
