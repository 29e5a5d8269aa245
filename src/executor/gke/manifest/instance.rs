//! The pod that is an instance. It does nothing but stay, so that commands can be given to it.

use std::time::Duration;

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::job::{
    Brought, MAIN, Made, Objects, container_root, env_from, fill, merged, pod, refuse_secrets, resources,
    secret_variable,
};
use super::volumes::mounts;
use crate::executor::gke::names;
use crate::executor::gke::settings::Settings;
use crate::model::{Attempt, Digest};

/// Where an instance keeps what its commands print and hand on.
pub(in crate::executor::gke) const ATTEMPTS: &str = "/spore/attempts";
/// The volume that stands there.
const ATTEMPTS_VOLUME: &str = "spore-attempts";
/// Stays until it is asked to end.
const STAY: &str = "trap 'exit 0' TERM INT; while :; do sleep 3600 & wait; done";
/// What a pod that only stays has to bring in order before it goes.
const GRACE: Duration = Duration::from_secs(2);
/// Settings that concern an attempt, not the instance that it runs in.
const OF_ATTEMPTS: [&str; 4] = ["split_streams", "schedule_timeout", "image_timeout", "ttl"];

/// All that an instance is made of.
pub(in crate::executor::gke) struct Lodging<'a> {
    /// The name of the pod.
    pub(in crate::executor::gke) pod: &'a str,
    pub(in crate::executor::gke) labels: Map<String, Value>,
    pub(in crate::executor::gke) settings: &'a Settings,
    /// The settings as they were written.
    pub(in crate::executor::gke) with: &'a IndexMap<String, Value>,
    pub(in crate::executor::gke) files: &'a [Brought],
    /// The attempt it is launched for.
    pub(in crate::executor::gke) attempt: Option<&'a Attempt>,
}

/// Builds the pod and what it needs beside it.
///
/// # Errors
/// The reason, as a sentence for people, where that cannot be.
pub(in crate::executor::gke) fn lodge(lodging: &Lodging<'_>) -> Result<Made, String> {
    let Lodging { pod: name, labels, settings, with, files, attempt } = lodging;
    if let Some(attempt) = attempt {
        refuse_secrets(attempt, files)?;
    }
    let root = container_root(settings);
    let mut mounts = mounts(name, settings, root, files, None);
    mounts.volumes.push(json!({"name": ATTEMPTS_VOLUME, "emptyDir": {}}));
    mounts.mounts.push(json!({"name": ATTEMPTS_VOLUME, "mountPath": ATTEMPTS}));
    let mut env = vec![json!({"name": "TERM", "value": "dumb"})];
    env.extend(settings.secrets.iter().map(secret_variable));
    let mut container = json!({
        "name": MAIN,
        "image": settings.image,
        "command": ["sh", "-c", STAY],
        "workingDir": root,
        "env": env,
    });
    fill(&mut container, "envFrom", Value::Array(settings.env_from.iter().map(env_from).collect()));
    fill(&mut container, "imagePullPolicy", settings.pull_policy.clone().map_or(Value::Null, Value::String));
    fill(&mut container, "resources", resources(settings));
    fill(&mut container, "volumeMounts", Value::Array(mounts.mounts));

    let mut annotations = Map::new();
    annotations.insert(names::PROFILE.into(), json!(json!(profile(with)).to_string()));
    if let Some(attempt) = attempt {
        annotations.insert(names::LAUNCHED_FOR.into(), json!(attempt.id.task.to_string()));
    }
    if !settings.spot {
        annotations.insert("cluster-autoscaler.kubernetes.io/safe-to-evict".into(), json!("false"));
    }
    let mut spec = pod(GRACE, settings, &container, mounts.volumes);
    spec["activeDeadlineSeconds"] = json!(settings.instance_timeout.as_secs().clamp(1, u64::from(u32::MAX)));
    let template = json!({
        "metadata": {
            "labels": merged(&settings.labels, labels),
            "annotations": merged(&settings.annotations, &annotations),
        },
        "spec": spec,
    });
    // A patch is written for a Job; what it says of the Job's pods holds for this one.
    let mut whole = json!({"spec": {"template": template}});
    if let Some(patch) = &settings.template {
        super::merge::merge(&mut whole, patch);
    }
    let mut made = whole["spec"]["template"].take();
    made["apiVersion"] = json!("v1");
    made["kind"] = json!("Pod");
    made["metadata"]["name"] = json!(name);
    let objects = Objects { name, labels, files };
    Ok(Made { name: (*name).to_owned(), job: made, config_map: objects.config_map(None), secret: None })
}

/// What the tasks of an instance must agree on: a digest of each setting, by its key.
pub(in crate::executor::gke) fn profile(with: &IndexMap<String, Value>) -> Map<String, Value> {
    let mut keys: Vec<_> = with.iter().filter(|(key, _)| !OF_ATTEMPTS.contains(&key.as_str())).collect();
    keys.sort_by_key(|(key, _)| *key);
    keys.into_iter().map(|(key, value)| (key.clone(), json!(digest(value)))).collect()
}

fn digest(value: &Value) -> String {
    Digest::of(value.to_string().as_bytes()).short(16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::gke::settings;

    fn with(text: &str) -> IndexMap<String, Value> {
        serde_json::from_str(text).expect("JSON")
    }

    #[test]
    fn an_instance_is_a_pod_that_stays() {
        let with = with(
            r#"{"image": "i", "cpu": "2", "instance_timeout": "1h", "split_streams": true,
                "template": {"spec": {"template": {"spec": {"priorityClassName": "high"}}}}}"#,
        );
        let settings = settings::read(&with).expect("fine");
        let labels = names::instance_labels("a b", None);
        let lodging = Lodging { pod: "p", labels, settings: &settings, with: &with, files: &[], attempt: None };
        let Made { job: pod, config_map, secret, .. } = lodge(&lodging).expect("made");
        assert_eq!((config_map, secret), (None, None));
        assert_eq!((&pod["kind"], &pod["metadata"]["name"]), (&json!("Pod"), &json!("p")));
        let spec = &pod["spec"];
        assert_eq!((&spec["restartPolicy"], &spec["activeDeadlineSeconds"]), (&json!("Never"), &json!(3_600)));
        assert_eq!((&spec["priorityClassName"], &spec["shareProcessNamespace"]), (&json!("high"), &json!(true)));
        let container = &spec["containers"][0];
        assert_eq!(
            (&container["resources"]["requests"]["cpu"], &container["workingDir"]),
            (&json!("2"), &json!("/workspace"))
        );
        let places: Vec<_> =
            container["volumeMounts"].as_array().expect("mounts").iter().map(|one| &one["mountPath"]).collect();
        assert_eq!(places, ["/workspace", "/spore/attempts"]);
        let typed: Result<k8s_openapi::api::core::v1::Pod, _> = serde_json::from_value(pod.clone());
        assert!(typed.is_ok(), "{typed:?}");
    }

    #[test]
    fn a_profile_is_what_must_be_the_same() {
        let (one, other) = (with(r#"{"cpu": 1, "image": "a", "ttl": "1h"}"#), with(r#"{"image": "a", "cpu": 1}"#));
        assert_eq!(profile(&one), profile(&other));
        assert_ne!(profile(&one), profile(&with(r#"{"image": "a", "cpu": 2}"#)));
    }
}
