//! The watcher: whether somebody watches the folder, and what keeps wanted runs from beginning.

use super::Ground;
use crate::engine::{Error, status};
use crate::model::{Status, WaitingStatus, format_duration};
use crate::render::report::{Finding, Level};
use crate::{repo, transport};

/// Wanted runs that are named one by one.
const NAMED_MAX: usize = 5;

/// What is to be said of it.
pub(super) fn findings(ground: &Ground<'_>) -> Vec<Finding> {
    match status(ground.root.path()) {
        Ok(status) => of(ground, &status),
        Err(Error::Transport(error @ transport::Error::Silent(_))) => {
            let silent = Finding::new(Level::Problem, "process", error.to_string());
            let ends = "ends it; its commands go on, and the next watcher takes them up";
            vec![match repo::watched_by(&ground.root) {
                Some(watcher) => silent.advise(format!("kill {}", watcher.pid()), ends),
                None => silent,
            }]
        }
        Err(error) => vec![Finding::new(Level::Unknown, "state", error.to_string())],
    }
}

fn of(ground: &Ground<'_>, status: &Status) -> Vec<Finding> {
    let waits = status.queued_total + status.pending_total;
    let mut findings = vec![match &status.watcher {
        Some(watcher) => {
            let since = format_duration(ground.now.since(watcher.since));
            let text = format!("process {} has been watching for {since}, trust: {}", watcher.pid, watcher.trust);
            Finding::new(Level::Fine, "process", text)
        }
        None if status.queued_total > 0 => {
            let text = format!("nobody watches the folder, and {} to begin", wait(status.queued_total));
            Finding::new(Level::Problem, "process", text).advise("spore watch", "begins them")
        }
        None => Finding::new(Level::Fine, "process", "nobody watches the folder, and nothing waits for that"),
    }];
    if status.paused.is_some() {
        let level = if waits > 0 { Level::Problem } else { Level::Warning };
        findings.push(
            Finding::new(level, "paused", "nothing begins until somebody says so, or its time is over")
                .advise("spore pause --off", "ends that"),
        );
    }
    findings.extend(status.pending.iter().take(NAMED_MAX).map(pending));
    if status.pending_total > NAMED_MAX {
        let text = format!("{} more wait as well", status.pending_total - NAMED_MAX);
        findings.push(Finding::new(Level::Warning, "waiting", text).advise("spore queue", "lists all of them"));
    }
    // Without a watcher they are about runs that were broken off, of which enough is said above.
    for problem in status.problems.iter().filter(|_| status.watcher.is_some()) {
        let hint = problem.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
        findings.push(Finding::new(Level::Warning, &problem.about, format!("{}{hint}", problem.message)));
    }
    findings
}

fn pending(waiting: &WaitingStatus) -> Finding {
    let because = waiting.because.as_deref().unwrap_or("it may not run yet");
    let hint = waiting.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
    Finding::new(Level::Warning, &waiting.path, format!("it is wanted, and waits: {because}{hint}"))
}

fn wait(count: usize) -> String {
    if count == 1 { "1 wanted run waits".to_owned() } else { format!("{count} wanted runs wait") }
}
