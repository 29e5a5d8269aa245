//! The `podFailurePolicy` of a job: what a failed pod means for it.

use serde_json::Value;

/// What a failed pod means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It counts as a failure.
    Counts,
    /// It does not.
    Ignored,
    /// The job has failed, for this reason.
    FailsJob(String),
    /// Its index has failed.
    FailsIndex,
}

/// What the pod means by the first rule that fits.
pub(super) fn judge(policy: &Value, pod: &Value) -> Meaning {
    for (at, rule) in policy["rules"].as_array().into_iter().flatten().enumerate() {
        let Some(because) = fits(rule, pod) else { continue };
        return match rule["action"].as_str() {
            Some("FailJob") => Meaning::FailsJob(format!("{because} matching FailJob rule at index {at}")),
            Some("Ignore") => Meaning::Ignored,
            Some("FailIndex") => Meaning::FailsIndex,
            _ => Meaning::Counts,
        };
    }
    Meaning::Counts
}

/// Why the rule fits, as Kubernetes words it.
fn fits(rule: &Value, pod: &Value) -> Option<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (namespace, name) = (text(&pod["metadata"]["namespace"]), text(&pod["metadata"]["name"]));
    if let Some(codes) = rule.get("onExitCodes").filter(|codes| !codes.is_null()) {
        let lists = ["containerStatuses", "initContainerStatuses"].map(|list| pod["status"][list].as_array());
        let mut containers = lists.into_iter().flatten().flatten();
        return containers.find_map(|container| {
            let is_meant = codes["containerName"].as_str().is_none_or(|meant| container["name"] == meant);
            let code = container["state"]["terminated"]["exitCode"].as_i64().filter(|code| is_meant && *code != 0)?;
            let is_listed = codes["values"].as_array().into_iter().flatten().any(|value| value.as_i64() == Some(code));
            let container = text(&container["name"]);
            let is_wanted = is_listed != (codes["operator"] == "NotIn");
            is_wanted.then(|| format!("Container {container} for pod {namespace}/{name} failed with exit code {code}"))
        });
    }
    rule["onPodConditions"].as_array().into_iter().flatten().find_map(|pattern| {
        let wanted = pattern["status"].as_str().unwrap_or("True");
        let mut conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
        let found = conditions.any(|one| one["type"] == pattern["type"] && one["status"] == wanted);
        found.then(|| format!("Pod {namespace}/{name} has condition {}", text(&pattern["type"])))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_rule_that_fits_decides() {
        let pod = json!({
            "metadata": {"namespace": "default", "name": "p"},
            "status": {
                "containerStatuses": [{"name": "main", "state": {"terminated": {"exitCode": 42}}}],
                "conditions": [{"type": "DisruptionTarget", "status": "True"}],
            },
        });
        let codes = |action: &str, operator: &str, values: &[i64]| json!({"action": action, "onExitCodes": {"operator": operator, "values": values}});
        let policy = |rules: Value| json!({"rules": rules});
        let message = "Container main for pod default/p failed with exit code 42 matching FailJob rule at index 1";
        for (rules, expected) in [
            (json!([]), Meaning::Counts),
            (json!([codes("Ignore", "In", &[1]), codes("FailJob", "In", &[42])]), Meaning::FailsJob(message.into())),
            (json!([codes("FailIndex", "NotIn", &[1])]), Meaning::FailsIndex),
            (json!([codes("Ignore", "NotIn", &[42]), codes("Count", "In", &[42])]), Meaning::Counts),
            (json!([{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}]), Meaning::Ignored),
        ] {
            assert_eq!(judge(&policy(rules.clone()), &pod), expected, "{rules}");
        }
    }
}
