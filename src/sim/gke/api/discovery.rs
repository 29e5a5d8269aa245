//! What there is: versions, groups, resources.

use axum::response::Response;
use serde_json::{Value, json};

use super::answer::{json as json_answer, typed};
use super::route::Call;
use super::scale;
use crate::sim::gke::Kind;

/// How a combined answer is asked for, and said to be one.
const COMBINED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
/// What can be done with the objects of each kind.
const VERBS: [&str; 8] = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
/// Reviews: they are posted, and never kept.
const REVIEWS: [(&str, &str, &str); 4] = [
    ("authentication.k8s.io", "selfsubjectreviews", "SelfSubjectReview"),
    ("authorization.k8s.io", "selfsubjectaccessreviews", "SelfSubjectAccessReview"),
    ("authorization.k8s.io", "selfsubjectrulesreviews", "SelfSubjectRulesReview"),
    ("authorization.k8s.io", "subjectaccessreviews", "SubjectAccessReview"),
];

/// What there is at a path.
fn plain(path: &str) -> Option<Value> {
    let words: Vec<&str> = path.trim_matches('/').split('/').collect();
    Some(match words.as_slice() {
        ["version"] => version(),
        ["api"] => json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}),
        ["apis"] => json!({
            "kind": "APIGroupList", "apiVersion": "v1", "groups": groups().into_iter().map(group).collect::<Vec<_>>(),
        }),
        ["api", "v1"] => resources("")?,
        ["apis", name] => {
            let mut group = groups().into_iter().find(|other| other == name).map(group)?;
            group["kind"] = "APIGroup".into();
            group["apiVersion"] = "v1".into();
            group
        }
        ["apis", name, "v1"] => resources(name)?,
        _ => return None,
    })
}

/// All at once, where that is asked for.
fn all(call: &Call, path: &str) -> Option<Response> {
    let wants = call.accept().split(',').map(|form| form.replace(' ', "")).any(|form| form.starts_with(COMBINED));
    let groups = match path.trim_matches('/') {
        "api" if wants => vec![""],
        "apis" if wants => groups(),
        _ => return None,
    };
    let items: Vec<Value> = groups.into_iter().map(combined).collect();
    let list = json!({
        "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items,
    });
    Some(typed(200, COMBINED, list.to_string()))
}

/// Answers a `GET` of what there is.
pub(super) fn answer(call: &Call, path: &str) -> Option<Response> {
    all(call, path).or_else(|| Some(json_answer(200, &plain(path)?)))
}

fn version() -> Value {
    json!({
        "major": "1", "minor": "33", "gitVersion": "v1.33.5-gke.1162000", "gitCommit": "", "gitTreeState": "clean",
        "buildDate": "2025-09-24T09:16:27Z", "goVersion": "", "compiler": "", "platform": "linux/amd64",
    })
}

/// Every group but the core.
pub(super) fn groups() -> Vec<&'static str> {
    let of_kinds = Kind::ALL.iter().map(|kind| kind.resource().group).filter(|group| !group.is_empty());
    let mut groups: Vec<&str> = of_kinds.chain(REVIEWS.iter().map(|(group, ..)| *group)).collect();
    groups.sort_unstable();
    groups.dedup();
    groups
}

fn group(name: &str) -> Value {
    let version = json!({"groupVersion": format!("{name}/v1"), "version": "v1"});
    json!({"name": name, "versions": [version], "preferredVersion": version})
}

/// A part of objects that has a path of its own: name, kind with its group and version, verbs.
type PartOf = (&'static str, [&'static str; 3], &'static [&'static str]);

fn parts(kind: Kind) -> Vec<PartOf> {
    let resource = kind.resource();
    let mut parts: Vec<PartOf> = Vec::new();
    if resource.status {
        parts.push(("status", [resource.group, resource.version, resource.kind], &["get", "patch", "update"]));
    }
    if scale::has_scale(kind) {
        parts.push(("scale", ["autoscaling", "v1", "Scale"], &["get", "patch", "update"]));
    }
    if kind == Kind::Pod {
        parts.push(("log", ["", "v1", "Pod"], &["get"]));
        parts.push(("exec", ["", "v1", "PodExecOptions"], &["create", "get"]));
        parts.push(("eviction", ["policy", "v1", "Eviction"], &["create"]));
    }
    parts
}

fn resources(group: &str) -> Option<Value> {
    let mut list = Vec::new();
    for kind in Kind::ALL.iter().filter(|kind| kind.resource().group == group) {
        let resource = kind.resource();
        let mut entry = json!({
            "name": resource.plural, "singularName": resource.singular, "namespaced": resource.namespaced,
            "kind": resource.kind, "verbs": VERBS,
        });
        if !resource.short.is_empty() {
            entry["shortNames"] = json!(resource.short);
        }
        if resource.all {
            entry["categories"] = json!(["all"]);
        }
        list.push(entry);
        for (part, [group, version, kind], verbs) in parts(*kind) {
            list.push(json!({
                "name": format!("{}/{part}", resource.plural), "singularName": "", "namespaced": resource.namespaced,
                "group": group, "version": version, "kind": kind, "verbs": verbs,
            }));
        }
    }
    for (_, name, kind) in REVIEWS.iter().filter(|(other, ..)| *other == group) {
        list.push(json!({"name": name, "singularName": "", "namespaced": false, "kind": kind, "verbs": ["create"]}));
    }
    let name = if group.is_empty() { "v1".to_owned() } else { format!("{group}/v1") };
    let list = json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": list});
    (list["resources"] != json!([])).then_some(list)
}

fn combined(group: &str) -> Value {
    let scope = |namespaced: bool| if namespaced { "Namespaced" } else { "Cluster" };
    let named = |group: &str, version: &str, kind: &str| json!({"group": group, "version": version, "kind": kind});
    let mut list = Vec::new();
    for kind in Kind::ALL.iter().filter(|kind| kind.resource().group == group) {
        let resource = kind.resource();
        let parts: Vec<Value> = parts(*kind)
            .into_iter()
            .map(|(part, [group, version, kind], verbs)| {
                json!({"subresource": part, "responseKind": named(group, version, kind), "verbs": verbs})
            })
            .collect();
        let mut entry = json!({
            "resource": resource.plural, "responseKind": named(resource.group, resource.version, resource.kind),
            "scope": scope(resource.namespaced), "singularResource": resource.singular, "verbs": VERBS,
        });
        for (field, value) in [
            ("shortNames", json!(resource.short)),
            ("categories", if resource.all { json!(["all"]) } else { json!([]) }),
            ("subresources", Value::from(parts)),
        ] {
            if value != json!([]) {
                entry[field] = value;
            }
        }
        list.push(entry);
    }
    for (_, name, kind) in REVIEWS.iter().filter(|(other, ..)| *other == group) {
        list.push(json!({
            "resource": name, "responseKind": named(group, "v1", kind), "scope": "Cluster",
            "singularResource": kind.to_lowercase(), "verbs": ["create"],
        }));
    }
    json!({
        "metadata": if group.is_empty() { json!({}) } else { json!({"name": group}) },
        "versions": [{"version": "v1", "freshness": "Current", "resources": list}],
    })
}
