//! How many pods there are to be of something: the part `scale`.

use serde_json::{Value, json};

use super::answer::{Answer, json as answer};
use super::patch::Wanted;
use super::route::Call;
use super::update::{Part, Place, Revised, revise};
use crate::sim::gke::{Kind, Refusal};

/// Whether objects of the kind can be scaled.
pub(super) fn has_scale(kind: Kind) -> bool {
    matches!(kind, Kind::Deployment | Kind::ReplicaSet)
}

/// Answers `scale` of one object.
pub(super) fn scale(call: &Call, verb: &str, kind: Kind, namespace: &str, name: &str) -> Answer {
    let place = Place { kind, namespace, name, part: Part::Main };
    let body = match verb {
        "get" => {
            let object = call.cluster.store.get(kind, namespace, name);
            return Ok(answer(200, &of(&object.ok_or_else(|| Refusal::not_found(kind, name))?.value())));
        }
        "update" => Wanted::Merge(call.value()?),
        _ => Wanted::of(call)?,
    };
    let revised = revise(call, &place, |old| {
        let mut scale = of(old);
        body.apply("Scale", &mut scale).map_err(Refusal::bad_request)?;
        let mut new = old.clone();
        let Some(replicas) = scale["spec"]["replicas"].as_u64() else {
            let cause = ("spec.replicas".to_owned(), "Invalid value: must be greater than or equal to 0".to_owned());
            return Err(Refusal::invalid(kind, name, &[cause]));
        };
        new["spec"]["replicas"] = replicas.into();
        new["metadata"]["resourceVersion"] = scale["metadata"]["resourceVersion"].clone();
        Ok(new)
    })?;
    Ok(answer(
        200,
        &match revised {
            Revised::Kept(object) => of(&object.value()),
            Revised::Dry(value) => of(&value),
        },
    ))
}

/// The part of an object.
fn of(object: &Value) -> Value {
    let meta = &object["metadata"];
    let labels = object["spec"]["selector"]["matchLabels"].as_object().into_iter().flatten();
    let selector: Vec<String> =
        labels.map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default())).collect();
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"],
            "resourceVersion": meta["resourceVersion"], "creationTimestamp": meta["creationTimestamp"],
        },
        "spec": {"replicas": object["spec"]["replicas"].as_u64().unwrap_or(1)},
        "status": {
            "replicas": object["status"]["replicas"].as_u64().unwrap_or(0), "selector": selector.join(","),
        },
    })
}
