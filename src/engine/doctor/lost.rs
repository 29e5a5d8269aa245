//! Runs that have ended with a lost task of which nobody has said what became of it: no retry goes on before.

use std::collections::HashSet;
use std::time::Duration;

use super::Ground;
use super::runs::Runs;
use crate::journal;
use crate::model::{RunId, RunStatus, Timestamp};
use crate::render::report::{Finding, Level};

/// Ended runs that are looked at, the newest.
const RUNS_MAX: usize = 200;
/// How long to look: journals may be large.
const TIME: Duration = Duration::from_millis(200);

/// What was seen.
#[derive(Default)]
pub(super) struct Lost {
    pub(super) findings: Vec<Finding>,
    /// The newest moment in any journal that was read.
    pub(super) newest: Option<(Timestamp, RunId)>,
}

/// Looks at the newest runs that have ended.
pub(super) fn look(ground: &Ground<'_>, runs: &Runs) -> Lost {
    let mut lost = Lost::default();
    // Where the folder cannot be read, the runs without a result have told so.
    let Ok(ids) = journal::list(&ground.root.runs()) else { return lost };
    let open: HashSet<RunId> = runs.open.iter().map(|seen| seen.report.id).collect();
    let mut goes_on = ground.within(TIME);
    // A retry, or the same spore done whole, is the end of the matter.
    let (mut retried, mut done) = (HashSet::new(), HashSet::new());
    for run in ids.into_iter().filter(|run| !open.contains(run)).take(RUNS_MAX) {
        if !goes_on() {
            break;
        }
        let Ok((Some(record), _)) = journal::record(&ground.root.runs().join(run.to_string())) else { continue };
        lost.newest = lost.newest.max(record.finished.map(|at| (at, run)));
        retried.extend(record.origin.retry_of);
        let origin = (record.origin.path.clone(), record.origin.spore.clone());
        let tasks: Vec<_> = record.unresolved().map(|task| task.declared.id.clone()).collect();
        if !tasks.is_empty() && !retried.contains(&run) && !done.contains(&origin) {
            for task in tasks {
                let text =
                    format!("`{task}` of run {run} was lost: nobody saw how it ended, and no retry goes on before");
                lost.findings.push(
                    Finding::new(Level::Problem, &record.origin.spore, text)
                        .advise(format!("spore resolve {run} {task} --ran"), "if it did its work")
                        .advise(format!("spore resolve {run} {task} --rerun"), "if it is to run again"),
                );
            }
        } else if record.status == RunStatus::Succeeded {
            done.insert(origin);
        }
    }
    lost
}
