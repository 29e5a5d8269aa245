//! The state machine of a run under thousands of schedules: whatever fails, is lost, ends late or twice, and whenever
//! somebody stops it, and however often its engine dies, what must hold holds, and it ends. A failure names the seed that
//! brings it back.

mod allowance;
mod generate;
mod simulation;
mod takeover;

use std::collections::VecDeque;
use std::time::Duration;

use spore::model::{Outcome, Plan};
use spore::os::clock::{Clock as _, SystemClock};
use spore::run::{Action, Machine, Past, Stop};

use generate::{Random, random_plan};
use simulation::{Fate, Simulation, Trace};

/// Tries `check` with so many seeds, and names the one that breaks the rules.
fn with_seeds(seeds: std::ops::Range<u64>, check: impl Fn(Random) + std::panic::RefUnwindSafe) {
    for seed in seeds {
        let tried = std::panic::catch_unwind(|| check(Random::new(seed)));
        assert!(tried.is_ok(), "the rules break with seed {seed}");
    }
}

fn simulate(mut random: Random, fate: Fate) -> Trace {
    let plan = random_plan(&mut random);
    Simulation::new(&plan, random, fate).run()
}

#[test]
fn whatever_happens_the_rules_hold_and_it_ends() {
    with_seeds(0..4_000, |random| {
        simulate(random, Fate { stops: 3, crashes: 0 });
    });
}

#[test]
fn however_often_engines_die_the_rules_hold_and_it_ends() {
    let crashes = std::sync::atomic::AtomicUsize::new(0);
    with_seeds(10_000..16_000, |mut random| {
        let fate = Fate { stops: random.below(4), crashes: random.below(30) + 1 };
        let trace = simulate(random, fate);
        crashes.fetch_add(trace.crashes, std::sync::atomic::Ordering::Relaxed);
    });
    let crashes = crashes.into_inner();
    assert!(crashes > 10_000, "only {crashes} engines died");
}

#[test]
fn every_beginning_of_a_journal_can_be_taken_up() {
    with_seeds(20_000..20_400, |mut random| {
        let plan = random_plan(&mut random);
        let trace = Simulation::new(&plan, Random::new(random.below(1_000_000) as u64), FATE).run();
        for count in 1..=trace.facts.len() {
            let random = Random::new(random.below(1_000_000) as u64);
            Simulation::with_past(&plan, random, FATE, &trace, count).run();
        }
    });
}

/// What an engine with other rules has recorded is not judged by the rules of this one.
#[test]
fn what_is_recorded_stands_whatever_the_rules_say() {
    let plan = generate::chain(2);
    let again_in = Some(Duration::ZERO);
    let past = [
        Past::Intended { task: 1, number: 1 },
        Past::Intended { task: 0, number: 1 },
        Past::Ended { task: 0, number: 1, outcome: Outcome::of_exit(1), again_in },
        Past::Ended { task: 0, number: 1, outcome: Outcome::Succeeded, again_in: None },
    ];
    let mut machine = Machine::resume(&plan, 2, &[], &past, Duration::ZERO);
    assert_eq!(machine.running_attempt(1), Some(1), "it was started, though out of turn");
    assert_eq!(machine.next(Duration::ZERO), Some(Action::Start { task: 0, number: 2 }), "it was to be tried again");
    assert_eq!(machine.next(Duration::ZERO), None);
    assert!(machine.ended(1, 1, &Outcome::Succeeded, Duration::ZERO, 0.0));
    assert!(machine.ended(0, 2, &Outcome::Succeeded, Duration::ZERO, 0.0));
    assert!(machine.is_over());
}

/// Nobody dies, but somebody may lose patience.
const FATE: Fate = Fate { stops: 2, crashes: 0 };

/// Steps that the machine needs for a plan in which everything succeeds. Half way another engine takes it up.
fn run_through(plan: &Plan, jobs: u32, stop_after: usize) -> usize {
    let mut machine = Machine::new(plan, jobs, &[]);
    let mut running = VecDeque::new();
    let mut past = Vec::new();
    let mut started = 0;
    loop {
        while let Some(action) = machine.next(Duration::ZERO) {
            match action {
                Action::Start { task, number } => {
                    started += 1;
                    running.push_back((task, number));
                    past.push(Past::Intended { task, number });
                }
                Action::Skip { task, .. } => past.push(Past::Skipped { task }),
                Action::Retry { .. } | Action::Cancel { .. } => {}
            }
        }
        if started == plan.tasks.len() / 2 {
            machine = Machine::resume(plan, jobs, &[], &past, Duration::ZERO);
        }
        if started >= stop_after {
            past.push(Past::Stopped(Stop::Cancelled));
            machine.stop(Stop::Cancelled);
        }
        let Some((task, number)) = running.pop_front() else { break };
        machine.ended(task, number, &Outcome::Succeeded, Duration::ZERO, 0.0);
        past.push(Past::Ended { task, number, outcome: Outcome::Succeeded, again_in: None });
    }
    assert!(machine.is_over());
    assert!(Machine::resume(plan, jobs, &[], &past, Duration::ZERO).is_over());
    started
}

#[test]
fn a_hundred_thousand_tasks_are_no_burden() {
    const COUNT: usize = 100_000;
    let clock = SystemClock::new();
    for shape in [generate::chain, generate::fan, generate::held] {
        let plan = shape(COUNT);
        assert!(run_through(&plan, 8, usize::MAX) >= COUNT);
        assert!(run_through(&plan, 8, 10) < 100);
    }
    // Anything quadratic would take minutes.
    assert!(clock.monotonic() < Duration::from_mins(1), "{:?}", clock.monotonic());
}
