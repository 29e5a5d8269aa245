//! A cluster as an executor.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use indexmap::IndexMap;
use serde_json::Value;
use tokio::sync::Notify;

use super::attend::Attendance;
use super::client::{Cluster, Clusters};
use super::run::{Held, Run, Shared, remove_jobs};
use super::{check, instance, leftovers, names, settings};
use crate::executor::mask::Masks;
use crate::executor::traces::{Entry, Urgency, lock, read_log};
use crate::executor::{Check, Executor, Leftover, LogChunk, Observation, Pending, Profile, Reports};
use crate::model::{Attempt, AttemptEnd, AttemptId, Limits, Outcome, RunId, Stream};
use crate::os::host;

/// Carries attempts out as Jobs of a Kubernetes cluster. It needs a tokio runtime with I/O and time around it.
///
/// Nothing is reached before the first attempt. Dropping it stops nothing: what was started goes on in the cluster.
pub struct Gke {
    shared: Arc<Shared>,
    attempts: Mutex<HashMap<AttemptId, Arc<Held>>>,
    runs: Mutex<HashMap<RunId, Arc<Run>>>,
}

impl Gke {
    /// The cluster that the user's kubeconfig names, or the one that this process runs in.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self::of(limits, Clusters::default())
    }

    /// The clusters of the kubeconfig at `path`.
    #[must_use]
    pub fn reached_by(limits: Limits, path: &Path) -> Self {
        Self::of(limits, Clusters::of(path.to_path_buf()))
    }

    /// As it is, for a folder whose settings of this executor are `defaults`: the cluster and the namespace in them are those
    /// that are looked at and cleaned.
    #[must_use]
    pub fn with_defaults(self, defaults: Option<&IndexMap<String, Value>>) -> Self {
        let text =
            |name: &str| defaults.and_then(|defaults| defaults.get(name)).and_then(Value::as_str).map(str::to_owned);
        Self::of(self.shared.limits, Clusters::default().at_home(text("context"), text("namespace")))
    }

    fn of(limits: Limits, clusters: Clusters) -> Self {
        let shared = Shared { clusters: Arc::new(clusters), limits, machine: host(), masks: Masks::default() };
        Self { shared: Arc::new(shared), attempts: Mutex::default(), runs: Mutex::default() }
    }

    fn held(&self, attempt: &AttemptId) -> Option<Arc<Held>> {
        lock(&self.attempts).get(attempt).cloned()
    }

    fn run(&self, attempt: &Attempt) -> io::Result<Arc<Run>> {
        let mut runs = lock(&self.runs);
        if let Some(run) = runs.get(&attempt.id.run) {
            return Ok(Arc::clone(run));
        }
        let run = Arc::new(Run::open(attempt.id.run, &self.shared.machine, &attempt.root, &attempt.run_dir)?);
        runs.insert(attempt.id.run, Arc::clone(&run));
        Ok(run)
    }

    /// What sees to the attempt, or why nothing does.
    fn attendance(&self, attempt: Attempt, held: Arc<Held>) -> Result<Pending<'static, ()>, String> {
        let settings = settings::read(&attempt.with).map_err(|problems| problems.join("; "))?;
        let run = self.run(&attempt).map_err(|error| format!("the folder of its run cannot be used: {error}"))?;
        let is_in_instance = attempt.instance.is_some();
        let attendance = Attendance::new(Arc::clone(&self.shared), run, held, attempt, settings);
        Ok(if is_in_instance { Box::pin(attendance.visit()) } else { Box::pin(attendance.carry_out()) })
    }
}

impl std::fmt::Debug for Gke {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Gke({} attempts)", lock(&self.attempts).len())
    }
}

impl Executor for Gke {
    fn name(&self) -> &'static str {
        "gke"
    }

    fn start(&self, attempt: Attempt, reports: Reports) {
        let mut is_new = false;
        let held = Arc::clone(lock(&self.attempts).entry(attempt.id.clone()).or_insert_with(|| {
            is_new = true;
            let entry = Arc::new(Entry::new(attempt.id.clone(), attempt.run_dir.to_path_buf()));
            Arc::new(Held { entry, asked: Notify::new(), place: Mutex::default(), spot: Mutex::default() })
        }));
        held.entry.listen(reports);
        if !is_new {
            return;
        }
        let mask = self.shared.masks.of(&attempt.secrets);
        match self.attendance(attempt, Arc::clone(&held)) {
            Ok(attendance) => {
                tokio::spawn(attendance);
            }
            Err(reason) => {
                let reason = mask.text(&reason).into_owned();
                held.entry.tell_end(AttemptEnd::bare(Outcome::NotStarted { reason, permanent: true }));
            }
        }
    }

    fn observe(&self, attempt: &AttemptId) -> Observation {
        self.held(attempt).map_or(Observation::Unknown, |held| held.entry.observation())
    }

    fn logs<'a>(&'a self, attempt: &'a AttemptId, stream: Stream, cursor: u64) -> Pending<'a, io::Result<LogChunk>> {
        Box::pin(async move {
            let held = self.held(attempt).ok_or_else(|| {
                io::Error::new(io::ErrorKind::NotFound, format!("no attempt of `{}` was started here", attempt.task))
            })?;
            let (path, limits) = (held.entry.log_path(stream), self.shared.limits);
            tokio::task::spawn_blocking(move || read_log(&path, &limits, cursor)).await?
        })
    }

    fn cancel(&self, attempt: &AttemptId, now: bool) {
        if let Some(held) = self.held(attempt) {
            held.entry.ask(if now { Urgency::Now } else { Urgency::Polite });
            held.asked.notify_waiters();
        }
    }

    fn settled(&self, attempt: &AttemptId) {
        let run = lock(&self.runs).get(&attempt.run).cloned();
        let (Some(run), Some(held)) = (run, self.held(attempt)) else { return };
        if let Some(spot) = lock(&held.spot).take() {
            tokio::spawn(instance::forget(spot));
        }
        let Some(place) = lock(&held.place).clone() else { return };
        let jobs = run.settle(place.clone(), names::of(attempt));
        if !jobs.is_empty() {
            let cluster = Cluster::new(&self.shared.clusters, place.0.as_deref());
            tokio::spawn(remove_jobs(cluster, place.1, jobs));
        }
    }

    fn release(&self, run: RunId) {
        lock(&self.attempts).retain(|id, _| id.run != run);
    }

    fn closed(&self, run: RunId) -> Pending<'_, ()> {
        Box::pin(async move {
            let run = lock(&self.runs).remove(&run);
            if let Some(run) = run {
                run.tidy(&self.shared.clusters).await;
            }
        })
    }

    fn launch<'a>(&'a self, profile: &'a Profile, count: u32) -> Pending<'a, io::Result<Vec<String>>> {
        Box::pin(instance::launch(&self.shared.clusters, profile, count))
    }

    fn cleanup<'a>(&'a self, instance: &'a str) -> Pending<'a, io::Result<()>> {
        Box::pin(instance::cleanup(&self.shared.clusters, instance))
    }

    fn leftovers<'a>(&'a self, root: &'a Path) -> Pending<'a, io::Result<Vec<Leftover>>> {
        let folder = names::folder(&self.shared.machine, root);
        Box::pin(async move { leftovers::list(&self.shared.clusters, &folder).await })
    }

    fn remove<'a>(&'a self, leftover: &'a Leftover) -> Pending<'a, io::Result<()>> {
        Box::pin(leftovers::remove(&self.shared.clusters, leftover))
    }

    fn check(&self) -> Pending<'_, Check> {
        Box::pin(check::check(&self.shared.clusters))
    }
}
