//! What a container printed.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::response::Response;
use serde_json::Value;

use super::Query;
use super::answer::{refused, typed};
use crate::sim::gke::kubelet::{Stream, Telling, Wish};
use crate::sim::gke::{Cluster, Kind, Refusal};

/// Answers `pods/NAME/log`.
pub(super) async fn log(cluster: Arc<Cluster>, namespace: String, name: String, query: Query) -> Response {
    match find(&cluster, &namespace, &name, &query) {
        Err(refusal) => refused(&refusal),
        // It has no machine yet, so there is nobody to ask.
        Ok(None) => typed(200, "text/plain", Body::empty()),
        Ok(Some(telling)) => {
            let told = futures_util::stream::unfold(telling, async |mut telling| {
                let chunk = telling.next().await.transpose()?;
                Some((chunk.map(Bytes::from), telling))
            });
            typed(200, "text/plain", Body::from_stream(told))
        }
    }
}

fn find(cluster: &Cluster, namespace: &str, name: &str, query: &Query) -> Result<Option<Telling>, Refusal> {
    let object = cluster.store.get(Kind::Pod, namespace, name).ok_or_else(|| Refusal::not_found(Kind::Pod, name))?;
    let pod = object.value();
    let wish = wish(cluster, name, query)?;
    let container = container(&pod, name, query.get("container"))?;
    if pod["spec"]["nodeName"].as_str().unwrap_or_default().is_empty() {
        return Ok(None);
    }
    let known = cluster.kubelet.pod(&object.uid);
    let is_previous = query.is("previous");
    let Some(log) = known.as_ref().and_then(|pod| pod.log(&container, is_previous)) else {
        if is_previous {
            let message = format!("previous terminated container \"{container}\" in pod \"{name}\" not found");
            return Err(Refusal::bad_request(message));
        }
        let reason = match known.as_ref().map_or("ContainerCreating", |pod| pod.waits_for(&container)) {
            "ErrImagePull" => "trying and failing to pull image",
            "ImagePullBackOff" => "image can't be pulled",
            other => other,
        };
        let message = format!("container \"{container}\" in pod \"{name}\" is waiting to start: {reason}");
        return Err(Refusal::bad_request(message));
    };
    Telling::new(&log, wish).map(Some).map_err(|error| Refusal::new(500, "InternalError", error.to_string()))
}

/// The container that is meant: the named one, or the only one.
pub(super) fn container(pod: &Value, name: &str, wanted: Option<&str>) -> Result<String, Refusal> {
    let of = |list: &str| -> Vec<String> {
        let listed = pod["spec"][list].as_array().into_iter().flatten();
        listed.filter_map(|container| container["name"].as_str().map(str::to_owned)).collect()
    };
    let (main, first) = (of("containers"), of("initContainers"));
    match wanted {
        Some(wanted) if main.iter().chain(&first).any(|known| known == wanted) => Ok(wanted.to_owned()),
        Some(wanted) => Err(Refusal::bad_request(format!("container {wanted} is not valid for pod {name}"))),
        None if main.len() == 1 => Ok(main.concat()),
        None => {
            let (main, first) = (main.join(" "), first.join(" "));
            let first = if first.is_empty() { first } else { format!(" or one of the init containers: [{first}]") };
            let message = format!("a container name must be specified for pod {name}, choose one of: [{main}]{first}");
            Err(Refusal::bad_request(message))
        }
    }
}

fn wish(cluster: &Cluster, name: &str, query: &Query) -> Result<Wish, Refusal> {
    let invalid = |field: &str, wrong: String| {
        let mut refusal = Refusal::invalid(Kind::Pod, name, &[(field.to_owned(), wrong)]);
        refusal.message = refusal.message.replacen("Pod ", "PodLogOptions ", 1);
        refusal
    };
    let number = |field: &str, least: u64| match query.get(field) {
        None => Ok(None),
        Some(text) => {
            let bound = if least == 0 { "must be greater than or equal to 0" } else { "must be greater than 0" };
            let number = text.parse::<u64>().ok().filter(|number| *number >= least);
            number.map(Some).ok_or_else(|| invalid(field, format!("Invalid value: {text}: {bound}")))
        }
    };
    let (lines_max, bytes_max) = (number("tailLines", 0)?, number("limitBytes", 1)?);
    let seconds = number("sinceSeconds", 1)?;
    let time = query.get("sinceTime").map(|text| {
        let moment = text.parse::<jiff::Timestamp>();
        moment.map_err(|_| Refusal::bad_request(format!("parsing time \"{text}\": it is no RFC 3339 time")))
    });
    // A real API server tells a kubelet whole seconds.
    let time = time.transpose()?.map(|moment| moment.as_second().saturating_mul(1_000_000_000));
    if seconds.is_some() && time.is_some() {
        let wrong = "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified";
        return Err(invalid("", wrong.to_owned()));
    }
    let ago = seconds.map(|seconds| {
        let milliseconds = i64::try_from(seconds.saturating_mul(1_000)).unwrap_or(i64::MAX);
        cluster.clock.wall_milliseconds().saturating_sub(milliseconds).saturating_mul(1_000_000)
    });
    let stream = match query.get("stream") {
        None | Some("All") => None,
        Some("Stdout") => Some(Stream::Out),
        Some("Stderr") => Some(Stream::Err),
        Some(other) => {
            let wrong = format!("Unsupported value: \"{other}\": supported values: \"All\", \"Stderr\", \"Stdout\"");
            return Err(invalid("stream", wrong));
        }
    };
    if stream.is_some() && lines_max.is_some() {
        let wrong = "Forbidden: `tailLines` and specific `stream` are mutually exclusive for now";
        return Err(invalid("tailLines", wrong.to_owned()));
    }
    Ok(Wish {
        follows: query.is("follow"),
        has_moments: query.is("timestamps"),
        since: time.or(ago),
        lines_max,
        bytes_max,
        stream,
    })
}
