//! Going on from an earlier run: what succeeded there is not run again, and its outputs are handed on.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::look::{Found, show_run};
use super::{Error, Request, Selection};
use crate::model::{Disposition, Plan, RunId, RunRecord, RunStatus, TaskId};
use crate::run::Reused;

/// What a retry goes on from.
#[derive(Clone, Debug)]
pub struct Retry {
    /// What is known of the earlier run.
    pub of: RunRecord,
    /// Run this task and everything that depends on it, although it succeeded.
    pub from: Option<String>,
}

/// The request that goes on from a run: the same file as it is now, the same parameters and selection. When the file is
/// gone, the copy that the run has kept.
///
/// # Errors
/// When the run's journal cannot be read, or it has not ended.
pub fn retry_request(
    found: &Found,
    from: Option<String>,
    jobs: Option<u32>,
    commit: Option<bool>,
) -> Result<Request, Error> {
    let record = show_run(&found.root, found.run)?.record;
    if record.status == RunStatus::Running {
        return Err(Error::UnderWay { run: found.run.to_string() });
    }
    let own = found.root.join(&record.origin.path);
    let file = if own.is_file() { own } else { kept_source(&found.root.runs(), found.run).unwrap_or(own) };
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let params = record.origin.params.iter().map(|(name, value)| (name.clone(), text(value))).collect();
    // A run that was narrowed stays so, unless the person now names a task to begin from.
    let (only, first) = match &from {
        None => (record.origin.only.clone(), record.origin.from.clone()),
        Some(_) => (Vec::new(), from.clone()),
    };
    Ok(Request {
        file,
        spore: Some(record.origin.spore.clone()),
        selection: Selection { params, only, from: first, ..Selection::default() },
        jobs: jobs.or(Some(record.jobs)),
        commit,
        retry: Some(Retry { of: record, from }),
    })
}

/// The copy of the spore that a run keeps.
fn kept_source(runs: &Path, run: RunId) -> Option<PathBuf> {
    let run_dir = runs.join(run.to_string());
    let names = ["md", "markdown", "yaml", "yml"].map(|extension| run_dir.join(format!("spore.{extension}")));
    names.into_iter().find(|path| path.is_file())
}

impl Retry {
    /// The tasks of `plan` that need not run again, each with the reason.
    pub(super) fn done(&self, plan: &Plan) -> Result<HashMap<TaskId, String>, Error> {
        let again = self.again(plan)?;
        let good = |task: &usize| {
            let planned = &plan.tasks[*task];
            let earlier = self.of.tasks.get(&planned.id);
            !planned.finally && !again.contains(task) && earlier.is_some_and(|earlier| earlier.status.is_good())
        };
        let because = format!("done in run {}", self.of.run);
        Ok((0..plan.tasks.len()).filter(good).map(|task| (plan.tasks[task].id.clone(), because.clone())).collect())
    }

    /// The task to begin from and everything that depends on it.
    fn again(&self, plan: &Plan) -> Result<BTreeSet<usize>, Error> {
        let Some(from) = &self.from else { return Ok(BTreeSet::new()) };
        let named = |task: &usize| {
            let planned = &plan.tasks[*task];
            planned.id.as_str() == from || planned.expanded_from.as_ref().is_some_and(|base| base.as_str() == from)
        };
        let mut again: BTreeSet<usize> = (0..plan.tasks.len()).filter(named).collect();
        if again.is_empty() {
            let known = plan.tasks.iter().map(|task| task.id.to_string()).collect();
            return Err(Error::NoSuchTask { task: from.clone(), known });
        }
        for &task in plan.dag.order() {
            if plan.dag.needs(task as usize).iter().any(|need| again.contains(&(*need as usize))) {
                again.insert(task as usize);
            }
        }
        Ok(again)
    }

    /// What the tasks that count as done hand on.
    pub(super) fn reused(&self, plan: &Plan) -> Vec<Reused> {
        let done = |(_, task): &(usize, &crate::model::PlannedTask)| task.disposition == Disposition::Done;
        let tasks = plan.tasks.iter().enumerate().filter(done);
        let reused = tasks.filter_map(|(place, task)| {
            let earlier = self
                .of
                .tasks
                .get(&task.id)
                .filter(|earlier| !earlier.attempts.is_empty() || !earlier.outputs.is_empty())?;
            Some(Reused { task: place, from: self.of.run, outputs: earlier.outputs.clone() })
        });
        reused.collect()
    }
}
