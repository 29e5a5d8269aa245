//! A watched folder, with the program as it is: from the rename of a file to its command, a thousand files at once, and what
//! a watcher costs while nothing happens.
//!
//! Other watchers of files run the same command in the same run, where they are installed. `SPORE_BENCH_SHORT=1` takes fewer
//! files and a shorter look at the idle watcher. Nothing here fails on time.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use spore::os;

use crate::make::{self, SPORE, median, say};

/// Where files are in memory.
const MEMORY: &str = "/dev/shm";
/// How long anything may take before the bench gives up.
const PATIENCE: Duration = Duration::from_mins(5);
/// When a command counts as one that will not run.
const OVERLOOKED: Duration = Duration::from_secs(3);
/// From one look to the next.
const PAUSE: Duration = Duration::from_millis(1);

/// Another program that runs a command when a file comes.
struct Peer {
    name: &'static str,
    program: &'static str,
    command: &'static str,
}

/// What is renamed in for them is always `same.txt`.
const PEERS: &[Peer] = &[
    Peer {
        name: "inotifywait loop",
        program: "inotifywait",
        command: "inotifywait -m -q -e moved_to --format %f . | while read -r f; do date +%s%N >> times; done",
    },
    Peer { name: "entr", program: "entr", command: "echo same.txt | entr -n -p sh -c 'date +%s%N >> times'" },
    Peer {
        name: "watchexec --debounce=0",
        program: "watchexec",
        command: "watchexec --debounce=0 --postpone --on-busy-update=queue -e txt -- 'date +%s%N >> times'",
    },
];

/// Folders on disk and, where there can be one, in memory.
fn places() -> Vec<(&'static str, tempfile::TempDir)> {
    let mut places = vec![("on disk", tempfile::tempdir().expect("a temporary folder"))];
    if Path::new(MEMORY).is_dir() {
        places.push(("in memory", tempfile::tempdir_in(MEMORY).expect("a folder in memory")));
    }
    places
}

/// From a rename to its command.
pub(crate) fn one() {
    for (name, place) in places() {
        latency(name, place.path());
    }
}

/// A thousand files at once.
pub(crate) fn many() {
    for (name, place) in places() {
        thousand(name, place.path());
    }
}

/// One file after the other, at any moment of what the one before has set off.
fn latency(name: &str, place: &Path) {
    let count = if make::is_short() { 40 } else { 200 };
    say(&format!("\nfrom a rename to its command, {name}, {count} files; {}", load()));
    say(&format!("  {:<32} {:>9} {:>9} {:>9} {:>9}", "milliseconds", "median", "p95", "p99", "worst"));
    print("one sync of a line", &mut floor(place, count));
    let watched = place.join("drop");
    prepare(&watched);
    let watch = Watch::start(&watched);
    let spore = |number: usize| {
        let text = format!("spore: drop-{number}\nkind: workflow\ntasks: {{a: date +%s%N >> times}}\n");
        (format!("drop-{number}.yaml"), text)
    };
    print("spore watch", &mut drops(&watched, count, spore));
    watch.leave();
    for peer in PEERS {
        if !is_installed(peer.program) {
            say(&format!("  {:<32} is not installed here", peer.name));
            continue;
        }
        let folder = place.join(peer.program);
        os::file::create_dir_all(&folder).expect("a folder");
        make::write(&folder.join("same.txt"), "first\n");
        let _peer = Killed(start_shell(&folder, peer.command));
        // It says nothing when it is ready.
        std::thread::sleep(Duration::from_millis(500));
        print(peer.name, &mut drops(&folder, count, |number| ("same.txt".to_owned(), format!("{number}\n"))));
    }
}

/// Renames files into `folder`, and says after how many milliseconds each command ran. Some programs overlook a file that
/// comes soon after another.
fn drops(folder: &Path, count: usize, file: impl Fn(usize) -> (String, String)) -> Vec<f64> {
    let (staged, times) = (folder.with_extension("staged"), folder.join("times"));
    let (mut took, mut seen, mut missed) = (Vec::new(), 0, 0);
    for number in 0..count {
        let (name, text) = file(number);
        make::write(&staged, &text);
        let before = now();
        os::file::rename(&staged, &folder.join(name)).expect("it is renamed");
        let ran = wait(OVERLOOKED, || {
            let text = fs::read_to_string(&times).unwrap_or_default();
            text.ends_with('\n').then(|| text.lines().nth(seen)?.parse().ok()).flatten()
        });
        match ran {
            Some(ran) => took.push(milliseconds(Duration::from_nanos(ran).saturating_sub(before))),
            None => missed += 1,
        }
        seen += usize::from(ran.is_some());
        // So that the next one comes at another moment of the end, and of the commit.
        std::thread::sleep(Duration::from_millis(20 + (number as u64 * 37) % 120));
    }
    if missed > 0 {
        say(&format!("  the next one overlooked {missed} of {count} files"));
    }
    took
}

/// What a line costs that must be on disk.
fn floor(place: &Path, count: usize) -> Vec<f64> {
    let mut file = os::file::append(&place.join("floor")).expect("a file");
    let mut took = Vec::new();
    for _ in 0..count {
        let before = now();
        file.write_all(&[b'x'; 200]).and_then(|()| file.sync_data()).expect("it is written");
        took.push(milliseconds(now().saturating_sub(before)));
        std::thread::sleep(PAUSE * 10);
    }
    took
}

/// A thousand files at once, until every result is committed, against one file with the same commands.
fn thousand(name: &str, place: &Path) {
    let rounds = if make::is_short() { 2 } else { 5 };
    say(&format!("\na thousand commands, {name}, until every result is committed; {}", load()));
    for (what, command) in [("true", "/bin/true"), ("20 ms", "sleep 0.02")] {
        let watched = place.join(format!("thousand {what}"));
        prepare(&watched);
        let watch = Watch::start(&watched);
        let mut ratios = Vec::new();
        for round in 0..rounds {
            let many = |number: usize| {
                let text = format!("spore: one-{round}-{number}\nkind: workflow\ntasks: {{a: {command}}}\n");
                (format!("one-{round}-{number}.yaml"), text)
            };
            let apart = at_once(&watch, &watched, 1_000, many);
            let tasks: String =
                (0..1_000).fold(String::new(), |tasks, task| tasks + &format!("  t{task}: {command}\n"));
            let whole = format!("spore: whole-{round}\nkind: workflow\ntasks:\n{tasks}");
            let together = at_once(&watch, &watched, 1, |_| (format!("whole-{round}.yaml"), whole.clone()));
            ratios.push(together / apart);
            say(&format!(
                "  {what:<6} round {round}: {apart:>6.2} s as files, {together:>6.2} s as tasks of one file: {:.2}",
                together / apart
            ));
        }
        say(&format!("  {what:<6} median ratio {:.2}", median(&ratios)));
        watch.leave();
    }
}

fn at_once(watch: &Watch, folder: &Path, count: usize, file: impl Fn(usize) -> (String, String)) -> f64 {
    let staged = folder.with_extension("staged");
    os::file::create_dir_all(&staged).expect("a folder");
    let files: Vec<_> =
        (0..count).map(&file).map(|(name, text)| (staged.join(&name), folder.join(name), text)).collect();
    for (staged, _, text) in &files {
        os::file::create_new(staged).and_then(|mut file| file.write_all(text.as_bytes())).expect("it is written");
    }
    let before = now();
    for (staged, wanted, _) in &files {
        os::file::rename(staged, wanted).expect("it is renamed");
    }
    let mut committed = 0;
    while committed < count as u64 {
        committed += watch.hear("committed")["results"].as_u64().expect("a number");
    }
    now().saturating_sub(before).as_secs_f64()
}

/// Ten thousand files, and nothing happens.
pub(crate) fn none() {
    let seconds = if make::is_short() { 10 } else { 70 };
    let place = tempfile::tempdir().expect("a temporary folder");
    let folder = place.path().join("idle");
    prepare(&folder);
    for number in 0..10_000 {
        let within = folder.join(format!("team-{:03}", number / 100));
        if number % 100 == 0 {
            os::file::create_dir_all(&within).expect("the folder can be made");
        }
        let text =
            format!("---\nspore: task-{number}\nkind: workflow\n---\n# Task {number}\n\n```bash\necho {number}\n```\n");
        let path = within.join(format!("task-{number:05}.md"));
        os::file::create_new(&path).and_then(|mut file| file.write_all(text.as_bytes())).expect("it is written");
    }
    say(&format!("\n10,000 files in 100 folders; {}", load()));
    let mut starts = Vec::new();
    for _ in 0..4 {
        let before = now();
        let watch = Watch::start(&folder);
        starts.push(milliseconds(now().saturating_sub(before)));
        watch.leave();
    }
    say(&format!("  first start to ready {:>8.0} ms, later ones {:.0} ms", starts[0], median(&starts[1..])));
    let watch = Watch::start(&folder);
    std::thread::sleep(Duration::from_secs(3));
    let mut reconciles = Vec::new();
    for _ in 0..9 {
        let before = cpu(watch.pid());
        watch.signal("HUP");
        std::thread::sleep(Duration::from_millis(700));
        reconciles.push(milliseconds(cpu(watch.pid()).saturating_sub(before)));
    }
    say(&format!("  a reconcile of them, warm {:>6.0} ms of CPU", median(&reconciles)));
    let before = (cpu(watch.pid()), now());
    std::thread::sleep(Duration::from_secs(seconds));
    let busy = cpu(watch.pid()).saturating_sub(before.0).as_secs_f64();
    let share = busy / now().saturating_sub(before.1).as_secs_f64();
    say(&format!("  idle for {seconds} s: {:.3} % of a core, {:.1} MiB", share * 100.0, resident_mib(watch.pid())));
    watch.leave();
}

/// A folder for spores, as a person makes it.
#[expect(clippy::disallowed_methods, reason = "a bench starts whole processes, and not in the way it measures")]
fn prepare(folder: &Path) {
    os::file::create_dir_all(folder).expect("a folder");
    for command in [&["git", "init", "-q", "."][..], &[SPORE, "init"][..]] {
        let status = started(Command::new(command[0]).args(&command[1..]), folder, Stdio::null()).wait();
        assert!(status.expect("it can be waited for").success(), "{command:?}");
    }
}

/// A watcher at work.
struct Watch {
    process: Killed,
    said: Receiver<Value>,
}

impl Watch {
    /// Returns when it is ready.
    #[expect(clippy::disallowed_methods, reason = "a bench starts whole processes, and not in the way it measures")]
    fn start(folder: &Path) -> Self {
        let mut command = Command::new(SPORE);
        command.args(["watch", "--trust", "open", "--format", "json", "--jobs", "2"]);
        let mut process = Killed(started(&mut command, folder, Stdio::piped()));
        let lines = BufReader::new(process.0.stdout.take().expect("a pipe")).lines();
        let (sender, said) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Ok(value) = serde_json::from_str(&line)
                    && sender.send(value).is_err()
                {
                    return;
                }
            }
        });
        let watch = Self { process, said };
        watch.hear("ready");
        watch
    }

    /// Waits until it says this.
    fn hear(&self, wanted: &str) -> Value {
        loop {
            let said = self.said.recv_timeout(PATIENCE).expect("it says something");
            if said["said"] == wanted {
                return said;
            }
        }
    }

    fn pid(&self) -> u32 {
        self.process.0.id()
    }

    fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let status = make::start(Path::new("/"), &["kill", &format!("-{name}"), &pid], None).wait();
        assert!(status.expect("it can be waited for").success());
    }

    fn leave(mut self) {
        self.signal("TERM");
        let status = self.process.0.wait().expect("it can be waited for");
        assert!(status.success(), "{status}");
    }
}

/// A process that must not outlive the bench, with all it has started.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // Where it has a group of its own, that; it may have ended before.
        let end = format!("kill -s KILL -- -{} 2> /dev/null", self.0.id());
        let _ = make::start(Path::new("/"), &["sh", "-c", &end], None).wait();
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a program in a group of its own, with nothing of the person who measures.
fn started(command: &mut Command, folder: &Path, out: Stdio) -> Child {
    let home = folder.with_extension("home");
    os::file::create_dir_all(&home).expect("a folder");
    command.current_dir(folder).env("HOME", &home).env("XDG_CONFIG_HOME", home.join("config"));
    for name in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{name}_NAME"), "Bench").env(format!("GIT_{name}_EMAIL"), "bench@example.org");
    }
    command.process_group(0).stdin(Stdio::null()).stdout(out).stderr(Stdio::null());
    command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

#[expect(clippy::disallowed_methods, reason = "a bench starts whole processes, and not in the way it measures")]
fn start_shell(folder: &Path, script: &str) -> Child {
    started(Command::new("sh").args(["-c", script]), folder, Stdio::null())
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Looks again and again; `None` when nothing came for so long.
fn wait<T>(patience: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let until = now() + patience;
    loop {
        let found = look();
        if found.is_some() || now() > until {
            return found;
        }
        std::thread::sleep(PAUSE);
    }
}

/// What all threads of a process have worked so far.
fn cpu(pid: u32) -> Duration {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("Linux").flatten();
    let worked = |task: fs::DirEntry| -> Option<u64> {
        fs::read_to_string(task.path().join("schedstat")).ok()?.split_whitespace().next()?.parse().ok()
    };
    Duration::from_nanos(tasks.filter_map(worked).sum())
}

fn resident_mib(pid: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).expect("Linux");
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
    line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") / 1024.0
}

fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!("load {}", text.split_whitespace().next().unwrap_or("unknown"))
}

fn print(what: &str, times: &mut [f64]) {
    times.sort_unstable_by(f64::total_cmp);
    let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)];
    say(&format!("  {what:<32} {:>9.2} {:>9.2} {:>9.2} {:>9.2}", at(50), at(95), at(99), at(100)));
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// The time on the wall, as commands see it too, since 1970.
#[expect(clippy::disallowed_methods, reason = "a bench is about the machine's own time")]
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970")
}
