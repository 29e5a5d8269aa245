//! Parsing 10 MB of realistic markdown against the event loop of pulldown-cmark alone, with the same options.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use pulldown_cmark::{Options, Parser};
use spore::model::{Limits, Source};
use spore::parse::parse;

const BYTES: usize = 10 << 20;
const ROUNDS: usize = 7;

/// Prints the ratio of both speeds for a runbook and for a checklist.
pub(crate) fn run() {
    measure("runbook", &repeat(runbook));
    measure("checklist", &repeat(checklist));
}

fn repeat(part: fn(&mut String, usize)) -> String {
    let mut text = String::with_capacity(BYTES + 4_096);
    let mut number = 1;
    while text.len() < BYTES {
        part(&mut text, number);
        number += 1;
    }
    text
}

fn runbook(text: &mut String, number: usize) {
    write!(
        text,
        "## Section {number}: deploy the *service* to `cluster-{number}`\n\n\
         Before the deployment begins, make sure that the **credentials** are in place and that [the guide](./guide.md)\n\
         has been read. The service needs a namespace, a quota and a `ConfigMap`; without them it will not start, and\n\
         the logs will say so in many words that nobody reads.\n\n\
         - first, look at the nodes\n- then, at the pods\n  - those that wait\n  - those that _crash_\n- at last, at the events\n\n\
         ```bash\nkubectl get nodes -o wide\nkubectl get pods --all-namespaces | grep -v Running\n```\n\n\
         | name | value | meaning |\n|---|---|---|\n| replicas | 3 | how many |\n| region | europe-west1 | where |\n\n\
         > A quoted remark that goes on for a line or two.\n\n"
    )
    .expect("a string takes everything");
}

fn checklist(text: &mut String, number: usize) {
    write!(
        text,
        "- [x] {number}. Build component number {number} and its **tests**\n  - Write the module and its documentation\n  \
         - Cover the error paths with property tests\n  - _Requirements: 1.1, 2.3_\n  - [ ] {number}.1 Write the property test for \
         component {number}\n    - **Property {number}: what goes in comes out**\n    - _Dependencies: Task {number}_\n\n"
    )
    .expect("a string takes everything");
}

#[expect(clippy::print_stdout, reason = "a bench prints what it measured")]
fn measure(name: &str, text: &str) {
    let source = Source::new("bench.md", text);
    let limits = Limits { spore_bytes_max: 64 << 20, ..Limits::DEFAULT };
    let (mut bare, mut whole) = (Duration::MAX, Duration::MAX);
    let mut tasks = 0;
    for _ in 0..ROUNDS {
        bare = bare.min(time(|| {
            for event in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
                black_box(event);
            }
        }));
        whole = whole.min(time(|| {
            let parsed = parse(&source, &limits);
            tasks = parsed.spores[0].tasks.len();
            black_box(&parsed);
        }));
    }
    let ratio = bare.as_secs_f64() / whole.as_secs_f64();
    println!(
        "markdown {name}: {} MiB, {tasks} tasks: bare events {:.1} ms, parse {:.1} ms, {ratio:.2} of its speed",
        text.len() >> 20,
        bare.as_secs_f64() * 1e3,
        whole.as_secs_f64() * 1e3,
    );
}

#[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}
