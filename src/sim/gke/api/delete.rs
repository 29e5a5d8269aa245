//! Deletion, in all the ways that Kubernetes knows.

use std::sync::Arc;

use serde_json::{Value, json};

use super::answer::{Answer, json as answer, text, warn};
use super::list::selector;
use super::route::Call;
use super::update::put;
use crate::sim::gke::{Deletion, Kind, Object, Refusal};

/// Seconds that a pod gets which says nothing of it.
const GRACE_DEFAULT: u64 = 30;
/// What a Job is told that is deleted without a word about its pods.
const ORPHANING: &str = "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to \
                         remove them or set propagationPolicy=Orphan to suppress this warning";

/// What a request says about how to delete.
struct Wish {
    grace: Option<u64>,
    uid: Option<String>,
    version: Option<String>,
    policy: Option<String>,
    is_dry: bool,
}

impl Wish {
    fn of(call: &Call) -> Result<Self, Refusal> {
        let body = call.value()?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let grace = call.query.get("gracePeriodSeconds").and_then(|seconds| seconds.parse::<i64>().ok());
        let grace = body["gracePeriodSeconds"].as_i64().or(grace);
        let orphans = body["orphanDependents"].as_bool().map(|orphan| if orphan { "Orphan" } else { "Background" });
        let policy = text(&body["propagationPolicy"])
            .or_else(|| call.query.get("propagationPolicy").map(str::to_owned))
            .or_else(|| orphans.map(str::to_owned));
        if let Some(policy) =
            policy.as_deref().filter(|policy| !["Orphan", "Background", "Foreground"].contains(policy))
        {
            let message = format!(
                "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Unsupported value: \"{policy}\": supported \
                 values: \"Background\", \"Foreground\", \"Orphan\""
            );
            return Err(Refusal::new(422, "Invalid", message));
        }
        Ok(Self {
            grace: grace.map(|seconds| u64::try_from(seconds).unwrap_or(1)),
            uid: text(&body["preconditions"]["uid"]),
            version: text(&body["preconditions"]["resourceVersion"]),
            policy,
            is_dry: call.is_dry() || body["dryRun"].as_array().is_some_and(|all| all.iter().any(|how| how == "All")),
        })
    }

    /// What it means for one object.
    fn deletion(&self, object: &Object) -> Deletion {
        // Jobs of batch/v1 leave their pods behind where nobody says otherwise.
        let silent = if object.kind == Kind::Job { "Orphan" } else { "Background" };
        let finalizers: &[&str] = match (object.kind, self.policy.as_deref().unwrap_or(silent)) {
            (Kind::Namespace, _) => &["kubernetes"],
            (_, "Foreground") => &["foregroundDeletion"],
            (_, "Orphan") => &["orphan"],
            _ => &[],
        };
        Deletion {
            uid: self.uid.clone(),
            version: self.version.clone(),
            grace_seconds: (object.kind == Kind::Pod).then(|| self.grace_of(&object.value())),
            finalizers,
        }
    }

    /// Only what a kubelet has, and has not ended, is given time.
    fn grace_of(&self, pod: &Value) -> u64 {
        let is_placed = pod["spec"]["nodeName"].as_str().is_some_and(|name| !name.is_empty());
        if !is_placed || matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed")) {
            return 0;
        }
        self.grace.or_else(|| pod["spec"]["terminationGracePeriodSeconds"].as_u64()).unwrap_or(GRACE_DEFAULT)
    }
}

/// Answers a `DELETE` of one.
pub(super) fn delete_one(call: &Call, kind: Kind, namespace: &str, name: &str) -> Answer {
    let wish = Wish::of(call)?;
    let store = &call.cluster.store;
    let object = store.get(kind, namespace, name).ok_or_else(|| Refusal::not_found(kind, name))?;
    let left = if wish.is_dry { object } else { delete(call, &object, &wish)? };
    let is_there = store.get(kind, namespace, name).is_some_and(|now| now.uid == left.uid);
    let mut response = if is_there || kind == Kind::Pod {
        text(200, &left.json)
    } else {
        let resource = kind.resource();
        let mut details = json!({"name": name, "kind": resource.plural, "uid": &*left.uid});
        if !resource.group.is_empty() {
            details["group"] = resource.group.into();
        }
        answer(
            200,
            &json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}),
        )
    };
    if kind == Kind::Job && wish.policy.is_none() {
        warn(&mut response, &[ORPHANING.to_owned()]);
    }
    Ok(response)
}

/// Answers a `DELETE` of many.
pub(super) fn delete_many(call: &Call, kind: Kind, namespace: Option<&str>) -> Answer {
    let wish = Wish::of(call)?;
    let (objects, version) = call.cluster.store.list(kind, namespace, &selector(call)?);
    let mut items = Vec::new();
    for object in objects {
        match if wish.is_dry { Ok(object) } else { delete(call, &object, &wish) } {
            Ok(left) => items.push(left.value()),
            Err(refusal) if refusal.code == 404 => {}
            Err(refusal) => return Err(refusal),
        }
    }
    Ok(answer(
        200,
        &json!({
            "kind": format!("{}List", kind.resource().kind), "apiVersion": kind.api_version(),
            "metadata": {"resourceVersion": version.to_string()}, "items": items,
        }),
    ))
}

fn delete(call: &Call, object: &Object, wish: &Wish) -> Result<Arc<Object>, Refusal> {
    let store = &call.cluster.store;
    let deletion = wish.deletion(object);
    let left = store.delete(object.kind, &object.namespace, &object.name, &deletion)?;
    if object.kind == Kind::Namespace && left.deleting {
        let marked = store.change(Kind::Namespace, "", &object.name, |namespace| {
            namespace["status"]["phase"] = "Terminating".into();
            Ok(())
        });
        // An empty namespace may be gone by now.
        return Ok(marked.unwrap_or(left));
    }
    Ok(left)
}

/// Answers a `POST` to `pods/NAME/eviction`.
pub(super) fn evict(call: &Call, namespace: &str, name: &str) -> Answer {
    let store = &call.cluster.store;
    let pod = store.get(Kind::Pod, namespace, name).ok_or_else(|| Refusal::not_found(Kind::Pod, name))?;
    let options = &call.value()?["deleteOptions"];
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let wish = Wish {
        grace: options["gracePeriodSeconds"].as_u64(),
        uid: text(&options["preconditions"]["uid"]),
        version: text(&options["preconditions"]["resourceVersion"]),
        policy: None,
        is_dry: call.is_dry(),
    };
    if !wish.is_dry {
        let now = store.now();
        let marked = store.change(Kind::Pod, namespace, name, |pod| {
            let condition = json!({
                "type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI",
                "message": "Eviction API: evicting", "lastTransitionTime": now,
            });
            let mut conditions = pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
            conditions.retain(|other| other["type"] != condition["type"]);
            conditions.push(condition);
            put(&mut pod["status"], "conditions", conditions.into());
            Ok(())
        })?;
        // The mark has made it another version than the one that was asked for.
        let wish = Wish { version: wish.version.map(|_| marked.version.to_string()), ..wish };
        delete(call, &pod, &wish)?;
    }
    Ok(answer(201, &json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201})))
}
