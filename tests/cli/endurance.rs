//! Thousands of tasks in one run: nobody is left, and neither memory nor descriptors grow with what is over.

use std::fmt::Write as _;
use std::process::Stdio;

use super::folder::Folder;

/// Tasks of the run. Both looks are at a run in full swing.
const TASKS: usize = 10_000;
const FIRST_LOOK: usize = 2_000;
const LAST_LOOK: usize = 9_000;

/// What a process holds.
#[derive(Clone, Copy, Debug)]
struct Held {
    descriptors: usize,
    private_kib: u64,
    /// Children that have ended and wait to be collected.
    zombies: usize,
}

fn look(pid: &str) -> Held {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/{pid}/{name}")).expect("it lives");
    let kib = |text: &str, start: &str| -> u64 {
        let lines = text.lines().filter(|line| line.starts_with(start));
        lines.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).sum()
    };
    let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("it lives").count();
    let others = std::fs::read_dir("/proc").expect("processes").flatten();
    let stats = others.filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok());
    let is_zombie = |stat: &String| {
        let mut fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
        (fields.next(), fields.next()) == (Some("Z"), Some(pid))
    };
    Held { descriptors, private_kib: kib(&read("smaps_rollup"), "Private_"), zombies: stats.filter(is_zombie).count() }
}

#[test]
#[expect(clippy::print_stderr, reason = "how much it holds is to be read where it is tested")]
fn ten_thousand_tasks_leave_nothing_behind() {
    let mut text = String::from("spore: w\nkind: workflow\ntasks:\n");
    for task in 0..TASKS {
        let _ = writeln!(text, "  t{task}: /bin/true");
    }
    let folder = Folder::new().file("w.yaml", &text);
    let mut engine = folder.command(&["run", "w.yaml", "--jobs", "4"]).stdout(Stdio::null()).spawn().expect("started");
    let runs = folder.path(".spore/runs");
    let run = loop {
        let first = runs.read_dir().into_iter().flatten().flatten().next();
        let Some(run) = first.filter(|run| ended(&run.path()) > 0) else {
            std::thread::yield_now();
            continue;
        };
        break run.path();
    };
    let lock = std::fs::read_to_string(run.join("supervisor.lock")).expect("a supervisor");
    let supervisor = lock.split('@').next().expect("a pid").to_owned();
    let pids = [engine.id().to_string(), supervisor];
    let looks = [FIRST_LOOK, LAST_LOOK].map(|count| {
        while ended(&run) < count {
            // Reading it without a pause would take the time from the run itself.
            std::thread::park_timeout(std::time::Duration::from_millis(5));
        }
        pids.each_ref().map(|pid| look(pid))
    });
    assert_eq!(engine.wait().expect("ended").code(), Some(0));
    let [first, last] = looks;
    eprintln!("engine, supervisor after {FIRST_LOOK} tasks: {first:?}\nafter {LAST_LOOK}: {last:?}");
    // An engine knows how every task of its run has ended; a supervisor only what is under way.
    for (name, place, grows_kib) in [("engine", 0, 20 << 10), ("supervisor", 1, 1 << 10)] {
        let (first, last): (Held, Held) = (first[place], last[place]);
        // At most what eight commands under way have open.
        assert!(last.descriptors <= first.descriptors + 24, "{name}: {first:?}, {last:?}");
        assert!(last.private_kib <= first.private_kib + grows_kib, "{name}: {first:?}, {last:?}");
        assert!(first.zombies.max(last.zombies) <= 16, "{name}: {first:?}, {last:?}");
    }
    while run.join("supervisor.lock").exists() {
        std::thread::yield_now();
    }
    let left = std::fs::read_dir("/proc").expect("processes").flatten();
    let root = folder.root().as_os_str().as_encoded_bytes();
    let is_ours = |entry: &std::fs::DirEntry| {
        let words = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        words.windows(root.len()).any(|part| part == root)
    };
    let left: Vec<_> = left.filter(is_ours).map(|entry| entry.file_name()).collect();
    assert!(left.is_empty(), "{left:?} are left");
}

/// How many attempts have ended. The file only grows, and it is looked at from afar.
fn ended(run: &std::path::Path) -> usize {
    let text = std::fs::read(run.join("attempts.jsonl")).unwrap_or_default();
    String::from_utf8_lossy(&text).matches("{\"ended\":").count()
}
