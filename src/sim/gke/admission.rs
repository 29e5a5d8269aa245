//! What happens to an object before it is kept: defaults are filled in, and what breaks a rule is refused.

use serde_json::Value;

use super::{Cluster, Kind, Refusal};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    /// A new object.
    Create,
    /// Another one in place of one that is there.
    Update,
}

/// What is to be done with an object.
#[derive(Debug)]
pub(super) struct Request<'a> {
    /// What it is.
    pub(super) kind: Kind,
    /// Where it lives.
    pub(super) namespace: &'a str,
    /// What is asked for.
    pub(super) verb: Verb,
    /// The object as it is, where it is there.
    pub(super) before: Option<&'a Value>,
}

/// Fills in what `object` leaves open.
///
/// # Errors
/// When the object breaks a rule.
pub(super) fn admit(_: &Cluster, request: &Request<'_>, object: &mut Value) -> Result<(), Refusal> {
    let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    if request.namespace == "kube-system" && request.verb == Verb::Create && request.kind == Kind::Pod {
        let because = "the namespace \"kube-system\" is managed and the request's verb \"create\" is denied";
        return Err(Refusal::forbidden(request.kind, &name, because));
    }
    let template = |value: &Value| value["spec"]["template"].clone();
    if request.kind == Kind::Job && request.before.is_some_and(|before| template(before) != template(object)) {
        let cause = ("spec.template".to_owned(), "Invalid value: field is immutable".to_owned());
        return Err(Refusal::invalid(request.kind, &name, &[cause]));
    }
    if request.kind == Kind::Pod && request.verb == Verb::Create && object["spec"]["restartPolicy"].is_null() {
        object["spec"]["restartPolicy"] = "Always".into();
    }
    Ok(())
}
