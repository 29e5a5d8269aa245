//! What the API answers when it does not do what was asked: a `Status`, as Kubernetes words it.

use serde_json::{Value, json};

use super::Kind;

/// Why something was not done.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The HTTP status code.
    pub code: u16,
    /// The reason, as programs read it: `NotFound`, `AlreadyExists`, …
    pub reason: &'static str,
    /// What people read.
    pub message: String,
    /// What it concerns, and single causes.
    pub details: Value,
}

impl Refusal {
    /// One without details.
    #[must_use]
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: Value::Null }
    }

    fn about(self, kind: Kind, name: &str) -> Self {
        let resource = kind.resource();
        let mut details = json!({"name": name, "kind": resource.plural});
        if !resource.group.is_empty() {
            details["group"] = resource.group.into();
        }
        Self { details, ..self }
    }

    /// There is no such object.
    #[must_use]
    pub fn not_found(kind: Kind, name: &str) -> Self {
        let message = format!("{} \"{name}\" not found", qualified(kind));
        Self::new(404, "NotFound", message).about(kind, name)
    }

    /// The name is taken.
    #[must_use]
    pub fn already_exists(kind: Kind, name: &str) -> Self {
        let message = format!("{} \"{name}\" already exists", qualified(kind));
        Self::new(409, "AlreadyExists", message).about(kind, name)
    }

    /// The object is not as the request supposes.
    #[must_use]
    pub fn conflict(kind: Kind, name: &str, because: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} \"{name}\": {because}", qualified(kind));
        Self::new(409, "Conflict", message).about(kind, name)
    }

    /// The object breaks a rule. `causes` are pairs of a field and what is wrong with it.
    #[must_use]
    pub fn invalid(kind: Kind, name: &str, causes: &[(String, String)]) -> Self {
        let listed: Vec<String> = causes.iter().map(|(field, wrong)| format!("{field}: {wrong}")).collect();
        let listed = if listed.len() == 1 { listed.concat() } else { format!("[{}]", listed.join(", ")) };
        let resource = kind.resource();
        let full = if resource.group.is_empty() {
            resource.kind.to_owned()
        } else {
            format!("{}.{}", resource.kind, resource.group)
        };
        let mut refusal =
            Self::new(422, "Invalid", format!("{full} \"{name}\" is invalid: {listed}")).about(kind, name);
        refusal.details["causes"] = causes
            .iter()
            .map(|(field, wrong)| json!({"reason": "FieldValueInvalid", "message": wrong, "field": field}))
            .collect();
        refusal
    }

    /// Whoever asks may not do that.
    #[must_use]
    pub fn forbidden(kind: Kind, name: &str, because: &str) -> Self {
        let message = format!("{} \"{name}\" is forbidden: {because}", qualified(kind));
        Self::new(403, "Forbidden", message).about(kind, name)
    }

    /// The request makes no sense.
    #[must_use]
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// What changed since is no longer remembered.
    #[must_use]
    pub fn expired(from: u64, oldest: u64) -> Self {
        Self::new(410, "Expired", format!("too old resource version: {from} ({oldest})"))
    }

    /// As an object.
    #[must_use]
    pub fn status(&self) -> Value {
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason,
        });
        if !self.details.is_null() {
            status["details"] = self.details.clone();
        }
        status["code"] = self.code.into();
        status
    }
}

/// `pods`, `jobs.batch`, …
fn qualified(kind: Kind) -> String {
    let resource = kind.resource();
    match resource.group {
        "" => resource.plural.to_owned(),
        group => format!("{}.{group}", resource.plural),
    }
}
