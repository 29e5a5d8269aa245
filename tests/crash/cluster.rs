//! A simulated cluster for all trials that take place in one, spoken to over HTTP with no code of the program's own.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::ground::wait;
use crate::random::Random;

/// No answer takes this long.
const PATIENCE: Duration = Duration::from_secs(30);
/// Rules that may stand at once: some fewer than the cluster takes.
const RULES_MAX: usize = 80;
/// What a run may leave in its namespace.
const TRACES: [(&str, &str); 4] =
    [("jobs", "/apis/batch/v1"), ("pods", "/api/v1"), ("secrets", "/api/v1"), ("configmaps", "/api/v1")];

/// A cluster that is served by the real program until it is dropped, or this process ends in any other way.
#[derive(Debug)]
pub(crate) struct Cluster {
    folder: tempfile::TempDir,
    server: Child,
    /// `127.0.0.1:PORT`.
    address: String,
    /// `/` and the secret part.
    prefix: String,
}

impl Cluster {
    pub(crate) fn serve() -> Self {
        let folder = tempfile::Builder::new().prefix("spore-crash-cluster-").tempdir().expect("a folder");
        let kubeconfig = folder.path().join("kubeconfig");
        // It ends with its command, and the command with its input.
        let server = Command::new(env!("CARGO_BIN_EXE_spore"))
            .args(["sim", "gke", "--kubeconfig"])
            .arg(&kubeconfig)
            .args(["--", "cat"])
            .env("HOME", folder.path())
            .env_remove("KUBECONFIG")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("the program starts");
        wait("the cluster", || kubeconfig.exists()).expect("it is served");
        let text = std::fs::read_to_string(&kubeconfig).expect("a kubeconfig");
        let rest = text.split("http://").nth(1).expect("an address");
        let url = rest.split(['"', '\n', ' ']).next().expect("its end");
        let (address, secret) = url.split_once('/').expect("a secret part");
        Self { address: address.to_owned(), prefix: format!("/{secret}"), folder, server }
    }

    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    /// Makes a namespace.
    pub(crate) fn found(&self, namespace: &str) {
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        self.ask("POST", "/api/v1/namespaces", &object).expect("made");
    }

    /// Removes a namespace and all that is in it.
    pub(crate) fn abandon(&self, namespace: &str) {
        // It is gone, or it goes with the cluster.
        let _ = self.ask("DELETE", &format!("/api/v1/namespaces/{namespace}"), &Value::Null);
    }

    /// What of the runs of a namespace is still there.
    pub(crate) fn left(&self, namespace: &str) -> Result<Vec<String>, String> {
        let mut left = Vec::new();
        for (kind, group) in TRACES {
            let listed = self.ask("GET", &format!("{group}/namespaces/{namespace}/{kind}"), &Value::Null)?;
            let items = listed["items"].as_array().ok_or_else(|| format!("no list of {kind}: {listed}"))?;
            let names = items.iter().map(|item| item["metadata"]["name"].as_str().unwrap_or_default());
            // A cluster gives every namespace one of its own.
            left.extend(names.filter(|name| *name != "kube-root-ca.crt").map(|name| format!("{kind}/{name}")));
        }
        Ok(left)
    }

    /// Writes all that is in a namespace into a file, for people.
    pub(crate) fn describe(&self, namespace: &str, file: &Path) {
        let all = TRACES.iter().chain(&[("events", "/api/v1")]).map(|(kind, group)| {
            self.ask("GET", &format!("{group}/namespaces/{namespace}/{kind}"), &Value::Null).unwrap_or_default()
        });
        let all: Vec<Value> = all.collect();
        let _ = std::fs::write(file, serde_json::to_string_pretty(&all).unwrap_or_default());
    }

    /// Lets things go wrong in a namespace for some seconds.
    pub(crate) fn spoil(&self, namespace: &str, random: &mut Random) -> Result<(), String> {
        let standing = self.ask("GET", "/sim/faults", &Value::Null)?;
        if standing.as_array().is_some_and(|rules| rules.len() > RULES_MAX) {
            self.heal()?;
        }
        let path = format!("/namespaces/{namespace}/");
        let mut rules = Vec::new();
        for (kind, rate) in [
            ("latency", 0.3),
            ("conflict", 0.2),
            ("too-many", 0.2),
            ("internal", 0.2),
            ("unavailable", 0.2),
            ("unauthorized", 0.2),
            ("gone", 0.2),
            ("lost-answer", 0.3),
            ("cut-log", 0.6),
            ("cut-watch", 0.6),
            ("lost-event", 0.4),
        ] {
            if random.chance(30) {
                let seconds = random.between(1, 6);
                rules.push(json!({"kind": kind, "rate": rate, "seconds": seconds, "path": path, "milliseconds": 150}));
            }
        }
        if random.chance(30) {
            rules.push(json!({"kind": "down", "seconds": 1.5, "path": path}));
        }
        self.ask("POST", "/sim/faults", &Value::from(rules)).map(drop)
    }

    /// Lets nothing go wrong any more.
    pub(crate) fn heal(&self) -> Result<(), String> {
        self.ask("DELETE", "/sim/faults", &Value::Null).map(drop)
    }

    /// Asks, and takes what is answered.
    fn ask(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let failed = |error: std::io::Error| format!("{method} {path}: {error}");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut stream = TcpStream::connect(&self.address).map_err(failed)?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
        let head = format!(
            "{method} {}{path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n",
            self.prefix,
            self.address,
            body.len()
        );
        stream.write_all(format!("{head}{body}").as_bytes()).map_err(failed)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map_err(failed)?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| format!("{method} {path}: no answer"))?;
        if !head.split(' ').nth(1).is_some_and(|code| code.starts_with('2')) {
            return Err(format!("{method} {path}: {answer}"));
        }
        serde_json::from_str(body).map_err(|error| format!("{method} {path}: {error}: {answer}"))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.server.stdin.take());
        let _ = self.server.wait();
    }
}
