//! What durability costs: the same thousand tasks on a disk, and in memory, where a sync costs nothing.

use std::fs;
use std::path::Path;

use crate::make::{self, Contender, SPORE};

/// Where files are in memory.
const MEMORY: &str = "/dev/shm";
const COMMAND: [&str; 6] = [SPORE, "run", "bench.yaml", "--jobs", "2", "--no-commit"];

pub(crate) fn run() {
    let rounds = if make::is_short() { 3 } else { 7 };
    if !Path::new(MEMORY).is_dir() {
        make::say(&format!("durability: there is no {MEMORY} to compare with"));
        return;
    }
    let disk = tempfile::tempdir().expect("a temporary folder");
    let memory = tempfile::tempdir_in(MEMORY).expect("a temporary folder in memory");
    make::say(&format!("durability, medians of {rounds} rounds, 2 jobs, in {}", disk.path().display()));
    let workload = make::fan_out(1_000);
    let mut contenders = [Contender::new("in memory"), Contender::new("on disk")];
    let folders = [memory.path(), disk.path()];
    for folder in folders {
        make::write(&folder.join("bench.yaml"), &workload.spore());
    }
    for round in 0..=rounds {
        for (contender, folder) in contenders.iter_mut().zip(folders) {
            if round == 0 {
                // The first finds nothing in memory yet.
                Contender::new("first").time(folder, &COMMAND, None);
            } else {
                contender.time(folder, &COMMAND, None);
            }
        }
    }
    make::table("1,000 independent", &contenders);
    let counts: Vec<String> = foreseen(disk.path()).iter().map(ToString::to_string).collect();
    make::say(&format!("  starts foreseen at once, by run on disk, each with one sync: {}", counts.join(" ")));
}

/// How often the journal of each run said what may be started next, oldest run first: each time, it was synced.
fn foreseen(folder: &Path) -> Vec<usize> {
    let runs = fs::read_dir(folder.join(".spore/runs")).expect("runs");
    let mut runs: Vec<_> = runs.map(|run| run.expect("an entry").path()).collect();
    runs.sort();
    let count = |run: &std::path::PathBuf| {
        let journal = fs::read_to_string(run.join("journal.jsonl")).expect("a journal");
        journal.matches(r#""event":"starts_foreseen""#).count()
    };
    runs.iter().map(count).collect()
}
