//! How long it takes to see that nothing has changed in a folder of many files, and to see it for the first time.

use std::path::Path;
use std::time::{Duration, Instant};

use spore::model::Limits;
use spore::repo::{Root, Survey};

use crate::make::{self, median, say};

/// Files in one folder.
const FOLDER_FILES: usize = 100;
/// Surveys that are weighed at once, so that what the allocator had left over counts for little.
const COPIES: usize = 20;

pub(crate) fn run() {
    let (files, rounds) = if make::is_short() { (1_000, 3) } else { (10_000, 9) };
    say(&format!("survey of {files} files in {} folders, medians of {rounds} rounds", files / FOLDER_FILES));
    for is_repository in [false, true] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fill(folder.path(), files);
        if is_repository {
            git2_init(folder.path());
        }
        survey(folder.path(), files, rounds, if is_repository { "git repository" } else { "plain folder" });
        if cfg!(target_os = "linux") {
            idle(folder.path(), if is_repository { "git repository" } else { "plain folder" });
        }
    }
}

/// What a watcher of this folder has in memory, and what it computes, while nothing happens.
#[expect(clippy::disallowed_methods, reason = "a bench is about the machine's own time")]
fn idle(folder: &Path, what: &str) {
    let spore = env!("CARGO_BIN_EXE_spore");
    let watch = [spore, "watch", "--trust", "open", "--format", "json"];
    let mut watcher = make::start(folder, &watch, Some("watch.log"));
    let begun = Instant::now();
    while !std::fs::read_to_string(folder.join("watch.log")).is_ok_and(|text| text.contains("\"ready\"")) {
        assert!(begun.elapsed() < Duration::from_mins(2), "the watcher does not come up");
        std::thread::sleep(Duration::from_millis(20));
    }
    let ready = begun.elapsed();
    std::thread::sleep(Duration::from_secs(3));
    let (before, at) = (ticks(watcher.id()), Instant::now());
    std::thread::sleep(Duration::from_secs(if make::is_short() { 3 } else { 20 }));
    let (ticks, seconds) = (ticks(watcher.id()) - before, at.elapsed().as_secs_f64());
    let kibibytes = resident_of(&watcher.id().to_string()) / 1024;
    watcher.kill().and_then(|()| watcher.wait()).expect("it can be ended");
    say(&format!("  {what}, watched: ready after {:.0} ms, {kibibytes} KiB resident", ready.as_secs_f64() * 1e3));
    say(&format!("  {what}, idle:    {ticks} ticks of 10 ms in {seconds:.0} s"));
}

/// What a process has computed so far, in ticks of the kernel.
fn ticks(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = text.rsplit_once(')').map(|(_, fields)| fields).unwrap_or_default();
    fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum()
}

fn fill(folder: &Path, files: usize) {
    for number in 0..files {
        let within = folder.join(format!("team-{:03}", number / FOLDER_FILES));
        if number % FOLDER_FILES == 0 {
            spore::os::file::create_dir_all(&within).expect("the folder can be made");
        }
        let text = format!("---\nspore: task-{number}\n---\n# Task {number}\n\n```bash\necho {number}\n```\n");
        make::write(&within.join(format!("task-{number:05}.md")), &text);
    }
}

fn git2_init(folder: &Path) {
    let status = make::start(folder, &["git", "init", "-q", "."], None).wait().expect("git can be waited for");
    assert!(status.success(), "{status}");
    make::write(&folder.join(".gitignore"), "*.log\n/build/\n");
}

fn survey(folder: &Path, files: usize, rounds: usize, what: &str) {
    let root = Root::find(folder).expect("a root");
    let limits = Limits::DEFAULT;
    let kept = folder.join("survey.cache");
    let (mut cold, mut warm, mut loaded) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let mut survey = Survey::empty();
        let all = timed(&mut cold, || survey.refresh(&root, &limits, Duration::ZERO, &mut |_, _| {}));
        assert_eq!(all.arrived.len(), files);
        // The files were made a moment ago, so that the first look could not be sure of all.
        survey.refresh(&root, &limits, Duration::ZERO, &mut |_, _| {});
        let none = timed(&mut warm, || survey.refresh(&root, &limits, Duration::ZERO, &mut |_, _| {}));
        assert!(none.is_empty(), "{} arrived", none.arrived.len());
        survey.save(&kept).expect("the survey can be kept");
        let none = timed(&mut loaded, || Survey::load(&kept).refresh(&root, &limits, Duration::ZERO, &mut |_, _| {}));
        assert!(none.is_empty(), "{} arrived", none.arrived.len());
    }
    for (name, times) in [("cold", cold), ("warm", warm), ("loaded", loaded)] {
        say(&format!("  {what}, {name:<8} {:>10.1} ms", median(&times)));
    }
    let before = resident_bytes();
    let surveys: Vec<Survey> = (0..COPIES).map(|_| Survey::load(&kept)).collect();
    let bytes = resident_bytes().saturating_sub(before) / COPIES;
    assert!(surveys.iter().all(|survey| survey.len() == files));
    say(&format!("  {what}, memory   {:>10} bytes for each file", bytes / files));
}

#[expect(clippy::disallowed_methods, reason = "a bench is about the machine's own time")]
fn timed<T>(times: &mut Vec<f64>, work: impl FnOnce() -> T) -> T {
    let before = Instant::now();
    let done = work();
    times.push(before.elapsed().as_secs_f64() * 1e3);
    done
}

/// What this process has in memory.
fn resident_bytes() -> usize {
    resident_of("self")
}

fn resident_of(process: &str) -> usize {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok()).unwrap_or(0) * 1024
}
