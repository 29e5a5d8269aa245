//! What happened, told as Kubernetes tells it: an Event for each thing of each object, counted where it repeats.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use serde_json::json;

use super::super::{Deletion, Kind, Store};
use crate::os::random;

/// Events that are kept; the oldest go. A real cluster keeps them for an hour.
const EVENTS_MAX: usize = 5_000;

/// Something that happened to an object.
#[derive(Clone, Copy, Debug)]
pub(in crate::sim::gke) struct Fact<'a> {
    /// What the object is.
    pub(in crate::sim::gke) kind: Kind,
    /// Where it lives.
    pub(in crate::sim::gke) namespace: &'a str,
    /// Its name.
    pub(in crate::sim::gke) name: &'a str,
    /// Its identity.
    pub(in crate::sim::gke) uid: &'a str,
    /// The part of it that is concerned; may be empty.
    pub(in crate::sim::gke) field: &'a str,
    /// Whether somebody should look at it.
    pub(in crate::sim::gke) is_warning: bool,
    /// What happened, in one word.
    pub(in crate::sim::gke) reason: &'static str,
    /// What happened, in a sentence.
    pub(in crate::sim::gke) message: &'a str,
    /// Who saw it.
    pub(in crate::sim::gke) component: &'static str,
    /// On which machine; may be empty.
    pub(in crate::sim::gke) host: &'a str,
}

/// The events that are kept.
#[derive(Default)]
pub(in crate::sim::gke) struct Events(Mutex<Kept>);

type Name = (String, String);

#[derive(Default)]
struct Kept {
    /// What was told of whom, and under which name that is kept.
    known: HashMap<String, Name>,
    /// Oldest first.
    order: VecDeque<(String, Name)>,
}

impl Events {
    /// Tells it, or counts it when it was told before.
    pub(in crate::sim::gke) fn tell(&self, store: &Store, fact: &Fact<'_>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = format!("{} {} {} {}", fact.uid, fact.field, fact.reason, fact.message);
        let now = store.now();
        if let Some((namespace, name)) = kept.known.get(&key) {
            let counted = store.change(Kind::Event, namespace, name, |event| {
                event["count"] = (event["count"].as_u64().unwrap_or(1) + 1).into();
                event["lastTimestamp"] = now.clone().into();
                Ok(())
            });
            if counted.is_ok() {
                return;
            }
        }
        let namespace = if fact.namespace.is_empty() { "default" } else { fact.namespace };
        let low = u64::try_from(random::bits() & u128::from(u64::MAX)).unwrap_or_default();
        let name = format!("{}.{low:016x}", fact.name);
        let mut object = json!({"apiVersion": fact.kind.api_version(), "kind": fact.kind.resource().kind,
            "name": fact.name, "namespace": fact.namespace, "uid": fact.uid});
        if !fact.field.is_empty() {
            object["fieldPath"] = fact.field.into();
        }
        let mut source = json!({"component": fact.component});
        if !fact.host.is_empty() {
            source["host"] = fact.host.into();
        }
        let event = json!({
            "metadata": {"name": name, "namespace": namespace}, "involvedObject": object, "reason": fact.reason,
            "message": fact.message, "source": source, "firstTimestamp": now, "lastTimestamp": now, "count": 1,
            "type": if fact.is_warning { "Warning" } else { "Normal" }, "eventTime": null,
            "reportingComponent": fact.component, "reportingInstance": fact.host,
        });
        if store.create(Kind::Event, event).is_err() {
            return;
        }
        let name = (namespace.to_owned(), name);
        kept.known.insert(key.clone(), name.clone());
        kept.order.push_back((key, name));
        if kept.order.len() > EVENTS_MAX
            && let Some((key, name)) = kept.order.pop_front()
        {
            if kept.known.get(&key) == Some(&name) {
                kept.known.remove(&key);
            }
            // Somebody may have deleted it.
            let _ = store.delete(Kind::Event, &name.0, &name.1, &Deletion::default());
        }
    }
}
