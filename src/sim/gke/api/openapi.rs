//! `OpenAPI`, version 3: enough for kubectl to have the server check fields, and for `kubectl explain`.

use serde_json::{Map, Value, json};

use super::answer::{Answer, json as answer_json};
use super::discovery;
use super::route::{Call, nothing_there};
use super::schema::{self, Many, Shape};
use crate::sim::gke::Kind;

/// Answers a `GET` below `/openapi/`. Version 2 is not there; kubectl then uses what it has built in.
pub(super) fn answer(_: &Call, path: &str) -> Answer {
    let rest = path.strip_prefix("/openapi/v3").ok_or_else(nothing_there)?;
    let group = match rest.trim_matches('/').split('/').collect::<Vec<_>>().as_slice() {
        [""] => return Ok(answer_json(200, &index())),
        ["api", "v1"] => "",
        ["apis", group, "v1"] if discovery::groups().contains(group) => group,
        _ => return Err(nothing_there()),
    };
    Ok(answer_json(200, &of_group(group)))
}

fn index() -> Value {
    let mut paths = Map::new();
    let groups = discovery::groups().into_iter().map(|group| format!("apis/{group}/v1"));
    for path in ["api/v1".to_owned()].into_iter().chain(groups) {
        let address = format!("/openapi/v3/{path}?hash=1");
        paths.insert(path, json!({"serverRelativeURL": address}));
    }
    json!({"paths": paths})
}

fn of_group(group: &str) -> Value {
    let root = if group.is_empty() { "/api/v1".to_owned() } else { format!("/apis/{group}/v1") };
    let mut paths = Map::new();
    let mut schemas = Map::new();
    let kinds: Vec<Kind> = Kind::ALL.iter().copied().filter(|kind| kind.resource().group == group).collect();
    for kind in &kinds {
        let resource = kind.resource();
        let place = if resource.namespaced { "/namespaces/{namespace}" } else { "" };
        let many = format!("{root}{place}/{}", resource.plural);
        paths.insert(format!("{many}/{{name}}"), operations(*kind, &["get", "put", "patch", "delete"]));
        paths.insert(many, operations(*kind, &["get", "post", "delete"]));
    }
    for (name, fields) in schema::types() {
        let properties: Map<String, Value> =
            fields.iter().map(|(field, shape)| ((*field).to_owned(), property(shape))).collect();
        let mut schema = json!({"type": "object", "properties": properties});
        if let Some(kind) = kinds.iter().find(|kind| kind.resource().kind == name) {
            schema["x-kubernetes-group-version-kind"] = json!([identity(*kind)]);
        }
        schemas.insert(name.to_owned(), schema);
    }
    json!({
        "openapi": "3.0.0", "info": {"title": "A simulated Kubernetes", "version": "v1.33.5"},
        "paths": paths, "components": {"schemas": schemas},
    })
}

fn identity(kind: Kind) -> Value {
    let resource = kind.resource();
    json!({"group": resource.group, "version": resource.version, "kind": resource.kind})
}

fn operations(kind: Kind, methods: &[&str]) -> Value {
    let parameter =
        |name: &str| json!({"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": true}});
    let mut operations = Map::new();
    for method in methods {
        let action = if *method == "put" { "update" } else { method };
        let mut operation = json!({
            "x-kubernetes-action": action, "x-kubernetes-group-version-kind": identity(kind),
            "responses": {"200": {"description": "OK", "content": {"application/json": {
                "schema": {"$ref": format!("#/components/schemas/{}", kind.resource().kind)},
            }}}},
        });
        if *method != "get" {
            operation["parameters"] =
                json!([parameter("dryRun"), parameter("fieldManager"), parameter("fieldValidation")]);
        }
        operations.insert((*method).to_owned(), operation);
    }
    operations.into()
}

fn property(shape: &Shape) -> Value {
    let one = match shape.of {
        "int" => json!({"type": "integer"}),
        "bool" => json!({"type": "boolean"}),
        "bytes" => json!({"type": "string", "format": "byte"}),
        "str" | "Quantity" | "IntOrString" => json!({"type": "string"}),
        "any" => json!({"type": "object"}),
        of => json!({"allOf": [{"$ref": format!("#/components/schemas/{of}")}]}),
    };
    match shape.many {
        Many::One => one,
        Many::Map => json!({"type": "object", "additionalProperties": one}),
        Many::Atomic => json!({"type": "array", "items": one, "x-kubernetes-list-type": "atomic"}),
        Many::Set => json!({"type": "array", "items": one, "x-kubernetes-list-type": "set"}),
        Many::Keyed(key) => json!({
            "type": "array", "items": one, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key],
            "x-kubernetes-patch-merge-key": key, "x-kubernetes-patch-strategy": "merge",
        }),
    }
}
