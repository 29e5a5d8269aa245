//! From a request to who answers it.

use std::sync::Arc;

use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequestParts as _, Request, WebSocketUpgrade};
use axum::http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use serde_json::Value;

use super::answer::{Answer, json, refused, text, typed};
use super::exec::exec;
use super::log::log;
use super::target::Target;
use super::{
    Query, access, create, delete, discovery, list, openapi, patch, protobuf, scale, standing, table, update, watch,
};
use crate::sim::gke::{Cluster, Kind, Refusal, console, faults, metrics};

/// Bytes of a request's body, as with a real cluster.
const BODY_BYTES_MAX: usize = 3 * 1_024 * 1_024;

/// A request, read.
pub(super) struct Call {
    /// The cluster.
    pub(super) cluster: Arc<Cluster>,
    /// What stands behind the `?`.
    pub(super) query: Query,
    /// Its header.
    headers: HeaderMap,
    /// Its body.
    pub(super) body: Bytes,
}

impl Call {
    fn header(&self, name: axum::http::HeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Which forms of an answer are welcome.
    pub(super) fn accept(&self) -> &str {
        self.header(ACCEPT)
    }

    /// What the body is.
    pub(super) fn content_type(&self) -> &str {
        let full = self.header(CONTENT_TYPE);
        full.split(';').next().unwrap_or_default().trim()
    }

    /// Who asks: the name that managed fields go by.
    pub(super) fn field_manager(&self) -> String {
        let agent = self.header(USER_AGENT).split('/').next().unwrap_or_default();
        self.query.get("fieldManager").unwrap_or(if agent.is_empty() { "unknown" } else { agent }).to_owned()
    }

    /// Whether nothing is to be kept of what comes out.
    pub(super) fn is_dry(&self) -> bool {
        self.query.all("dryRun").any(|value| value == "All")
    }

    /// The body as JSON; nothing where there is none.
    pub(super) fn value(&self) -> Result<Value, Refusal> {
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        if self.content_type() == protobuf::CONTENT_TYPE {
            return protobuf::object(&self.body).ok_or_else(|| {
                Refusal::bad_request("the body of the request is no object in Protobuf that is known here")
            });
        }
        if !matches!(self.content_type(), "" | "application/json") && !self.content_type().ends_with("+json") {
            let message =
                "the body of the request was in an unknown format - accepted media types include: application/json";
            return Err(Refusal::new(415, "UnsupportedMediaType", message));
        }
        self.parsed()
    }

    /// The body as JSON, whatever it is said to be.
    pub(super) fn parsed(&self) -> Result<Value, Refusal> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Refusal::bad_request(format!("the body of the request is no JSON: {error}")))
    }

    /// Refuses what is denied.
    pub(super) fn may(&self, verb: &str, kind: Kind, part: &str, namespace: &str, name: &str) -> Result<(), Refusal> {
        let resource = kind.resource();
        let full = if part.is_empty() { resource.plural.to_owned() } else { format!("{}/{part}", resource.plural) };
        if !self.cluster.denies(verb, &full) {
            return Ok(());
        }
        let scope = if namespace.is_empty() {
            "at the cluster scope".into()
        } else {
            format!("in the namespace \"{namespace}\"")
        };
        let because = format!(
            "User \"{}\" cannot {verb} resource \"{full}\" in API group \"{}\" {scope}",
            access::USER,
            resource.group
        );
        Err(Refusal::forbidden(kind, name, &because))
    }
}

/// Answers a request, unless something is to go wrong with it. `path` is its path behind the secret part.
pub(super) async fn route(cluster: Arc<Cluster>, path: &str, request: Request) -> Response {
    // What is asked of the simulation itself always works.
    if path.starts_with("/sim/") || matches!(path, "/metrics" | "/status.json") {
        return reach(cluster, path, request).await;
    }
    let method = request.method().clone();
    let query = request.uri().query().unwrap_or_default().to_owned();
    let verb = match method.as_str() {
        "GET" if query.contains("watch=1") || query.contains("watch=true") => "watch",
        "GET" => "get",
        "POST" => "create",
        "PUT" => "update",
        "PATCH" => "patch",
        "DELETE" => "delete",
        _ => "other",
    };
    let fault = faults::before(&cluster, &method, path).await;
    let is_whole = fault.is_none();
    let answer = match fault {
        Some(fault) => fault,
        None => reach(Arc::clone(&cluster), path, request).await,
    };
    cluster.plant.counters.answered(verb, answer.status().as_u16());
    if is_whole { faults::after(&cluster, &method, path, &query, answer) } else { answer }
}

/// Has a request answered by whom it is for.
async fn reach(cluster: Arc<Cluster>, path: &str, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let query = Query::of(&parts.uri);
    let target = Target::of(path);
    if let Target::One { kind: Kind::Pod, namespace, name, part } = &target
        && part == "exec"
    {
        let call = Call { cluster, query, headers: parts.headers.clone(), body: Bytes::new() };
        if let Err(refusal) = call.may("create", Kind::Pod, part, namespace, name) {
            return refused(&refusal);
        }
        return match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
            Ok(upgrade) => exec(call.cluster, namespace.clone(), name.clone(), call.query, upgrade).await,
            Err(_) => refused(&Refusal::bad_request("Upgrade request required")),
        };
    }
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else {
        let message = format!("Request entity too large: limit is {BODY_BYTES_MAX}");
        return refused(&Refusal::new(413, "RequestEntityTooLarge", message));
    };
    let call = Call { cluster, query, headers: parts.headers, body };
    let answer = match target {
        Target::Many { kind, namespace } => many(&call, &parts.method, kind, namespace.as_deref()),
        Target::One { kind, namespace, name, part } => one(&call, &parts.method, kind, &namespace, &name, &part).await,
        Target::Other => {
            let asked = parts.uri.query().unwrap_or_default();
            let done = console::answer(&call.cluster, &parts.method, path, asked, &call.body);
            done.map_or_else(|| other(&call, &parts.method, path), |done| done.map(|value| json(200, &value)))
        }
    };
    answer.unwrap_or_else(|refusal| refused(&refusal))
}

fn many(call: &Call, method: &Method, kind: Kind, namespace: Option<&str>) -> Answer {
    let place = namespace.unwrap_or_default();
    match *method {
        Method::GET if call.query.is("watch") => {
            call.may("watch", kind, "", place, "")?;
            watch::watch(call, kind, namespace)
        }
        Method::GET => {
            call.may("list", kind, "", place, "")?;
            list::list(call, kind, namespace)
        }
        Method::POST if namespace.is_some() || !kind.resource().namespaced => {
            call.may("create", kind, "", place, "")?;
            create::create(call, kind, place)
        }
        Method::DELETE => {
            call.may("deletecollection", kind, "", place, "")?;
            delete::delete_many(call, kind, namespace)
        }
        _ => Err(not_allowed()),
    }
}

async fn one(call: &Call, method: &Method, kind: Kind, namespace: &str, name: &str, part: &str) -> Answer {
    let verb = match *method {
        Method::GET => "get",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        Method::POST => "create",
        _ => return Err(not_allowed()),
    };
    call.may(verb, kind, part, namespace, name)?;
    let has_status = kind.resource().status;
    match (verb, part) {
        ("get", "") => {
            let object = call.cluster.store.get(kind, namespace, name);
            let object = object.ok_or_else(|| Refusal::not_found(kind, name))?;
            Ok(match table::wanted(call) {
                None => text(200, &object.json),
                Some(wish) => json(200, &table::table(&call.cluster, kind, &[object], wish)),
            })
        }
        ("get", "status") if has_status => {
            let object = call.cluster.store.get(kind, namespace, name);
            Ok(text(200, &object.ok_or_else(|| Refusal::not_found(kind, name))?.json))
        }
        ("update", "") => update::replace(call, kind, namespace, name, update::Part::Main),
        ("update", "status") if has_status => update::replace(call, kind, namespace, name, update::Part::Status),
        ("update", "finalize") if kind == Kind::Namespace => {
            update::replace(call, kind, namespace, name, update::Part::Main)
        }
        ("patch", "") => patch::patch(call, kind, namespace, name, update::Part::Main),
        ("patch", "status") if has_status => patch::patch(call, kind, namespace, name, update::Part::Status),
        ("delete", "") => delete::delete_one(call, kind, namespace, name),
        ("get", "log") if kind == Kind::Pod => {
            Ok(log(Arc::clone(&call.cluster), namespace.to_owned(), name.to_owned(), call.query.clone()).await)
        }
        ("create", "eviction") if kind == Kind::Pod => delete::evict(call, namespace, name),
        ("get" | "update" | "patch", "scale") if scale::has_scale(kind) => {
            scale::scale(call, verb, kind, namespace, name)
        }
        (_, "attach" | "portforward" | "proxy") | ("create" | "get", "" | "status") => Err(not_allowed()),
        _ => Err(nothing_there()),
    }
}

fn other(call: &Call, method: &Method, path: &str) -> Answer {
    if *method == Method::POST {
        return access::review(call, path).unwrap_or_else(|| Err(nothing_there()));
    }
    if *method != Method::GET {
        return Err(not_allowed());
    }
    match path {
        "/healthz" | "/livez" | "/readyz" => Ok(typed(200, "text/plain", "ok")),
        "/metrics" => Ok(typed(200, "text/plain; version=0.0.4", metrics::text(&call.cluster))),
        "/status.json" => Ok(json(200, &standing::value(&call.cluster))),
        _ if path.starts_with("/openapi/") => openapi::answer(call, path),
        _ => discovery::answer(call, path).ok_or_else(nothing_there),
    }
}

fn not_allowed() -> Refusal {
    Refusal::new(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
}

/// There is nothing at the path.
pub(super) fn nothing_there() -> Refusal {
    Refusal::new(404, "NotFound", "the server could not find the requested resource")
}
