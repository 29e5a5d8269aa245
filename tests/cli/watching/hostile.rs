//! Names, files, folders, repositories and neighbours that nobody would choose: the watcher goes on.

use std::ffi::OsStr;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use serde_json::Value;
use spore::queue;

use super::arrivals::{pass, says, seen};
use super::deaths::{account, repository};
use super::fixture::Watching;
use super::until;
use crate::cli::folder::Folder;

fn is_remark(one: &Value, about: &str) -> bool {
    one["said"] == "remark" && one["about"] == about
}

#[test]
fn odd_names_run_like_any_others() {
    let folder = repository("");
    let mut watching = Watching::start(&folder);
    let deep = "d/".repeat(200);
    let names: Vec<Vec<u8>> = vec![
        b"a\nb.yaml".to_vec(),
        b"-rf.yaml".to_vec(),
        b"--help.md.yaml".to_vec(),
        "\u{fc}ml\u{e4}ut \u{1f344}.yaml".as_bytes().to_vec(),
        [&b"n".repeat(200)[..], b".yaml"].concat(),
        b"tab\tquote\"back\\slash$(x)`y`;.yaml".to_vec(),
        b"bytes-\xff.yaml".to_vec(),
        b"\x1b[31mred.yaml".to_vec(),
        format!("{deep}deep.yaml").into_bytes(),
    ];
    let mut expected = Vec::new();
    for (number, name) in names.iter().enumerate() {
        let path = folder.root().join(OsStr::from_bytes(name));
        fs::create_dir_all(path.parent().expect("a folder above")).expect("made");
        fs::write(path, says(&format!("n{number}"))).expect("written");
        expected.push(format!("n{number}"));
    }
    for _ in &names {
        let end = watching.hears("ended");
        assert_eq!(end["status"], "succeeded", "{end:#}");
    }
    watching.end();
    account(&folder, &expected);
}

#[test]
fn what_is_no_file_or_no_text_is_told_and_never_read() {
    let outside = Folder::new().file("out.yaml", &says("out")).file("in/deep.yaml", &says("deep"));
    let folder = Folder::new().file("spore.toml", "");
    let mut watching = Watching::start(&folder);
    symlink(outside.path("out.yaml"), folder.path("link.yaml")).expect("linked");
    symlink(outside.path("in"), folder.path("way-out")).expect("linked");
    symlink(folder.root(), folder.path("loop")).expect("linked");
    assert!(Command::new("mkfifo").arg(folder.path("pipe.yaml")).status().expect("mkfifo starts").success());
    fs::create_dir(folder.path("folder.md")).expect("made");
    fs::write(folder.path("latin.yaml"), b"spore: latin\nkind: workflow\ntasks: {a: 'echo \xe4 >> seen'}\n")
        .expect("written");
    fs::write(folder.path("nul.yaml"), [says("nul").as_bytes(), b"# \0\n"].concat()).expect("written");
    fs::write(folder.path("large.yaml"), format!("{}# {}\n", says("large"), "x".repeat(5 << 20))).expect("written");
    for about in ["latin.yaml", "nul.yaml"] {
        watching.hears_that(about, |one| is_remark(one, about));
    }
    watching.hears_that("large", |one| one["message"].as_str().is_some_and(|message| message.contains("large.yaml")));
    fs::write(folder.path("folder.md/inside.yaml"), says("inside")).expect("written");
    watching.hears_end_of("folder.md/inside.yaml", "succeeded");
    pass(&folder, &mut watching, "end");
    watching.signal("HUP");
    pass(&folder, &mut watching, "again");
    assert_eq!(seen(&folder), ["inside"]);
}

#[test]
fn a_full_disk_ends_the_watcher_and_loses_nothing() {
    let folder = repository("");
    Watching::start(&folder).end();
    let mut command = folder.command(&["watch", "--format", "json", "--trust", "open"]);
    command.env("SPORE_FAILPOINTS", "queue-write=full@4");
    let watching = Watching::spawn_command(command);
    let words: Vec<String> = (0..5).map(|number| format!("f{number}")).collect();
    for word in &words {
        folder.write(&format!("{word}.yaml"), says(word));
    }
    let (status, told) = watching.wait();
    assert_eq!(status.code(), Some(111), "{told:#?}");
    account(&folder, &words);
}

#[test]
fn a_folder_has_one_watcher() {
    let folder = Folder::new().file("spore.toml", "");
    let mut watching = Watching::start(&folder);
    let second = Watching::spawn(&folder, &[]);
    until("the end of the second", || second.complaints().contains("spore status"));
    assert!(second.complaints().contains(&watching.pid().to_string()), "{}", second.complaints());
    let (status, told) = second.wait();
    assert_eq!((status.code(), told.len()), (Some(111), 0));
    folder.write("a.yaml", says("a"));
    watching.hears_end_of("a.yaml", "succeeded");
}

#[test]
fn without_its_state_a_watcher_ends_and_says_why() {
    let folder = Folder::new().file("spore.toml", "");
    let mut watching = Watching::start(&folder);
    folder.write("a.yaml", says("a"));
    watching.hears_end_of("a.yaml", "succeeded");
    // Somebody may be putting something into it just now.
    until("the end of the folder", || fs::remove_dir_all(folder.path(".spore")).is_ok());
    folder.write("b.yaml", says("b"));
    let complaints = watching.complaints_at_end(111);
    assert!(complaints.contains(".spore"), "{complaints}");
    // What there is, is known to the next one: nothing runs again.
    let mut watching = Watching::start(&folder);
    folder.write("c.yaml", says("c"));
    watching.hears_end_of("c.yaml", "succeeded");
    assert_eq!(seen(&folder), ["a", "c"]);
}

#[test]
fn a_root_that_goes_and_comes_back_runs_nothing_again() {
    let above = Folder::new().file("root/spore.toml", "");
    let (root, away) = (above.path("root"), above.path("away"));
    let mut command = above.command(&["watch", "--format", "json", "--trust", "open"]);
    command.current_dir(above.root()).arg(&root);
    let mut watching = Watching::spawn_command(command);
    watching.hears("ready");
    let seen_in = |root: &std::path::Path| fs::read_to_string(root.join("seen")).unwrap_or_default();
    fs::write(root.join("a.yaml"), says("a")).expect("written");
    watching.hears_end_of("a.yaml", "succeeded");
    fs::rename(&root, &away).expect("renamed");
    watching.hears_that("the loss", |one| is_remark(one, "watch"));
    fs::write(away.join("b.yaml"), says("b")).expect("written");
    fs::rename(&away, &root).expect("renamed");
    watching.hears_end_of("b.yaml", "succeeded");
    fs::write(root.join("c.yaml"), says("c")).expect("written");
    watching.hears_end_of("c.yaml", "succeeded");
    assert_eq!(seen_in(&root), "a\nb\nc\n");
}

#[test]
fn results_wait_for_a_repository_that_is_busy() {
    let folder = repository("");
    let mut watching = Watching::start(&folder);
    let lock = fs::File::create_new(folder.path(".git/index.lock")).expect("made");
    folder.write("a.yaml", says("a"));
    let end = watching.hears_end_of("a.yaml", "succeeded");
    let remark = watching.hears_that("remark of git", |one| is_remark(one, "git"));
    assert!(remark["message"].as_str().is_some_and(|message| message.contains("index.lock")), "{remark:#}");
    assert!(folder.path(end["result"].as_str().expect("a path")).is_file());
    drop(lock);
    fs::remove_file(folder.path(".git/index.lock")).expect("removed");
    watching.hears("committed");
    // In the middle of a rebase nothing is committed.
    folder.git(&["checkout", "-q", "-b", "side"]);
    folder.write("x", "side");
    folder.git(&["add", "x"]);
    folder.git(&["commit", "-q", "-m", "side"]);
    folder.git(&["checkout", "-q", "main"]);
    folder.write("x", "main");
    folder.git(&["add", "x"]);
    folder.git(&["commit", "-q", "-m", "main"]);
    let mut rebase = Command::new("git");
    rebase.args(["rebase", "-q", "side"]).current_dir(folder.root()).env("HOME", folder.root());
    assert!(!rebase.output().expect("git starts").status.success(), "it stops at a conflict");
    folder.write("b.yaml", says("b"));
    watching.hears_end_of("b.yaml", "succeeded");
    let remark = watching.hears_that("remark of git", |one| is_remark(one, "git"));
    assert!(remark["message"].as_str().is_some_and(|message| message.contains("rebase")), "{remark:#}");
    folder.git(&["rebase", "--abort"]);
    watching.hears("committed");
    watching.end();
    account(&folder, &["a".to_owned(), "b".to_owned()]);
}

#[test]
fn on_no_branch_results_are_only_written() {
    let folder = repository("");
    folder.git(&["checkout", "-q", "--detach"]);
    let mut watching = Watching::start(&folder);
    folder.write("a.yaml", says("a"));
    let end = watching.hears_end_of("a.yaml", "succeeded");
    let remark = watching.hears_that("remark of git", |one| is_remark(one, "git"));
    assert!(remark["message"].as_str().is_some_and(|message| message.contains("not committed")), "{remark:#}");
    assert!(folder.path(end["result"].as_str().expect("a path")).is_file());
    watching.end();
    let (status, _) = Watching::spawn(&folder, &["--once"]).wait();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn a_spore_may_delete_itself() {
    let folder = repository("");
    let mut watching = Watching::start(&folder);
    folder.write(
        "gone.yaml",
        "spore: gone\nkind: workflow\ntasks:\n  a: rm gone.yaml\n  b: {needs: a, run: echo gone >> seen}\n",
    );
    watching.hears_end_of("gone.yaml", "succeeded");
    watching.hears("committed");
    watching.end();
    account(&folder, &["gone".to_owned()]);
}

#[test]
fn noise_at_the_socket_keeps_nobody_from_being_answered() {
    let folder = Folder::new().file("spore.toml", "");
    let mut watching = Watching::start(&folder);
    let path = folder.path(".spore/watch.sock");
    let connect = || UnixStream::connect(&path).expect("connected");
    // Garbage, a line without an end, bytes that are no text, and many who say nothing.
    for noise in [&b"garbage\n"[..], b"{\"ask\":\"dance\"}\n", b"\xff\xfe\n", &b"[".repeat(100_000)] {
        let mut stream = connect();
        // It may be cut off before all is written.
        let _ = stream.write_all(noise);
        let mut answer = Vec::new();
        let _ = stream.take(1 << 20).read_to_end(&mut answer);
        assert!(answer.is_empty() || answer.starts_with(b"{"), "{}", String::from_utf8_lossy(&answer));
    }
    let silent: Vec<UnixStream> = (0..50).map(|_| connect()).collect();
    // One that asks for ever and never reads: it is read from no faster than it reads.
    let mut flood = connect();
    flood.set_nonblocking(true).expect("set");
    let line = b"{\"ask\":\"status\"}\n".repeat(1_000);
    let (mut written, mut refused) = (0, 0);
    while written < 64 << 20 && refused < 200 {
        if let Ok(bytes) = flood.write(&line) {
            (written, refused) = (written + bytes, 0);
        } else {
            refused += 1;
            std::thread::yield_now();
        }
    }
    let mut asking = connect();
    asking.write_all(b"{\"ask\":\"status\"}\n").expect("written");
    let mut answer = [0; 1];
    asking.read_exact(&mut answer).expect("answered");
    drop((silent, flood));
    folder.write("a.yaml", says("a"));
    watching.hears_end_of("a.yaml", "succeeded");
}

#[test]
fn what_is_no_letter_is_set_aside_and_one_read_twice_runs_once() {
    let folder = Folder::new()
        .file("spore.toml", "")
        .file("hears.yaml", "spore: hears\nkind: workflow\non: {session: end}\ntasks: {a: echo heard >> seen}\n");
    Watching::start(&folder).end();
    let inbox = ".spore/inbox";
    folder.write(&format!("{inbox}/0.json"), "{");
    folder.write(&format!("{inbox}/1.json"), "x".repeat(5 << 20));
    fs::create_dir(folder.path(&format!("{inbox}/2.json"))).expect("made");
    assert!(Command::new("mkfifo").arg(folder.path(&format!("{inbox}/3.json"))).status().expect("mkfifo").success());
    symlink("/dev/zero", folder.path(&format!("{inbox}/4.json"))).expect("linked");
    let letter = r#"{"at":"2026-01-01T00:00:00.000Z","news":"session","moment":"end","agent":"claude","event":{}}"#;
    folder.write(&format!("{inbox}/01M0000000000000000000000A.json"), letter);
    let mut command = folder.command(&["watch", "--format", "json", "--trust", "open"]);
    command.env("SPORE_FAILPOINTS", "tickets-synced=kill@1");
    let (status, told) = Watching::spawn_command(command).wait();
    assert_eq!(status.signal(), Some(9), "{told:#?}");
    assert!(folder.path(&format!("{inbox}/01M0000000000000000000000A.json")).exists(), "it was not discarded yet");
    let mut watching = Watching::start(&folder);
    watching.hears_end_of("hears.yaml", "succeeded");
    pass(&folder, &mut watching, "end");
    assert_eq!(seen(&folder), ["heard"]);
    let left: Vec<_> =
        fs::read_dir(folder.path(inbox)).expect("read").map(|entry| entry.expect("one").file_name()).collect();
    assert_eq!(left, ["damaged"]);
    assert_eq!(queue::read(&folder.path(".spore")).expect("a queue").tickets().count(), 0);
}

#[test]
fn a_run_that_came_with_the_files_does_not_go_on_by_itself() {
    let folder = repository("");
    folder.write("evil.yaml", says("evil"));
    // A run that was broken off before its command began: its folder is like one that somebody has committed by force.
    let mut run = folder.command(&["run", "evil.yaml"]);
    let killed = run.env("SPORE_FAILPOINTS", "intents-written=kill").output().expect("started").status;
    assert_eq!(killed.signal(), Some(9));
    let watch = ["watch", "--format", "json", "--trust", "approve"];
    let mut watching = Watching::spawn_command(folder.command(&watch));
    watching.hears_that("what keeps it", |one| is_remark(one, "evil.yaml"));
    watching.hears("ready");
    let told = watching.end();
    assert!(told.iter().all(|one| one["said"] != "began"), "{told:#?}");
    assert_eq!(seen(&folder), [""; 0]);
    // Who knows it lets it go on; and so does who has approved what is in it.
    folder.spore(&["trust", "--yes", "evil.yaml"]).exits(0);
    let mut watching = Watching::spawn_command(folder.command(&watch));
    watching.hears_end_of("evil.yaml", "succeeded");
    watching.end();
    assert_eq!(seen(&folder), ["evil"]);
}
