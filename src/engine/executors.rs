//! The executors themselves: which there are, whether they can be used, and what they have left behind.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::{Error, Opened, World};
use crate::executor::{self, Check, Executor, Leftover};
use crate::journal;
use crate::model::Plan;
use crate::render::report::{CleanReport, DoctorReport, ExecutorReport, Finding, LeftoverReport, Level, Section};
use crate::repo::{Project, Root};

/// The executors that authors can name in the folder around `start`.
///
/// # Errors
/// When the folder's settings cannot be read.
pub fn list_executors(start: &Path) -> Result<Vec<ExecutorReport>, Error> {
    let project = Project::load(&Root::find(start)?)?;
    let report = |place: &executor::Place| ExecutorReport {
        name: place.name.to_owned(),
        missing: place.missing.map(str::to_owned),
        settings: project.executors.get(place.name).cloned().unwrap_or_default(),
    };
    Ok(executor::PLACES.iter().map(report).collect())
}

/// Asks executors whether they can be used: the one called `name`, or all that are built in.
///
/// # Errors
/// When there is no such executor, or the folder's settings cannot be read.
pub async fn check_executors(world: &World, start: &Path, name: Option<&str>) -> Result<DoctorReport, Error> {
    let root = Root::find(start)?;
    let project = Project::load(&root)?;
    let built_in = executor::built_in(project.limits, &project.executors, None);
    let mut sections = Vec::new();
    match name {
        Some(name) => sections.push(section(find(&built_in, name)?.check().await)),
        None => {
            for executor in built_in.values() {
                sections.push(section(executor.check().await));
            }
        }
    }
    let root = root.path().display().to_string();
    Ok(DoctorReport::new(root, world.now(), Vec::new(), Vec::new(), sections))
}

fn section(check: Check) -> Section {
    // A search path may be longer than any line, and can be broken between its folders.
    let shown = |name: &str, what: &str| if name == "PATH" { what.replace(':', ": ") } else { what.to_owned() };
    let fine = |(name, what): &(String, String)| Finding::new(Level::Fine, name, shown(name, what));
    let mut findings: Vec<Finding> = check.facts.iter().map(fine).collect();
    findings.extend(check.missing.iter().map(|missing| Finding::new(Level::Problem, "missing", missing)));
    Section { name: check.executor, findings }
}

fn find<'a>(built_in: &'a executor::Executors, name: &str) -> Result<&'a Arc<dyn Executor>, Error> {
    if let Some(executor) = built_in.get(name) {
        return Ok(executor);
    }
    let missing = executor::PLACES.iter().find(|place| place.name == name).and_then(|place| place.missing);
    let names: Vec<&str> = built_in.keys().copied().collect();
    Err(Error::Refused {
        because: match missing {
            Some(missing) => format!("the executor `{name}` cannot be used: {missing}"),
            None => format!("no executor is called `{name}`"),
        },
        hint: Some(format!("there are {}", names.join(", "))),
    })
}

/// Removes what the executor called `name` has left in its place for runs of the folder around `start` that are over or gone;
/// with `everybodys`, also what other folders and machines have left there. With `dry_run` it only says what that is.
///
/// # Errors
/// When there is no such executor, or its place does not answer.
pub async fn clean_executor(start: &Path, name: &str, everybodys: bool, dry_run: bool) -> Result<CleanReport, Error> {
    let root = Root::find(start)?;
    let project = Project::load(&root)?;
    let built_in = executor::built_in(project.limits, &project.executors, None);
    let executor = find(&built_in, name)?;
    let away = |error: std::io::Error| Error::Away { executor: name.to_owned(), source: error };
    let mut report = CleanReport { executor: name.to_owned(), dry_run, leftovers: Vec::new() };
    for leftover in executor.leftovers(root.path()).await.map_err(away)? {
        let kept = if leftover.is_ours || everybodys { kept(&root, &leftover) } else { Some(OTHERS.to_owned()) };
        if kept.is_none() && !dry_run {
            executor.remove(&leftover).await.map_err(away)?;
        }
        let Leftover { name, place, run, is_over, .. } = leftover;
        report.leftovers.push(LeftoverReport { name, place, run, is_over, kept });
    }
    Ok(report)
}

/// The longest time that is spent on what earlier runs have left.
const REAPING: Duration = Duration::from_secs(5);

/// Removes what the executors of a plan have left in their places for runs of its folder that are over or gone. What cannot
/// be reached now is left for another time.
pub(super) async fn reap(opened: &Opened, plan: &Plan, executors: &executor::Executors) {
    let is_used = |name: &str| plan.tasks.iter().any(|task| task.executor == name);
    let reaping = async {
        for (_, executor) in executors.iter().filter(|(name, _)| is_used(name)) {
            for leftover in executor.leftovers(opened.root.path()).await.unwrap_or_default() {
                if leftover.is_ours && kept(&opened.root, &leftover).is_none() {
                    tracing::debug!(name = leftover.name, place = leftover.place, "leftover removed");
                    let _ = executor.remove(&leftover).await;
                }
            }
        }
    };
    let _ = tokio::time::timeout(REAPING, reaping).await;
}

const OTHERS: &str = "it belongs to runs of another folder or machine; `--all` takes it too";

/// Why something that was made for a run must stay.
fn kept(root: &Root, leftover: &Leftover) -> Option<String> {
    let run = leftover.run.filter(|_| leftover.is_ours)?;
    let run_dir = root.runs().join(run.to_string());
    if !run_dir.is_dir() {
        return None;
    }
    if journal::is_live(&run_dir) {
        return Some("its run is under way".to_owned());
    }
    is_open(&run_dir).then(|| format!("its run was broken off: `spore resume {run}`"))
}

/// Whether the run may still ask for what it has started. A run whose journal cannot be read may.
fn is_open(run_dir: &Path) -> bool {
    journal::record(run_dir).map_or(true, |(record, _)| record.is_none_or(|record| record.finished.is_none()))
}
