//! Changes as they happen, one JSON line each.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::answer::{Answer, typed};
use super::list::selector;
use super::route::Call;
use super::table::{self, Wish};
use crate::sim::gke::{Change, Changes, Cluster, Deed, Kind, Object, Refusal, Selector};

/// From one bookmark to the next, where nothing happens.
const BOOKMARK: Duration = Duration::from_secs(30);
/// How long a watch lasts that says nothing of it.
const WATCH_DEFAULT: Duration = Duration::from_hours(1);

/// What is watched, and by whom.
struct View {
    cluster: Arc<Cluster>,
    kind: Kind,
    namespace: Option<String>,
    selector: Selector,
    bookmarks: bool,
    wish: Option<Wish>,
    /// Whether the columns of a table were told already.
    headed: bool,
}

/// A watch under way.
struct Watch {
    view: View,
    changes: Result<Changes, Refusal>,
    ready: VecDeque<Bytes>,
    end: std::pin::Pin<Box<tokio::time::Sleep>>,
    has_ended: bool,
}

/// Answers a `GET` with `watch`.
pub(super) fn watch(call: &Call, kind: Kind, namespace: Option<&str>) -> Answer {
    let mut view = View {
        cluster: Arc::clone(&call.cluster),
        kind,
        namespace: namespace.map(str::to_owned),
        selector: selector(call)?,
        bookmarks: call.query.is("allowWatchBookmarks"),
        wish: table::wanted(call),
        headed: false,
    };
    let seconds = call.query.get("timeoutSeconds").and_then(|seconds| seconds.parse().ok());
    let lasts = seconds.filter(|seconds| *seconds > 0).map_or(WATCH_DEFAULT, Duration::from_secs);
    let from = call.query.get("resourceVersion").filter(|version| *version != "0");
    let mut ready = VecDeque::new();
    let at = match from.map(str::parse::<u64>) {
        Some(Err(_)) => {
            return Err(Refusal::bad_request(format!(
                "resourceVersion: Invalid value: \"{}\"",
                from.unwrap_or_default()
            )));
        }
        Some(Ok(version)) if !call.query.is("sendInitialEvents") => version,
        _ => {
            let (objects, version) = view.cluster.store.list(kind, namespace, &view.selector);
            for object in objects {
                let line = view.line("ADDED", &object);
                ready.push_back(line);
            }
            if call.query.is("sendInitialEvents") {
                ready.push_back(view.bookmark(version, true));
            }
            version
        }
    };
    let changes = view.cluster.store.changes(kind, at);
    let watch = Watch { view, changes, ready, end: Box::pin(sleep(lasts)), has_ended: false };
    let lines = stream::unfold(watch, |mut watch| async move {
        let line = watch.next().await?;
        Some((Ok::<_, Infallible>(line), watch))
    });
    Ok(typed(200, "application/json", Body::from_stream(lines)))
}

impl Watch {
    /// The next lines: as many as are ready, so that a burst of changes is one write.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if !self.ready.is_empty() {
                return Some(self.ready.drain(..).collect::<Vec<_>>().concat().into());
            }
            if self.has_ended {
                return None;
            }
            let changes = match &mut self.changes {
                Ok(changes) => changes,
                Err(refusal) => {
                    self.has_ended = true;
                    self.ready.push_back(line_of("ERROR", &refusal.status().to_string()));
                    continue;
                }
            };
            tokio::select! {
                found = changes.next() => match found {
                    Ok(found) => self.ready.extend(found.iter().filter_map(|change| self.view.event(change))),
                    Err(refusal) => self.changes = Err(refusal),
                },
                () = &mut self.end => {
                    self.has_ended = true;
                    if self.view.bookmarks {
                        self.ready.push_back(self.view.bookmark(changes.at(), false));
                    }
                }
                () = sleep(BOOKMARK), if self.view.bookmarks => {
                    self.ready.push_back(self.view.bookmark(changes.at(), false));
                }
                () = self.view.cluster.ended() => self.has_ended = true,
            }
        }
    }
}

impl View {
    fn sees(&self, object: &Object) -> bool {
        self.namespace.as_deref().is_none_or(|namespace| *object.namespace == *namespace)
            && self.selector.matches(object)
    }

    /// What of a change is seen: what comes into view is new, and what leaves it is gone.
    fn event(&mut self, change: &Change) -> Option<Bytes> {
        let was = change.before.as_deref().is_some_and(|before| self.sees(before));
        let is = change.deed != Deed::Deleted && self.sees(&change.object);
        let what = match (was, is) {
            (false, true) => "ADDED",
            (true, true) => "MODIFIED",
            (true, false) => "DELETED",
            (false, false) => return None,
        };
        Some(self.line(what, &change.object))
    }

    fn line(&mut self, what: &str, object: &Arc<Object>) -> Bytes {
        let Some(wish) = self.wish else { return line_of(what, &object.json) };
        let mut table = table::table(&self.cluster, self.kind, std::slice::from_ref(object), wish);
        table["metadata"] = json!({"resourceVersion": object.version.to_string()});
        if std::mem::replace(&mut self.headed, true) {
            table["columnDefinitions"] = Value::Null;
        }
        line_of(what, &table.to_string())
    }

    fn bookmark(&mut self, version: u64, first: bool) -> Bytes {
        let mut meta = json!({"resourceVersion": version.to_string(), "creationTimestamp": null});
        if first {
            meta["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let (api_version, kind) = (self.kind.api_version(), self.kind.resource().kind);
        let mut object = json!({"kind": kind, "apiVersion": api_version, "metadata": meta});
        if self.wish.is_some() {
            object = json!({
                "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {"resourceVersion": version.to_string()},
                "columnDefinitions": null, "rows": [],
            });
        }
        line_of("BOOKMARK", &object.to_string())
    }
}

fn line_of(what: &str, object: &str) -> Bytes {
    format!("{{\"type\":\"{what}\",\"object\":{object}}}\n").into()
}
