//! The clock calls, stands still, jumps ahead and back: each moment is called for once.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::{SystemTime, UNIX_EPOCH};

use super::arrivals::{pass, says, seen};
use super::deaths::repository;
use super::fixture::Watching;
use super::until;
use crate::cli::folder::Folder;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// The clock of the watchers of a test. Days count from tomorrow.
struct Wall {
    place: tempfile::TempDir,
    midnight: i64,
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_millis()).expect("not so late")
}

impl Wall {
    /// It shows this time on the first day.
    fn at(time: i64) -> Self {
        let wall = Self { place: tempfile::tempdir().expect("a folder"), midnight: (now() / DAY + 1) * DAY };
        wall.set(0, time);
        wall
    }

    fn set(&self, day: i64, time: i64) {
        let offset = self.midnight + day * DAY + time - now();
        let (new, file) = (self.place.path().join("new"), self.place.path().join("offset"));
        fs::write(&new, offset.to_string()).and_then(|()| fs::rename(&new, &file)).expect("set");
    }

    /// The folder, whose watchers live by this clock.
    fn over(&self, folder: Folder) -> Folder {
        folder.env("SPORE_CLOCK_OFFSET_FILE", self.place.path().join("offset").to_str().expect("a path"))
    }
}

/// Sets the clock, and waits until the watcher has looked at it.
#[track_caller]
fn jump(wall: &Wall, folder: &Folder, watching: &mut Watching, day: i64, time: i64) {
    wall.set(day, time);
    watching.signal("HUP");
    pass(folder, watching, &format!("{day}-{time}-{}", now()));
}

fn scheduled(name: &str, settings: &str, run: &str) -> String {
    format!("spore: {name}\nkind: workflow\non: {{schedule: {{timezone: UTC, {settings}}}}}\ntasks:\n  a: '{run}'\n")
}

#[track_caller]
fn ask(folder: &Folder, question: &str) {
    let mut stream = UnixStream::connect(folder.path(".spore/watch.sock")).expect("connected");
    stream.write_all(question.as_bytes()).expect("written");
    let mut answer = [0; 1];
    stream.read_exact(&mut answer).expect("answered");
}

#[test]
fn a_moment_runs_once_however_the_clock_jumps() {
    let wall = Wall::at(11 * HOUR);
    let text = scheduled("noon", "cron: 0 12 * * *", "echo noon >> seen");
    let folder = wall.over(Folder::new().file("spore.toml", "").file("noon.yaml", &text));
    let mut watching = Watching::start(&folder);
    let noon = 12 * HOUR + 10_000;
    for (day, time, runs) in
        [(0, 11 * HOUR + 1, 0), (0, noon, 1), (0, 11 * HOUR, 1), (0, noon, 1), (0, noon - DAY / 4, 1), (1, noon, 2)]
    {
        jump(&wall, &folder, &mut watching, day, time);
        until("the runs", || seen(&folder).len() >= runs);
        pass(&folder, &mut watching, &format!("after-{}", now()));
        assert_eq!(seen(&folder).len(), runs, "day {day}, {time}");
    }
    // Nor does a restart have it run again.
    watching.end();
    let mut watching = Watching::start(&folder);
    pass(&folder, &mut watching, "restarted");
    // A clock that was a year ahead by mistake stops nothing once it is right again.
    jump(&wall, &folder, &mut watching, 365, noon);
    until("the run of next year", || seen(&folder).len() == 3);
    jump(&wall, &folder, &mut watching, 2, 11 * HOUR);
    jump(&wall, &folder, &mut watching, 2, noon);
    until("the run of the third day", || seen(&folder).len() == 4);
}

#[test]
fn what_was_missed_is_made_up_for_within_bounds() {
    let wall = Wall::at(11 * HOUR);
    let folder = wall.over(Folder::new().file("spore.toml", ""));
    for (name, settings) in [
        ("none", "cron: 0 12 * * *, catch_up: 0"),
        ("one", "cron: 0 12 * * *"),
        ("three", "cron: 0 12 * * *, catch_up: 3, overlap: queue"),
    ] {
        folder.write(&format!("{name}.yaml"), scheduled(name, settings, &format!("echo {name} >> seen")));
    }
    Watching::start(&folder).end();
    wall.set(30, 20 * HOUR);
    let mut watching = Watching::start(&folder);
    (0..4).for_each(|_| drop(watching.hears("ended")));
    pass(&folder, &mut watching, "end");
    assert_eq!(seen(&folder), ["one", "three", "three", "three"]);
}

#[test]
fn moments_that_overlap_skip_queue_or_replace() {
    let wall = Wall::at(11 * HOUR + 30 * MINUTE);
    let folder = wall.over(Folder::new().file("spore.toml", ""));
    for name in ["skip", "queue", "replace"] {
        let run = format!("echo {name} >> seen; while [ -e seen ] && [ ! -e go ]; do sleep 0.01; done");
        folder.write(&format!("{name}.yaml"), scheduled(name, &format!("cron: 0 * * * *, overlap: {name}"), &run));
    }
    let mut watching = Watching::start_with(&folder, &["--jobs", "8"]);
    jump(&wall, &folder, &mut watching, 0, 12 * HOUR + 10_000);
    until("the first of each", || seen(&folder) == ["queue", "replace", "skip"]);
    jump(&wall, &folder, &mut watching, 0, 13 * HOUR + 10_000);
    let left_out =
        watching.hears_that("what is left out", |one| one["said"] == "remark" && one["about"] == "skip.yaml");
    assert!(left_out["message"].as_str().is_some_and(|message| message.contains("is left out")), "{left_out:#}");
    watching.hears_end_of("replace.yaml", "cancelled");
    until("the second of one", || seen(&folder) == ["queue", "replace", "replace", "skip"]);
    folder.write("go", "");
    for name in ["skip.yaml", "queue.yaml", "queue.yaml", "replace.yaml"] {
        watching.hears_end_of(name, "succeeded");
    }
    assert_eq!(seen(&folder), ["queue", "queue", "replace", "replace", "skip"]);
}

#[test]
fn a_pause_over_a_moment_only_puts_its_run_off() {
    let wall = Wall::at(11 * HOUR);
    let text = scheduled("noon", "cron: 0 12 * * *", "echo noon >> seen");
    let folder = wall.over(Folder::new().file("spore.toml", "").file("noon.yaml", &text));
    let mut watching = Watching::start(&folder);
    ask(&folder, "{\"ask\":\"pause\",\"until\":null}\n");
    wall.set(0, 12 * HOUR + 1_000);
    watching.signal("HUP");
    watching.hears("queued");
    // The next watcher pauses as well.
    watching.end();
    let mut watching = Watching::start(&folder);
    assert_eq!((watching.count("began"), seen(&folder).len()), (0, 0));
    ask(&folder, "{\"ask\":\"unpause\"}\n");
    watching.hears_end_of("noon.yaml", "succeeded");
    assert_eq!(seen(&folder), ["noon"]);
}

#[test]
fn a_clock_that_goes_back_a_year_puts_nothing_off() {
    let wall = Wall::at(11 * HOUR);
    let folder = wall.over(repository(""));
    let mut watching = Watching::start(&folder);
    let lock = folder.path(".git/index.lock");
    fs::write(&lock, "").expect("made");
    folder.write("a.yaml", says("a"));
    watching.hears_end_of("a.yaml", "succeeded");
    watching.hears_that("remark of git", |one| one["said"] == "remark" && one["about"] == "git");
    fs::remove_file(&lock).expect("removed");
    wall.set(-365, 11 * HOUR);
    watching.signal("HUP");
    watching.hears("committed");
    folder.write("b.yaml", says("b"));
    watching.hears_end_of("b.yaml", "succeeded");
    watching.hears("committed");
}
