//! How soon a folder with many finished runs and many broken-off ones goes on, and the memory of those who kept them.
//!
//! The engines are killed and their commands wait, each for its own pipe that this process holds open: whatever becomes of
//! the bench, they end with it.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use spore::os;
use spore::os::identity::Identity;

use crate::make::{self, SPORE, median, say};

/// What takes longer than this does not happen at all.
const PATIENCE: Duration = Duration::from_mins(1);
/// The folder is no repository.
const NO_COMMIT: &str = "--no-commit";

/// A run without an engine, whose command waits until the gate is dropped.
struct Orphan {
    file: String,
    run_dir: PathBuf,
    supervisor: Identity,
    gate: Option<File>,
}

/// Milliseconds from the start of a command until these were seen.
#[derive(Default)]
struct Takeover {
    resumed: Vec<f64>,
    said: Vec<f64>,
    told: Vec<f64>,
}

pub(crate) fn run() {
    let (finished, orphaned, rounds) = if make::is_short() { (500, 5, 3) } else { (10_000, 100, 7) };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    say(&format!("recovery among {finished} finished and {orphaned} broken-off runs, medians of {rounds} rounds"));
    copy_runs(folder, finished);
    let mut orphans: Vec<Orphan> = (0..orphaned).map(|number| leave(folder, number, "")).collect();
    memory("private memory, command waits", private_kib(orphans[0].supervisor));

    let (mut resume, mut run) = (Takeover::default(), Takeover::default());
    // `resume` begins with the oldest, and `run` takes the one of its file.
    let by_resume = rounds.min(orphaned / 2);
    for orphan in &mut orphans[..by_resume] {
        resume.take(folder, orphan, &["resume"]);
    }
    for orphan in orphans.iter_mut().rev().take(rounds.min(orphaned - by_resume - 1)) {
        let file = orphan.file.clone();
        run.take(folder, orphan, &["run", &file, NO_COMMIT]);
    }
    say(&format!("{:<38} {:>10} {:>10}", "", "median ms", "worst ms"));
    resume.print("spore resume");
    run.print("spore run FILE");
    for words in [&["runs"][..], &["doctor"][..]] {
        let times: Vec<f64> = (0..rounds).map(|_| whole(folder, words)).collect();
        print(&format!("spore {}, to its end", words.join(" ")), &times);
    }
    orphans.push(flood(folder, orphaned));
    end(orphans);
}

/// Makes `count` finished runs: one is run, the others are copies of its folder under names of their own.
fn copy_runs(folder: &Path, count: usize) {
    make::write(&folder.join("done.yaml"), "spore: done\nkind: workflow\ntasks: {a: echo a, b: echo b}\n");
    let status =
        make::start(folder, &[SPORE, "run", "done.yaml", NO_COMMIT], None).wait().expect("it can be waited for");
    assert!(status.success(), "{status}");
    let original = only_new(folder, &[]);
    let name = original.file_name().expect("a name").to_str().expect("text");
    for number in 1..count {
        // Digits are letters of a run id, too.
        let copy = original.with_file_name(format!("{}{number:07}", &name[..name.len() - 7]));
        copy_dir(&original, &copy);
    }
}

fn copy_dir(from: &Path, to: &Path) {
    os::file::create_dir_all(to).expect("the folder can be made");
    for entry in fs::read_dir(from).expect("a folder").map(|entry| entry.expect("an entry")) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy_dir(&from, &to);
        } else {
            let bytes = fs::read(&from).expect("the file can be read");
            os::file::create_new(&to).and_then(|mut file| file.write_all(&bytes)).expect("the file can be written");
        }
    }
}

/// The folder of the run that is there and was not before.
fn only_new(folder: &Path, before: &[PathBuf]) -> PathBuf {
    let mut new = run_dirs(folder);
    new.retain(|run| before.binary_search(run).is_err());
    assert_eq!(new.len(), 1, "one run was started");
    new.remove(0)
}

fn run_dirs(folder: &Path) -> Vec<PathBuf> {
    let Ok(runs) = fs::read_dir(folder.join(".spore/runs")) else { return Vec::new() };
    let mut runs: Vec<PathBuf> = runs.map(|run| run.expect("an entry").path()).collect();
    runs.sort();
    runs
}

/// Starts a run whose command does this and waits, and kills its engine.
#[expect(clippy::disallowed_methods, reason = "a pipe with a name is nothing the program ever makes")]
fn leave(folder: &Path, number: usize, command: &str) -> Orphan {
    let (gate, begun) = (folder.join(format!("gate-{number}")), folder.join(format!("begun-{number}")));
    assert!(Command::new("mkfifo").arg(&gate).status().expect("mkfifo starts").success());
    let gate = os::file::read_write(&gate).expect("the pipe can be opened");
    let file = format!("w{number}.yaml");
    let text = format!("exec < gate-{number}; : > begun-{number}; {command} cat");
    make::write(&folder.join(&file), &format!("spore: w{number}\nkind: workflow\ntasks: {{wait: '{text}'}}\n"));
    let before = run_dirs(folder);
    let mut engine = make::start(folder, &[SPORE, "run", &file, NO_COMMIT], None);
    until("its command runs", || begun.exists());
    kill(&mut engine);
    let run_dir = only_new(folder, &before);
    let lock = fs::read_to_string(run_dir.join("supervisor.lock")).expect("its supervisor lives on");
    let supervisor = Identity::parse(lock.trim()).expect("an identity");
    Orphan { file, run_dir, supervisor, gate: Some(gate) }
}

/// A command that prints more than anybody keeps, with nobody but its supervisor to read it.
fn flood(folder: &Path, number: usize) -> Orphan {
    let bytes: u64 = if make::is_short() { 128 << 20 } else { 1 << 30 };
    let orphan = leave(folder, number, &format!("head -c {bytes} /dev/zero; : > printed;"));
    let mut peak = 0;
    until("all is printed", || {
        peak = peak.max(private_kib(orphan.supervisor));
        folder.join("printed").exists()
    });
    memory(&format!("private memory, {} MiB printed", bytes >> 20), peak);
    orphan
}

impl Takeover {
    /// Has a command take over this run, opens its gate as soon as the journal says so, and kills the engine again when
    /// the end of the adopted command is recorded.
    #[expect(clippy::disallowed_methods, reason = "a bench is about the machine's own time")]
    fn take(&mut self, folder: &Path, orphan: &mut Orphan, words: &[&str]) {
        let journal = orphan.run_dir.join("journal.jsonl");
        let count = |event: &str| {
            let text = fs::read_to_string(&journal).unwrap_or_default();
            text.matches(&format!(r#""event":"{event}""#)).count()
        };
        // The engine before may have got as far as to take this one up, too.
        let earlier = count("run_resumed");
        let before = Instant::now();
        let since = || before.elapsed().as_secs_f64() * 1e3;
        let mut command = vec![SPORE];
        command.extend(words);
        let mut engine = make::start(folder, &command, Some("said"));
        let mut said = None;
        until("it is taken up", || {
            let is_said = || fs::read_to_string(folder.join("said")).is_ok_and(|text| text.contains("still running"));
            said = said.or_else(|| is_said().then(since));
            count("run_resumed") > earlier
        });
        self.resumed.push(since());
        drop(orphan.gate.take());
        until("its end is told", || count("attempt_ended") > 0);
        self.told.push(since());
        self.said.extend(said);
        until("its result is written", || count("result_written") > 0);
        kill(&mut engine);
    }

    fn print(&self, name: &str) {
        print(&format!("{name}, says what runs"), &self.said);
        print(&format!("{name}, run_resumed"), &self.resumed);
        print(&format!("{name}, adopted end told"), &self.told);
    }
}

/// Milliseconds that a command takes from its start to its end, whatever it finds.
#[expect(clippy::disallowed_methods, reason = "a bench is about the machine's own time")]
fn whole(folder: &Path, words: &[&str]) -> f64 {
    let before = Instant::now();
    let mut command = vec![SPORE];
    command.extend(words);
    let status = make::start(folder, &command, Some("said")).wait().expect("it can be waited for");
    assert!(status.code().is_some(), "{words:?}: {status}");
    before.elapsed().as_secs_f64() * 1e3
}

/// What only this process has of its memory; 0 when it has ended.
fn private_kib(process: Identity) -> u64 {
    let text = fs::read_to_string(format!("/proc/{}/smaps_rollup", process.pid())).unwrap_or_default();
    let private = text.lines().filter(|line| line.starts_with("Private_Clean:") || line.starts_with("Private_Dirty:"));
    private.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).sum()
}

/// Ends all commands, and waits for those who kept them.
fn end(orphans: Vec<Orphan>) {
    // All gates first, then the waiting.
    let supervisors: Vec<Identity> = orphans.into_iter().map(|orphan| orphan.supervisor).collect();
    for supervisor in supervisors {
        if !within(|| !supervisor.is_alive()) {
            say(&format!("  the supervisor {} did not end, and is killed", supervisor.pid()));
            supervisor.kill();
        }
    }
}

fn kill(engine: &mut Child) {
    engine.kill().expect("killed");
    engine.wait().expect("collected");
}

fn until(what: &str, is_so: impl FnMut() -> bool) {
    assert!(within(is_so), "{PATIENCE:?}, and it is not so that {what}");
}

#[expect(clippy::disallowed_methods, reason = "a bench is about the machine's own time")]
fn within(mut is_so: impl FnMut() -> bool) -> bool {
    let before = Instant::now();
    while !is_so() {
        if before.elapsed() > PATIENCE {
            return false;
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    true
}

fn memory(what: &str, kib: u64) {
    say(&format!("{what:<38} {kib:>10} KiB"));
}

fn print(what: &str, times: &[f64]) {
    if times.is_empty() {
        say(&format!("  {what:<36} {:>10} {:>10}", "-", "-"));
        return;
    }
    let worst = times.iter().copied().fold(0.0, f64::max);
    say(&format!("  {what:<36} {:>10.1} {:>10.1}", median(times), worst));
}
