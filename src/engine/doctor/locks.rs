//! Locks: who has which, and whether they are worth anything here.

use super::Ground;
use super::runs::{Runs, Seen};
use crate::executor::terminal;
use crate::journal;
use crate::model::RunId;
use crate::os::file::Trust;
use crate::os::locks::Hold;
use crate::render::report::{Finding, Level};
use crate::repo::{self, Group};

/// What is to be said of locks.
pub(super) fn findings(ground: &Ground<'_>, runs: &Runs) -> Vec<Finding> {
    let mut findings = vec![trust(ground), journals(runs)];
    findings.extend(runs.open.iter().filter_map(other_engine));
    findings.push(supervisors(runs));
    findings.extend(groups(ground));
    findings
}

/// Whether a lock keeps other machines away too.
fn trust(ground: &Ground<'_>) -> Finding {
    let state = ground.root.state();
    let place = if state.is_dir() { state } else { ground.root.path().to_path_buf() };
    let Trust::None { kind, because } = journal::trust_in(&place) else {
        return Finding::new(Level::Fine, "trust", "a lock here keeps every other engine away");
    };
    if journal::locks_are_taken_on_trust() {
        let text =
            format!("this is {kind}, where {because}; `{}` says that you see to it yourself", journal::TRUST_VARIABLE);
        return Finding::new(Level::Warning, "trust", text);
    }
    let text = format!("nothing runs here: this is {kind}, where {because}; put the folder on a disk of this machine");
    Finding::new(Level::Problem, "trust", text).advise(
        format!("{}=1 spore run FILE", journal::TRUST_VARIABLE),
        "if you see to it that there is one engine only",
    )
}

/// `process 12` or, where the system does not say, `a process`.
fn words(hold: &Hold) -> String {
    hold.pid().map_or_else(|| "a process that cannot be seen from here".to_owned(), |pid| format!("process {pid}"))
}

fn held_words(number: usize, how: &str) -> String {
    if number == 0 { format!("none is {how}") } else { format!("{number} {how}") }
}

fn journals(runs: &Runs) -> Finding {
    let held: Vec<&Seen> = runs.open.iter().filter(|seen| seen.engine_hold.is_held()).collect();
    let mut found = Finding::new(Level::Fine, "journals", held_words(held.len(), "open for writing"));
    found.details = held.iter().map(|seen| format!("{}  {}", seen.report.id, words(&seen.engine_hold))).collect();
    found
}

/// A journal that another process has than the one that says so in it.
fn other_engine(seen: &Seen) -> Option<Finding> {
    let engine = seen.report.engine.as_ref()?;
    let (named, holder) = (engine.pid?, seen.engine_hold.pid()?);
    let text =
        format!("the journal of run {} is held by process {holder}, and its engine is process {named}", seen.report.id);
    (engine.alive.is_some() && named != holder)
        .then(|| Finding::new(Level::Warning, "journal", text).advise(format!("ps -fp {holder}"), "says who that is"))
}

fn supervisors(runs: &Runs) -> Finding {
    let held: Vec<&Seen> = runs.open.iter().filter(|seen| seen.supervisor_hold.is_held()).collect();
    let mut found = Finding::new(Level::Fine, "supervisors", held_words(held.len(), "at work"));
    found.details = held.iter().map(|seen| format!("{}  {}", seen.report.id, words(&seen.supervisor_hold))).collect();
    for seen in runs.open.iter().filter(|seen| !seen.supervisor_hold.is_held() && seen.supervisor_lock.exists()) {
        let dead = seen.report.supervisor.as_ref().and_then(|supervisor| supervisor.pid);
        let dead = dead.map_or_else(|| "one that died".to_owned(), |pid| format!("process {pid}, which died"));
        found.details.push(format!("{}  left by {dead}; the next one replaces it", seen.report.id));
    }
    found
}

fn groups(ground: &Ground<'_>) -> Vec<Finding> {
    let groups = match repo::list_groups(&ground.root) {
        Ok(groups) => groups,
        Err(error) => return vec![Finding::unknown("groups", error)],
    };
    let mut findings: Vec<Finding> = groups.iter().filter_map(|group| held_group(ground, group)).collect();
    if findings.is_empty() {
        let text = if groups.is_empty() { "no concurrency groups" } else { "no concurrency group is taken" };
        findings.push(Finding::new(Level::Fine, "groups", text));
    }
    findings
}

fn held_group(ground: &Ground<'_>, group: &Group) -> Option<Finding> {
    let name = if group.name.is_empty() { "a group" } else { &group.name };
    let run = group.holder.run.map_or_else(|| "a run".to_owned(), |run| format!("run {run}"));
    let hold = match ground.locks.on(&group.lock) {
        Ok(hold) => hold,
        Err(error) => return Some(Finding::unknown("group", format!("`{name}`: {error}"))),
    };
    if hold.is_held() {
        let text = format!("`{name}` is taken by {run} ({}); other runs of it wait for its end", words(&hold));
        let found = Finding::new(Level::Note, "group", text);
        return Some(match group.holder.run {
            Some(run) => found.advise(format!("spore logs {run} --follow"), "shows how far it is"),
            None => found,
        });
    }
    let left = group.holder.run.filter(|run| goes_on(ground, *run))?;
    let text = format!("`{name}` is kept by commands of {run} that go on without their engine; other runs of it wait");
    Some(
        Finding::new(Level::Problem, "group", text)
            .advise(format!("spore resume {left}"), "takes them over, and gives the group back in the end"),
    )
}

fn goes_on(ground: &Ground<'_>, run: RunId) -> bool {
    terminal::is_supervised(&ground.root.runs().join(run.to_string()))
}
