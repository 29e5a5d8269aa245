//! The life of a pod on its machine.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::watch;

use super::super::controllers::Fact;
use super::super::{Cluster, Deletion, Kind, Object, Refusal};
use super::attending::given;
use super::container::Attendance;
use super::shared::Pod;
use super::status::{self, Verdict};
use super::volumes;
use crate::os::file;

/// Changes that come within this time of one another are written together: a container that ends at once is never seen
/// running, and a pod of many containers is not written for each.
const TOGETHER: Duration = Duration::from_millis(10);
/// Whether, and when at the latest, the containers of a pod have to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// They do not.
    No,
    /// They are asked to at once, and made to at that moment of the clock.
    By(Duration),
}

/// A pod as it was seen last.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) object: Arc<Object>,
    /// Whether it is no more.
    pub(super) is_gone: bool,
}

/// Carries a pod through: volumes, containers, its end.
pub(super) async fn live(cluster: Arc<Cluster>, pod: Arc<Pod>, seen: watch::Receiver<Seen>) {
    let (stop, stopped) = watch::channel(Stop::No);
    let verdict = Mutex::new(None);
    tokio::select! {
        () = work(&cluster, &pod, stopped) => {}
        () = oversee(&cluster, &pod, seen.clone(), &stop, &verdict) => {}
        () = keep_written(&cluster, &pod) => {}
    }
    let verdict = verdict.into_inner().unwrap_or_else(PoisonError::into_inner);
    let written = write(&cluster, &pod, verdict.as_ref());
    pod.is_over.store(true, Ordering::SeqCst);
    if written.is_some_and(|object| object.deleting) {
        remove(&cluster, &pod);
    }
    if seen.borrow().is_gone {
        forget(&cluster, &pod);
    }
}

/// Takes the pod out of the store: nothing of it runs any more.
pub(super) fn remove(cluster: &Cluster, pod: &Pod) {
    let deletion = Deletion { uid: Some(pod.uid.to_string()), grace_seconds: Some(0), ..Deletion::default() };
    // Somebody else was faster.
    let _ = cluster.store.delete(Kind::Pod, &pod.namespace, &pod.name, &deletion);
}

/// Forgets a pod that is in the store no more, with its files.
pub(super) fn forget(cluster: &Cluster, pod: &Pod) {
    cluster.kubelet.pods().remove(&pod.uid);
    // What cannot be removed goes with the folder of the cluster.
    let _ = file::remove_tree(&pod.folder);
}

async fn work(cluster: &Cluster, pod: &Pod, mut stop: watch::Receiver<Stop>) {
    let Some(volumes) = mount(cluster, pod, &mut stop).await else { return };
    let policy = pod.wants.policy.as_str();
    let (stop_sides, stopped_sides) = watch::channel(Stop::No);
    let (mut sides, mut first, mut main) = (Vec::new(), Vec::new(), Vec::new());
    for (at, slot) in pod.slots().iter().enumerate() {
        match (slot.is_sidecar(), slot.is_init) {
            (true, _) => sides.push(at),
            (false, true) => first.push(at),
            (false, false) => main.push(at),
        }
    }
    let attend = |slot: usize, policy: &'static str, stop: &watch::Receiver<Stop>| {
        Attendance { cluster, pod, slot, volumes: &volumes, stop: stop.clone(), policy }.run()
    };
    let policy = ["Never", "OnFailure"].into_iter().find(|known| *known == policy).unwrap_or("Always");
    let of_first = if policy == "Never" { "Never" } else { "OnFailure" };
    let sides = join_all(sides.into_iter().map(|slot| attend(slot, "Always", &stopped_sides)));
    let others = async {
        for slot in first {
            if attend(slot, of_first, &stop).await != Some(0) {
                return;
            }
        }
        join_all(main.into_iter().map(|slot| attend(slot, policy, &stop))).await;
    };
    let mut stop_of_all = stop.clone();
    let sides_end = async {
        tokio::select! {
            () = others => {
                let deadline = cluster.clock.monotonic() + pod.wants.grace;
                stop_sides.send_if_modified(|stop| {
                    let is_new = *stop == Stop::No;
                    if is_new {
                        *stop = Stop::By(deadline);
                    }
                    is_new
                });
            }
            () = async {
                while stop_of_all.changed().await.is_ok() {
                    stop_sides.send_replace(stop_of_all.borrow().clone());
                }
                std::future::pending::<()>().await;
            } => {}
        }
    };
    tokio::join!(sides, sides_end);
}

/// Makes the volumes, once all that they ask for is there; `None` when the pod is to stop before.
async fn mount(cluster: &Cluster, pod: &Pod, stop: &mut watch::Receiver<Stop>) -> Option<HashMap<String, PathBuf>> {
    loop {
        let from = cluster.store.version();
        let made = file::create_private_dir_all(&pod.folder).map_err(|error| error.to_string());
        match made.and_then(|()| volumes::mount(cluster, &pod.value(), &pod.folder)) {
            Ok(volumes) => return (*stop.borrow() == Stop::No).then_some(volumes),
            Err(message) => {
                tell(cluster, pod, true, "FailedMount", &message, "");
                pod.dirty.notify_one();
            }
        }
        if !given(cluster, from, stop).await {
            return None;
        }
    }
}

fn tell(cluster: &Cluster, pod: &Pod, is_warning: bool, reason: &'static str, message: &str, field: &str) {
    let host = pod.wants.host.as_str();
    cluster.events.tell(
        &cluster.store,
        &Fact {
            kind: Kind::Pod,
            namespace: &pod.namespace,
            name: &pod.name,
            uid: &pod.uid,
            field,
            is_warning,
            reason,
            message,
            component: "kubelet",
            host,
        },
    );
}

/// Decides when the pod has to stop: it is deleted, or ended by others, or its time is over. Never returns.
async fn oversee(
    cluster: &Cluster,
    pod: &Pod,
    mut seen: watch::Receiver<Seen>,
    stop: &watch::Sender<Stop>,
    verdict: &Mutex<Option<Verdict>>,
) {
    let allowed = pod.wants.allowed;
    let mut over = std::pin::pin!(async {
        match allowed {
            Some(allowed) => tokio::time::sleep(allowed).await,
            None => std::future::pending().await,
        }
    });
    let mut is_over = false;
    loop {
        let Seen { object, is_gone } = seen.borrow_and_update().clone();
        let now = cluster.clock.monotonic();
        if is_gone || (object.version > pod.written.load(Ordering::SeqCst) && is_decided(&object)) {
            stop_by(cluster, pod, stop, now);
        } else if object.deleting {
            let seconds = object.value()["metadata"]["deletionGracePeriodSeconds"].as_u64().unwrap_or(0);
            stop_by(cluster, pod, stop, now + Duration::from_secs(seconds));
        }
        tokio::select! {
            changed = seen.changed() => if changed.is_err() {
                return std::future::pending().await;
            },
            () = &mut over, if !is_over => {
                is_over = true;
                *verdict.lock().unwrap_or_else(PoisonError::into_inner) = Some(Verdict {
                    reason: "DeadlineExceeded",
                    message: "Pod was active on the node longer than the specified deadline",
                });
                stop_by(cluster, pod, stop, cluster.clock.monotonic() + pod.wants.grace);
            }
        }
    }
}

/// Whether others have said how the pod ended.
fn is_decided(object: &Object) -> bool {
    matches!(object.value()["status"]["phase"].as_str(), Some("Failed" | "Succeeded"))
}

/// Stops the pod by that moment, or sooner if that was decided before.
fn stop_by(cluster: &Cluster, pod: &Pod, stop: &watch::Sender<Stop>, deadline: Duration) {
    let is_first = *stop.borrow() == Stop::No;
    stop.send_if_modified(|stop| {
        let is_sooner = match stop {
            Stop::No => true,
            Stop::By(known) => deadline < *known,
        };
        if is_sooner {
            *stop = Stop::By(deadline);
        }
        is_sooner
    });
    if is_first {
        let running: Vec<String> =
            pod.slots().iter().filter(|slot| slot.is_running()).map(|slot| slot.name.clone()).collect();
        for name in running {
            let field = format!("spec.containers{{{name}}}");
            tell(cluster, pod, false, "Killing", &format!("Stopping container {name}"), &field);
        }
    }
}

/// Writes the status when something has changed. Never returns.
async fn keep_written(cluster: &Cluster, pod: &Pod) {
    loop {
        pod.dirty.notified().await;
        tokio::time::sleep(TOGETHER).await;
        write(cluster, pod, None);
    }
}

/// Writes the status; `None` when the pod is no more.
fn write(cluster: &Cluster, pod: &Pod, verdict: Option<&Verdict>) -> Option<Arc<Object>> {
    let now = cluster.store.now();
    let before = cluster.store.get(Kind::Pod, &pod.namespace, &pod.name)?;
    let written = cluster.store.change(Kind::Pod, &pod.namespace, &pod.name, |object| {
        if object["metadata"]["uid"] != *pod.uid {
            return Err(Refusal::not_found(Kind::Pod, &pod.name));
        }
        status::write(object, pod, &now, verdict);
        Ok(())
    });
    let written = written.ok()?;
    // What others wrote in between has still to be looked at.
    if before.version <= pod.written.load(Ordering::SeqCst) {
        pod.written.store(written.version, Ordering::SeqCst);
    }
    Some(written)
}
