//! Engines and supervisors are killed at every step, by seed, and an independent checker looks at what is left.
//!
//! `cargo test --test crash -- --schedules 20000 --seed 7` runs longer, `--only 1234` repeats one and keeps its folder.
//! About one trial in ten takes place in a simulated cluster; `--place gke` or `--place terminal` has all in one place.
#![expect(
    clippy::disallowed_methods,
    reason = "the trials stand outside of the house: they start it and kill it, and trust none of its own code"
)]

mod check;
mod cluster;
mod death;
mod facts;
mod ground;
mod invent;
mod random;
mod trial;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant};

use cluster::Cluster;
use death::{Point, Walker, points};
use random::Random;
use trial::{Story, perform};

/// Trials when nobody says how many.
const TRIALS: u64 = 500;
/// Between two lines that tell how far it is.
const TELL: Duration = Duration::from_secs(10);
/// Trials after which every failpoint must have had somebody die there.
const ENOUGH: u64 = 400;

/// After so many failures the others need not be tried.
const FAILURES_MAX: usize = 20;
/// Of a hundred trials, so many take place in a cluster.
const IN_CLUSTER_PERCENT: usize = 10;

/// What is wanted.
struct Wanted {
    first: u64,
    count: u64,
    keep: bool,
    at_a_time: usize,
    place: Option<String>,
}

/// What came of all trials.
#[derive(Default)]
struct Sum {
    performed: u64,
    hits: BTreeMap<String, usize>,
    kinds: BTreeMap<&'static str, usize>,
    failures: Vec<(u64, PathBuf, String)>,
}

fn main() -> ExitCode {
    let Some(wanted) = wanted() else { return ExitCode::SUCCESS };
    let points = points();
    let cluster: LazyLock<Cluster> = LazyLock::new(Cluster::serve);
    let begun = Instant::now();
    let next = AtomicU64::new(wanted.first);
    let sum = Mutex::new(Sum::default());
    let told = Mutex::new(begun);
    std::thread::scope(|scope| {
        for _ in 0..wanted.at_a_time {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let failures = sum.lock().expect("nobody panics with it").failures.len();
                    if seed >= wanted.first + wanted.count || failures >= FAILURES_MAX {
                        return;
                    }
                    let (base, story, result) = try_one(seed, &points, &wanted, &cluster);
                    let mut sum = sum.lock().expect("nobody panics with it");
                    sum.add(seed, base, story, result);
                    let mut told = told.lock().expect("nobody panics with it");
                    if told.elapsed() > TELL {
                        *told = Instant::now();
                        say(&format!("{} of {}, {} failed", sum.performed, wanted.count, sum.failures.len()));
                    }
                }
            });
        }
    });
    let sum = sum.into_inner().expect("nobody panics with it");
    sum.tell(&wanted, &points, begun.elapsed())
}

/// Reads the command line. `None` when nothing of this is wanted: `cargo test NAME` asks for tests by name.
fn wanted() -> Option<Wanted> {
    let mut wanted = Wanted { first: 1, count: TRIALS, keep: false, at_a_time: at_a_time(), place: None };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut number = || words.next().and_then(|word| word.parse().ok()).expect("a number after it");
        match word.as_str() {
            "--place" => wanted.place = Some(words.next().expect("a place after it")),
            "--schedules" => wanted.count = number(),
            "--seed" => wanted.first = number(),
            "--only" => (wanted.first, wanted.count, wanted.keep) = (number(), 1, true),
            "--at-a-time" => wanted.at_a_time = usize::try_from(number()).unwrap_or(1).max(1),
            "--list" => return None,
            // Other options are those of the usual test program.
            option if option.starts_with('-') => {}
            name if "crash".contains(name) => {}
            _ => return None,
        }
    }
    Some(wanted)
}

/// Trials at a time: they wait for each other's disks and clocks more than they compute.
fn at_a_time() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from) * 2
}

/// Whether a trial takes place in a cluster, which follows from its seed where nobody says.
fn is_in_cluster(seed: u64, wanted: &Wanted) -> bool {
    let is_built_in = cfg!(all(feature = "gke", feature = "sim"));
    is_built_in
        && match wanted.place.as_deref() {
            Some(place) => place == "gke",
            None => Random::new(!seed).chance(IN_CLUSTER_PERCENT),
        }
}

fn try_one(
    seed: u64,
    points: &[Point],
    wanted: &Wanted,
    cluster: &LazyLock<Cluster>,
) -> (PathBuf, Story, Result<(), String>) {
    let cluster: Option<&Cluster> = is_in_cluster(seed, wanted).then(|| &**cluster);
    let folder = tempfile::Builder::new().prefix(&format!("spore-crash-{seed}-")).tempdir().expect("a folder");
    let base = folder.path().to_path_buf();
    let (story, result) = perform(seed, points, base.clone(), cluster);
    if wanted.keep || result.is_err() {
        let _ = folder.keep();
    }
    (base, story, result)
}

impl Sum {
    fn add(&mut self, seed: u64, base: PathBuf, story: Story, result: Result<(), String>) {
        self.performed += 1;
        for hit in story.hits {
            *self.hits.entry(hit).or_default() += 1;
        }
        for kind in story.kinds {
            *self.kinds.entry(kind).or_default() += 1;
        }
        if let Err(error) = result {
            say(&format!("seed {seed} failed: {error}\n  kept in {}\n  again: {}", base.display(), again(seed)));
            self.failures.push((seed, base, error));
        }
    }

    fn tell(&self, wanted: &Wanted, points: &[Point], took: Duration) -> ExitCode {
        let last = wanted.first + wanted.count - 1;
        say(&format!("crash: {} trials, seeds {} to {last}, {} s", self.performed, wanted.first, took.as_secs()));
        for (kind, count) in &self.kinds {
            say(&format!("  {count:>6}  {kind}"));
        }
        let mut missed = Vec::new();
        say("failpoints, and how often somebody was there when it happened:");
        for Point { name, walker } in points {
            let count = self.hits.get(name).copied().unwrap_or(0);
            let elsewhere = match wanted.place.as_deref() {
                Some("gke") => [Walker::Link, Walker::Supervisor].contains(walker),
                Some(_) => *walker == Walker::Cluster,
                None => false,
            };
            if elsewhere {
                continue;
            }
            if *walker == Walker::Watcher {
                say(&format!("       -  {name}, tried by the tests of the watcher"));
                continue;
            }
            say(&format!("  {count:>6}  {name}"));
            if count == 0 {
                missed.push(name.as_str());
            }
        }
        for (seed, base, error) in &self.failures {
            let first = error.lines().next().unwrap_or_default();
            say(&format!("FAILED seed {seed}: {first}\n  kept in {}\n  again: {}", base.display(), again(*seed)));
        }
        // In one place alone not everybody comes by everywhere.
        if wanted.count >= ENOUGH && wanted.place.is_none() && !missed.is_empty() {
            say(&format!("FAILED: nobody ever died at {}", missed.join(", ")));
            return ExitCode::FAILURE;
        }
        if self.failures.is_empty() {
            if wanted.keep {
                say(&format!("kept in {}", Path::new(&std::env::temp_dir()).join("spore-crash-*").display()));
            }
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

fn again(seed: u64) -> String {
    format!("cargo test --test crash -- --only {seed}")
}

fn say(line: &str) {
    // Whoever does not listen need not know.
    let _ = writeln!(std::io::stdout(), "{line}");
}
