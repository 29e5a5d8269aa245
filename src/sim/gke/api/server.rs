//! The server: loopback only, and only for who knows the secret part of its address.
//!
//! kubectl sends no token over plain HTTP, and whoever can create pods can run commands; so the address itself is the secret.
//! It stands in the kubeconfig, which only its owner can read.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::HOST;
use axum::response::Response;
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use super::answer::{json, refused};
use super::route::route;
use crate::os::random;
use crate::sim::gke::{Cluster, Refusal};

/// How long the parts of a cluster may take to end.
const END_MAX: Duration = Duration::from_secs(10);

/// A cluster that is served. It ends with [`Server::end`], and less gently when it is dropped.
pub struct Server {
    cluster: Arc<Cluster>,
    url: String,
    accepting: JoinHandle<()>,
    parts: JoinSet<()>,
}

/// What every request needs.
#[derive(Clone)]
struct Door {
    cluster: Arc<Cluster>,
    prefix: Arc<str>,
}

impl Server {
    /// Starts the parts of `cluster`, and serves it on `port` of this machine; 0 takes a free one.
    ///
    /// # Errors
    /// When the port cannot be had.
    pub async fn start(cluster: Arc<Cluster>, port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let prefix = format!("/{:032x}", random::bits());
        let door = Door { cluster: Arc::clone(&cluster), prefix: Arc::from(prefix.as_str()) };
        // It is said once: a cluster is served once.
        let _ = cluster.kubelet.server.set(address);
        let parts = cluster.start();
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        let router = Router::new().fallback(enter).with_state(door);
        let accepting = tokio::spawn(async move {
            // It only ends by being told to.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { cluster, url: format!("http://{address}{prefix}"), accepting, parts })
    }

    /// The address, with its secret part.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What kubectl and other clients read to find the cluster.
    #[must_use]
    pub fn kubeconfig(&self) -> String {
        kubeconfig(&self.url)
    }

    /// Whether a text is the kubeconfig of a simulated cluster, and nothing else.
    #[must_use]
    pub fn wrote(text: &str) -> bool {
        let url = text.lines().find_map(|line| line.strip_prefix("    server: ")).unwrap_or_default();
        url.starts_with("http://127.0.0.1:") && text == kubeconfig(url)
    }

    /// Ends it: nobody is let in any more, and everything that runs in the cluster ends.
    pub async fn end(mut self) {
        self.accepting.abort();
        self.cluster.end();
        let all = async { while self.parts.join_next().await.is_some() {} };
        // What is not through by then is cut off when the set is dropped.
        let _ = timeout(END_MAX, all).await;
    }
}

fn kubeconfig(url: &str) -> String {
    let name = "spore-sim-gke";
    format!(
        "apiVersion: v1\nkind: Config\nclusters:\n- name: {name}\n  cluster:\n    server: {url}\nusers:\n- name: {name}\n  \
         user: {{}}\ncontexts:\n- name: {name}\n  context:\n    cluster: {name}\n    user: {name}\n    namespace: default\n\
         current-context: {name}\n"
    )
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cluster.end();
    }
}

async fn enter(State(door): State<Door>, request: Request) -> Response {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    if !host.is_some_and(is_loopback) {
        return refused(&Refusal::new(403, "Forbidden", "this server only answers on loopback"));
    }
    let path = request.uri().path();
    match path.strip_prefix(&*door.prefix).filter(|rest| rest.is_empty() || rest.starts_with('/')) {
        Some(rest) => {
            let path = rest.to_owned();
            route(door.cluster, &path, request).await
        }
        None => json(404, &Refusal::new(404, "NotFound", "the server could not find the requested resource").status()),
    }
}

/// A page of the web must not reach the server by a name that its owner lets point here.
fn is_loopback(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    matches!(name, "127.0.0.1" | "localhost")
}
