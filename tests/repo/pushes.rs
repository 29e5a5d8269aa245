//! What a push has changed, by a real git.

use std::path::Path;

use spore::engine::read_push;
use spore::model::{Doing, Moved, News};
use spore::repo::moved_paths;

use super::{git_says, put, repository, root};

fn head(at: &Path, name: &str) -> String {
    git_says(at, &["rev-parse", name]).trim().to_owned()
}

fn moved(name: &str, old: &str, new: &str) -> Moved {
    Moved { name: name.to_owned(), old: old.to_owned(), new: new.to_owned() }
}

fn zero() -> String {
    "0".repeat(40)
}

fn commit(at: &Path, name: &str) -> String {
    // What it holds is new each time.
    put(&at.join(name), head(at, "HEAD"));
    git_says(at, &["add", "--", name]);
    git_says(at, &["commit", "-q", "-m", name]);
    head(at, "HEAD")
}

#[test]
fn a_move_is_what_changed_from_end_to_end() {
    let folder = repository();
    let at = folder.path();
    let base = head(at, "HEAD");
    let mut last = base.clone();
    for number in 0..40 {
        last = commit(at, &format!("data/{}.csv", number % 3));
    }
    git_says(at, &["mv", "--", "a.txt", "-b é\n.txt"]);
    git_says(at, &["rm", "-q", "b.txt"]);
    git_says(at, &["commit", "-q", "-m", "moved"]);
    let after = head(at, "HEAD");
    let git = at.join(".git");
    let paths = |moved: &Moved| moved_paths(&git, moved).expect("it can be looked at");
    let whole = paths(&moved("refs/heads/main", &base, &after));
    assert_eq!(whole, ["-b é\n.txt", "a.txt", "b.txt", "data/0.csv", "data/1.csv", "data/2.csv"]);
    assert_eq!(paths(&moved("refs/heads/main", &after, &last)), ["-b é\n.txt", "a.txt", "b.txt"], "forced back");
    assert_eq!(paths(&moved("refs/heads/main", &after, &after)), [""; 0]);
    assert_eq!(paths(&moved("refs/heads/main", &zero(), &base)), ["a.txt", "b.txt", "sub/c.txt"], "all of it is new");

    git_says(at, &["switch", "-q", "-c", "topic"]);
    let topic = commit(at, "only-here");
    git_says(at, &["switch", "-q", "main"]);
    commit(at, "only-there");
    assert_eq!(paths(&moved("refs/heads/topic", &zero(), &topic)), ["only-here"], "a new branch, against main");
    let gone = "1".repeat(40);
    assert_eq!(paths(&moved("refs/heads/topic", &gone, &topic)), ["only-here"], "what was there is there no more");
    moved_paths(&git, &moved("refs/heads/topic", &topic, &gone)).expect_err("what is not there cannot be looked at");
}

#[test]
fn results_tags_and_deleted_branches_are_no_pushes() {
    let folder = repository();
    let at = folder.path();
    let base = head(at, "HEAD");
    let spores = root(at);
    let result = commit(at, "results/2026/11/x.md");
    let both = commit(at, "learnings/y.md");
    let mixed = commit(at, "z.md");
    let read = |name: &str, old: &str, new: &str| {
        let refs = vec![moved(name, old, new)];
        let news = News::Push { repository: at.join(".git").display().to_string(), refs };
        let (pushed, unread) = read_push(&spores, &news).expect("read");
        (pushed.into_iter().map(|one| (one.branch, one.paths)).collect::<Vec<_>>(), unread.len())
    };
    assert_eq!(read("refs/heads/main", &base, &result), (vec![], 0));
    assert_eq!(read("refs/heads/main", &base, &both), (vec![], 0));
    let told = ("main".to_owned(), vec!["z.md".to_owned()]);
    assert_eq!(read("refs/heads/main", &base, &mixed), (vec![told], 0));
    assert_eq!(read("refs/tags/v1", &base, &mixed), (vec![], 0));
    assert_eq!(read("refs/heads/main", &mixed, &zero()), (vec![], 0));
    assert_eq!(read("refs/heads/main", &mixed, &"1".repeat(40)), (vec![], 1));
    let switched =
        News::Commit { repository: at.join(".git").display().to_string(), by: Doing::Checkout, refs: Vec::new() };
    assert_eq!(read_push(&spores, &switched).expect("read").0, []);
}
