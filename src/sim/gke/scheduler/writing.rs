//! What the scheduler writes: where a pod goes, that there is no room, and events.

use serde_json::{Value, json};

use super::picture::Waiting;
use crate::os::random;
use crate::sim::gke::{Cluster, Kind, Object, Refusal};

/// Sets a condition of an object; the moment of its last change stays where its status stays.
pub(in crate::sim::gke) fn condition(object: &mut Value, now: &str, mut new: Value) {
    if !object["status"]["conditions"].is_array() {
        object["status"]["conditions"] = json!([]);
    }
    let Some(conditions) = object["status"].get_mut("conditions").and_then(Value::as_array_mut) else { return };
    let known = conditions.iter_mut().find(|known| known["type"] == new["type"]);
    let since = known.as_ref().filter(|known| known["status"] == new["status"]);
    new["lastTransitionTime"] = since.map_or_else(|| now.into(), |known| known["lastTransitionTime"].clone());
    match known {
        Some(known) => *known = new,
        None => conditions.push(new),
    }
}

/// Puts a pod onto a node.
pub(super) fn bind(cluster: &Cluster, pod: &Waiting, node: &str) -> Result<(), Refusal> {
    let now = cluster.store.now();
    let bound = cluster.store.change(Kind::Pod, &pod.namespace, &pod.name, |value| {
        let is_other = value["metadata"]["uid"] != *pod.uid || !value["metadata"]["deletionTimestamp"].is_null();
        if is_other || !value["spec"]["nodeName"].is_null() {
            return Err(Refusal::conflict(Kind::Pod, &pod.name, "the pod is not as it was"));
        }
        value["spec"]["nodeName"] = node.into();
        condition(value, &now, json!({"type": "PodScheduled", "status": "True", "lastProbeTime": null}));
        Ok(())
    });
    bound.map(|_| ())
}

/// Tells a pod that there is no room.
pub(super) fn tell(cluster: &Cluster, pod: &Waiting, message: &str, scale: &Result<String, String>) {
    let now = cluster.store.now();
    let told = cluster.store.change(Kind::Pod, &pod.namespace, &pod.name, |value| {
        if value["metadata"]["uid"] != *pod.uid {
            return Err(Refusal::not_found(Kind::Pod, &pod.name));
        }
        condition(
            value,
            &now,
            json!({
                "type": "PodScheduled", "status": "False", "lastProbeTime": null,
                "reason": "Unschedulable", "message": message,
            }),
        );
        Ok(())
    });
    let Ok(told) = told else { return };
    event(cluster, &told, ("Warning", "FailedScheduling"), message, "default-scheduler");
    match scale {
        Ok(message) => event(cluster, &told, ("Normal", "TriggeredScaleUp"), message, "cluster-autoscaler"),
        Err(message) => event(cluster, &told, ("Normal", "NotTriggerScaleUp"), message, "cluster-autoscaler"),
    }
}

/// Records that something happened to an object. The pair is its type and its reason.
pub(in crate::sim::gke) fn event(
    cluster: &Cluster,
    object: &Object,
    (sort, reason): (&str, &str),
    message: &str,
    source: &str,
) {
    let now = cluster.store.now();
    let namespace = if object.namespace.is_empty() { "default" } else { &*object.namespace };
    let number = random::bits() >> 64;
    let event = json!({
        "metadata": {"name": format!("{}.{number:016x}", object.name), "namespace": namespace},
        "involvedObject": {
            "apiVersion": object.kind.api_version(), "kind": object.kind.resource().kind,
            "namespace": &*object.namespace, "name": &*object.name, "uid": &*object.uid,
            "resourceVersion": object.version.to_string(),
        },
        "type": sort, "reason": reason, "message": message, "count": 1,
        "firstTimestamp": now, "lastTimestamp": now, "source": {"component": source},
        "reportingComponent": source, "reportingInstance": "",
    });
    // An event is only ever news: where it cannot be written, nothing else is wrong.
    drop(cluster.store.create(Kind::Event, event));
}
