//! When a watched folder wakes, and that nothing is missed.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::PoisonError;
use std::time::Duration;

use spore::model::Digest;
use spore::os;
use spore::watch::{Notice, Options, Tag};

use super::ground::{Ground, LIMITS, NEVER, patient, quick, write_in_place};
use super::put;

#[tokio::test]
async fn what_is_renamed_in_waits_for_nothing() {
    let mut ground = Ground::new(patient());
    assert!(ground.folder.is_native(), "this machine has no watcher left");
    ground.put("a.md", "one");
    ground.until_arrived("a.md").await;
    ground.put("a.md", "two");
    ground.until("the second content arrived", |ground| ground.count("a.md") == 2).await;
    os::file::rename(&ground.path("a.md"), &ground.path("b.md")).expect("renamed");
    ground.until("b.md took its place", |ground| ground.count("b.md") == 1 && ground.gone.contains_key("a.md")).await;
    os::file::remove(&ground.path("b.md")).expect("removed");
    ground.until("b.md went", |ground| ground.gone.contains_key("b.md")).await;
    // Folders come and go as a whole, with what is in them.
    let outside = ground.temporary.path().join("outside");
    put(&outside.join("x/c.md"), "c");
    os::file::rename(&outside, &ground.path("sub")).expect("renamed");
    let seen = ground.looks;
    ground.until("the folder is seen", |ground| ground.looks > seen).await;
    let seen = ground.looks;
    os::file::rename(&ground.path("sub"), &ground.path("other")).expect("renamed");
    ground.until("both its names are seen", |ground| ground.looks >= seen + 2).await;
    ground.put("other/x/d.md", "d");
    ground.until_arrived("other/x/d.md").await;
}

#[tokio::test]
async fn a_slow_writer_is_taken_when_it_closes() {
    let options = Options { settle: Duration::from_millis(1), ..patient() };
    let mut ground = Ground::new(options);
    let mut file = os::file::append(&ground.path("slow.md")).expect("opened");
    for piece in 0..10 {
        writeln!(file, "piece {piece}").expect("written");
        let mark = format!("mark-{piece}.md");
        ground.put(&mark, &mark);
        ground.until_arrived(&mark).await;
        assert_eq!(ground.count("slow.md"), 0, "taken after piece {piece}");
    }
    drop(file);
    ground.until_arrived("slow.md").await;
    let whole = fs::read(ground.path("slow.md")).expect("read");
    assert_eq!(ground.digest("slow.md"), Some(Digest::of(&whole)));
    assert_eq!(ground.count("slow.md"), 1);
}

#[tokio::test]
async fn who_never_closes_is_taken_when_it_stands_still() {
    let mut ground = Ground::new(Options { settle: NEVER, still: Duration::from_millis(200), ..patient() });
    let mut file = os::file::append(&ground.path("open.md")).expect("opened");
    file.write_all(b"whole").expect("written");
    ground.until_arrived("open.md").await;
    assert_eq!(ground.digest("open.md"), Some(Digest::of(b"whole")));
    drop(file);
}

#[tokio::test]
async fn nothing_is_missed_in_folders_made_a_moment_ago() {
    let mut ground = Ground::new(quick());
    for number in 0..50 {
        let name = format!("new-{number}/deep/er/c.md");
        os::file::create_dir_all(ground.path(&name).parent().expect("a folder")).expect("made");
        write_in_place(&ground.path(&name), &name);
    }
    let all = |ground: &Ground| (0..50).all(|number| ground.count(&format!("new-{number}/deep/er/c.md")) == 1);
    ground.until("all arrived once", all).await;
    // Made, removed and made again under one name.
    for round in 0..50 {
        os::file::remove_tree(&ground.path("new-0")).expect("removed");
        ground.put("new-0/deep/er/c.md", &format!("round {round}"));
    }
    let last = Digest::of(b"round 49");
    ground.until("the last one is seen", |ground| ground.digest("new-0/deep/er/c.md") == Some(last)).await;
    ground.put("new-0/deep/d.md", "later");
    ground.until_arrived("new-0/deep/d.md").await;
}

#[tokio::test]
async fn what_nobody_wants_is_not_watched() {
    let mut ground = Ground::new(patient());
    for name in ["target/a.md", "node_modules/b/c.md", "results/r.md", ".a.md.tmp", "x.txt"] {
        ground.put(name, name);
    }
    ground.put("mark.md", "mark");
    ground.until_arrived("mark.md").await;
    let before = ground.looks;
    for round in 0..100 {
        ground.put("target/a.md", &round.to_string());
        ground.put(".spore/open/x.md", &round.to_string());
        write_in_place(&ground.path("x.txt"), &round.to_string());
    }
    ground.put("mark.md", "another");
    ground.until("the mark arrived again", |ground| ground.count("mark.md") == 2).await;
    // The mark, and `.spore` once.
    assert!(ground.looks - before <= 3, "{} looks", ground.looks - before);
    assert_eq!(ground.arrived.len(), 1, "{:?}", ground.arrived);
}

#[tokio::test(start_paused = true)]
async fn idle_it_wakes_for_nothing() {
    let mut ground = Ground::prepared(quick(), |here| put(&here.join("sub/a.md"), "a"));
    assert!(ground.folder.is_native(), "this machine has no watcher left");
    // The clock of the runtime jumps from one wake-up to the next.
    assert!(tokio::time::timeout(NEVER, ground.folder.next()).await.is_err(), "woken by nothing");
}

#[tokio::test]
async fn what_was_lost_in_an_overflow_is_found() {
    let limit = Path::new("/proc/sys/fs/inotify/max_queued_events");
    let set = |value: &str| os::file::read_write(limit).and_then(|mut file| file.write_all(value.as_bytes()));
    // Another run of these tests must not take the small limit for the one to go back to.
    let lock = os::file::append(&std::env::temp_dir().join("spore-test-inotify.lock")).expect("opened");
    lock.lock().expect("locked");
    let Ok(before) = fs::read_to_string(limit) else { return crate::skipped("there is no inotify") };
    // The limit counts when the watcher is made, and is back before anything else can fail.
    let ground = {
        let _alone = LIMITS.write().unwrap_or_else(PoisonError::into_inner);
        if set("4").is_err() {
            return crate::skipped("the queue of events can only be shrunk by root");
        }
        let ground = std::panic::catch_unwind(|| Ground::made(quick(), |_| {}));
        set(before.trim()).expect("the limit is as it was");
        drop(lock);
        ground
    };
    let mut ground = ground.expect("watched");
    let count = 3_000;
    for number in 0..count {
        os::file::create_new(&ground.path(&format!("{number}.md")))
            .and_then(|mut file| write!(file, "{number}"))
            .expect("made");
    }
    ground.until("all arrived", |ground| ground.arrived.len() == count).await;
    assert!(ground.rescans > 0, "the queue was never full");
    assert!(ground.arrived.values().all(|count| *count == 1), "something arrived twice");
}

#[tokio::test]
async fn where_nothing_is_told_it_looks_by_itself() {
    let mut ground = Ground::new(Options { is_native: false, ..quick() });
    assert!(!ground.folder.is_native());
    let inbox = ground.path(".spore/inbox");
    ground.folder.also(&inbox, Tag("inbox"));
    ground.put("sub/a.md", "a");
    write_in_place(&ground.path("b.md"), "b");
    ground.until_arrived("sub/a.md").await;
    ground.until_arrived("b.md").await;
    put(&inbox.join("one.json"), "{}");
    ground.until("the inbox is told", |ground| ground.others.contains(&(Tag("inbox"), inbox.clone()))).await;
    os::file::remove(&ground.path("b.md")).expect("removed");
    ground.until("b.md went", |ground| ground.gone.contains_key("b.md")).await;
    assert_eq!((ground.count("sub/a.md"), ground.notices.len()), (1, 0));
}

#[tokio::test]
async fn a_root_that_goes_is_told_and_taken_up_when_it_is_back() {
    for is_native in [true, false] {
        let mut ground = Ground::new(Options { is_native, ..quick() });
        let away = ground.temporary.path().join("away");
        os::file::rename(ground.root.path(), &away).expect("renamed");
        let gone = Notice::RootGone { root: ground.root.path().to_path_buf() };
        ground.until("it is told", |ground| ground.notices.contains(&gone)).await;
        // There is nothing to tell as long as it is gone.
        let waited = tokio::time::timeout(quick().poll * 4, ground.folder.next()).await;
        assert!(waited.is_err(), "{waited:?}");
        put(&away.join("sub/while.md"), "while nobody looked");
        os::file::rename(&away, ground.root.path()).expect("renamed");
        ground.until_arrived("sub/while.md").await;
        ground.put("sub/after.md", "after");
        ground.until_arrived("sub/after.md").await;
        assert_eq!(ground.notices.len(), 2, "{:?}", ground.notices);
        assert_eq!(ground.folder.is_native(), is_native);
    }
}

#[tokio::test]
async fn other_files_and_folders_are_told_apart() {
    let mut ground = Ground::new(patient());
    let (inbox, settings) = (ground.path(".spore/inbox"), ground.path("spore.toml"));
    let owner = ground.temporary.path().join("home/.config/spore");
    ground.folder.also(&inbox, Tag("inbox"));
    ground.folder.also(&settings, Tag("settings"));
    ground.folder.also(&owner, Tag("owner"));
    for (tag, path) in [
        (Tag("inbox"), inbox.join("1.json")),
        (Tag("settings"), settings.clone()),
        (Tag("owner"), owner.join("trust.toml")),
    ] {
        put(&path, "{}");
        // A folder that was not there before stands for what is in it.
        let is_told = |others: &[(Tag, std::path::PathBuf)]| {
            others.iter().any(|(other, told)| *other == tag && (*told == path || path.starts_with(told)))
        };
        ground.until(&format!("{path:?} is told"), |ground| is_told(&ground.others)).await;
    }
    ground.others.clear();
    for number in 2..20 {
        put(&inbox.join(format!("{number}.json")), "{}");
    }
    let last = (Tag("inbox"), inbox.join("19.json"));
    ground.until("the last is told", |ground| ground.others.contains(&last)).await;
    assert_eq!(ground.others.len(), 18, "temporary names are told: {:?}", ground.others);
    // Removed and made anew, it is still watched.
    os::file::remove_tree(&inbox).expect("removed");
    os::file::create_dir_all(&inbox).expect("made");
    ground.until("the new one is told", |ground| ground.others.contains(&(Tag("inbox"), inbox.clone()))).await;
    put(&inbox.join("30.json"), "{}");
    let new = (Tag("inbox"), inbox.join("30.json"));
    ground.until("what is in the new one is told", |ground| ground.others.contains(&new)).await;
    assert!(ground.arrived.is_empty() && ground.gone.is_empty());
}
