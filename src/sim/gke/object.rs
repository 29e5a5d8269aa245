//! One object as it was at one moment: its text, and what everybody asks of it.
//!
//! It is kept as text and not as a tree, because a cluster holds thousands, most of what is asked is only handed on, and a
//! tree takes ten times the memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::Kind;

/// One object, never changed: a change makes another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// What it is.
    pub kind: Kind,
    /// Where it lives; empty where its kind has no namespace.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// Its identity, which no other object ever has.
    pub uid: Arc<str>,
    /// Since which version of the store it is so.
    pub version: u64,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The uids of its owners.
    pub owners: Vec<String>,
    /// Whether it is on its way out.
    pub deleting: bool,
    /// Its JSON.
    pub json: Arc<str>,
}

impl Object {
    /// Made of `value`, which has all that an object needs.
    pub(super) fn new(kind: Kind, version: u64, value: &Value) -> Self {
        let meta = &value["metadata"];
        let text = |name: &str| Arc::from(meta[name].as_str().unwrap_or_default());
        let labels = meta["labels"].as_object().into_iter().flatten();
        let owners = meta["ownerReferences"].as_array().into_iter().flatten();
        Self {
            kind,
            namespace: text("namespace"),
            name: text("name"),
            uid: text("uid"),
            version,
            labels: labels.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect(),
            owners: owners.filter_map(|owner| Some(owner["uid"].as_str()?.to_owned())).collect(),
            deleting: !meta["deletionTimestamp"].is_null(),
            json: Arc::from(value.to_string()),
        }
    }

    /// Its JSON as a tree.
    #[must_use]
    pub fn value(&self) -> Value {
        // It was written from a tree.
        serde_json::from_str(&self.json).unwrap_or_default()
    }

    /// The value of a field that can be selected by, such as `spec.nodeName`.
    #[must_use]
    pub fn field(&self, path: &str) -> String {
        match path {
            "metadata.name" => return self.name.to_string(),
            "metadata.namespace" => return self.namespace.to_string(),
            _ => {}
        }
        let value = self.value();
        match path.split('.').try_fold(&value, |value, name| value.get(name)) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        }
    }
}
