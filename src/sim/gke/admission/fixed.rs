//! What of an object cannot be changed once it is there.

use serde_json::Value;

use crate::sim::gke::{Kind, Refusal};

const POD: &str = "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

/// Refuses a change of what is fixed.
pub(super) fn unchanged(kind: Kind, old: &Value, new: &Value) -> Result<(), Refusal> {
    let mut wrong: Vec<(String, String)> = Vec::new();
    let mut fixed = |path: &str| {
        let (before, after) = (old.pointer(path), new.pointer(path));
        if before != after {
            let after = after.map_or_else(|| "null".to_owned(), Value::to_string);
            wrong.push((path[1..].replace('/', "."), format!("Invalid value: {after}: field is immutable")));
        }
    };
    match kind {
        Kind::Pod if pod(old) != pod(new) || !tolerations_stay(old, new) => {
            wrong.push(("spec".into(), POD.into()));
        }
        Kind::Job => {
            for path in
                ["/spec/selector", "/spec/completionMode", "/spec/podFailurePolicy", "/spec/backoffLimitPerIndex"]
            {
                fixed(path);
            }
            if old["spec"]["completionMode"] != "Indexed" {
                fixed("/spec/completions");
            }
            if old["spec"]["suspend"] != true {
                fixed("/spec/template");
            }
        }
        Kind::Deployment | Kind::ReplicaSet => fixed("/spec/selector"),
        Kind::Secret => fixed("/type"),
        Kind::Service
            if !old["spec"]["clusterIP"].is_null() && old["spec"]["clusterIP"] != new["spec"]["clusterIP"] =>
        {
            let address = &new["spec"]["clusterIP"];
            wrong.push(("spec.clusterIPs[0]".into(), format!("Invalid value: {address}: may not change once set")));
        }
        Kind::PriorityClass => fixed("/value"),
        _ => {}
    }
    if matches!(kind, Kind::ConfigMap | Kind::Secret) && old["immutable"] == true {
        for part in ["data", "binaryData"] {
            if old[part] != new[part] {
                wrong.push((part.into(), "Forbidden: field is immutable when `immutable` is set".into()));
            }
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Refusal::invalid(kind, old["metadata"]["name"].as_str().unwrap_or_default(), &wrong))
}

/// A pod without what may be changed of it.
fn pod(pod: &Value) -> Value {
    let mut spec = pod["spec"].clone();
    for list in ["containers", "initContainers"] {
        for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            container["image"] = Value::Null;
        }
    }
    if let Some(spec) = spec.as_object_mut() {
        // A list that is empty is as good as none; where a pod goes, the scheduler says.
        spec.retain(|_, value| !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty()));
        for free in ["activeDeadlineSeconds", "tolerations", "nodeName", "schedulingGates", "ephemeralContainers"] {
            spec.remove(free);
        }
    }
    spec
}

fn tolerations_stay(old: &Value, new: &Value) -> bool {
    let list = |pod: &Value| pod["spec"]["tolerations"].as_array().cloned().unwrap_or_default();
    let new = list(new);
    list(old).iter().all(|toleration| new.contains(toleration))
}
