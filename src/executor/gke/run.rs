//! What the attempts of one run share, and what all runs share.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret as ClusterSecret};
use kube::Api;
use kube::api::{DeleteParams, ListParams};
use tokio::sync::Notify;

use super::client::{Cluster, Clusters, Deed};
use super::facts::Facts;
use super::instance::Spot;
use super::names;
use super::pods::Pods;
use crate::executor::mask::Masks;
use crate::executor::traces::{Entry, lock};
use crate::model::{Limits, RunId};

/// Jobs whose ends are on disk that a run leaves in its place until it is over.
const SETTLED_MAX: usize = 200;
/// How long the end of a run waits for its place to be tidied up.
const TIDY_TIMEOUT: Duration = Duration::from_secs(5);

/// Where Jobs are: context and namespace.
pub(super) type Place = (Option<String>, String);

/// What all attempts share.
pub(super) struct Shared {
    pub(super) clusters: Arc<Clusters>,
    pub(super) limits: Limits,
    /// This machine, where folders have their names.
    pub(super) machine: String,
    pub(super) masks: Masks,
}

/// One attempt that was started here.
pub(super) struct Held {
    pub(super) entry: Arc<Entry>,
    /// Raised when it is asked to end.
    pub(super) asked: Notify,
    /// Where its Job is, once it is there.
    pub(super) place: Mutex<Option<Place>>,
    /// Where in an instance it is, if it is to run in one.
    pub(super) spot: Mutex<Option<Spot>>,
}

/// One run.
pub(super) struct Run {
    pub(super) id: RunId,
    pub(super) folder: String,
    pub(super) facts: Mutex<Facts>,
    pods: Mutex<HashMap<Place, Arc<Pods>>>,
    settled: Mutex<HashMap<Place, Vec<String>>>,
}

impl Run {
    pub(super) fn open(id: RunId, machine: &str, root: &Path, run_dir: &Path) -> io::Result<Self> {
        Ok(Self {
            id,
            folder: names::folder(machine, root),
            facts: Mutex::new(Facts::open(run_dir)?),
            pods: Mutex::default(),
            settled: Mutex::default(),
        })
    }

    /// The watch of the run's pods in a namespace.
    pub(super) fn pods(&self, cluster: &Cluster, namespace: &str) -> Arc<Pods> {
        let key = (cluster.context().map(str::to_owned), namespace.to_owned());
        let watch = || Arc::new(Pods::watch(cluster.clone(), namespace.to_owned(), self.id, &self.folder));
        Arc::clone(lock(&self.pods).entry(key).or_insert_with(watch))
    }

    /// Takes note that the end of an attempt is on disk. The Jobs that may go now, when there are many of them.
    pub(super) fn settle(&self, place: Place, job: String) -> Vec<String> {
        let mut settled = lock(&self.settled);
        let jobs = settled.entry(place).or_default();
        jobs.push(job);
        if jobs.len() > SETTLED_MAX { std::mem::take(jobs) } else { Vec::new() }
    }

    /// Removes all that the run has left in its places.
    pub(super) async fn tidy(&self, clusters: &Arc<Clusters>) {
        lock(&self.pods).clear();
        let selector = names::selector(self.id, &self.folder);
        let lodgings: Vec<_> = lock(&self.facts).lodgings().cloned().collect();
        for (context, namespace) in lodgings {
            let cluster = Cluster::new(clusters, context.as_deref());
            let selector = format!("{selector},{}", names::INSTANCE);
            let removed = tokio::time::timeout(TIDY_TIMEOUT, remove_instances(&cluster, &namespace, &selector)).await;
            if !matches!(removed, Ok(Ok(()))) {
                tracing::warn!(
                    namespace,
                    "the instances of a run are left in the cluster; `spore executors clean gke` removes them"
                );
            }
        }
        let places: Vec<_> = lock(&self.facts).places().cloned().collect();
        for (context, namespace) in places {
            let cluster = Cluster::new(clusters, context.as_deref());
            let removed = tokio::time::timeout(TIDY_TIMEOUT, remove_all(&cluster, &namespace, &selector)).await;
            if !matches!(removed, Ok(Ok(()))) {
                tracing::warn!(namespace, "the Jobs of a run are left in the cluster; it removes them in a while");
            }
        }
    }
}

async fn remove_instances(cluster: &Cluster, namespace: &str, selector: &str) -> Result<(), super::client::Trouble> {
    // They have nothing to bring in order: all that ran in them is over.
    let at_once = DeleteParams { grace_period_seconds: Some(1), ..DeleteParams::default() };
    let listed = ListParams::default().labels(selector);
    let deed = Deed { verb: "deletecollection", resource: "pods" };
    cluster
        .once(deed, |reached| async move {
            let pods: Api<Pod> = Api::namespaced(reached.client.clone(), namespace);
            pods.delete_collection(&at_once, &listed).await
        })
        .await?;
    Ok(())
}

async fn remove_all(cluster: &Cluster, namespace: &str, selector: &str) -> Result<(), super::client::Trouble> {
    let (background, listed) = (DeleteParams::background(), ListParams::default().labels(selector));
    let deed = |resource| Deed { verb: "deletecollection", resource };
    cluster
        .once(deed("jobs"), |reached| async move {
            let jobs: Api<Job> = Api::namespaced(reached.client.clone(), namespace);
            jobs.delete_collection(&background, &listed).await
        })
        .await?;
    Ok(())
}

/// Removes Jobs by their names, without waiting for anything.
pub(super) async fn remove_jobs(cluster: Cluster, namespace: String, jobs: Vec<String>) {
    for job in jobs {
        let deed = Deed { verb: "delete", resource: "jobs" };
        let removed = cluster
            .once(deed, |reached| {
                let api: Api<Job> = Api::namespaced(reached.client.clone(), &namespace);
                async move { api.delete(&job, &DeleteParams::background()).await }
            })
            .await;
        if let Err(trouble) = removed {
            // Its time to live ends it later.
            tracing::debug!(trouble = trouble.words(), "a settled Job stays for now");
        }
    }
}

/// Removes the objects beside a Job that was never made.
pub(super) async fn remove_objects(cluster: &Cluster, namespace: &str, name: &str) {
    let parameters = DeleteParams::background();
    let deed = |resource| Deed { verb: "delete", resource };
    // What stays has its run's label, and goes with the run.
    let _ = cluster
        .once(deed("secrets"), |reached| {
            let secrets: Api<ClusterSecret> = Api::namespaced(reached.client.clone(), namespace);
            let parameters = parameters.clone();
            async move { secrets.delete(name, &parameters).await.map(drop) }
        })
        .await;
    let _ = cluster
        .once(deed("configmaps"), |reached| {
            let maps: Api<ConfigMap> = Api::namespaced(reached.client.clone(), namespace);
            async move { maps.delete(name, &parameters).await.map(drop) }
        })
        .await;
}
