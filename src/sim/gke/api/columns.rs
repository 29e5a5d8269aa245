//! The columns of each kind's table, and what stands in them, as `kubectl get` prints it.

use serde_json::{Value, json};

use super::pod_row;
use super::table::{age, span};
use crate::model::Timestamp;
use crate::sim::gke::Kind;

/// A column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    /// Its title.
    pub(super) name: &'static str,
    /// Whether only `-o wide` shows it.
    pub(super) is_wide: bool,
    /// What stands in it.
    pub(super) says: &'static str,
}

/// The columns of a kind.
pub(super) fn of(kind: Kind) -> Vec<Column> {
    let (narrow, wide): (&[&str], &[&str]) = match kind {
        Kind::Pod => {
            (&["Name", "Ready", "Status", "Restarts", "Age"], &["IP", "Node", "Nominated Node", "Readiness Gates"])
        }
        Kind::Job => (&["Name", "Status", "Completions", "Duration", "Age"], &["Containers", "Images", "Selector"]),
        Kind::Node => (
            &["Name", "Status", "Roles", "Age", "Version"],
            &["Internal-IP", "External-IP", "OS-Image", "Kernel-Version", "Container-Runtime"],
        ),
        Kind::Namespace => (&["Name", "Status", "Age"], &[]),
        Kind::Event => (
            &["Last Seen", "Type", "Reason", "Object", "Message"],
            &["Subobject", "Source", "First Seen", "Count", "Name"],
        ),
        Kind::ConfigMap => (&["Name", "Data", "Age"], &[]),
        Kind::Secret => (&["Name", "Type", "Data", "Age"], &[]),
        Kind::Service => (&["Name", "Type", "Cluster-IP", "External-IP", "Port(s)", "Age"], &["Selector"]),
        Kind::ServiceAccount => (&["Name", "Secrets", "Age"], &[]),
        Kind::PersistentVolumeClaim => (
            &["Name", "Status", "Volume", "Capacity", "Access Modes", "StorageClass", "VolumeAttributesClass", "Age"],
            &["VolumeMode"],
        ),
        Kind::ResourceQuota => (&["Name", "Request", "Limit", "Age"], &[]),
        Kind::Deployment => {
            (&["Name", "Ready", "Up-to-date", "Available", "Age"], &["Containers", "Images", "Selector"])
        }
        Kind::ReplicaSet => (&["Name", "Desired", "Current", "Ready", "Age"], &["Containers", "Images", "Selector"]),
        Kind::NetworkPolicy => (&["Name", "Pod-Selector", "Age"], &[]),
        Kind::PriorityClass => (&["Name", "Value", "Global-Default", "Age", "PreemptionPolicy"], &[]),
    };
    let column = |is_wide| move |name: &&'static str| Column { name, is_wide, says: says(name) };
    narrow.iter().map(column(false)).chain(wide.iter().map(column(true))).collect()
}

fn says(name: &str) -> &'static str {
    match name {
        "Name" => "The name, which is unique in its namespace.",
        "Age" => "How long ago it was created.",
        "Ready" => "How many of how many are ready.",
        "Status" => "How it stands.",
        "Node" => "The machine it is on.",
        _ => "As kubectl prints it.",
    }
}

/// The cells of one object, in the order of the columns. `now` is in milliseconds since 1970.
pub(super) fn cells(kind: Kind, value: &Value, now: i64) -> Vec<Value> {
    let (meta, spec, status) = (&value["metadata"], &value["spec"], &value["status"]);
    let name = meta["name"].clone();
    let old = Value::from(age(&meta["creationTimestamp"], now));
    let number = |value: &Value| Value::from(value.as_u64().unwrap_or(0).to_string());
    let size = |value: &Value| value.as_object().map_or(0, serde_json::Map::len);
    let mut cells = match kind {
        Kind::Pod => return pod_row::cells(value, now),
        Kind::Job => return job(value, now),
        Kind::Node => return node(value, now),
        Kind::Event => return event(value, now),
        Kind::Service => return service(value, now),
        Kind::Namespace => vec![name, status["phase"].clone(), old],
        Kind::ConfigMap => {
            vec![name, (size(&value["data"]) + size(&value["binaryData"])).to_string().into(), old]
        }
        Kind::Secret => vec![name, text_or(&value["type"], "Opaque"), size(&value["data"]).to_string().into(), old],
        Kind::ServiceAccount => {
            vec![name, value["secrets"].as_array().map_or(0, Vec::len).to_string().into(), old]
        }
        Kind::PersistentVolumeClaim => vec![
            name,
            text_or(&status["phase"], "Pending"),
            text_or(&spec["volumeName"], ""),
            text_or(&status["capacity"]["storage"], ""),
            joined(&spec["accessModes"]).into(),
            text_or(&spec["storageClassName"], ""),
            "<unset>".into(),
            old,
            text_or(&spec["volumeMode"], "Filesystem"),
        ],
        Kind::ResourceQuota => vec![name, quota(value, false).into(), quota(value, true).into(), old],
        Kind::Deployment => vec![
            name,
            format!("{}/{}", status["readyReplicas"].as_u64().unwrap_or(0), spec["replicas"].as_u64().unwrap_or(1))
                .into(),
            number(&status["updatedReplicas"]),
            number(&status["availableReplicas"]),
            old,
        ],
        Kind::ReplicaSet => {
            vec![name, number(&spec["replicas"]), number(&status["replicas"]), number(&status["readyReplicas"]), old]
        }
        Kind::NetworkPolicy => vec![name, selected(&spec["podSelector"]).into(), old],
        Kind::PriorityClass => vec![
            name,
            value["value"].as_i64().unwrap_or(0).to_string().into(),
            value["globalDefault"].as_bool().unwrap_or(false).to_string().into(),
            old,
            text_or(&value["preemptionPolicy"], "PreemptLowerPriority"),
        ],
    };
    if matches!(kind, Kind::Deployment | Kind::ReplicaSet) {
        cells.extend(template(spec));
    }
    cells
}

/// The text, or what stands for none.
pub(super) fn text_or(value: &Value, none: &str) -> Value {
    value.as_str().filter(|text| !text.is_empty()).unwrap_or(none).into()
}

fn joined(list: &Value) -> String {
    let items = list.as_array().into_iter().flatten().filter_map(Value::as_str);
    items.collect::<Vec<_>>().join(",")
}

/// A selector of labels, as kubectl writes it.
fn selected(selector: &Value) -> String {
    let labels = selector.get("matchLabels").unwrap_or(selector);
    let pairs = labels.as_object().into_iter().flatten();
    let pairs: Vec<String> = pairs.filter_map(|(name, value)| Some(format!("{name}={}", value.as_str()?))).collect();
    if pairs.is_empty() { "<none>".to_owned() } else { pairs.join(",") }
}

/// Containers, images and selector of what makes pods.
fn template(spec: &Value) -> Vec<Value> {
    let containers = spec["template"]["spec"]["containers"].as_array().cloned().unwrap_or_default();
    let all = |field: &str| {
        let texts = containers.iter().map(|container| container[field].as_str().unwrap_or_default());
        Value::from(texts.collect::<Vec<_>>().join(","))
    };
    vec![all("name"), all("image"), selected(&spec["selector"]).into()]
}

fn job(value: &Value, now: i64) -> Vec<Value> {
    let (spec, status) = (&value["spec"], &value["status"]);
    let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
    let is = |what: &str| conditions.iter().any(|one| one["type"] == what && one["status"] == "True");
    let state = match () {
        () if is("Complete") => "Complete",
        () if is("Failed") => "Failed",
        () if !value["metadata"]["deletionTimestamp"].is_null() => "Terminating",
        () if is("Suspended") => "Suspended",
        () if is("FailureTarget") => "FailureTarget",
        () if is("SuccessCriteriaMet") => "SuccessCriteriaMet",
        () => "Running",
    };
    let done = status["succeeded"].as_u64().unwrap_or(0);
    let completions = match (spec["completions"].as_u64(), spec["parallelism"].as_u64().unwrap_or(1)) {
        (Some(all), _) => format!("{done}/{all}"),
        (None, 2..) => format!("{done}/1 of {}", spec["parallelism"]),
        (None, _) => format!("{done}/1"),
    };
    let moment = |field: &str| moment(&status[field]);
    let duration = match (moment("startTime"), moment("completionTime")) {
        (None, _) => String::new(),
        (Some(start), end) => span((end.unwrap_or(now) - start) / 1_000),
    };
    let old = age(&value["metadata"]["creationTimestamp"], now);
    let mut cells =
        vec![value["metadata"]["name"].clone(), state.into(), completions.into(), duration.into(), old.into()];
    cells.extend(template(spec));
    cells
}

fn moment(value: &Value) -> Option<i64> {
    use serde::Deserialize as _;
    Timestamp::deserialize(value).ok().map(|moment| moment.0)
}

fn node(value: &Value, now: i64) -> Vec<Value> {
    let (meta, status) = (&value["metadata"], &value["status"]);
    let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
    let ready = conditions.iter().find(|one| one["type"] == "Ready").map(|one| one["status"] == "True");
    let mut state = match ready {
        Some(true) => "Ready",
        Some(false) => "NotReady",
        None => "Unknown",
    }
    .to_owned();
    if value["spec"]["unschedulable"] == true {
        state.push_str(",SchedulingDisabled");
    }
    let labels = meta["labels"].as_object().into_iter().flatten();
    let roles: Vec<&str> = labels
        .filter_map(|(name, _)| name.strip_prefix("node-role.kubernetes.io/"))
        .filter(|role| !role.is_empty())
        .collect();
    let roles = if roles.is_empty() { "<none>".to_owned() } else { roles.join(",") };
    let address = |what: &str| {
        let all = status["addresses"].as_array().into_iter().flatten();
        let found = all.filter(|one| one["type"] == what).map(|one| one["address"].clone()).next();
        found.unwrap_or_else(|| "<none>".into())
    };
    let about = &status["nodeInfo"];
    vec![
        meta["name"].clone(),
        state.into(),
        roles.into(),
        age(&meta["creationTimestamp"], now).into(),
        about["kubeletVersion"].clone(),
        address("InternalIP"),
        address("ExternalIP"),
        text_or(&about["osImage"], "<unknown>"),
        text_or(&about["kernelVersion"], "<unknown>"),
        text_or(&about["containerRuntimeVersion"], "<unknown>"),
    ]
}

fn event(value: &Value, now: i64) -> Vec<Value> {
    let first = [&value["firstTimestamp"], &value["eventTime"], &value["metadata"]["creationTimestamp"]];
    let first = first.into_iter().find(|moment| !moment.is_null()).unwrap_or(&Value::Null);
    let last = if value["lastTimestamp"].is_null() { first } else { &value["lastTimestamp"] };
    let object = &value["involvedObject"];
    let kind = object["kind"].as_str().unwrap_or_default().to_lowercase();
    let source = text_or(&value["source"]["component"], value["reportingComponent"].as_str().unwrap_or_default());
    vec![
        age(last, now).into(),
        value["type"].clone(),
        value["reason"].clone(),
        format!("{kind}/{}", object["name"].as_str().unwrap_or_default()).into(),
        value["message"].as_str().unwrap_or_default().trim().into(),
        text_or(&object["fieldPath"], ""),
        source,
        age(first, now).into(),
        value["count"].as_u64().unwrap_or(1).to_string().into(),
        value["metadata"]["name"].clone(),
    ]
}

fn service(value: &Value, now: i64) -> Vec<Value> {
    let spec = &value["spec"];
    let ports: Vec<String> = spec["ports"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|port| {
            let protocol = port["protocol"].as_str().unwrap_or("TCP");
            match port["nodePort"].as_u64() {
                Some(outside) => format!("{}:{outside}/{protocol}", port["port"]),
                None => format!("{}/{protocol}", port["port"]),
            }
        })
        .collect();
    let ports = if ports.is_empty() { "<none>".to_owned() } else { ports.join(",") };
    let outside = if spec["type"] == "LoadBalancer" { "<pending>" } else { "<none>" };
    vec![
        value["metadata"]["name"].clone(),
        text_or(&spec["type"], "ClusterIP"),
        text_or(&spec["clusterIP"], "<none>"),
        outside.into(),
        ports.into(),
        age(&value["metadata"]["creationTimestamp"], now).into(),
        selected(&spec["selector"]).into(),
    ]
}

/// What of a quota is used, of what is requested or of what is the limit.
fn quota(value: &Value, limits: bool) -> String {
    let hard = value["status"].get("hard").unwrap_or(&value["spec"]["hard"]).as_object();
    let parts = hard.into_iter().flatten().filter(|(name, _)| name.starts_with("limits") == limits);
    let used = &value["status"]["used"];
    let text = |value: &Value| value.as_str().unwrap_or("0").to_owned();
    parts.map(|(name, most)| format!("{name}: {}/{}", text(&used[name]), text(most))).collect::<Vec<_>>().join(", ")
}

/// An empty cell is written as one.
pub(super) fn none() -> Value {
    json!("<none>")
}
