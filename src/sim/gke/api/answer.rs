//! Answers, in the form in which the API gives them.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderName, RETRY_AFTER, WARNING};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use serde_json::Value;

use crate::sim::gke::Refusal;

/// What one part of the server hands to the next.
pub(super) type Answer = Result<Response, Refusal>;

/// A response with a body of a type.
pub(super) fn typed(code: u16, content_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A value.
pub(super) fn json(code: u16, value: &Value) -> Response {
    typed(code, "application/json", value.to_string())
}

/// An object as it is kept.
pub(super) fn text(code: u16, json: &str) -> Response {
    typed(code, "application/json", json.to_owned())
}

/// A refusal.
pub(in crate::sim::gke) fn refused(refusal: &Refusal) -> Response {
    let mut response = json(refusal.code, &refusal.status());
    if refusal.code == 429 {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// Adds remarks, which clients print.
pub(super) fn warn(response: &mut Response, remarks: &[String]) {
    let name: HeaderName = WARNING;
    for remark in remarks {
        let quoted = remark.replace('\\', "\\\\").replace('"', "\\\"");
        if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{quoted}\"")) {
            response.headers_mut().append(name.clone(), value);
        }
    }
}
