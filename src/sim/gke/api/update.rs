//! Other objects in place of those that are there.

use std::sync::Arc;

use serde_json::Value;

use super::answer::{Answer, json, text, warn};
use super::create::{cover, fits, wrong_namespace};
use super::route::Call;
use super::{apply, fields};
use crate::sim::gke::admission::{Request, Verb, admit};
use crate::sim::gke::{Kind, Object, Refusal};

/// Which part of an object a request may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// All but its status, where that has a path of its own.
    Main,
    /// Its status.
    Status,
}

/// How often a change is made again because somebody else came first.
const TRIES_MAX: usize = 16;
/// What is told to who comes too late.
const MOVED: &str = "the object has been modified; please apply your changes to the latest version and try again";

/// An object, and what is to become of it.
pub(super) struct Place<'a> {
    /// What it is.
    pub(super) kind: Kind,
    /// Where it lives.
    pub(super) namespace: &'a str,
    /// Its name.
    pub(super) name: &'a str,
    /// What may change.
    pub(super) part: Part,
}

/// What came of it.
pub(super) enum Revised {
    /// This is kept now.
    Kept(Arc<Object>),
    /// This would be.
    Dry(Value),
}

impl Revised {
    /// As an answer.
    pub(super) fn response(&self, remarks: &[String]) -> axum::response::Response {
        let mut response = match self {
            Self::Kept(object) => text(200, &object.json),
            Self::Dry(value) => json(200, value),
        };
        warn(&mut response, remarks);
        response
    }
}

/// Answers a `PUT`.
pub(super) fn replace(call: &Call, kind: Kind, namespace: &str, name: &str, part: Part) -> Answer {
    let mut value = call.value()?;
    fits(kind, &mut value)?;
    let remarks = fields::check(call, kind, &mut value)?;
    let said = value["metadata"]["name"].as_str().unwrap_or_default();
    if said != name {
        let message = format!("the name of the object ({said}) does not match the name on the URL ({name})");
        return Err(Refusal::bad_request(message));
    }
    let place = Place { kind, namespace, name, part };
    Ok(revise(call, &place, |_| Ok(value.clone()))?.response(&remarks))
}

/// Changes an object as `how` says, which is asked again when somebody else came first.
pub(super) fn revise(
    call: &Call,
    place: &Place<'_>,
    how: impl Fn(&Value) -> Result<Value, Refusal>,
) -> Result<Revised, Refusal> {
    let Place { kind, namespace, name, .. } = *place;
    let store = &call.cluster.store;
    for _ in 0..TRIES_MAX {
        let before = store.get(kind, namespace, name).ok_or_else(|| Refusal::not_found(kind, name))?;
        let old = before.value();
        let mut new = how(&old)?;
        keep(place, &old, &mut new)?;
        if place.part == Part::Main {
            admit(&call.cluster, &Request { kind, namespace, verb: Verb::Update, before: Some(&old) }, &mut new)?;
        }
        cover(kind, &mut new);
        apply::track(call, kind, &old, &mut new);
        if call.is_dry() {
            return Ok(Revised::Dry(new));
        }
        let mut is_late = false;
        let kept = store.change(kind, namespace, name, |value| {
            is_late = value["metadata"]["resourceVersion"] != old["metadata"]["resourceVersion"];
            if is_late {
                return Err(Refusal::conflict(kind, name, MOVED));
            }
            *value = new;
            Ok(())
        });
        if !is_late {
            return kept.map(Revised::Kept);
        }
    }
    Err(Refusal::conflict(kind, name, MOVED))
}

/// Refuses what may not be, and keeps what the request may not change.
fn keep(place: &Place<'_>, old: &Value, new: &mut Value) -> Result<(), Refusal> {
    let Place { kind, name, part, .. } = *place;
    let said = |value: &Value, field: &str| value["metadata"][field].as_str().unwrap_or_default().to_owned();
    let conflict = |field: &str| {
        let (new, old) = (said(new, field), said(old, field));
        (!new.is_empty() && new != old).then_some((new, old))
    };
    if let Some((new, old)) = conflict("uid") {
        let because = format!("Precondition failed: UID in precondition: {new}, UID in object meta: {old}");
        return Err(Refusal::conflict(kind, name, &because));
    }
    if conflict("resourceVersion").is_some() {
        return Err(Refusal::conflict(kind, name, MOVED));
    }
    if conflict("namespace").is_some() {
        return Err(wrong_namespace());
    }
    if conflict("name").is_some() {
        let cause = ("metadata.name".to_owned(), "Invalid value: field is immutable".to_owned());
        return Err(Refusal::invalid(kind, name, &[cause]));
    }
    if part == Part::Status {
        let status = new["status"].take();
        let meta = new["metadata"].take();
        *new = old.clone();
        put(new, "status", status);
        for field in ["labels", "annotations"] {
            put(&mut new["metadata"], field, meta[field].clone());
        }
        return Ok(());
    }
    if kind.resource().status {
        put(new, "status", old["status"].clone());
    }
    for fixed in ["deletionTimestamp", "deletionGracePeriodSeconds", "managedFields"] {
        if fixed != "managedFields" || new["metadata"][fixed].is_null() {
            put(&mut new["metadata"], fixed, old["metadata"][fixed].clone());
        }
    }
    Ok(())
}

/// Sets a field, or takes it out.
pub(super) fn put(value: &mut Value, field: &str, to: Value) {
    let Some(object) = value.as_object_mut() else { return };
    if to.is_null() {
        object.shift_remove(field);
    } else {
        object.insert(field.to_owned(), to);
    }
}
