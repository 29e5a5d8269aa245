//! Whole processes, side by side with make: time, CPU and memory of the same tasks, alternating in one run.
//!
//! `SPORE_BENCH_SHORT=1` takes fewer rounds and smaller outputs: the figures are rougher, the ratios still say something.
//! Nothing here fails on time, for the machine may be busy; what does not run at all does fail.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use spore::os;

pub(crate) const SPORE: &str = env!("CARGO_BIN_EXE_spore");
/// Clock ticks of `/proc` in a second; 100 on every Linux there is.
pub(crate) const TICKS_PER_SECOND: f64 = 100.0;

/// Tasks by number, each with the numbers of those it needs.
pub(crate) struct Workload {
    name: &'static str,
    needs: Vec<Vec<usize>>,
}

/// One way to run a workload.
pub(crate) struct Contender {
    name: &'static str,
    seconds: Vec<f64>,
    cpu: Vec<f64>,
    peak_kib: u64,
}

pub(crate) fn run() {
    let short = is_short();
    let rounds = if short { 3 } else { 11 };
    let folder = tempfile::tempdir().expect("a temporary folder");
    say(&format!("whole processes, medians of {rounds} rounds, 2 jobs, in {}", folder.path().display()));
    startup(folder.path(), rounds);
    for workload in [fan_out(1_000), chain(500), layers(50, 20)] {
        against_make(folder.path(), &workload, rounds);
    }
    let bytes = if short { 128 << 20 } else { 1 << 30 };
    large_output(folder.path(), bytes, if short { 1 } else { 3 });
}

/// Whether less is to be measured, and faster.
pub(crate) fn is_short() -> bool {
    std::env::var_os("SPORE_BENCH_SHORT").is_some()
}

pub(crate) fn fan_out(count: usize) -> Workload {
    Workload { name: "1,000 independent", needs: vec![Vec::new(); count] }
}

fn chain(count: usize) -> Workload {
    Workload { name: "chain of 500", needs: (0..count).map(|task| task.checked_sub(1).into_iter().collect()).collect() }
}

/// Layers in which every task needs three of the layer above, always the same three.
fn layers(count: usize, width: usize) -> Workload {
    let above = |task: usize| {
        let first = (task / width).checked_sub(1).map(|layer| layer * width);
        let picks = [task * 7 % width, (task * 7 + 5) % width, (task * 7 + 11) % width];
        first.map_or(Vec::new(), |first| picks.iter().map(|pick| first + pick).collect())
    };
    Workload { name: "50 x 20 layers", needs: (0..count * width).map(above).collect() }
}

impl Workload {
    fn makefile(&self) -> String {
        let all: String = (0..self.needs.len()).fold(String::new(), |all, task| all + &format!(" t{task}"));
        let mut text = format!(".PHONY: all{all}\nall:{all}\n");
        for (task, needs) in self.needs.iter().enumerate() {
            let needs: String = needs.iter().fold(String::new(), |needs, need| needs + &format!(" t{need}"));
            let _ = write!(text, "t{task}:{needs}\n\t@/bin/true\n");
        }
        text
    }

    pub(crate) fn spore(&self) -> String {
        let mut text = String::from("spore: bench\nkind: workflow\ntasks:\n");
        for (task, needs) in self.needs.iter().enumerate() {
            let needs: Vec<String> = needs.iter().map(|need| format!("t{need}")).collect();
            let _ = if needs.is_empty() {
                writeln!(text, "  t{task}: /bin/true")
            } else {
                writeln!(text, "  t{task}: {{needs: [{}], run: /bin/true}}", needs.join(", "))
            };
        }
        text
    }
}

fn against_make(folder: &Path, workload: &Workload, rounds: usize) {
    write(&folder.join("Makefile"), &workload.makefile());
    write(&folder.join("bench.yaml"), &workload.spore());
    let commands = [&["make", "-s", "-j2"][..], &[SPORE, "run", "bench.yaml", "--jobs", "2", "--no-commit"][..]];
    let mut contenders = [Contender::new("make"), Contender::new("spore")];
    for _ in 0..rounds {
        for (contender, command) in contenders.iter_mut().zip(commands) {
            contender.time(folder, command, None);
        }
    }
    for (contender, command) in contenders.iter_mut().zip(commands) {
        contender.peak_kib = peak_kib(start(folder, command, None));
    }
    table(workload.name, &contenders);
}

fn startup(folder: &Path, rounds: usize) {
    write(&folder.join("bench.yaml"), &layers(50, 20).spore());
    write(&folder.join("Makefile"), &layers(50, 20).makefile());
    for (name, make, spore) in [
        ("--version", &["make", "--version"][..], &[SPORE, "--version"][..]),
        ("plan of 1,000", &["make", "-n"][..], &[SPORE, "plan", "bench.yaml"][..]),
    ] {
        let mut contenders = [Contender::new("make"), Contender::new("spore")];
        for _ in 0..rounds * 3 {
            contenders[0].time(folder, make, None);
            contenders[1].time(folder, spore, None);
        }
        table(name, &contenders);
    }
}

/// One task that prints much, against `cat` into a file.
fn large_output(folder: &Path, bytes: u64, rounds: usize) {
    let print = format!("head -c {bytes} /dev/zero");
    write(&folder.join("bench.yaml"), &format!("spore: bench\nkind: workflow\ntasks: {{print: '{print}'}}\n"));
    let piped = format!("{print} | cat");
    let commands = [&["sh", "-c", &piped][..], &[SPORE, "run", "bench.yaml", "--jobs", "2", "--no-commit"][..]];
    let mut contenders = [Contender::new("| cat > file"), Contender::new("spore")];
    for _ in 0..rounds {
        contenders[0].time(folder, commands[0], Some("printed"));
        contenders[1].time(folder, commands[1], None);
    }
    contenders[1].peak_kib = peak_kib(start(folder, commands[1], None));
    table(&format!("{} MiB printed", bytes >> 20), &contenders);
}

impl Contender {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, seconds: Vec::new(), cpu: Vec::new(), peak_kib: 0 }
    }

    /// Runs a command to its end and notes how long it took; it must succeed.
    #[expect(clippy::disallowed_methods, reason = "a bench is about the machine's own time")]
    pub(crate) fn time(&mut self, folder: &Path, command: &[&str], into: Option<&str>) {
        let cpu = children_cpu_seconds();
        let before = Instant::now();
        let status = start(folder, command, into).wait().expect("it can be waited for");
        self.seconds.push(before.elapsed().as_secs_f64());
        self.cpu.push(children_cpu_seconds() - cpu);
        assert!(status.success(), "{command:?}: {status}");
    }
}

#[expect(clippy::disallowed_methods, reason = "a bench starts whole processes, and not in the way it measures")]
pub(crate) fn start(folder: &Path, command: &[&str], into: Option<&str>) -> Child {
    let out = match into {
        Some(name) => fs::File::create(folder.join(name)).expect("the file can be made").into(),
        None => Stdio::null(),
    };
    let mut process = Command::new(command[0]);
    let process = process.args(&command[1..]).current_dir(folder).stdin(Stdio::null()).stdout(out);
    process.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// The most memory the process itself had at a time, by asking until it has ended.
pub(crate) fn peak_kib(mut child: Child) -> u64 {
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().expect("it can be waited for").is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        peak = peak.max(kib.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(1));
    }
    peak
}

/// CPU time of all children that have ended, and of theirs.
fn children_cpu_seconds() -> f64 {
    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name of the program stands in parentheses and may hold blanks; the fields after it are numbers.
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |place: usize| fields.get(place).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(13) + ticks(14)) / TICKS_PER_SECOND
}

pub(crate) fn table(title: &str, contenders: &[Contender]) {
    say(&format!(
        "\n{title:<20} {:>10} {:>10} {:>8} {:>9} {:>8}",
        "median ms", "best ms", "CPU s", "peak MiB", "ratio"
    ));
    let floor = median(&contenders[0].seconds);
    for contender in contenders {
        let time = median(&contender.seconds);
        let best = contender.seconds.iter().copied().fold(f64::INFINITY, f64::min);
        say(&format!(
            "  {:<18} {:>10.1} {:>10.1} {:>8.2} {:>9} {:>8.2}",
            contender.name,
            time * 1e3,
            best * 1e3,
            median(&contender.cpu),
            if contender.peak_kib == 0 { "-".to_owned() } else { format!("{}", contender.peak_kib >> 10) },
            time / floor,
        ));
    }
}

pub(crate) fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

pub(crate) fn write(path: &Path, text: &str) {
    os::file::write_over(path, text.as_bytes()).expect("the file can be written");
}

pub(crate) fn say(line: &str) {
    writeln!(std::io::stdout(), "{line}").expect("somebody reads");
}
