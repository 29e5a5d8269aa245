//! Who has said what of an object: sets of fields, as `managedFields` writes them.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::schema::{self, Many, Shape};

/// A field: `f:NAME`, `k:{KEY}` and `v:VALUE`, from the outside in.
pub(super) type Path = Vec<String>;
/// Fields. An item of a keyed list is in it as itself, and with the fields it has.
pub(super) type Set = BTreeSet<Path>;

/// What nobody owns: who an object is, and what only the server writes.
const NOBODYS: [&str; 10] = [
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
    "generateName",
];

/// Every field that `value` says, an object of a kind.
pub(super) fn fields_of(type_name: &str, value: &Value) -> Set {
    let mut set = Set::new();
    for (name, value) in value.as_object().into_iter().flatten() {
        let shape = schema::field(type_name, name);
        match (name.as_str(), shape) {
            ("apiVersion" | "kind", _) | (_, None) => {}
            ("metadata", _) => {
                for (name, value) in value.as_object().into_iter().flatten() {
                    if let Some(shape) = schema::field("Meta", name).filter(|_| !NOBODYS.contains(&name.as_str())) {
                        collect(shape, value, &["f:metadata".to_owned(), format!("f:{name}")], &mut set);
                    }
                }
            }
            (_, Some(shape)) => collect(shape, value, &[format!("f:{name}")], &mut set),
        }
    }
    set
}

fn collect(shape: &Shape, value: &Value, at: &[String], set: &mut Set) {
    let below = |word: String| [at, &[word]].concat();
    let any = Shape { of: "any", many: Many::One, number: 0 };
    match (&shape.many, value) {
        (Many::One, Value::Object(fields)) if !fields.is_empty() => {
            for (name, value) in fields {
                collect(schema::field(shape.of, name).unwrap_or(&any), value, &below(format!("f:{name}")), set);
            }
        }
        (Many::Map, Value::Object(named)) if !named.is_empty() => {
            let shape = Shape { of: shape.of, many: Many::One, number: 0 };
            for (name, value) in named {
                collect(&shape, value, &below(format!("f:{name}")), set);
            }
        }
        (Many::Keyed(key), Value::Array(items)) => {
            let shape = Shape { of: shape.of, many: Many::One, number: 0 };
            for item in items {
                let place = below(format!("k:{}", json!({*key: item[*key]})));
                collect(&shape, item, &place, set);
                set.insert(place);
            }
        }
        (Many::Set, Value::Array(items)) => set.extend(items.iter().map(|item| below(format!("v:{item}")))),
        _ => drop(set.insert(at.to_vec())),
    }
}

/// As `fieldsV1`.
pub(super) fn written(set: &Set) -> Value {
    let mut root = json!({});
    for path in set {
        let mut place = &mut root;
        for word in path {
            place = &mut place[word.as_str()];
            if !place.is_object() {
                *place = json!({});
            }
        }
        if path.last().is_some_and(|word| word.starts_with("k:")) {
            place["."] = json!({});
        }
    }
    root
}

/// Reads `fieldsV1`.
pub(super) fn read(fields: &Value) -> Set {
    fn below(fields: &Map<String, Value>, at: &[String], set: &mut Set) {
        for (word, value) in fields {
            match value.as_object() {
                _ if word == "." => drop(set.insert(at.to_vec())),
                Some(inner) if !inner.is_empty() => below(inner, &[at, std::slice::from_ref(word)].concat(), set),
                _ => drop(set.insert([at, std::slice::from_ref(word)].concat())),
            }
        }
    }
    let mut set = Set::new();
    if let Some(fields) = fields.as_object() {
        below(fields, &[], &mut set);
    }
    set
}

/// What stands in a field.
pub(super) fn look<'a>(value: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, word| match word.split_at(2) {
        ("f:", name) => value.get(name),
        (_, wanted) => value.as_array()?.iter().find(|item| is_item(item, word, wanted)),
    })
}

fn is_item(item: &Value, word: &str, wanted: &str) -> bool {
    let wanted: Value = serde_json::from_str(wanted).unwrap_or_default();
    match wanted.as_object() {
        Some(keys) if word.starts_with("k:") => keys.iter().all(|(key, value)| item[key] == *value),
        _ => *item == wanted,
    }
}

/// Takes a field out, and what is empty without it. What an item is known by stays as long as the item.
pub(super) fn take_out(value: &mut Value, path: &[String]) {
    let Some((word, rest)) = path.split_first() else { return };
    let (how, name) = word.split_at(2);
    if how == "f:" {
        let Some(object) = value.as_object_mut() else { return };
        if let Some(inner) = object.get_mut(name).filter(|_| !rest.is_empty()) {
            take_out(inner, rest);
            if *inner != json!({}) && *inner != json!([]) {
                return;
            }
        }
        object.shift_remove(name);
    } else if let Some(items) = value.as_array_mut()
        && let Some(at) = items.iter().position(|item| is_item(item, word, name))
    {
        let keys: Value = serde_json::from_str(name).unwrap_or_default();
        let is_key = |rest: &[String]| rest.len() == 1 && !keys[&rest[0][2..]].is_null();
        if rest.is_empty() {
            items.remove(at);
        } else if !is_key(rest) {
            take_out(&mut items[at], rest);
        }
    }
}

/// As people write it: `.spec.containers[name="a"].image`.
pub(super) fn named(path: &[String]) -> String {
    path.iter().fold(String::new(), |text, word| match word.split_at(2) {
        ("f:", name) => format!("{text}.{name}"),
        ("k:", key) => {
            let key: Value = serde_json::from_str(key).unwrap_or_default();
            let keys = key.as_object().into_iter().flatten().map(|(name, value)| format!("{name}={value}"));
            format!("{text}[{}]", keys.collect::<Vec<_>>().join(","))
        }
        (_, value) => format!("{text}[={value}]"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_written_as_kubernetes_writes_them_and_read_back() {
        let job = json!({"kind": "Job", "metadata": {"name": "a", "labels": {"x/y": "1"}, "finalizers": ["f"]}, "spec": {
            "suspend": true,
            "template": {"spec": {"containers": [{"name": "c", "args": ["1"]}]}},
        }});
        let set = fields_of("Job", &job);
        let fields = written(&set);
        let containers = &fields["f:spec"]["f:template"]["f:spec"]["f:containers"];
        assert_eq!(*containers, json!({"k:{\"name\":\"c\"}": {".": {}, "f:args": {}, "f:name": {}}}));
        assert_eq!(fields["f:metadata"], json!({"f:labels": {"f:x/y": {}}, "f:finalizers": {"v:\"f\"": {}}}));
        assert_eq!(read(&fields), set);
        let mut left = job.clone();
        for path in &set {
            assert!(look(&job, path).is_some(), "{path:?}");
            take_out(&mut left, path);
        }
        assert_eq!(left, json!({"kind": "Job", "metadata": {"name": "a"}}));
    }
}
