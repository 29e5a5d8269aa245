//! New objects.

use serde_json::Value;

use super::answer::{Answer, json, text, warn};
use super::route::Call;
use super::{fields, protobuf, update};
use crate::os::random;
use crate::sim::gke::admission::{Request, Verb, admit};
use crate::sim::gke::{Kind, Refusal, cluster, store};

/// Characters of a name's beginning that are kept where the rest is made up.
const PREFIX_MAX: usize = 58;
/// Names that are tried.
const TRIES_MAX: usize = 8;

/// Answers a `POST`.
pub(super) fn create(call: &Call, kind: Kind, namespace: &str) -> Answer {
    let mut value = call.value()?;
    let remarks = fields::check(call, kind, &mut value)?;
    let made = make(call, kind, namespace, &value, &Value::Null)?;
    let mut response = match made {
        Made::Kept(json) => text(201, &json),
        Made::Dry(value) => json(201, &value),
    };
    warn(&mut response, &remarks);
    Ok(response)
}

/// What came out.
pub(super) enum Made {
    /// An object that is kept now.
    Kept(std::sync::Arc<str>),
    /// What it would be.
    Dry(Value),
}

/// Makes an object. `managed` says who said what of it, where that is followed.
pub(super) fn make(call: &Call, kind: Kind, namespace: &str, value: &Value, managed: &Value) -> Result<Made, Refusal> {
    let mut value = value.clone();
    fits(kind, &mut value)?;
    settle(kind, namespace, &mut value)?;
    if !managed.is_null() {
        value["metadata"]["managedFields"] = managed.clone();
    }
    check_namespace(call, kind, namespace)?;
    let wants_name = value["metadata"]["name"].as_str().unwrap_or_default().is_empty();
    for _ in 1..TRIES_MAX {
        match once(call, kind, namespace, value.clone()) {
            Err(refusal) if wants_name && refusal.reason == "AlreadyExists" => {}
            other => return other,
        }
    }
    once(call, kind, namespace, value)
}

fn once(call: &Call, kind: Kind, namespace: &str, mut value: Value) -> Result<Made, Refusal> {
    name(&mut value);
    admit(&call.cluster, &Request { kind, namespace, verb: Verb::Create, before: None }, &mut value)?;
    if kind == Kind::Pod && value["status"]["phase"].is_null() {
        value["status"]["phase"] = "Pending".into();
    }
    cover(kind, &mut value);
    if kind == Kind::Namespace {
        cluster::furnish(&mut value);
    }
    let store = &call.cluster.store;
    if call.is_dry() {
        let name = value["metadata"]["name"].as_str().unwrap_or_default();
        if store.get(kind, namespace, name).is_some() {
            return Err(Refusal::already_exists(kind, name));
        }
        value["metadata"]["uid"] = format!("{:032x}", random::bits()).into();
        value["metadata"]["creationTimestamp"] = store.now().into();
        return Ok(Made::Dry(value));
    }
    let object = store.create(kind, value)?;
    if kind == Kind::Namespace {
        call.cluster.furnish_namespace(&object.name);
    }
    Ok(Made::Kept(object.json.clone()))
}

/// Refuses what is no object of the kind, and writes down what kind it is where that is left out.
pub(super) fn fits(kind: Kind, value: &mut Value) -> Result<(), Refusal> {
    let resource = kind.resource();
    if !value.is_object() {
        return Err(Refusal::bad_request("the body of the request must be an object"));
    }
    let said = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
    let (said_version, said_kind) = (said("apiVersion"), said("kind"));
    let version = kind.api_version();
    if !said_kind.is_empty() && said_kind != resource.kind {
        let message = format!(
            "{said_kind} in version \"{said_version}\" cannot be handled as a {}: no kind \"{said_kind}\" is registered here",
            resource.kind
        );
        return Err(Refusal::bad_request(message));
    }
    if !said_version.is_empty() && said_version != version {
        let message =
            format!("the API version in the data ({said_version}) does not match the expected API version ({version})");
        return Err(Refusal::bad_request(message));
    }
    value["apiVersion"] = version.into();
    value["kind"] = resource.kind.into();
    if !value["metadata"].is_object() {
        value["metadata"] = serde_json::json!({});
    }
    Ok(())
}

/// Secrets may be written in plain text, and are kept in base64.
pub(super) fn cover(kind: Kind, value: &mut Value) {
    if kind != Kind::Secret {
        return;
    }
    if value["type"].as_str().unwrap_or_default().is_empty() {
        value["type"] = "Opaque".into();
    }
    let plain = value["stringData"].take();
    for (name, text) in plain.as_object().into_iter().flatten() {
        value["data"][name] = protobuf::base64(text.as_str().unwrap_or_default().as_bytes()).into();
    }
    update::put(value, "stringData", Value::Null);
}

/// Takes out what only the server may say, and puts the object where it belongs.
fn settle(kind: Kind, namespace: &str, value: &mut Value) -> Result<(), Refusal> {
    let resource = kind.resource();
    if resource.status
        && let Some(object) = value.as_object_mut()
    {
        object.remove("status");
    }
    let Some(meta) = value["metadata"].as_object_mut() else { return Ok(()) };
    if meta.get("resourceVersion").and_then(Value::as_str).is_some_and(|version| !version.is_empty()) {
        return Err(Refusal::bad_request("resourceVersion should not be set on objects to be created"));
    }
    for fixed in [
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "managedFields",
        "selfLink",
    ] {
        meta.remove(fixed);
    }
    let said = meta.get("namespace").and_then(Value::as_str).unwrap_or_default();
    if !said.is_empty() && said != namespace {
        return Err(wrong_namespace());
    }
    if resource.namespaced {
        meta.insert("namespace".into(), namespace.into());
    }
    Ok(())
}

/// The body and the path say different things.
pub(super) fn wrong_namespace() -> Refusal {
    Refusal::bad_request("the namespace of the provided object does not match the namespace sent on the request")
}

/// Makes up the rest of a name.
fn name(value: &mut Value) {
    let meta = &mut value["metadata"];
    if !meta["name"].as_str().unwrap_or_default().is_empty() {
        return;
    }
    if let Some(prefix) = meta["generateName"].as_str().filter(|prefix| !prefix.is_empty()) {
        let kept: String = prefix.chars().take(PREFIX_MAX).collect();
        meta["name"] = format!("{kept}{}", store::suffix()).into();
    }
}

/// Nothing is made in a namespace that is not there, or on its way out.
fn check_namespace(call: &Call, kind: Kind, namespace: &str) -> Result<(), Refusal> {
    if !kind.resource().namespaced {
        return Ok(());
    }
    let home = call.cluster.store.get(Kind::Namespace, "", namespace);
    let home = home.ok_or_else(|| Refusal::not_found(Kind::Namespace, namespace))?;
    if !home.deleting {
        return Ok(());
    }
    let because = format!("unable to create new content in namespace {namespace} because it is being terminated");
    let mut refusal = Refusal::forbidden(kind, "", &because);
    refusal.details["causes"] = serde_json::json!([{
        "reason": "NamespaceTerminating", "message": format!("namespace {namespace} is being terminated"),
        "field": "metadata.namespace",
    }]);
    Err(refusal)
}
