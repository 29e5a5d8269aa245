//! What happens to an object before it is kept: defaults are filled in, and what breaks a rule is refused.

use serde_json::Value;

use super::{Cluster, Kind, Refusal};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// A new object.
    Create,
    /// Another one in place of one that is there.
    Update,
}

/// What is to be done with an object.
#[derive(Debug)]
pub struct Request<'a> {
    /// What it is.
    pub kind: Kind,
    /// Where it lives.
    pub namespace: &'a str,
    /// What is asked for.
    pub verb: Verb,
    /// The object as it is, where it is there.
    pub before: Option<&'a Value>,
}

/// Fills in what `object` leaves open.
///
/// # Errors
/// When the object breaks a rule.
pub fn admit(_: &Cluster, request: &Request<'_>, object: &mut Value) -> Result<(), Refusal> {
    if request.kind == Kind::Pod && request.verb == Verb::Create && object["spec"]["restartPolicy"].is_null() {
        object["spec"]["restartPolicy"] = "Always".into();
    }
    Ok(())
}
