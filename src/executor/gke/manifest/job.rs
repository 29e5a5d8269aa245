//! The Job of an attempt, and the objects that hold what it must not or cannot hold itself.

use std::time::Duration;

use k8s_openapi::ByteString;
use serde_json::{Map, Value, json};

use super::command::{Start, escaped, holds_secret, words};
use super::volumes::mounts;
use crate::executor::gke::settings::{EnvFrom, SecretKey, Settings};
use crate::executor::gke::{names, trailer};
use crate::model::Attempt;

/// The container that is the command; an author's `template:` may add others beside it.
pub(in crate::executor::gke) const MAIN: &str = "main";
/// Where `$SPORE_OUTPUT` stands in the container: what is written there comes back with the container's end.
pub(in crate::executor::gke) const OUTPUT: &str = "/dev/termination-log";
/// The root of the spores in the container, unless settings name another.
pub(in crate::executor::gke) const ROOT: &str = "/workspace";
/// What the cluster may take beyond all that an attempt is given, before it ends the Job by itself.
const BACKSTOP: Duration = Duration::from_mins(10);
/// Variables that Spore sets, above whatever the author wrote.
const OWN_VARIABLES: [&str; 5] = ["SPORE_RUN", "SPORE_TASK", "SPORE_ATTEMPT", "SPORE_ROOT", "SPORE_OUTPUT"];

/// A small file that is brought along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::executor::gke) struct Brought {
    /// Its path, relative to the root.
    pub(in crate::executor::gke) path: String,
    pub(in crate::executor::gke) bytes: Vec<u8>,
    pub(in crate::executor::gke) is_executable: bool,
}

/// All that the objects are made of.
#[derive(Debug)]
pub(in crate::executor::gke) struct Order<'a> {
    pub(in crate::executor::gke) attempt: &'a Attempt,
    pub(in crate::executor::gke) settings: &'a Settings,
    /// The label of the folder of spores.
    pub(in crate::executor::gke) folder: &'a str,
    /// Which engine of the run makes it, from 1.
    pub(in crate::executor::gke) epoch: u32,
    pub(in crate::executor::gke) files: &'a [Brought],
}

/// The objects of an attempt. All have the same name.
#[derive(Debug, PartialEq)]
pub(in crate::executor::gke) struct Made {
    pub(in crate::executor::gke) name: String,
    /// The Job; of an instance, its pod.
    pub(in crate::executor::gke) job: Value,
    /// Files that are no secret.
    pub(in crate::executor::gke) config_map: Option<Value>,
    /// Values that are.
    pub(in crate::executor::gke) secret: Option<Value>,
}

/// Builds them.
///
/// # Errors
/// The reason, as a sentence for people, where the attempt cannot be carried out.
pub(in crate::executor::gke) fn build(order: &Order<'_>) -> Result<Made, String> {
    let (attempt, settings) = (order.attempt, order.settings);
    refuse_secrets(attempt, order.files)?;
    let name = names::of(&attempt.id);
    let root = container_root(settings);
    let words = words(&attempt.command, &attempt.secrets)?;
    let is_secret_script = words.script.as_ref().map(|text| holds_secret(text, &attempt.secrets));
    let mounts = mounts(&name, settings, root, order.files, is_secret_script);
    let (env, secret_values) = environment(order, &name, root, &words)?;

    let labels = names::labels(&attempt.id, order.folder, order.epoch);
    let mut container = json!({
        "name": MAIN,
        "image": settings.image,
        "command": command(attempt, &name, words.words.clone()),
        "workingDir": workdir(attempt, root),
        "env": env,
        "terminationMessagePath": OUTPUT,
        "terminationMessagePolicy": "File",
    });
    fill(&mut container, "envFrom", Value::Array(settings.env_from.iter().map(env_from).collect()));
    fill(&mut container, "imagePullPolicy", settings.pull_policy.clone().map_or(Value::Null, Value::String));
    fill(&mut container, "resources", resources(settings));
    fill(&mut container, "volumeMounts", Value::Array(mounts.mounts));

    let mut metadata = json!({"name": name, "labels": merged(&settings.labels, &labels)});
    metadata["annotations"] = merged(&settings.annotations, &annotations(attempt));
    let mut pod_annotations = merged(&settings.annotations, &annotations(attempt));
    if !settings.spot {
        // An autoscaler that tidies up must not move a command that cannot be moved.
        pod_annotations["cluster-autoscaler.kubernetes.io/safe-to-evict"] = json!("false");
    }
    let pod = json!({
        "metadata": {"labels": merged(&settings.labels, &labels), "annotations": pod_annotations},
        "spec": pod(attempt.grace, settings, &container, mounts.volumes),
    });
    let job = job(attempt, settings, &metadata, &pod);
    let objects = Objects { name: &name, labels: &labels, files: order.files };
    let config_map = objects.config_map(words.script.as_ref().filter(|_| is_secret_script == Some(false)));
    let secret = objects.secret(secret_values, words.script.as_ref().filter(|_| is_secret_script == Some(true)));
    Ok(Made { name, job, config_map, secret })
}

fn job(attempt: &Attempt, settings: &Settings, metadata: &Value, pod: &Value) -> Value {
    let mut job = json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {
            "completions": 1,
            "parallelism": 1,
            "backoffLimit": 0,
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": {"rules": [{
                "action": "FailJob",
                "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
            }]},
            "ttlSecondsAfterFinished": settings.ttl.as_secs(),
            "template": pod,
        },
    });
    if let Some(seconds) = deadline(attempt, settings) {
        job["spec"]["activeDeadlineSeconds"] = json!(seconds);
    }
    if let Some(patch) = &settings.template {
        super::merge::merge(&mut job, patch);
        // Its name is how it is found again, whatever the patch says.
        job["metadata"]["name"] = metadata["name"].clone();
    }
    job
}

/// Refuses what would show a secret to everybody who may read Jobs.
pub(super) fn refuse_secrets(attempt: &Attempt, files: &[Brought]) -> Result<(), String> {
    let is_secret = |text: &str| holds_secret(text, &attempt.secrets);
    let what = if attempt.with.values().any(|value| any_text(value, &is_secret)) {
        "a setting under `with:`"
    } else if attempt.artifacts.iter().any(|pattern| is_secret(pattern)) {
        "an artifact's pattern"
    } else if is_secret(&attempt.workdir.to_string_lossy()) {
        "the working directory"
    } else if attempt.env.iter().any(|(name, _)| is_secret(name)) {
        "the name of an environment variable"
    } else if files.iter().any(|file| is_secret(&String::from_utf8_lossy(&file.bytes))) {
        "a file under `files:`"
    } else {
        return Ok(());
    };
    Err(format!(
        "{what} holds a secret, which everybody could read in the cluster; put it into a Secret of the cluster and name \
         that under `secrets:` or `volumes:`"
    ))
}

/// Whether a text in the value, be it a key, is as asked. JSON would write some of them in other words.
fn any_text(value: &Value, is_so: &impl Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => is_so(text),
        Value::Array(list) => list.iter().any(|value| any_text(value, is_so)),
        Value::Object(map) => map.iter().any(|(key, value)| is_so(key) || any_text(value, is_so)),
        other => is_so(&other.to_string()),
    }
}

/// The root of the spores in the container.
pub(in crate::executor::gke) fn container_root(settings: &Settings) -> &str {
    settings.root.as_deref().unwrap_or(ROOT)
}

/// The folder that the command runs in.
pub(in crate::executor::gke) fn workdir(attempt: &Attempt, root: &str) -> String {
    // What comes from a spore is text, so only the root itself can be something else.
    match attempt.workdir.strip_prefix(attempt.root.as_path()) {
        Ok(rest) if rest.as_os_str().is_empty() => root.to_owned(),
        Ok(rest) => format!("{}/{}", root.trim_end_matches('/'), rest.to_string_lossy()),
        Err(_) => attempt.workdir.to_string_lossy().into_owned(),
    }
}

fn command(attempt: &Attempt, name: &str, words: Vec<String>) -> Vec<String> {
    if attempt.artifacts.is_empty() {
        return words;
    }
    trailer::wrap(&names::marker(name), &attempt.artifacts, words)
}

fn annotations(attempt: &Attempt) -> Map<String, Value> {
    Map::from_iter([(names::ATTEMPT.to_owned(), json!(names::whole(&attempt.id)))])
}

/// The author's pairs under Spore's own.
pub(super) fn merged(authors: &[(String, String)], own: &Map<String, Value>) -> Value {
    let mut all: Map<String, Value> = authors.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
    all.extend(own.clone());
    Value::Object(all)
}

/// Variables of the container, and the values that stand in a Secret, by their keys.
type Variables = (Vec<Value>, Vec<(String, String)>);

/// The variables that the command sees.
fn environment(order: &Order<'_>, name: &str, root: &str, words: &Start) -> Result<Variables, String> {
    let attempt = order.attempt;
    let mut env = vec![json!({"name": "TERM", "value": "dumb"})];
    let mut secret_values = Vec::new();
    let own = attempt.env.iter().filter(|(name, _)| !OWN_VARIABLES.contains(&name.as_str()));
    for (variable, value) in own.chain(&words.hidden) {
        if variable.is_empty() || variable.contains(['=', '\0']) {
            return Err(format!("`{}` cannot name an environment variable", variable.escape_debug()));
        }
        if value.contains('\0') {
            return Err(format!("the environment variable `{variable}` holds a NUL character"));
        }
        env.retain(|known| known["name"] != json!(variable));
        if holds_secret(value, &attempt.secrets) {
            let key = format!("env-{}", secret_values.len());
            env.push(json!({"name": variable, "valueFrom": {"secretKeyRef": {"name": name, "key": key}}}));
            secret_values.push((key, value.clone()));
        } else {
            env.push(json!({"name": variable, "value": escaped(value)}));
        }
    }
    for wanted in &order.settings.secrets {
        env.retain(|known| known["name"] != json!(wanted.variable));
        env.push(secret_variable(wanted));
    }
    let own = [
        ("SPORE_RUN", attempt.id.run.to_string()),
        ("SPORE_TASK", attempt.id.task.to_string()),
        ("SPORE_ATTEMPT", attempt.id.number.to_string()),
        ("SPORE_ROOT", root.to_owned()),
        ("SPORE_OUTPUT", OUTPUT.to_owned()),
    ];
    env.extend(own.map(|(name, value)| json!({"name": name, "value": escaped(&value)})));
    Ok((env, secret_values))
}

/// A variable that has its value from a Secret which exists.
pub(super) fn secret_variable(wanted: &SecretKey) -> Value {
    let from = json!({"secretKeyRef": {"name": wanted.secret, "key": wanted.key}});
    json!({"name": wanted.variable, "valueFrom": from})
}

pub(super) fn env_from(from: &EnvFrom) -> Value {
    let (kind, name, prefix) = match from {
        EnvFrom::ConfigMap { name, prefix } => ("configMapRef", name, prefix),
        EnvFrom::Secret { name, prefix } => ("secretRef", name, prefix),
    };
    let mut value = json!({kind: {"name": name}});
    if let Some(prefix) = prefix {
        value["prefix"] = json!(prefix);
    }
    value
}

pub(super) fn resources(settings: &Settings) -> Value {
    let mut wanted = Map::new();
    let quantities =
        [("cpu", &settings.cpu), ("memory", &settings.memory), ("ephemeral-storage", &settings.ephemeral_storage)];
    for (name, quantity) in quantities {
        if let Some(quantity) = quantity {
            wanted.insert(name.to_owned(), json!(quantity));
        }
    }
    if let Some(gpu) = &settings.gpu {
        wanted.insert("nvidia.com/gpu".to_owned(), json!(gpu.count.to_string()));
    }
    if wanted.is_empty() {
        return Value::Null;
    }
    // Autopilot makes limits of requests anyway; elsewhere a command is not to take what it did not ask for.
    json!({"requests": wanted, "limits": wanted})
}

pub(super) fn pod(grace: Duration, settings: &Settings, container: &Value, volumes: Vec<Value>) -> Value {
    let mut selector: Map<String, Value> =
        settings.node_selector.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
    let mut tolerations = settings.tolerations.clone();
    if settings.spot {
        selector.insert("cloud.google.com/gke-spot".into(), json!("true"));
        tolerations.push(json!({
            "key": "cloud.google.com/gke-spot", "operator": "Equal", "value": "true", "effect": "NoSchedule",
        }));
    }
    if let Some(class) = &settings.compute_class {
        selector.insert("cloud.google.com/compute-class".into(), json!(class));
    }
    if let Some(kind) = settings.gpu.as_ref().and_then(|gpu| gpu.kind.as_ref()) {
        selector.insert("cloud.google.com/gke-accelerator".into(), json!(kind));
    }
    let mut pod = json!({
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": grace_seconds(grace),
        // The first process of a container is deaf to signals that it did not ask for; the pod's is not the command.
        "shareProcessNamespace": true,
        "enableServiceLinks": false,
        "containers": [container],
    });
    match &settings.service_account {
        Some(account) => pod["serviceAccountName"] = json!(account),
        None => pod["automountServiceAccountToken"] = json!(false),
    }
    let pull: Vec<Value> = settings.image_pull_secrets.iter().map(|name| json!({"name": name})).collect();
    fill(&mut pod, "imagePullSecrets", Value::Array(pull));
    fill(&mut pod, "nodeSelector", Value::Object(selector));
    fill(&mut pod, "tolerations", Value::Array(tolerations));
    fill(&mut pod, "volumes", Value::Array(volumes));
    pod
}

/// Sets `key`, unless there is nothing to set.
pub(super) fn fill(object: &mut Value, key: &str, value: Value) {
    let is_empty = match &value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    };
    if !is_empty {
        object[key] = value;
    }
}

/// Whole seconds, at least one: the cluster counts in them.
fn grace_seconds(grace: Duration) -> u64 {
    (grace.as_secs() + u64::from(grace.subsec_nanos() > 0)).max(1)
}

/// The time after which the cluster ends it although no engine is left to do so.
fn deadline(attempt: &Attempt, settings: &Settings) -> Option<u64> {
    let all = attempt.timeout? + settings.schedule_timeout + settings.image_timeout + attempt.grace + BACKSTOP;
    Some(all.as_secs().min(u64::from(u32::MAX)))
}

/// What the objects beside the Job share with it.
pub(super) struct Objects<'a> {
    pub(super) name: &'a str,
    pub(super) labels: &'a Map<String, Value>,
    pub(super) files: &'a [Brought],
}

impl Objects<'_> {
    fn object(&self, kind: &str) -> Value {
        json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": self.name, "labels": self.labels}})
    }

    pub(super) fn config_map(&self, script: Option<&String>) -> Option<Value> {
        let files = self.files.iter().enumerate().map(|(index, file)| (format!("file-{index}"), file.bytes.clone()));
        let script = script.map(|text| ("script".to_owned(), text.clone().into_bytes()));
        let (mut texts, mut binaries) = (Map::new(), Map::new());
        for (key, bytes) in files.chain(script) {
            match String::from_utf8(bytes) {
                Ok(text) => texts.insert(key, json!(text)),
                Err(error) => binaries.insert(key, json!(ByteString(error.into_bytes()))),
            };
        }
        if texts.is_empty() && binaries.is_empty() {
            return None;
        }
        let mut map = self.object("ConfigMap");
        fill(&mut map, "data", Value::Object(texts));
        fill(&mut map, "binaryData", Value::Object(binaries));
        Some(map)
    }

    fn secret(&self, values: Vec<(String, String)>, script: Option<&String>) -> Option<Value> {
        let script = script.map(|text| ("script".to_owned(), text.clone()));
        let entries = values.into_iter().chain(script).map(|(key, value)| (key, json!(ByteString(value.into_bytes()))));
        let entries: Map<String, Value> = entries.collect();
        if entries.is_empty() {
            return None;
        }
        let mut secret = self.object("Secret");
        secret["type"] = json!("Opaque");
        secret["data"] = Value::Object(entries);
        Some(secret)
    }
}
