//! What is asked of the simulation itself, below `sim/`: faults, and what happens to nodes.
//!
//! | request | does |
//! |---|---|
//! | `GET sim/faults` | lists the rules, with how often each struck |
//! | `POST sim/faults` | adds the rule (or the list of rules) of the body |
//! | `DELETE sim/faults` | takes all rules away |
//! | `POST sim/preempt?node=NAME` | takes a spot machine away; without a name, any one |
//! | `POST sim/upgrade?node=NAME` | moves the pods of a node, then lets it go |
//! | `POST sim/vanish?node=NAME&seconds=N` | lets a node vanish, to be given up after so long |
//! | `POST sim/evict?namespace=NS&pod=NAME` | asks one pod to go |
//! | `POST sim/forget` | forgets the history, so that watches from before get 410 |

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::faults::Rule;
use super::{Cluster, Refusal, disruption, metrics};

type Asked = Query<HashMap<String, String>>;
type Ground = State<Arc<Cluster>>;

/// The routes, relative to the secret prefix: `/sim/…`, `/metrics` and `/status.json`.
pub(super) fn routes() -> axum::Router<Arc<Cluster>> {
    axum::Router::new()
        .route("/metrics", get(text))
        .route("/status.json", get(report))
        .route("/sim/faults", get(list).post(add).delete(clear))
        .route("/sim/preempt", post(preempt))
        .route("/sim/upgrade", post(upgrade))
        .route("/sim/vanish", post(vanish))
        .route("/sim/evict", post(evict))
        .route("/sim/forget", post(forget))
}

fn answer(done: Result<Value, Refusal>) -> Response {
    let (code, body) = match done {
        Ok(value) => (StatusCode::OK, value),
        Err(refusal) => {
            (StatusCode::from_u16(refusal.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), refusal.status())
        }
    };
    (code, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

fn asked<'a>(query: &'a HashMap<String, String>, name: &str) -> Result<&'a str, Refusal> {
    let value = query.get(name).map(String::as_str);
    value.ok_or_else(|| Refusal::bad_request(format!("the parameter `{name}` is missing")))
}

async fn text(State(cluster): Ground) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], metrics::text(&cluster)).into_response()
}

async fn report(State(cluster): Ground) -> Response {
    answer(Ok(serde_json::to_value(metrics::report(&cluster)).unwrap_or_default()))
}

async fn list(State(cluster): Ground) -> Response {
    let rules = cluster.plant.faults.list().into_iter();
    answer(Ok(rules.map(|(rule, struck)| json!({"rule": rule, "struck": struck})).collect()))
}

async fn add(State(cluster): Ground, body: String) -> Response {
    answer(rules(&body).and_then(|rules| {
        for rule in rules {
            cluster.plant.faults.add(rule)?;
        }
        Ok(json!({}))
    }))
}

fn rules(body: &str) -> Result<Vec<Rule>, Refusal> {
    let value: Value = serde_json::from_str(body).map_err(|error| Refusal::bad_request(error.to_string()))?;
    let list = if value.is_array() { value } else { json!([value]) };
    serde_json::from_value(list).map_err(|error| Refusal::bad_request(error.to_string()))
}

async fn clear(State(cluster): Ground) -> Response {
    cluster.plant.faults.clear();
    answer(Ok(json!({})))
}

async fn preempt(State(cluster): Ground, Query(query): Asked) -> Response {
    let name = query.get("node").map_or("", String::as_str);
    answer(disruption::preempt(&cluster, name).map(|node| json!({"node": node})))
}

async fn upgrade(State(cluster): Ground, Query(query): Asked) -> Response {
    let done = asked(&query, "node").and_then(|node| disruption::upgrade(&cluster, node));
    answer(done.map(|()| json!({})))
}

async fn vanish(State(cluster): Ground, Query(query): Asked) -> Response {
    let seconds = query.get("seconds").map_or(Ok(0), |text| text.parse::<u32>());
    let done = seconds
        .map_err(|_| Refusal::bad_request("`seconds` must be a whole number"))
        .and_then(|seconds| disruption::vanish(&cluster, asked(&query, "node")?, Duration::from_secs(seconds.into())));
    answer(done.map(|()| json!({})))
}

async fn evict(State(cluster): Ground, Query(query): Asked) -> Response {
    let namespace = query.get("namespace").map_or("default", String::as_str);
    let done = asked(&query, "pod").and_then(|pod| disruption::evict(&cluster, namespace, pod));
    answer(done.map(|_| json!({})))
}

async fn forget(State(cluster): Ground) -> Response {
    cluster.store.forget();
    answer(Ok(json!({})))
}
