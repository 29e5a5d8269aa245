//! The author's own patch of the Job: maps are merged, lists of named things are merged by their names (mounts by
//! their paths, as one volume may have several), null removes.

use serde_json::Value;

/// Merges `patch` into `into`.
pub(super) fn merge(into: &mut Value, patch: &Value) {
    match (into, patch) {
        (Value::Object(into), Value::Object(patch)) => {
            for (key, value) in patch {
                if value.is_null() {
                    into.shift_remove(key);
                } else if let Some(place) = into.get_mut(key) {
                    merge(place, value);
                } else {
                    into.insert(key.clone(), value.clone());
                }
            }
        }
        (Value::Array(into), Value::Array(patch)) if are_named(into) && are_named(patch) => {
            let is_mounts = into.iter().chain(patch).all(|value| value["mountPath"].is_string());
            let key = if is_mounts { "mountPath" } else { "name" };
            for value in patch {
                match into.iter_mut().find(|place| place[key] == value[key]) {
                    Some(place) => merge(place, value),
                    None => into.push(value.clone()),
                }
            }
        }
        (into, patch) => *into = patch.clone(),
    }
}

fn are_named(list: &[Value]) -> bool {
    list.iter().all(|value| value["name"].is_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_volume_may_be_mounted_twice() {
        let mount = |name: &str, path: &str| json!({"name": name, "mountPath": path});
        let mut mounts = json!([mount("work", "/workspace")]);
        merge(&mut mounts, &json!([mount("cache", "/a"), mount("cache", "/b"), mount("work", "/workspace")]));
        assert_eq!(mounts, json!([mount("work", "/workspace"), mount("cache", "/a"), mount("cache", "/b")]));
    }

    #[test]
    fn maps_and_named_lists_are_merged() {
        let mut value = json!({
            "a": 1, "b": {"c": 2, "d": 3}, "l": [1, 2],
            "containers": [{"name": "main", "image": "x", "env": [{"name": "A", "value": "1"}]}],
        });
        let patch = json!({
            "a": null, "b": {"c": 4}, "l": [3], "n": {"new": true},
            "containers": [{"name": "main", "tty": true, "env": [{"name": "A", "value": "2"}]}, {"name": "side"}],
        });
        merge(&mut value, &patch);
        let expected = json!({
            "b": {"c": 4, "d": 3}, "l": [3],
            "containers": [
                {"name": "main", "image": "x", "env": [{"name": "A", "value": "2"}], "tty": true}, {"name": "side"},
            ],
            "n": {"new": true},
        });
        assert_eq!(value, expected);
    }
}
