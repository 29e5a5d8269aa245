//! The number of attempts at a time, changed while the run goes on.

use std::sync::Mutex;
use std::time::Duration;

use spore::executor::Reports;
use spore::model::{Attempt, AttemptEnd, Outcome, RunStatus};
use spore::plan::Options;
use spore::run::{Action, Allowance, Machine};

use super::takeover::{Oracle, planned, work_with};

const SPORE: &str = "spore: w\nkind: workflow\ntasks: {a: x, b: x, c: x, d: x}\n";

#[test]
fn a_lower_number_holds_back_and_a_higher_one_lets_go() {
    let plan = planned(SPORE, &Options::default());
    let now = Duration::ZERO;
    let mut machine = Machine::new(&plan, 2, &[]);
    let started = |machine: &mut Machine<'_>| {
        let mut started = Vec::new();
        while let Some(action) = machine.next(now) {
            let Action::Start { task, .. } = action else { continue };
            started.push(task);
        }
        started
    };
    assert_eq!(started(&mut machine), [0, 1]);
    machine.set_jobs(1);
    machine.ended(0, 1, &Outcome::Succeeded, now, 0.0);
    assert_eq!(started(&mut machine), [0; 0], "one is still under way");
    machine.set_jobs(0);
    machine.ended(1, 1, &Outcome::Succeeded, now, 0.0);
    assert_eq!(started(&mut machine), [2], "one is the least");
    machine.set_jobs(7);
    assert_eq!(started(&mut machine), [3]);
}

/// Lets nothing end before everything has begun, which takes an allowance of four.
#[derive(Debug, Default)]
struct Together {
    begun: Mutex<Vec<(Attempt, Reports)>>,
}

impl Together {
    fn start(&self, allowance: &Allowance, attempt: Attempt, reports: Reports) {
        let mut begun = self.begun.lock().expect("whole");
        assert_eq!(attempt.jobs, allowance.get(), "an attempt knows the number of its moment");
        begun.push((attempt, reports));
        assert!(begun.len() <= allowance.get() as usize, "more than {} at a time", allowance.get());
        match begun.len() {
            // From another thread, as the loop that gives every run its share does.
            1 => std::thread::scope(|scope| scope.spawn(|| allowance.set(3)).join().expect("set")),
            3 => allowance.set(4),
            4 => begun.drain(..).for_each(|(attempt, reports)| {
                Oracle::tell(&reports, attempt.id, AttemptEnd::bare(Outcome::Succeeded));
            }),
            _ => {}
        }
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_run_follows_its_allowance() {
    let plan = planned(SPORE, &Options::default());
    let (allowance, together) = (Allowance::of(1), Together::default());
    let shared = allowance.clone();
    let oracle = Oracle::that(move |attempt, reports| together.start(&shared, attempt, reports));
    let worked = work_with(&plan, &[], Vec::new(), oracle, allowance).await;
    assert_eq!(worked.ran.expect("it ends").record.status, RunStatus::Succeeded);
}
