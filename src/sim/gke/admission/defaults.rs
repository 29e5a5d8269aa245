//! What the API server fills in: `https://kubernetes.io/docs/reference/kubernetes-api/`.

use serde_json::{Value, json};

use super::admit::pod_spec;
use crate::os::random;
use crate::sim::gke::{Cluster, Kind};

/// Sets what is not set. An explicit `null` counts as not set.
fn or(object: &mut Value, path: &[&str], value: Value) {
    let Some((last, first)) = path.split_last() else { return };
    let mut place = object;
    for name in first {
        if place[*name].is_null() {
            place[*name] = json!({});
        }
        place = &mut place[*name];
    }
    if place.is_object() && place[*last].is_null() {
        place[*last] = value;
    }
}

/// Fills in what is missing.
pub(super) fn fill(cluster: &Cluster, kind: Kind, object: &mut Value) {
    match kind {
        Kind::Pod => {
            or(object, &["status", "phase"], "Pending".into());
            priority(cluster, &mut object["spec"]);
            service_account(&mut object["spec"]);
            unreachable(&mut object["spec"]);
            let qos = quality(&object["spec"]);
            or(object, &["status", "qosClass"], qos.into());
        }
        Kind::Job => job(object),
        Kind::Deployment => {
            for (name, value) in
                [("replicas", json!(1)), ("revisionHistoryLimit", json!(10)), ("progressDeadlineSeconds", json!(600))]
            {
                or(object, &["spec", name], value);
            }
            or(object, &["spec", "strategy", "type"], "RollingUpdate".into());
            if object["spec"]["strategy"]["type"] == "RollingUpdate" {
                or(object, &["spec", "strategy", "rollingUpdate", "maxSurge"], "25%".into());
                or(object, &["spec", "strategy", "rollingUpdate", "maxUnavailable"], "25%".into());
            }
        }
        Kind::ReplicaSet => or(object, &["spec", "replicas"], 1.into()),
        Kind::Service => service(object),
        Kind::Secret => {
            or(object, &["type"], "Opaque".into());
            secret(object);
        }
        Kind::PriorityClass => {
            or(object, &["preemptionPolicy"], "PreemptLowerPriority".into());
        }
        Kind::PersistentVolumeClaim => {
            or(object, &["spec", "volumeMode"], "Filesystem".into());
            or(object, &["spec", "storageClassName"], "standard-rwo".into());
            or(object, &["status", "phase"], "Pending".into());
        }
        Kind::Namespace => {
            or(object, &["spec", "finalizers"], json!(["kubernetes"]));
            or(object, &["status", "phase"], "Active".into());
            let name = object["metadata"]["name"].clone();
            or(object, &["metadata", "labels", "kubernetes.io/metadata.name"], name);
        }
        _ => {}
    }
    if let Some(spec) = pod_spec(kind).and_then(|path| object.pointer_mut(path)) {
        pod(kind, spec);
    }
}

fn pod(kind: Kind, spec: &mut Value) {
    if !spec.is_object() {
        return;
    }
    if kind != Kind::Job {
        or(spec, &["restartPolicy"], "Always".into());
    }
    for (name, value) in [
        ("dnsPolicy", json!("ClusterFirst")),
        ("schedulerName", json!("default-scheduler")),
        ("terminationGracePeriodSeconds", json!(30)),
        ("securityContext", json!({})),
    ] {
        or(spec, &[name], value);
    }
    if kind == Kind::Pod {
        or(spec, &["enableServiceLinks"], true.into());
    }
    for list in ["containers", "initContainers"] {
        for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            let image = container["image"].as_str().unwrap_or_default();
            let latest =
                image.ends_with(":latest") || !image.rsplit('/').next().unwrap_or_default().contains([':', '@']);
            let pull = if latest { "Always" } else { "IfNotPresent" };
            or(container, &["imagePullPolicy"], pull.into());
            or(container, &["terminationMessagePath"], "/dev/termination-log".into());
            or(container, &["terminationMessagePolicy"], "File".into());
            or(container, &["resources"], json!({}));
            for port in container.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
                or(port, &["protocol"], "TCP".into());
            }
            limits_are_requests(container);
        }
    }
    for volume in spec.get_mut("volumes").and_then(Value::as_array_mut).into_iter().flatten() {
        for (source, mode) in [("configMap", 420), ("secret", 420), ("projected", 420), ("downwardAPI", 420)] {
            if volume[source].is_object() {
                or(volume, &[source, "defaultMode"], mode.into());
            }
        }
    }
}

/// What is only limited is requested as far as it is limited.
fn limits_are_requests(container: &mut Value) {
    let Some(limits) = container["resources"]["limits"].as_object().cloned() else { return };
    for (name, limit) in limits {
        or(container, &["resources", "requests", &name], limit);
    }
}

fn priority(cluster: &Cluster, spec: &mut Value) {
    let class = spec["priorityClassName"].as_str().unwrap_or_default();
    let system = match class {
        "system-node-critical" => Some(2_000_001_000_i64),
        "system-cluster-critical" => Some(2_000_000_000),
        _ => None,
    };
    let class = cluster.store.get(Kind::PriorityClass, "", class).map(|class| class.value());
    let value = system.or_else(|| class.as_ref()?["value"].as_i64()).unwrap_or(0);
    let policy = class.and_then(|class| class["preemptionPolicy"].as_str().map(str::to_owned));
    or(spec, &["priority"], value.into());
    or(spec, &["preemptionPolicy"], policy.unwrap_or_else(|| "PreemptLowerPriority".into()).into());
}

fn service_account(spec: &mut Value) {
    let older = spec["serviceAccount"].as_str().unwrap_or("default").to_owned();
    or(spec, &["serviceAccountName"], older.into());
    spec["serviceAccount"] = spec["serviceAccountName"].clone();
}

/// Pods stay five minutes on a node that nobody hears of.
fn unreachable(spec: &mut Value) {
    if !spec["tolerations"].is_array() {
        spec["tolerations"] = json!([]);
    }
    let Some(tolerations) = spec.get_mut("tolerations").and_then(Value::as_array_mut) else { return };
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        let is_there = |toleration: &Value| {
            (toleration["key"] == key || toleration["key"].is_null())
                && (toleration["effect"].is_null() || toleration["effect"] == "NoExecute")
        };
        if !tolerations.iter().any(is_there) {
            tolerations
                .push(json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}));
        }
    }
}

/// `Guaranteed`, `Burstable` or `BestEffort`.
fn quality(spec: &Value) -> &'static str {
    let lists = [&spec["containers"], &spec["initContainers"]];
    let containers = lists.into_iter().filter_map(Value::as_array).flatten();
    let (mut any, mut all) = (false, true);
    for container in containers {
        let resources = &container["resources"];
        for name in ["cpu", "memory"] {
            let (request, limit) = (&resources["requests"][name], &resources["limits"][name]);
            any |= !request.is_null() || !limit.is_null();
            all &= !limit.is_null() && (request.is_null() || request == limit);
        }
    }
    match (any, all) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
}

fn job(object: &mut Value) {
    let indexed = object["spec"]["completionMode"] == "Indexed";
    let one_by_one = object["spec"]["completions"].is_null() && object["spec"]["parallelism"].is_null();
    if one_by_one && !indexed {
        or(object, &["spec", "completions"], 1.into());
    }
    let policy = if object["spec"]["podFailurePolicy"].is_object() { "Failed" } else { "TerminatingOrFailed" };
    let per_index = !object["spec"]["backoffLimitPerIndex"].is_null();
    for (name, value) in [
        ("parallelism", json!(1)),
        ("backoffLimit", json!(if per_index { i32::MAX } else { 6 })),
        ("completionMode", json!("NonIndexed")),
        ("suspend", json!(false)),
        ("podReplacementPolicy", json!(policy)),
        ("manualSelector", json!(false)),
    ] {
        or(object, &["spec", name], value);
    }
}

fn service(object: &mut Value) {
    or(object, &["spec", "type"], "ClusterIP".into());
    or(object, &["spec", "sessionAffinity"], "None".into());
    if object["spec"]["type"] == "ExternalName" {
        return;
    }
    let bits = random::bits();
    let address = format!("34.118.{}.{}", 224 + bits % 16, 2 + (bits >> 8) % 250);
    or(object, &["spec", "clusterIP"], address.into());
    let address = object["spec"]["clusterIP"].clone();
    or(object, &["spec", "clusterIPs"], json!([address]));
    or(object, &["spec", "ipFamilies"], json!(["IPv4"]));
    or(object, &["spec", "ipFamilyPolicy"], "SingleStack".into());
    or(object, &["spec", "internalTrafficPolicy"], "Cluster".into());
    for port in object["spec"].get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
        or(port, &["protocol"], "TCP".into());
        let number = port["port"].clone();
        or(port, &["targetPort"], number);
    }
}

/// What is given as text is stored as Base64, as all values are.
fn secret(object: &mut Value) {
    let Some(Value::Object(texts)) = object.as_object_mut().and_then(|object| object.remove("stringData")) else {
        return;
    };
    for (name, text) in texts {
        if object["data"].is_null() {
            object["data"] = json!({});
        }
        object["data"][name] = base64(text.as_str().unwrap_or_default().as_bytes()).into();
    }
}

/// The standard alphabet with padding: RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let at = |place: usize| u32::from(chunk.get(place).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place > chunk.len() { '=' } else { char::from(letter) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (plain, coded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }
}
