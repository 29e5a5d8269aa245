//! Fields that no object of a kind has: taken out, and told of as the request wishes.

use serde_json::Value;

use super::route::Call;
use super::schema::{self, Many, Shape};
use crate::sim::gke::{Kind, Refusal};

/// Remarks in one answer.
const REMARKS_MAX: usize = 32;

/// Takes fields out that are not known; returns what is to be said about them.
///
/// # Errors
/// When the request wants none of them, or something is of another type than it must be.
pub(super) fn check(call: &Call, kind: Kind, value: &mut Value) -> Result<Vec<String>, Refusal> {
    let mut unknown = Vec::new();
    let type_name = kind.resource().kind;
    if let Some(misfit) = misfit(&one_of(type_name), value, type_name) {
        let version = kind.resource().version;
        let message = format!("{type_name} in version \"{version}\" cannot be handled as a {type_name}: {misfit}");
        return Err(Refusal::bad_request(message));
    }
    prune(type_name, value, "", &mut unknown);
    unknown.truncate(REMARKS_MAX);
    let remarks: Vec<String> = unknown.iter().map(|path| format!("unknown field \"{path}\"")).collect();
    match call.query.get("fieldValidation") {
        _ if remarks.is_empty() => Ok(remarks),
        Some("Ignore") => Ok(Vec::new()),
        Some("Strict") => {
            let version = kind.resource().version;
            let message = format!(
                "{type_name} in version \"{version}\" cannot be handled as a {type_name}: strict decoding error: {}",
                remarks.join(", ")
            );
            Err(Refusal::bad_request(message))
        }
        _ => Ok(remarks),
    }
}

fn one_of(type_name: &'static str) -> Shape {
    Shape { of: type_name, many: Many::One, number: 0 }
}

/// The first value that is of another type than its shape, in the words of Kubernetes' decoder. Everything behind the door
/// takes it that maps are maps and lists are lists.
fn misfit(shape: &Shape, value: &Value, path: &str) -> Option<String> {
    let inner = one_of(shape.of);
    let fits = match (&shape.many, value) {
        (_, Value::Null) => return None,
        (Many::Map, Value::Object(named)) => {
            return named.iter().find_map(|(name, value)| misfit(&inner, value, &format!("{path}.{name}")));
        }
        (Many::Atomic | Many::Keyed(_) | Many::Set, Value::Array(items)) => {
            return items.iter().find_map(|item| misfit(&inner, item, path));
        }
        (Many::One, value) => match (shape.of, value) {
            ("any", _)
            | ("str" | "bytes" | "Quantity" | "IntOrString", Value::String(_))
            | ("int" | "Quantity" | "IntOrString", Value::Number(_))
            | ("bool", Value::Bool(_)) => true,
            (name, Value::Object(object)) => {
                let Some(fields) = schema::fields(name) else { return Some(unfit(value, path, name)) };
                return fields.iter().find_map(|(field, shape)| {
                    misfit(shape, object.get(*field).unwrap_or(&Value::Null), &format!("{path}.{field}"))
                });
            }
            _ => false,
        },
        _ => false,
    };
    (!fits).then(|| unfit(value, path, shape.of))
}

fn unfit(value: &Value, path: &str, of: &str) -> String {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let of = if of == "str" { "string" } else { of };
    format!("json: cannot unmarshal {found} into Go struct field {path} of type {of}")
}

fn prune(type_name: &str, value: &mut Value, path: &str, unknown: &mut Vec<String>) {
    let (Some(_), Some(object)) = (schema::fields(type_name), value.as_object_mut()) else { return };
    let at = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    object.retain(|name, value| {
        let shape = schema::field(type_name, name);
        match shape {
            Some(shape) => within(shape, value, &at(name), unknown),
            None => unknown.push(at(name)),
        }
        shape.is_some()
    });
}

fn within(shape: &Shape, value: &mut Value, path: &str, unknown: &mut Vec<String>) {
    match (&shape.many, value) {
        (Many::One, value) => prune(shape.of, value, path, unknown),
        (Many::Map, Value::Object(named)) => {
            for (name, value) in named {
                prune(shape.of, value, &format!("{path}.{name}"), unknown);
            }
        }
        (_, Value::Array(items)) => {
            for (at, item) in items.iter_mut().enumerate() {
                prune(shape.of, item, &format!("{path}[{at}]"), unknown);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_of_another_type_is_refused() {
        let misfit = |value: Value| misfit(&one_of("Pod"), &value, "Pod");
        for (value, place) in [
            (json!({"metadata": [], "spec": {}}), "array into Go struct field Pod.metadata of type Meta"),
            (json!({"metadata": {"labels": "x"}}), "string into Go struct field Pod.metadata.labels of type string"),
            (json!({"spec": "x"}), "string into Go struct field Pod.spec of type PodSpec"),
            (json!({"spec": {"containers": {}}}), "object into Go struct field Pod.spec.containers of type Container"),
            (
                json!({"spec": {"containers": ["x"]}}),
                "string into Go struct field Pod.spec.containers of type Container",
            ),
            (json!({"spec": {"containers": [{"env": [{"value": 5}]}]}}), "number into Go struct field"),
        ] {
            let said = misfit(value.clone()).unwrap_or_default();
            assert!(said.contains(place), "{value}: {said}");
        }
        let fine = json!({"metadata": {"name": "a", "creationTimestamp": null}, "spec": {"volumes": [{"hostPath": 1}],
            "containers": [{"name": "a", "resources": {"limits": {"cpu": 1, "memory": "1Gi"}}, "tty": true}]}});
        assert_eq!(misfit(fine), None);
    }

    #[test]
    fn what_is_unknown_is_found_by_its_path_and_taken_out() {
        let mut job = json!({"kind": "Job", "metadata": {"name": "a", "labels": {"x": "y"}}, "spec": {
            "foo": 1,
            "template": {"spec": {"containers": [{"name": "c", "comand": []}], "securityContext": {"whatever": 1}}},
        }});
        let mut unknown = Vec::new();
        prune("Job", &mut job, "", &mut unknown);
        assert_eq!(unknown, ["spec.foo", "spec.template.spec.containers[0].comand"]);
        assert_eq!(job["spec"]["template"]["spec"]["containers"], json!([{"name": "c"}]));
        assert_eq!(job["metadata"]["labels"]["x"], "y");
    }
}
