//! Many objects at once.

use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::json;

use super::answer::{Answer, json as answer, typed};
use super::route::Call;
use super::table;
use crate::sim::gke::{Kind, Object, Refusal, Selector};

/// Which objects a request means.
pub(super) fn selector(call: &Call) -> Result<Selector, Refusal> {
    let text = |name: &str| call.query.get(name).unwrap_or_default().to_owned();
    Selector::parse(&text("labelSelector"), &text("fieldSelector"))
}

/// Answers a `GET` of many.
pub(super) fn list(call: &Call, kind: Kind, namespace: Option<&str>) -> Answer {
    let selector = selector(call)?;
    let (mut objects, version) = call.cluster.store.list(kind, namespace, &selector);
    let mut page = Page { version, next: None, left: 0 };
    if let Some(token) = call.query.get("continue") {
        let (from, namespace, name) = token_of(token)
            .ok_or_else(|| Refusal::bad_request("continue key is not valid: it is none that this server gave"))?;
        // Who goes on with an old list follows the changes from its version; they must still be known.
        call.cluster.store.changes(kind, from).map_err(|_| {
            let message = "The provided continue parameter is too old to display a consistent list result. You must start \
                           a new list without the continue parameter.";
            Refusal::new(410, "Expired", message)
        })?;
        page.version = from;
        objects.retain(|object| (&*object.namespace, &*object.name) > (namespace.as_str(), name.as_str()));
    }
    let limit = call.query.get("limit").and_then(|limit| limit.parse::<usize>().ok()).filter(|limit| *limit > 0);
    if let Some(limit) = limit.filter(|limit| *limit < objects.len()) {
        page.left = objects.len() - limit;
        objects.truncate(limit);
        page.next = objects.last().map(|last| token(page.version, last));
    }
    if let Some(wish) = table::wanted(call) {
        let mut table = table::table(&call.cluster, kind, &objects, wish);
        table["metadata"] = page.meta();
        return Ok(answer(200, &table));
    }
    Ok(typed(200, "application/json", written(kind, &objects, &page)))
}

/// A piece of a list.
struct Page {
    version: u64,
    next: Option<String>,
    left: usize,
}

impl Page {
    fn meta(&self) -> serde_json::Value {
        let mut meta = json!({"resourceVersion": self.version.to_string()});
        if let Some(next) = &self.next {
            meta["continue"] = next.as_str().into();
            meta["remainingItemCount"] = self.left.into();
        }
        meta
    }
}

/// Objects are kept as text, so a list of them is made without reading any.
fn written(kind: Kind, objects: &[Arc<Object>], page: &Page) -> String {
    let bytes: usize = objects.iter().map(|object| object.json.len() + 1).sum();
    let mut text = String::with_capacity(bytes + 256);
    let _ = write!(
        text,
        r#"{{"kind":"{}List","apiVersion":"{}","metadata":{},"items":["#,
        kind.resource().kind,
        kind.api_version(),
        page.meta()
    );
    for (at, object) in objects.iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        text.push_str(&object.json);
    }
    text.push_str("]}");
    text
}

/// Where a list goes on, in a form that nobody takes for something else.
fn token(version: u64, last: &Object) -> String {
    let plain = format!("{version}/{}/{}", last.namespace, last.name);
    plain.bytes().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn token_of(token: &str) -> Option<(u64, String, String)> {
    let bytes: Option<Vec<u8>> =
        (0..token.len()).step_by(2).map(|at| u8::from_str_radix(token.get(at..at + 2)?, 16).ok()).collect();
    let plain = String::from_utf8(bytes?).ok()?;
    let mut words = plain.splitn(3, '/');
    Some((words.next()?.parse().ok()?, words.next()?.to_owned(), words.next()?.to_owned()))
}
