//! What happens to nodes: spot machines are taken away, nodes are upgraded, nodes vanish.
//!
//! Each writes into the pods what a real cluster writes (`https://kubernetes.io/docs/concepts/workloads/pods/disruptions/`).
//! The kubelet ends the processes of pods that are deleted, or that have failed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::autopilot::{draw, fraction};
use super::scheduler::{RETIRING, condition, event};
use super::{Cluster, Deletion, Kind, Object, Refusal, Selector, faults};

/// How often chance may take spot machines away.
const LOOK: Duration = Duration::from_secs(1);
/// Keeps a pod on a node that is gone until somebody has given up on the node.
const LOST: &str = "sim.spore.dev/node-lost";
const SPOT: &str = "cloud.google.com/gke-spot";
/// Asks for not being moved: `https://cloud.google.com/kubernetes-engine/docs/how-to/extended-duration-pods`.
const SAFE: &str = "cluster-autoscaler.kubernetes.io/safe-to-evict";

/// Takes spot machines away by chance, and makes pods vanish that are to, for as long as the cluster lives.
pub(super) async fn run(cluster: Arc<Cluster>) {
    tokio::join!(take_spots(&cluster), lose_pods(&cluster));
}

async fn take_spots(cluster: &Arc<Cluster>) {
    let settings = &cluster.plant.machinery;
    if settings.preemptions_per_hour <= 0.0 {
        return;
    }
    // The moments of each machine's life are numbered, so that chance does not depend on how many machines there are.
    let mut ages: HashMap<Arc<str>, (u64, u64)> = HashMap::new();
    let (mut seen, chance) = (0, 1.0 - (-settings.preemptions_per_hour * LOOK.as_secs_f64() / 3_600.0).exp());
    loop {
        tokio::time::sleep(LOOK).await;
        let spots = spots(cluster);
        ages.retain(|uid, _| spots.iter().any(|node| node.uid == *uid));
        for node in spots {
            let (number, age) = ages.entry(Arc::clone(&node.uid)).or_insert_with(|| {
                seen += 1;
                (seen, 0)
            });
            *age += 1;
            if fraction(draw(settings.seed, 0x5_7070 ^ (*number << 24), *age)) < chance {
                // It may be gone already.
                drop(preempt(cluster, &node.name));
            }
        }
    }
}

fn spots(cluster: &Cluster) -> Vec<Arc<Object>> {
    let nodes = cluster.store.list(Kind::Node, None, &Selector::default()).0;
    nodes.into_iter().filter(|node| node.labels.get(SPOT).is_some_and(|value| value == "true")).collect()
}

async fn lose_pods(cluster: &Arc<Cluster>) {
    loop {
        let Ok(mut changes) = cluster.store.changes(Kind::Pod, cluster.store.version()) else { return };
        while let Ok(changed) = changes.next().await {
            for change in changed {
                let runs = |object: &Object| object.json.contains(r#""phase":"Running""#);
                let is_new = runs(&change.object) && !change.before.as_deref().is_some_and(runs);
                if is_new && !change.object.deleting && faults::vanishes(cluster, &change.object.name) {
                    let Object { namespace, name, .. } = &*change.object;
                    // Without grace and without a trace, as when somebody deletes it from outside.
                    drop(cluster.store.delete(Kind::Pod, namespace, name, &Deletion::default()));
                }
            }
        }
    }
}

/// Takes a spot machine away: its pods have failed, and it is gone. Without a name, any one.
///
/// # Errors
/// When there is no such node, or none that could be taken.
pub(super) fn preempt(cluster: &Cluster, name: &str) -> Result<String, Refusal> {
    let spots = spots(cluster);
    let node = match name {
        "" => {
            let drawn = draw(cluster.plant.machinery.seed, 0x5907, cluster.store.version());
            let place = usize::try_from(drawn).unwrap_or(0) % spots.len().max(1);
            spots.get(place).ok_or_else(|| Refusal::new(404, "NotFound", "there are no spot nodes"))?
        }
        name => spots.iter().find(|node| *node.name == *name).ok_or_else(|| Refusal::not_found(Kind::Node, name))?,
    };
    cluster.plant.counters.preempted();
    event(cluster, node, ("Warning", "PreemptScheduled"), "The machine is going to be preempted.", "node-termination");
    end(cluster, node)?;
    Ok(node.name.to_string())
}

/// Shuts a node down, as its kubelet does it when the machine says that it ends.
fn end(cluster: &Cluster, node: &Object) -> Result<(), Refusal> {
    // No pod may come any more before the last one is told.
    change_node(cluster, &node.name, |value, now| {
        value["spec"]["unschedulable"] = true.into();
        let message = "node is shutting down";
        condition(
            value,
            now,
            json!({"type": "Ready", "status": "False", "reason": "KubeletNotReady", "message": message}),
        );
    })?;
    for pod in pods_on(cluster, &node.name) {
        let now = cluster.store.now();
        let message = "Pod was terminated in response to imminent node shutdown.";
        let ended = cluster.store.change(Kind::Pod, &pod.namespace, &pod.name, |value| {
            condition(value, &now, disrupted("TerminationByKubelet", message));
            fail(value, &now, ("Terminated", message), (143, "Error"));
            Ok(())
        });
        if let Ok(pod) = ended {
            event(cluster, &pod, ("Warning", "NodeShutdown"), message, "kubelet");
        }
    }
    cluster.store.delete(Kind::Node, "", &node.name, &Deletion::default()).map(drop)
}

/// Upgrades a node: nothing new comes onto it, what is there is moved, and the node goes when it is empty. Pods that asked
/// not to be moved are left until they end.
///
/// # Errors
/// When there is no such node.
pub(super) fn upgrade(cluster: &Cluster, name: &str) -> Result<(), Refusal> {
    change_node(cluster, name, |value, _| {
        value["spec"]["unschedulable"] = true.into();
        value["metadata"]["annotations"][RETIRING] = "upgrade".into();
    })?;
    for pod in pods_on(cluster, name) {
        let keeps = pod.value()["metadata"]["annotations"][SAFE] == "false";
        if !keeps {
            evict(cluster, &pod.namespace, &pod.name)?;
        }
    }
    Ok(())
}

/// Asks a pod to go, as the eviction API does. It has its own grace, and an hour at most.
///
/// # Errors
/// When there is no such pod.
pub(super) fn evict(cluster: &Cluster, namespace: &str, name: &str) -> Result<Arc<Object>, Refusal> {
    let now = cluster.store.now();
    let message = "Eviction API: evicting";
    let pod = cluster.store.change(Kind::Pod, namespace, name, |value| {
        condition(value, &now, disrupted("EvictionByEvictionAPI", message));
        Ok(())
    })?;
    event(cluster, &pod, ("Normal", "Evicted"), message, "node-drainer");
    let grace = pod.value()["spec"]["terminationGracePeriodSeconds"].as_u64().unwrap_or(30);
    let most = cluster.plant.machinery.upgrade_grace.as_secs();
    cluster.store.delete(
        Kind::Pod,
        namespace,
        name,
        &Deletion { grace_seconds: Some(grace.min(most)), ..Deletion::default() },
    )
}

/// Lets a node vanish, as when its machine breaks: nobody hears of it any more, its pods are deleted and stay `Terminating`,
/// and after `given_up` the node is given up and they are gone.
///
/// # Errors
/// When there is no such node.
pub(super) fn vanish(cluster: &Arc<Cluster>, name: &str, given_up: Duration) -> Result<(), Refusal> {
    change_node(cluster, name, |value, now| {
        value["spec"]["unschedulable"] = true.into();
        let taints = ["NoSchedule", "NoExecute"]
            .map(|effect| json!({"key": "node.kubernetes.io/unreachable", "effect": effect, "timeAdded": now}));
        value["spec"]["taints"] = taints.to_vec().into();
        for kind in ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"] {
            let message = "Kubelet stopped posting node status.";
            condition(
                value,
                now,
                json!({"type": kind, "status": "Unknown", "reason": "NodeStatusUnknown", "message": message}),
            );
        }
    })?;
    let pods = pods_on(cluster, name);
    for pod in &pods {
        let now = cluster.store.now();
        let message = "Taint manager: deleting due to NoExecute taint";
        let marked = cluster.store.change(Kind::Pod, &pod.namespace, &pod.name, |value| {
            condition(value, &now, disrupted("DeletionByTaintManager", message));
            condition(value, &now, json!({"type": "Ready", "status": "False", "reason": "NodeLost"}));
            Ok(())
        });
        let kept = Deletion { grace_seconds: Some(30), finalizers: &[LOST], ..Deletion::default() };
        if let Ok(pod) = marked {
            event(cluster, &pod, ("Warning", "NodeNotReady"), "Node is not ready", "node-controller");
            drop(cluster.store.delete(Kind::Pod, &pod.namespace, &pod.name, &kept));
        }
    }
    let (cluster, name) = (Arc::downgrade(cluster), name.to_owned());
    tokio::spawn(async move {
        tokio::time::sleep(given_up).await;
        if let Some(cluster) = cluster.upgrade() {
            give_up(&cluster, &name, &pods);
        }
    });
    Ok(())
}

/// Takes away a node that vanished, and its pods.
fn give_up(cluster: &Cluster, name: &str, pods: &[Arc<Object>]) {
    drop(cluster.store.delete(Kind::Node, "", name, &Deletion::default()));
    for pod in pods {
        let now = cluster.store.now();
        let freed = cluster.store.change(Kind::Pod, &pod.namespace, &pod.name, |value| {
            if value["metadata"]["uid"] != *pod.uid {
                return Err(Refusal::not_found(Kind::Pod, &pod.name));
            }
            condition(value, &now, disrupted("DeletionByPodGC", "PodGC: node no longer exists"));
            fail(value, &now, ("NodeLost", "PodGC: node no longer exists"), (137, "ContainerStatusUnknown"));
            if let Some(kept) = value["metadata"].get_mut("finalizers").and_then(Value::as_array_mut) {
                kept.retain(|finalizer| finalizer != LOST);
            }
            Ok(())
        });
        if let Ok(pod) = freed {
            drop(cluster.store.delete(Kind::Pod, &pod.namespace, &pod.name, &Deletion::default()));
        }
    }
}

fn change_node(cluster: &Cluster, name: &str, how: impl FnOnce(&mut Value, &str)) -> Result<Arc<Object>, Refusal> {
    let now = cluster.store.now();
    cluster.store.change(Kind::Node, "", name, |value| {
        how(value, &now);
        Ok(())
    })
}

fn pods_on(cluster: &Cluster, node: &str) -> Vec<Arc<Object>> {
    let pods = cluster.store.list(Kind::Pod, None, &Selector::default()).0;
    let is_here = |pod: &Arc<Object>| {
        let value = pod.value();
        value["spec"]["nodeName"] == node && !matches!(value["status"]["phase"].as_str(), Some("Succeeded" | "Failed"))
    };
    pods.into_iter().filter(is_here).collect()
}

fn disrupted(reason: &str, message: &str) -> Value {
    json!({"type": "DisruptionTarget", "status": "True", "reason": reason, "message": message, "lastProbeTime": null})
}

/// Says that a pod has failed, and its containers with it. The first pair is reason and message of the pod, the second exit
/// code and reason of its containers.
fn fail(pod: &mut Value, now: &str, (reason, message): (&str, &str), (code, why): (i32, &str)) {
    pod["status"]["phase"] = "Failed".into();
    pod["status"]["reason"] = reason.into();
    pod["status"]["message"] = message.into();
    for kind in ["Ready", "ContainersReady"] {
        condition(pod, now, json!({"type": kind, "status": "False", "reason": "PodFailed", "lastProbeTime": null}));
    }
    for container in pod["status"].get_mut("containerStatuses").and_then(Value::as_array_mut).into_iter().flatten() {
        let Some(running) = container["state"].get("running").cloned() else { continue };
        container["state"] = json!({"terminated": {
            "exitCode": code, "reason": why, "startedAt": running["startedAt"], "finishedAt": now,
            "containerID": container["containerID"],
        }});
        container["ready"] = false.into();
        container["started"] = false.into();
    }
}
