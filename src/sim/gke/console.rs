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

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};

use super::faults::Rule;
use super::{Cluster, Refusal, disruption};

/// Answers a request below `sim/`; `path` is what comes after the secret prefix, `query` what comes after the question mark.
/// `None` when the path is none of these.
pub(super) fn answer(
    cluster: &Arc<Cluster>,
    method: &Method,
    path: &str,
    query: &str,
    body: &[u8],
) -> Option<Result<Value, Refusal>> {
    let deed = path.trim_start_matches('/').strip_prefix("sim/")?;
    let query: BTreeMap<&str, &str> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let asked = |name: &str| {
        let value = query.get(name).copied();
        value.ok_or_else(|| Refusal::bad_request(format!("the parameter `{name}` is missing")))
    };
    let done = |()| json!({});
    let faults = &cluster.plant.faults;
    Some(match (method.as_str(), deed) {
        ("GET", "faults") => {
            Ok(faults.list().into_iter().map(|(rule, struck)| json!({"rule": rule, "struck": struck})).collect())
        }
        ("POST", "faults") => add(cluster, body).map(done),
        ("DELETE", "faults") => {
            faults.clear();
            Ok(json!({}))
        }
        ("POST", "preempt") => {
            let name = query.get("node").copied().unwrap_or_default();
            disruption::preempt(cluster, name).map(|node| json!({"node": node}))
        }
        ("POST", "upgrade") => asked("node").and_then(|node| disruption::upgrade(cluster, node)).map(done),
        ("POST", "vanish") => {
            let seconds = query.get("seconds").map_or(Ok(0), |text| text.parse::<u32>());
            let seconds = seconds.map_err(|_| Refusal::bad_request("`seconds` must be a whole number"));
            seconds
                .and_then(|seconds| disruption::vanish(cluster, asked("node")?, Duration::from_secs(seconds.into())))
                .map(done)
        }
        ("POST", "evict") => {
            let namespace = query.get("namespace").copied().unwrap_or("default");
            asked("pod").and_then(|pod| disruption::evict(cluster, namespace, pod)).map(|_| json!({}))
        }
        ("POST", "forget") => {
            cluster.store.forget();
            Ok(json!({}))
        }
        _ => Err(Refusal::new(404, "NotFound", "the server could not find the requested resource")),
    })
}

fn add(cluster: &Cluster, body: &[u8]) -> Result<(), Refusal> {
    let wrong = |error: serde_json::Error| Refusal::bad_request(error.to_string());
    let value: Value = serde_json::from_slice(body).map_err(wrong)?;
    let list = if value.is_array() { value } else { json!([value]) };
    let rules: Vec<Rule> = serde_json::from_value(list).map_err(wrong)?;
    rules.into_iter().try_for_each(|rule| cluster.plant.faults.add(rule))
}
