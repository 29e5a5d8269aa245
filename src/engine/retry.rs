//! Going on from an earlier run: what succeeded there is not run again, and its outputs are handed on.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use super::finish::Wish;
use super::look::{Found, show_run};
use super::open::kept_source;
use super::{Error, Request, Selection};
use crate::executor::terminal;
use crate::model::{Disposition, Origin, Outcome, Plan, Resolution, RunRecord, RunStatus, TaskId, TaskRecord};
use crate::repo::Root;
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
/// When the run's journal cannot be read, it has not ended, or a task was lost of which nobody has said what became of it.
pub fn retry_request(
    found: &Found,
    from: Option<String>,
    jobs: Option<u32>,
    commit: Option<Wish>,
    new: bool,
) -> Result<Request, Error> {
    let record = show_run(&found.root, found.run)?.record;
    let run = found.run.to_string();
    match record.status {
        RunStatus::Running => return Err(Error::UnderWay { run }),
        RunStatus::Orphaned => return Err(Error::Orphaned { run }),
        _ => {}
    }
    let unresolved: Vec<String> = record.unresolved().map(|task| task.declared.id.to_string()).collect();
    if !unresolved.is_empty() {
        return Err(Error::Unresolved { run, tasks: unresolved });
    }
    let own = found.root.join(&record.origin.path);
    let file = if own.is_file() { own } else { kept_source(&found.run_dir()).unwrap_or(own) };
    let mut selection = selection_of(&record.origin);
    // A run that was narrowed stays so, unless the person now names a task to begin from.
    if from.is_some() {
        (selection.only, selection.from) = (Vec::new(), from.clone());
    }
    Ok(Request {
        file,
        spore: Some(record.origin.spore.clone()),
        selection,
        jobs: Some(jobs.unwrap_or(record.jobs).into()),
        commit,
        retry: Some(Retry { of: record, from }),
        new,
        ..Request::default()
    })
}

/// What a run was narrowed to, with which parameters, as a person would give them again.
pub(super) fn selection_of(origin: &Origin) -> Selection {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Selection {
        params: origin.params.iter().map(|(name, value)| (name.clone(), text(value))).collect(),
        only: origin.only.clone(),
        from: origin.from.clone(),
        done: HashMap::new(),
    }
}

/// What a run that is taken up hands on from the run that it goes on from, as far as that is still there.
pub(super) fn reused_again(root: &Root, record: &RunRecord, plan: &Plan) -> Vec<Reused> {
    let of = record.origin.retry_of.and_then(|earlier| show_run(root, earlier).ok());
    of.map(|of| Retry { of: of.record, from: None }.reused(plan)).unwrap_or_default()
}

impl Retry {
    /// Ends what lost attempts may have left running of the tasks that run again: two of one task at a time would be worse
    /// than the loss.
    pub(super) async fn end_leftovers(&self, plan: &Plan) -> Result<(), Error> {
        for planned in plan.tasks.iter().filter(|task| task.disposition == Disposition::Run) {
            let was_lost = |task: &TaskRecord| {
                task.attempts.iter().any(|attempt| matches!(attempt.outcome, Some(Outcome::Lost { .. })))
            };
            if self.of.tasks.get(&planned.id).is_some_and(was_lost) {
                let ended = terminal::end_leftovers(self.of.run, &planned.id).await;
                ended.map_err(|pids| Error::LeftRunning { task: planned.id.to_string(), pids })?;
            }
        }
        Ok(())
    }

    /// The tasks of `plan` that need not run again, each with the reason.
    pub(super) fn done(&self, plan: &Plan) -> Result<HashMap<TaskId, String>, Error> {
        let again = self.again(plan)?;
        let good = |task: &usize| {
            let planned = &plan.tasks[*task];
            let earlier = self.of.tasks.get(&planned.id);
            let ran = earlier.is_some_and(|earlier| earlier.resolution == Some(Resolution::Ran));
            let done = earlier.is_some_and(|earlier| earlier.status.is_good());
            !again.contains(task) && (ran || (done && !planned.finally))
        };
        let because = |task: usize| {
            let id = &plan.tasks[task].id;
            let ran = self.of.tasks.get(id).is_some_and(|earlier| earlier.resolution == Some(Resolution::Ran));
            let how = if ran { "said to have run" } else { "done" };
            (id.clone(), format!("{how} in run {}", self.of.run))
        };
        Ok((0..plan.tasks.len()).filter(good).map(because).collect())
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
