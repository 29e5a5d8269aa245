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
/// When the request wants none of them.
pub(super) fn check(call: &Call, kind: Kind, value: &mut Value) -> Result<Vec<String>, Refusal> {
    let mut unknown = Vec::new();
    let type_name = kind.resource().kind;
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
