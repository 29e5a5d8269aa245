//! The clock: times in journals and names of runs come from it.

use std::time::Duration;

use super::Ground;
use crate::journal;
use crate::model::{RunId, Timestamp, format_duration};
use crate::os::clock::{since_boot, time_zone};
use crate::render::report::{Finding, Level};

/// So much later than now nothing has happened by a clock that is only a little off.
const SLACK: Duration = Duration::from_secs(2);

/// What is to be said of time. `newest` is the newest moment in the journals that were read.
pub(super) fn findings(ground: &Ground<'_>, newest: Option<(Timestamp, RunId)>) -> Vec<Finding> {
    let now = ground.now;
    let zone = time_zone().map_or_else(String::new, |zone| format!(", time zone {zone}"));
    let up = since_boot();
    let boot = Timestamp(now.0.saturating_sub(i64::try_from(up.as_millis()).unwrap_or(0)));
    let mut findings = vec![
        Finding::new(Level::Fine, "now", format!("{now}{zone}")),
        Finding::new(Level::Fine, "boot", format!("{boot}, {} ago", format_duration(up))),
    ];
    let ahead = |at: Timestamp| Some(at.since(now)).filter(|ahead| *ahead > SLACK);
    findings.push(match newest {
        None => Finding::new(Level::Fine, "journals", "nothing is recorded yet"),
        Some((at, run)) => match ahead(at) {
            None => Finding::new(
                Level::Fine,
                "journals",
                format!("the newest entry is {} old", format_duration(now.since(at))),
            ),
            Some(by) => {
                let text = format!("the clock went back: run {run} has an entry {} ahead of it", format_duration(by));
                Finding::new(Level::Warning, "journals", text)
                    .advise("timedatectl", "says whether the clock is kept right")
            }
        },
    });
    let future = |run: &RunId| ahead(Timestamp(i64::try_from(run.milliseconds()).unwrap_or(i64::MAX))).is_some();
    let named: Vec<RunId> = journal::list(&ground.root.runs()).unwrap_or_default().into_iter().filter(future).collect();
    if let Some(last) = named.first() {
        let text = format!(
            "{} named by a moment that is still to come, up to {last}; until then `latest` means that one",
            if named.len() == 1 { "1 run is".to_owned() } else { format!("{} runs are", named.len()) }
        );
        findings.push(Finding::new(Level::Warning, "runs", text));
    }
    findings
}
