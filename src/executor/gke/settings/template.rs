//! What an author's own patch of the Job may not change.
//!
//! Spore finds its Jobs by their names and labels, and rests on it that a Job is one pod that is started once and ends as
//! its command did. A patch that changes that would have commands run twice, or run and be called not started.

use serde_json::{Map, Value};

/// What Spore sets and nobody else may: the paths from the Job down.
const OWN: [&str; 25] = [
    "apiVersion",
    "kind",
    "status",
    "metadata.name",
    "metadata.generateName",
    "metadata.namespace",
    "metadata.ownerReferences",
    "metadata.finalizers",
    "spec.backoffLimit",
    "spec.backoffLimitPerIndex",
    "spec.completionMode",
    "spec.completions",
    "spec.managedBy",
    "spec.manualSelector",
    "spec.maxFailedIndexes",
    "spec.parallelism",
    "spec.podFailurePolicy",
    "spec.podReplacementPolicy",
    "spec.selector",
    "spec.successPolicy",
    "spec.suspend",
    "spec.ttlSecondsAfterFinished",
    "spec.template.spec.restartPolicy",
    "spec.template.spec.shareProcessNamespace",
    "spec.template.spec.terminationGracePeriodSeconds",
];
/// The same, in the container that is the command.
const OWN_OF_MAIN: [&str; 5] =
    ["command", "args", "restartPolicy", "terminationMessagePath", "terminationMessagePolicy"];
/// Where Spore has something of its own beside the author's.
const MAPS: [&str; 8] = [
    "metadata",
    "metadata.labels",
    "metadata.annotations",
    "spec",
    "spec.template",
    "spec.template.metadata",
    "spec.template.spec",
    "spec.template.metadata.labels",
];
/// The same, as lists of named things.
const LISTS: [&str; 2] = ["spec.template.spec.containers", "spec.template.spec.volumes"];
/// Labels by which the cluster itself finds the pods of a Job.
const LABELS_OF_JOBS: [&str; 2] = ["job-name", "controller-uid"];

/// What is wrong with the patch: where, and what.
pub(super) fn problems(patch: &Map<String, Value>) -> Vec<(String, &'static str)> {
    let mut wrong = Vec::new();
    for (key, value) in patch {
        look(key, value, &mut wrong);
    }
    wrong.into_iter().map(|(place, what)| (format!("template.{place}"), what)).collect()
}

type Wrong = Vec<(String, &'static str)>;

fn look(path: &str, value: &Value, wrong: &mut Wrong) {
    // What is not evaluated yet is looked at when it is.
    if value.as_str().is_some_and(|text| text.contains("{{")) {
        return;
    }
    if OWN.contains(&path) {
        wrong.push((path.to_owned(), remark(path)));
    } else if MAPS.contains(&path) {
        let Some(map) = value.as_object() else {
            return wrong.push((path.to_owned(), "must be a map, because Spore has keys of its own there"));
        };
        let has_keys = path.ends_with(".labels") || path.ends_with(".annotations");
        for (key, value) in map {
            if !has_keys {
                look(&format!("{path}.{key}"), value, wrong);
            } else if is_own_key(key) {
                wrong.push((format!("{path}.{key}"), remark("")));
            }
        }
    } else if path == "spec.template.metadata.annotations" {
        for key in value.as_object().into_iter().flatten().map(|(key, _)| key).filter(|key| is_own_key(key)) {
            wrong.push((format!("{path}.{key}"), remark("")));
        }
    } else if LISTS.contains(&path) {
        list(path, value, wrong);
    }
}

fn remark(path: &str) -> &'static str {
    match path {
        "metadata.namespace" => "is set by Spore itself; name it under `namespace`",
        "spec.ttlSecondsAfterFinished" => "is set by Spore itself; say it under `ttl`",
        "spec.backoffLimit" => "is set by Spore itself; `retry` of the task has it tried again",
        "spec.completions" | "spec.parallelism" => "is set by Spore itself; `matrix` of the task makes several of it",
        "spec.template.spec.terminationGracePeriodSeconds" => "is set by Spore itself, from the task's grace",
        "command" | "args" => "is set by Spore itself; the command is the task's `run`",
        _ => "is set by Spore itself, which rests on it",
    }
}

fn is_own_key(key: &str) -> bool {
    key == "app.kubernetes.io/managed-by"
        || ["spore.dev/", "batch.kubernetes.io/"].iter().any(|domain| key.starts_with(domain))
        || LABELS_OF_JOBS.contains(&key)
}

/// A list of things with names, which are merged by them.
fn list(path: &str, value: &Value, wrong: &mut Wrong) {
    let Some(items) = named(value) else {
        return wrong
            .push((path.to_owned(), "must be a list of maps with a `name` each, because Spore's own stay in it"));
    };
    let last = path.rsplit('.').next().unwrap_or_default();
    for (name, item) in items {
        let place = format!("{path}[{name}]");
        match last {
            "volumes" | "volumeMounts" if name.starts_with("spore-") => wrong.push((place, remark(""))),
            "env" if name.starts_with("SPORE_") => wrong.push((place, remark(""))),
            "containers" if name == "main" => {
                for (key, value) in item {
                    let place = format!("{place}.{key}");
                    match key.as_str() {
                        key if OWN_OF_MAIN.contains(&key) => wrong.push((place, remark(key))),
                        "env" | "volumeMounts" => list(&place, value, wrong),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
}

fn named(value: &Value) -> Option<Vec<(&str, &Map<String, Value>)>> {
    value.as_array()?.iter().map(|item| Some((item["name"].as_str()?, item.as_object()?))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn places(patch: &Value) -> Vec<String> {
        problems(patch.as_object().expect("a map")).into_iter().map(|(place, _)| place).collect()
    }

    #[test]
    fn what_spore_rests_on_stays() {
        for (patch, place) in [
            (json!({"kind": "CronJob"}), "kind"),
            (json!({"metadata": null}), "metadata"),
            (json!({"metadata": {"name": "x"}}), "metadata.name"),
            (json!({"metadata": {"labels": null}}), "metadata.labels"),
            (json!({"metadata": {"labels": {"spore.dev/run": "x"}}}), "metadata.labels.spore.dev/run"),
            (
                json!({"metadata": {"annotations": {"spore.dev/attempt": null}}}),
                "metadata.annotations.spore.dev/attempt",
            ),
            (json!({"spec": "x"}), "spec"),
            (json!({"spec": {"backoffLimit": 3}}), "spec.backoffLimit"),
            (json!({"spec": {"podFailurePolicy": null}}), "spec.podFailurePolicy"),
            (
                json!({"spec": {"template": {"spec": {"restartPolicy": "OnFailure"}}}}),
                "spec.template.spec.restartPolicy",
            ),
            (
                json!({"spec": {"template": {"metadata": {"labels": {"spore.dev/run": "x"}}}}}),
                "spec.template.metadata.labels.spore.dev/run",
            ),
            (json!({"spec": {"template": {"spec": {"containers": null}}}}), "spec.template.spec.containers"),
            (
                json!({"spec": {"template": {"spec": {"containers": [{"image": "x"}]}}}}),
                "spec.template.spec.containers",
            ),
            (
                json!({"spec": {"template": {"spec": {"containers": [{"name": "main", "command": ["x"]}]}}}}),
                "spec.template.spec.containers[main].command",
            ),
            (
                json!({"spec": {"template": {"spec": {"containers": [{"name": "main", "env": [{"name": "SPORE_RUN"}]}]}}}}),
                "spec.template.spec.containers[main].env[SPORE_RUN]",
            ),
        ] {
            assert_eq!(places(&patch), [format!("template.{place}")], "{patch}");
        }
    }

    #[test]
    fn all_else_is_the_authors() {
        let patch = json!({
            "metadata": {"labels": {"team": "a"}, "annotations": {"x/y": "z"}},
            "spec": {
                "activeDeadlineSeconds": 60,
                "template": {
                    "metadata": {"annotations": {"x/y": "z"}},
                    "spec": {
                        "affinity": {}, "priorityClassName": "{{ class }}", "nodeSelector": null,
                        "volumes": [{"name": "cache", "emptyDir": {}}],
                        "containers": [
                            {"name": "main", "tty": true, "env": [{"name": "A", "value": "1"}]},
                            {"name": "side", "command": ["proxy"]},
                        ],
                    },
                },
            },
        });
        assert_eq!(places(&patch), Vec::<String>::new());
    }
}
