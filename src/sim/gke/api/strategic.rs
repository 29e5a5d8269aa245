//! Strategic merges: lists are merged item by item where their items are known by a key.
//!
//! The directives are those of Kubernetes: `$patch`, `$retainKeys`, `$setElementOrder/FIELD`,
//! `$deleteFromPrimitiveList/FIELD`.

use serde_json::{Map, Value};

use super::schema::{self, Many, Shape};

const ORDER: &str = "$setElementOrder/";
const TAKE_OUT: &str = "$deleteFromPrimitiveList/";

/// Merges `patch` into a value of a type; what is wrong comes back in words.
pub(super) fn merge(type_name: &str, value: &mut Value, patch: &Value) -> Result<(), String> {
    let Some(patch) = patch.as_object() else { return Err("a patch must be an object".to_owned()) };
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    let Some(object) = value.as_object_mut() else { return Ok(()) };
    match patch.get("$patch").and_then(Value::as_str) {
        Some("replace") => {
            *object = patch.iter().filter(|(name, _)| *name != "$patch").map(|(n, v)| (n.clone(), v.clone())).collect();
            return Ok(());
        }
        Some("delete") => {
            object.clear();
            return Ok(());
        }
        Some("merge") | None => {}
        Some(other) => return Err(format!("unknown patch type: {other}")),
    }
    if let Some(kept) = patch.get("$retainKeys").and_then(Value::as_array) {
        object.retain(|name, _| kept.iter().any(|other| other == name));
    }
    for (name, new) in patch {
        if let Some(field) = name.strip_prefix(TAKE_OUT) {
            if let (Some(Value::Array(items)), Value::Array(out)) = (object.get_mut(field), new) {
                items.retain(|item| !out.contains(item));
            }
        } else if !name.starts_with('$') {
            set(type_name, object, name, new)?;
        }
    }
    for (name, order) in patch {
        let Some(field) = name.strip_prefix(ORDER) else { continue };
        if let (Some(Value::Array(items)), Value::Array(order)) = (object.get_mut(field), order) {
            arrange(key_of(type_name, field), items, order);
        }
    }
    Ok(())
}

fn key_of(type_name: &str, field: &str) -> Option<&'static str> {
    match schema::field(type_name, field)?.many {
        Many::Keyed(key) => Some(key),
        _ => None,
    }
}

fn set(type_name: &str, object: &mut Map<String, Value>, name: &str, new: &Value) -> Result<(), String> {
    let any = Shape { of: "any", many: Many::One, number: 0 };
    let shape = schema::field(type_name, name).unwrap_or(&any);
    if new.is_null() {
        object.shift_remove(name);
        return Ok(());
    }
    let old = object.entry(name).or_insert(Value::Null);
    match (&shape.many, new) {
        (Many::One, Value::Object(_)) => {
            merge(shape.of, old, new)?;
            // One that was patched away is gone.
            if new["$patch"] == "delete" {
                object.shift_remove(name);
            }
            Ok(())
        }
        (Many::Map, Value::Object(_)) => merge("any", old, new),
        (Many::Keyed(key), Value::Array(items)) => merge_items(shape.of, key, old, items),
        (Many::Set, Value::Array(items)) => {
            let mut kept = old.as_array().cloned().unwrap_or_default();
            for item in items {
                if !kept.contains(item) {
                    kept.push(item.clone());
                }
            }
            *old = kept.into();
            Ok(())
        }
        _ => {
            *old = new.clone();
            Ok(())
        }
    }
}

fn merge_items(type_name: &str, key: &str, old: &mut Value, patches: &[Value]) -> Result<(), String> {
    let is_replaced = patches.iter().any(|patch| patch["$patch"] == "replace");
    let mut items = if is_replaced { Vec::new() } else { old.as_array().cloned().unwrap_or_default() };
    for patch in patches.iter().filter(|patch| patch["$patch"] != "replace") {
        let Some(name) = patch.get(key) else {
            return Err(format!("map: {patch} does not contain declared merge key: {key}"));
        };
        let found = items.iter().position(|item| item.get(key) == Some(name));
        match (found, patch["$patch"] == "delete") {
            (Some(at), true) => drop(items.remove(at)),
            (None, true) => {}
            (Some(at), false) => merge(type_name, &mut items[at], patch)?,
            (None, false) => {
                let mut item = Value::Null;
                merge(type_name, &mut item, patch)?;
                items.push(item);
            }
        }
    }
    *old = items.into();
    Ok(())
}

/// Puts the items that `order` names into its order; the others keep behind those they stood behind.
fn arrange(key: Option<&str>, items: &mut Vec<Value>, order: &[Value]) {
    let name = |item: &Value| key.map_or_else(|| item.clone(), |key| item[key].clone());
    let rank = |item: &Value| {
        let name = name(item);
        order.iter().position(|wanted| key.map_or_else(|| wanted == &name, |key| wanted[key] == name))
    };
    let mut ranked = Vec::new();
    let mut last = 0;
    for item in items.drain(..) {
        last = rank(&item).map_or(last, |rank| rank + 1);
        ranked.push((last, item));
    }
    ranked.sort_by_key(|(rank, _)| *rank);
    items.extend(ranked.into_iter().map(|(_, item)| item));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn merged(old: Value, patch: &Value) -> Value {
        let mut value = old;
        merge("Pod", &mut value, patch).expect("merged");
        value
    }

    #[test]
    fn lists_are_merged_by_the_keys_of_their_items() {
        let pod = || {
            json!({"spec": {"containers": [
            {"name": "a", "image": "1", "env": [{"name": "X", "value": "1"}], "args": ["x", "y"]},
            {"name": "b", "image": "1"},
        ], "tolerations": [{"key": "a"}]}})
        };
        let containers =
            |patch: Value| merged(pod(), &json!({"spec": {"containers": patch}}))["spec"]["containers"].clone();
        let changed = containers(json!([{"name": "a", "image": "2", "env": [{"name": "Y"}], "args": ["z"]}]));
        assert_eq!(changed[0]["env"], json!([{"name": "X", "value": "1"}, {"name": "Y"}]));
        assert_eq!((changed[0]["image"].as_str(), &changed[0]["args"]), (Some("2"), &json!(["z"])));
        assert_eq!(containers(json!([{"name": "a", "$patch": "delete"}])), json!([{"name": "b", "image": "1"}]));
        assert_eq!(containers(json!([{"$patch": "replace"}, {"name": "c"}])), json!([{"name": "c"}]));
        let tolerations = merged(pod(), &json!({"spec": {"tolerations": [{"key": "b"}]}}));
        assert_eq!(tolerations["spec"]["tolerations"], json!([{"key": "b"}]));
        let order = json!({"spec": {"$setElementOrder/containers": [{"name": "c"}, {"name": "b"}, {"name": "a"}],
            "containers": [{"name": "c"}]}});
        let names: Vec<Value> = merged(pod(), &order)["spec"]["containers"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|item| item["name"].clone())
            .collect();
        assert_eq!(names, ["c", "b", "a"]);
        assert!(merge("Pod", &mut pod(), &json!({"spec": {"containers": [{"image": "x"}]}})).is_err());
    }

    #[test]
    fn maps_and_sets_obey_their_directives() {
        let pod = || json!({"metadata": {"labels": {"a": "1", "b": "2"}, "finalizers": ["x", "y"]}});
        let meta = |patch: Value| merged(pod(), &json!({"metadata": patch}))["metadata"].clone();
        assert_eq!(meta(json!({"labels": {"a": null}}))["labels"], json!({"b": "2"}));
        assert_eq!(meta(json!({"labels": {"$patch": "replace", "c": "3"}}))["labels"], json!({"c": "3"}));
        assert_eq!(meta(json!({"labels": {"$retainKeys": ["b"]}}))["labels"], json!({"b": "2"}));
        assert_eq!(meta(json!({"finalizers": ["z"]}))["finalizers"], json!(["x", "y", "z"]));
        assert_eq!(meta(json!({"$deleteFromPrimitiveList/finalizers": ["x"]}))["finalizers"], json!(["y"]));
    }
}
