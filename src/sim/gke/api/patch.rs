//! Changes to objects, in the four ways that Kubernetes knows.

use serde_json::Value;

use super::answer::Answer;
use super::route::Call;
use super::update::{Part, Place, revise};
use super::{apply, fields, strategic};
use crate::sim::gke::{Kind, Refusal};

/// Answers a `PATCH`.
pub(super) fn patch(call: &Call, kind: Kind, namespace: &str, name: &str, part: Part) -> Answer {
    let place = Place { kind, namespace, name, part };
    if matches!(call.content_type(), "application/apply-patch+yaml" | "application/apply-patch+cbor") {
        return apply::apply(call, &place);
    }
    let (revised, remarks) = change(call, &place, |value, how| {
        how.apply(kind.resource().kind, value).map_err(|wrong| unfit(kind, name, &wrong))
    })?;
    Ok(revised.response(&remarks))
}

/// A change that was asked for.
pub(super) enum Wanted {
    /// Single operations, in order.
    Operations(json_patch::Patch),
    /// What is to be different; lists as a whole.
    Merge(Value),
    /// What is to be different; lists by the keys of their items.
    Strategic(Value),
}

impl Wanted {
    /// Reads the body of a request.
    pub(super) fn of(call: &Call) -> Result<Self, Refusal> {
        match call.content_type() {
            "application/json-patch+json" => serde_json::from_value(call.parsed()?)
                .map(Self::Operations)
                .map_err(|error| Refusal::bad_request(format!("the patch cannot be read: {error}"))),
            "application/merge-patch+json" => Ok(Self::Merge(call.parsed()?)),
            "application/strategic-merge-patch+json" => Ok(Self::Strategic(call.parsed()?)),
            _ => {
                let message = "the body of the request was in an unknown format - accepted media types include: \
                               application/json-patch+json, application/merge-patch+json, \
                               application/strategic-merge-patch+json, application/apply-patch+yaml";
                Err(Refusal::new(415, "UnsupportedMediaType", message))
            }
        }
    }

    /// Applies it to an object of a type; what is wrong comes back in words.
    pub(super) fn apply(&self, type_name: &str, value: &mut Value) -> Result<(), String> {
        match self {
            Self::Operations(operations) => json_patch::patch(value, operations).map_err(|error| error.to_string()),
            Self::Merge(patch) => {
                json_patch::merge(value, patch);
                Ok(())
            }
            Self::Strategic(patch) => strategic::merge(type_name, value, patch),
        }
    }
}

fn unfit(kind: Kind, name: &str, wrong: &str) -> Refusal {
    let message = format!("the server rejected our request due to an error in our request: {wrong}");
    Refusal {
        details: serde_json::json!({"name": name, "kind": kind.resource().plural}),
        ..Refusal::new(422, "Invalid", message)
    }
}

fn change(
    call: &Call,
    place: &Place<'_>,
    apply: impl Fn(&mut Value, &Wanted) -> Result<(), Refusal>,
) -> Result<(super::update::Revised, Vec<String>), Refusal> {
    let wanted = Wanted::of(call)?;
    let remarks = std::cell::RefCell::default();
    let revised = revise(call, place, |old| {
        let mut value = old.clone();
        apply(&mut value, &wanted)?;
        if !value.is_object() {
            return Err(Refusal::bad_request("the patch leaves no object"));
        }
        let found = fields::check(call, place.kind, &mut value)?;
        remarks.replace(found);
        Ok(value)
    })?;
    Ok((revised, remarks.into_inner()))
}
