//! One watch of the pods of a run, for all its attempts in a namespace.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use futures_util::StreamExt as _;
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, ResourceExt as _};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::client::{Cluster, Pauses, chain, is_unauthorized};
use super::names;
use crate::executor::traces::lock;
use crate::model::RunId;

/// What is known of the pod of one Job.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// As it was last, also when it is gone.
    pub(super) pod: Option<Arc<Pod>>,
    /// Whether it is gone.
    pub(super) is_gone: bool,
    /// Why the cluster does not tell anything at the moment.
    pub(super) trouble: Option<Arc<str>>,
}

/// The watch.
#[derive(Debug)]
pub(super) struct Pods {
    by_job: Arc<Mutex<HashMap<String, watch::Sender<Seen>>>>,
    task: JoinHandle<()>,
}

impl Drop for Pods {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Pods {
    /// Watches the pods of a run.
    pub(super) fn watch(cluster: Cluster, namespace: String, run: RunId, folder: &str) -> Self {
        let by_job: Arc<Mutex<HashMap<String, watch::Sender<Seen>>>> = Arc::default();
        let selector = names::selector(run, folder);
        let task = tokio::spawn(follow(cluster, namespace, selector, Arc::clone(&by_job)));
        Self { by_job, task }
    }

    /// What is known, and will be, of the pod of a Job.
    pub(super) fn of(&self, job: &str) -> watch::Receiver<Seen> {
        lock(&self.by_job).entry(job.to_owned()).or_insert_with(|| watch::channel(Seen::default()).0).subscribe()
    }

    /// Nobody asks about the pod of that Job any more.
    pub(super) fn forget(&self, job: &str) {
        lock(&self.by_job).remove(job);
    }

    /// Takes what somebody has read by himself, where the watch has not told it.
    pub(super) fn learn(&self, job: &str, pod: Option<Pod>) {
        if let Some(seen) = lock(&self.by_job).get(job) {
            tell(seen, pod);
        }
    }
}

fn tell(seen: &watch::Sender<Seen>, pod: Option<Pod>) {
    seen.send_modify(|seen| match pod {
        // A pod that takes the place of another one is told of once that is known to be over.
        Some(pod) => {
            seen.is_gone = false;
            seen.pod = Some(Arc::new(pod));
        }
        None => seen.is_gone = true,
    });
}

async fn follow(
    cluster: Cluster,
    namespace: String,
    selector: String,
    by_job: Arc<Mutex<HashMap<String, watch::Sender<Seen>>>>,
) {
    let mut pauses = Pauses::default();
    let mut is_troubled = false;
    loop {
        let reached = match cluster.reach().await {
            Ok(reached) => reached,
            Err(trouble) => {
                is_troubled = true;
                troubled(&by_job, Some(&trouble.words()));
                tokio::time::sleep(pauses.next()).await;
                continue;
            }
        };
        let pods: Api<Pod> = Api::namespaced(reached.client.clone(), &namespace);
        let mut events = std::pin::pin!(watcher(pods, watcher::Config::default().labels(&selector)));
        let mut listed = HashSet::new();
        while let Some(event) = events.next().await {
            let error = match event {
                Ok(event) => {
                    pauses = Pauses::default();
                    if std::mem::take(&mut is_troubled) {
                        troubled(&by_job, None);
                    }
                    take(event, &by_job, &mut listed);
                    continue;
                }
                Err(error) => error,
            };
            tracing::debug!(%error, "the watch of pods was cut");
            let is_expired = match &error {
                watcher::Error::InitialListFailed(error)
                | watcher::Error::WatchStartFailed(error)
                | watcher::Error::WatchFailed(error) => is_unauthorized(error),
                _ => false,
            };
            if !is_expired && !matches!(&error, watcher::Error::WatchError(status) if status.code == 410) {
                is_troubled = true;
                troubled(&by_job, Some(&format!("the cluster does not answer: {}", chain(&error))));
            }
            tokio::time::sleep(pauses.next()).await;
            if is_expired {
                cluster.forget(&reached);
                break;
            }
        }
    }
}

fn take(event: Event<Pod>, by_job: &Mutex<HashMap<String, watch::Sender<Seen>>>, listed: &mut HashSet<String>) {
    let job_of = |pod: &Pod| match pod.labels() {
        // An instance is a pod by itself.
        labels if labels.contains_key(names::INSTANCE) => pod.metadata.name.clone(),
        labels => labels.get(names::JOB_NAME).or_else(|| labels.get("job-name")).cloned(),
    };
    match event {
        Event::Init => listed.clear(),
        Event::Apply(mut pod) | Event::InitApply(mut pod) => {
            let Some(job) = job_of(&pod) else { return };
            listed.insert(job.clone());
            // The largest part of a pod tells who wrote which of its fields.
            pod.metadata.managed_fields = None;
            if let Some(seen) = lock(by_job).get(&job) {
                tell(seen, Some(pod));
            }
        }
        Event::Delete(mut pod) => {
            let Some(job) = job_of(&pod) else { return };
            pod.metadata.managed_fields = None;
            if let Some(seen) = lock(by_job).get(&job) {
                let is_this = seen.borrow().pod.as_ref().is_none_or(|known| known.uid() == pod.uid());
                if is_this {
                    tell(seen, Some(pod));
                    tell(seen, None);
                }
            }
        }
        Event::InitDone => {
            for (job, seen) in lock(by_job).iter() {
                let is_missed = { seen.borrow().pod.is_some() && !listed.contains(job) };
                if is_missed {
                    tell(seen, None);
                }
            }
        }
    }
}

/// Tells everybody who waits that the cluster is silent, or that it speaks again.
fn troubled(by_job: &Mutex<HashMap<String, watch::Sender<Seen>>>, trouble: Option<&str>) {
    let trouble: Option<Arc<str>> = trouble.map(Arc::from);
    for seen in lock(by_job).values() {
        seen.send_if_modified(|seen| {
            let is_new = seen.trouble != trouble;
            seen.trouble.clone_from(&trouble);
            is_new
        });
    }
}
