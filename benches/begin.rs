//! Many small runs in one long-lived process, as the watcher performs them: how soon a command runs, how soon its result is
//! written, how many runs there are in a second, and what is left behind in memory and descriptors.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use spore::engine::{self, Finished, Request, Wish, World};
use spore::model::{AttemptId, Event, RunRecord, RunStatus, Source, Stream, TaskRecord, Timestamp};
use spore::run::{Allowance, View};
use tokio::sync::mpsc;

use crate::make::{self, median, say};

/// Says when it runs.
const TIMED: &str = "spore: small\nkind: workflow\ntasks: {a: date +%s%N}\n";
const TINY: &str = "spore: tiny\nkind: workflow\ntasks: {a: /bin/true}\n";

/// Nobody looks on.
struct Nobody;

impl View for Nobody {
    fn event(&mut self, _: Timestamp, _: &Event, _: &RunRecord) {}
    fn line(&mut self, _: &AttemptId, _: Stream, _: &str) {}
    fn failed(&mut self, _: &TaskRecord, _: &str) {}
    fn tick(&mut self, _: Timestamp, _: &RunRecord) {}
}

pub(crate) fn run() {
    let (latencies, count, many) = if make::is_short() { (100, 200, 500) } else { (500, 1_000, 10_000) };
    let world = if std::env::var_os("SPORE_BENCH_ALONE").is_some() { World::here() } else { World::of_many(4) };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let root = folder.path();
    make::write(&root.join("spore.toml"), "");
    say(&format!("small runs in one process, in {}", root.display()));
    for _ in 0..20 {
        perform(&world, root, TIMED, 1);
    }
    let mut running = Vec::new();
    let mut written = Vec::new();
    for _ in 0..latencies {
        let before = now();
        let finished = perform(&world, root, TIMED, 1);
        written.push(now().saturating_sub(before).as_secs_f64() * 1e3);
        let log = root.join(format!(".spore/runs/{}/logs/a.1.out", finished.record.run));
        let ran: u64 = fs::read_to_string(log).expect("a log").trim().parse().expect("a moment");
        running.push(Duration::from_nanos(ran).saturating_sub(before).as_secs_f64() * 1e3);
    }
    say(&format!("  {:<44} {:>9} {:>9} {:>9}", "milliseconds", "median", "p99", "worst"));
    print("asked, until its command runs", &mut running);
    print("asked, until its result is written", &mut written);

    let whole = make::fan_out(count as usize).spore();
    let mut ratios = Vec::new();
    for round in 0..3 {
        let apart = rate(count, || two_at_a_time(&world, root, count));
        let together = rate(count, || drop(perform(&world, root, &whole, 2)));
        ratios.push(apart / together);
        say(&format!("  round {round}: {apart:>7.0} runs/s, two at a time; {together:>7.0} tasks/s of one run"));
    }
    say(&format!("  runs of one task against tasks of one run: {:.2}", median(&ratios)));

    let before = (resident_kib(), descriptors(), threads());
    two_at_a_time(&world, root, many);
    let after = (resident_kib(), descriptors(), threads());
    say(&format!(
        "  {many} runs later: {} KiB was {}, {} descriptors was {}, {} threads was {}",
        after.0, before.0, after.1, before.1, after.2, before.2
    ));
}

fn perform(world: &World, root: &Path, text: &str, jobs: u32) -> Finished {
    let request = Request {
        file: root.to_path_buf(),
        source: Some(Source::new("small.yaml", text)),
        jobs: Some(Allowance::of(jobs)),
        commit: Some(Wish::Later),
        new: true,
        run: Some(world.new_run()),
        ..Request::default()
    };
    let (_stop, stops) = mpsc::unbounded_channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let finished = runtime.block_on(engine::run(world, &request, stops, &mut Nobody)).expect("it ends");
    assert_eq!(finished.record.status, RunStatus::Succeeded);
    finished
}

fn two_at_a_time(world: &World, root: &Path, count: u32) {
    let left = AtomicU32::new(count);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
                    perform(world, root, TINY, 1);
                }
            });
        }
    });
}

fn rate(count: u32, work: impl FnOnce()) -> f64 {
    let before = now();
    work();
    f64::from(count) / now().saturating_sub(before).as_secs_f64()
}

fn print(what: &str, times: &mut [f64]) {
    times.sort_unstable_by(f64::total_cmp);
    let (worst, late) = (times[times.len() - 1], times[times.len() * 99 / 100]);
    say(&format!("  {what:<44} {:>9.2} {late:>9.2} {worst:>9.2}", median(times)));
}

/// The time on the wall, as commands see it too, since 1970.
#[expect(clippy::disallowed_methods, reason = "a bench is about the machine's own time")]
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970")
}

fn resident_kib() -> usize {
    let text = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").expect("Linux").count()
}

fn threads() -> usize {
    fs::read_dir("/proc/self/task").expect("Linux").count()
}
