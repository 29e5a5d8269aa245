//! The row of a pod: what stands under STATUS comes from many fields, as `printPod` of Kubernetes weighs them.

use serde_json::Value;

use super::columns::{none, text_or};
use super::table::age;

/// The cells of a pod.
pub(super) fn cells(pod: &Value, now: i64) -> Vec<Value> {
    let (meta, spec, status) = (&pod["metadata"], &pod["spec"], &pod["status"]);
    let all = spec["containers"].as_array().map_or(0, Vec::len);
    let containers = list(&status["containerStatuses"]);
    let ready = containers.iter().filter(|one| one["ready"] == true && !one["state"]["running"].is_null()).count();
    let restarts: u64 = containers.iter().filter_map(|one| one["restartCount"].as_u64()).sum();
    let last = containers.iter().filter(|one| one["restartCount"].as_u64().unwrap_or(0) > 0);
    let last = last.filter_map(|one| one["lastState"]["terminated"].get("finishedAt")).max_by_key(ToString::to_string);
    let restarts = match last {
        Some(at) => format!("{restarts} ({} ago)", age(at, now)),
        None => restarts.to_string(),
    };
    vec![
        meta["name"].clone(),
        format!("{ready}/{all}").into(),
        state(pod).into(),
        restarts.into(),
        age(&meta["creationTimestamp"], now).into(),
        text_or(&status["podIP"], "<none>"),
        text_or(&spec["nodeName"], "<none>"),
        text_or(&status["nominatedNodeName"], "<none>"),
        none(),
    ]
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, field: &str) -> Option<&'a str> {
    value[field].as_str().filter(|text| !text.is_empty())
}

/// What a pod is doing, in a word.
fn state(pod: &Value) -> String {
    let status = &pod["status"];
    let own = text(status, "reason").or_else(|| text(status, "phase")).unwrap_or("Unknown").to_owned();
    let gated = list(&status["conditions"])
        .iter()
        .any(|one| one["type"] == "PodScheduled" && one["reason"] == "SchedulingGated");
    let mut state = if gated { "SchedulingGated".to_owned() } else { own };
    let beginning = beginning(pod);
    if let Some(beginning) = &beginning {
        state.clone_from(beginning);
    } else {
        state = containers(status, state);
    }
    if !pod["metadata"]["deletionTimestamp"].is_null() {
        if text(status, "reason") == Some("NodeLost") {
            return "Unknown".to_owned();
        }
        if !matches!(status["phase"].as_str(), Some("Succeeded" | "Failed")) {
            return "Terminating".to_owned();
        }
    }
    state
}

/// What the init containers are at, where they are not through.
fn beginning(pod: &Value) -> Option<String> {
    let all = list(&pod["spec"]["initContainers"]).len();
    for (at, one) in list(&pod["status"]["initContainerStatuses"]).iter().enumerate() {
        let state = &one["state"];
        if let Some(ended) = state.get("terminated").filter(|ended| !ended.is_null()) {
            if ended["exitCode"] == 0 {
                continue;
            }
            return Some(format!("Init:{}", end(ended)));
        }
        if one["started"] == true && one["restartPolicy"] == "Always" {
            continue;
        }
        let waiting = text(&state["waiting"], "reason").filter(|reason| *reason != "PodInitializing");
        return Some(waiting.map_or_else(|| format!("Init:{at}/{all}"), |reason| format!("Init:{reason}")));
    }
    None
}

/// How something ended, in a word.
fn end(ended: &Value) -> String {
    match (text(ended, "reason"), ended["signal"].as_i64().filter(|signal| *signal != 0)) {
        (Some(reason), _) => reason.to_owned(),
        (None, Some(signal)) => format!("Signal:{signal}"),
        (None, None) => format!("ExitCode:{}", ended["exitCode"].as_i64().unwrap_or(0)),
    }
}

/// The first container that has something to say decides.
fn containers(status: &Value, otherwise: String) -> String {
    let mut state = otherwise;
    let mut runs = false;
    for one in list(&status["containerStatuses"]).iter().rev() {
        let (waiting, ended) = (&one["state"]["waiting"], &one["state"]["terminated"]);
        if let Some(reason) = text(waiting, "reason") {
            reason.clone_into(&mut state);
        } else if !ended.is_null() {
            state = end(ended);
        } else if one["ready"] == true && !one["state"]["running"].is_null() {
            runs = true;
        }
    }
    if state == "Completed" && runs {
        let ready = list(&status["conditions"]).iter().any(|one| one["type"] == "Ready" && one["status"] == "True");
        return if ready { "Running" } else { "NotReady" }.to_owned();
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_status_of_a_pod_is_what_kubectl_says() {
        let container = |state: Value| json!({"phase": "Running", "containerStatuses": [{"state": state}]});
        let ended =
            |reason: Option<&str>, code: i64| container(json!({"terminated": {"reason": reason, "exitCode": code}}));
        for (status, expected) in [
            (json!({"phase": "Pending"}), "Pending"),
            (json!({"phase": "Failed", "reason": "Evicted"}), "Evicted"),
            (container(json!({"waiting": {"reason": "ContainerCreating"}})), "ContainerCreating"),
            (container(json!({"running": {}})), "Running"),
            (ended(Some("OOMKilled"), 137), "OOMKilled"),
            (ended(None, 3), "ExitCode:3"),
            (json!({"phase": "Pending", "initContainerStatuses": [{"state": {"running": {}}}]}), "Init:0/2"),
        ] {
            let pod = json!({"metadata": {}, "spec": {"initContainers": [{}, {}]}, "status": status});
            assert_eq!(state(&pod), expected, "{pod}");
            let going = json!({"metadata": {"deletionTimestamp": "x"}, "spec": {}, "status": {"phase": "Running"}});
            assert_eq!(state(&going), "Terminating");
        }
    }
}
