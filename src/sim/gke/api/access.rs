//! Who may do what: everybody everything, but for what the cluster was told to deny.

use serde_json::{Value, json};

use super::answer::{Answer, json as answer};
use super::route::Call;
use crate::sim::gke::Refusal;

/// Who everybody is.
pub(super) const USER: &str = "spore@example.com";

/// Answers the reviews that clients post to learn what they may do; `None` for any other path.
pub(super) fn review(call: &Call, path: &str) -> Option<Answer> {
    let authorization = path.strip_prefix("/apis/authorization.k8s.io/v1/");
    let name = authorization.or_else(|| path.strip_prefix("/apis/authentication.k8s.io/v1/"))?;
    let how = match name {
        "selfsubjectaccessreviews" | "subjectaccessreviews" => access,
        "selfsubjectrulesreviews" => rules,
        "selfsubjectreviews" => |_: &Call, mut value: Value| {
            value["status"] = json!({"userInfo": {"username": USER, "groups": ["system:authenticated"]}});
            value
        },
        _ => return None,
    };
    Some(call.value().and_then(|value| {
        if value.is_object() {
            Ok(answer(201, &how(call, value)))
        } else {
            Err(Refusal::bad_request("the body of the request must be a review"))
        }
    }))
}

fn access(call: &Call, mut value: Value) -> Value {
    let asked = &value["spec"]["resourceAttributes"];
    let text = |name: &str| asked[name].as_str().unwrap_or_default();
    let full = match text("subresource") {
        "" => text("resource").to_owned(),
        part => format!("{}/{part}", text("resource")),
    };
    let allowed = !call.cluster.denies(text("verb"), &full);
    value["status"] = json!({"allowed": allowed});
    if !allowed {
        value["status"]["reason"] = "the simulated cluster was told to deny it".into();
    }
    value
}

fn rules(call: &Call, mut value: Value) -> Value {
    let is_all = call.cluster.settings.denied.is_empty();
    value["status"] = json!({
        "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
        "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
        "incomplete": !is_all,
    });
    if !is_all {
        value["status"]["evaluationError"] = "the simulated cluster denies some of it".into();
    }
    value
}
