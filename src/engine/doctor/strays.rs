//! Processes of runs that nobody sees to any more.

use std::ffi::OsString;

use super::Ground;
use super::runs::Runs;
use crate::executor::terminal::Supervised;
use crate::model::{RunId, format_duration};
use crate::os::locks::Hold;
use crate::os::process::Marked;
use crate::render::report::{Finding, Level, Stray};

/// Looks for them among the processes with this root's mark; `unmarked` is why those could not be found.
pub(super) fn look(ground: &Ground<'_>, runs: &Runs, unmarked: Option<String>) -> (Vec<Stray>, Vec<Finding>) {
    if let Some(why) = unmarked {
        return (Vec::new(), vec![Finding::unknown("processes", why)]);
    }
    let (mut strays, mut findings) = (Vec::new(), Vec::new());
    for marked in &ground.marked {
        let text = |at: usize| marked.values.get(at).cloned().flatten().map(OsString::into_string);
        let [Some(Ok(run)), Some(Ok(task)), Some(Ok(attempt))] = [text(0), text(1), text(2)] else { continue };
        if is_seen_to(ground, runs, &run) {
            continue;
        }
        let because = if runs.open.iter().any(|seen| seen.report.id.to_string() == run) {
            "whose supervisor is gone"
        } else if RunId::parse(&run).is_some_and(|run| ground.root.runs().join(run.to_string()).is_dir()) {
            "which has ended"
        } else {
            "of which nothing is left"
        };
        let stray = Stray {
            pid: marked.pid(),
            program: marked.program.clone(),
            leads_group: marked.leads_group(),
            run,
            task,
            attempt,
            age_seconds: marked.age().map(|age| age.as_secs()),
        };
        strays.push((stray, marked, because));
    }
    // Who leads a group speaks for it.
    let is_led =
        |marked: &Marked| strays.iter().any(|(_, other, _)| other.leads_group() && other.group == marked.group);
    for (stray, marked, because) in &strays {
        if marked.leads_group() {
            let members = strays.iter().filter(|(_, other, _)| other.group == marked.group && !other.leads_group());
            let members: Vec<String> =
                members.map(|(other, ..)| format!("{} ({})", other.pid, other.program)).collect();
            let found = finding(stray, marked, because);
            findings.push(match members.len() {
                0 => found,
                _ => found.detail(format!("in its group: {}", members.join(", "))),
            });
        } else if !is_led(marked) {
            findings.push(finding(stray, marked, because));
        }
    }
    let strays = strays.into_iter().map(|(stray, ..)| stray).collect();
    if findings.is_empty() {
        findings.push(Finding::new(Level::Fine, "processes", "none is left behind by a run"));
    }
    (strays, findings)
}

/// Whether an engine or a supervisor of the run lives. When it cannot be told, it does: nothing that is seen to is to be
/// called left behind.
fn is_seen_to(ground: &Ground<'_>, runs: &Runs, run: &str) -> bool {
    if let Some(seen) = runs.open.iter().find(|seen| seen.report.id.to_string() == run) {
        return seen.supervisor_hold.is_held();
    }
    let Some(run) = RunId::parse(run) else { return false };
    let run_dir = ground.root.runs().join(run.to_string());
    let held = |hold: std::io::Result<Hold>| hold.map_or(true, |hold| hold.is_held());
    let supervisor = Supervised::look(&run_dir).and_then(|supervised| ground.locks.on(&supervised.lock));
    held(supervisor) || held(ground.engine_hold(run))
}

fn finding(stray: &Stray, marked: &Marked, because: &str) -> Finding {
    let Stray { pid, program, run, task, attempt, .. } = stray;
    let age = marked.age().map_or_else(String::new, |age| format!(", runs for {}", format_duration(age)));
    let text = format!("process {pid}{age}: started by `{task}` (attempt {attempt}) of run {run}, {because}");
    let found = Finding::new(Level::Warning, program, text);
    if stray.leads_group {
        found.advise(format!("kill -- -{pid}"), "ends it and its group")
    } else {
        found.advise(format!("kill {pid}"), "ends it, unless it is meant to stay")
    }
}
