//! YAML: text → spore, against the YAML package's own reading into JSON values.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use spore::model::{Limits, Source};
use spore::parse::yaml_spores;

/// Prints the ratio for 10 MB, and the times for the sizes that people meet.
#[expect(clippy::print_stdout, reason = "a bench reports on standard output")]
pub(crate) fn run() {
    let limits = Limits { spore_bytes_max: 64 << 20, ..Limits::DEFAULT };
    let text = tasks(usize::MAX, 10_000_000);
    let options = serde_yaml::options! {
        budget: None, strict_booleans: true, with_snippet: false,
    };
    let source = Source::new("bench.yaml", text.as_str());
    let (ours, theirs) = (0..5).fold((Duration::MAX, Duration::MAX), |(ours, theirs), _| {
        let mine = timed(|| assert!(yaml_spores(black_box(&source), &limits).1.is_empty()));
        let package = timed(|| {
            let value: serde_json::Value =
                serde_yaml::from_str_with_options(black_box(&text), options.clone()).expect("it is YAML");
            assert!(value["tasks"].is_object());
        });
        (ours.min(mine), theirs.min(package))
    });
    let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
    println!("yaml 10 MB: spore {ours:.0?}, package into a value {theirs:.0?}, ratio {ratio:.2} (goal 1.50 or less)");
    for (count, goal) in [(1_000, "5 ms"), (100_000, "500 ms")] {
        let source = Source::new("bench.yaml", tasks(count, usize::MAX));
        let best = (0..5)
            .map(|_| {
                timed(|| {
                    let (spores, diagnostics) = yaml_spores(black_box(&source), &limits);
                    assert_eq!((spores[0].tasks.len(), diagnostics.len()), (count, 0));
                })
            })
            .min()
            .unwrap_or_default();
        println!("yaml {count} tasks, {} KB: {best:.1?} (goal {goal})", source.text.len() / 1000);
    }
}

#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// A workflow of `count` tasks, or of as many as fit `bytes_max`: short and long forms as people mix them.
fn tasks(count: usize, bytes_max: usize) -> String {
    let mut text = "spore: bench\nkind: workflow\ntasks:\n".to_owned();
    for number in 0..count {
        if text.len() >= bytes_max {
            break;
        }
        let before = number.saturating_sub(1);
        let _ = match number % 4 {
            0 => writeln!(text, "  task-{number}: ./step.sh {number}"),
            1 => writeln!(text, "  task-{number}: {{run: ./step.sh, needs: [task-{before}]}}"),
            2 => writeln!(text, "  task-{number}:\n    needs: [task-{before}]\n    run: ./step.sh\n    timeout: 5m"),
            _ => writeln!(text, "  task-{number}:\n    run: |\n      ./a\n      ./b\n    env: {{N: \"{number}\"}}"),
        };
    }
    text
}
