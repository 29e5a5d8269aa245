//! The way of an object into the store: defaults, Autopilot's adjustments, checks, quotas.

use std::sync::Arc;

use serde_json::Value;

use super::{check, defaults, fixed, requests, warden};
use crate::sim::gke::{Cluster, Kind, Object, Refusal, quota};

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sim::gke) enum Verb {
    /// A new object.
    Create,
    /// Another state of an object that is there; its old state is given with the request.
    Update,
}

/// What is asked, and of what.
#[derive(Clone, Copy, Debug)]
pub(in crate::sim::gke) struct Request<'a> {
    /// The kind of the object.
    pub(in crate::sim::gke) kind: Kind,
    /// Its namespace; empty where its kind has none.
    pub(in crate::sim::gke) namespace: &'a str,
    /// What is asked.
    pub(in crate::sim::gke) verb: Verb,
    /// The object as it is, where it is changed.
    pub(in crate::sim::gke) before: Option<&'a Value>,
}

/// Fills in what is missing and refuses what must not be. For the whole of an object, not for its status alone.
///
/// # Errors
/// With the reason, in Kubernetes' words.
pub(in crate::sim::gke) fn admit(cluster: &Cluster, request: &Request<'_>, object: &mut Value) -> Result<(), Refusal> {
    let Request { kind, namespace, verb, before: old } = *request;
    if kind == Kind::Event {
        return Ok(());
    }
    if let (Kind::Service, Some(old)) = (kind, old) {
        // An address that was given stays, though nobody repeats it.
        for field in ["clusterIP", "clusterIPs"] {
            if object["spec"][field].is_null() {
                object["spec"][field] = old["spec"][field].clone();
            }
        }
    }
    defaults::fill(cluster, kind, object);
    // What was admitted before and has not changed is not judged again.
    let parts =
        [("/spec", Value::Null), ("/metadata/labels", Value::Null), ("/data", Value::Null), ("/type", Value::Null)];
    let is_same = |(path, null): &(&str, Value)| {
        old.map(|old| old.pointer(path).unwrap_or(null)) == Some(object.pointer(path).unwrap_or(null))
    };
    if verb == Verb::Update && parts.iter().all(is_same) {
        return Ok(());
    }
    check::object(kind, object)?;
    let is_ruled = cluster.plant.machinery.autopilot && namespace != "kube-system";
    if is_ruled && !(kind == Kind::Pod && verb == Verb::Update) {
        requests::adjust(&cluster.plant.machinery, kind, object);
    }
    if let (Verb::Update, Some(old)) = (verb, old) {
        fixed::unchanged(kind, old, object)?;
    }
    if is_ruled {
        warden::judge(kind, object)?;
    }
    if verb == Verb::Create { quota::allow(cluster, kind, namespace, object) } else { Ok(()) }
}

impl Cluster {
    /// Makes an object as the API does: admitted, then stored. For the parts of the cluster that make some.
    ///
    /// # Errors
    /// When it is refused.
    pub fn make(&self, kind: Kind, mut object: Value) -> Result<Arc<Object>, Refusal> {
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default().to_owned();
        let request = Request { kind, namespace: &namespace, verb: Verb::Create, before: None };
        admit(self, &request, &mut object)?;
        self.store.create(kind, object)
    }
}

/// The description of pods in an object of this kind, and where it stands.
pub(super) fn pod_spec(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Pod => Some("/spec"),
        Kind::Job | Kind::Deployment | Kind::ReplicaSet => Some("/spec/template/spec"),
        _ => None,
    }
}
