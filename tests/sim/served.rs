//! A cluster that is served in this process, and kubectl.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use spore::os::clock::SystemClock;
use spore::sim::gke::{Cluster, JobSettings, KubeletSettings, LogLimits, Server, Settings};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;

/// For how long kubectl may take.
const PATIENCE: Duration = Duration::from_mins(1);

pub(super) struct Ground {
    folder: TempDir,
    kubeconfig: PathBuf,
    server: Server,
}

/// What kubectl said.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) code: Option<i32>,
    pub(super) out: String,
    pub(super) err: String,
}

/// A cluster; `None` where there is no kubectl.
pub(super) async fn ground() -> Option<Ground> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if !std::env::split_paths(&path).any(|folder| folder.join("kubectl").is_file()) {
        crate::skipped("there is no kubectl here");
        return None;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (back_off, back_off_max) = (Duration::from_millis(10), Duration::from_millis(20));
    let logs = LogLimits { file_bytes_max: 10 << 20, files_max: 5 };
    let settings = Settings {
        kubelet: KubeletSettings { back_off, back_off_max, logs },
        jobs: JobSettings { back_off, back_off_max },
        ..Settings::default()
    };
    let cluster = Cluster::like(Arc::new(SystemClock::new()), folder.path().join("cluster"), settings);
    let server = Server::start(Arc::new(cluster), 0).await.expect("served");
    let kubeconfig = folder.path().join("kubeconfig");
    std::fs::write(&kubeconfig, server.kubeconfig()).expect("written");
    Some(Ground { folder, kubeconfig, server })
}

impl Ground {
    /// Has kubectl do something.
    pub(super) async fn kubectl(&self, words: &[&str]) -> Said {
        self.kubectl_with(words, "").await
    }

    /// The same, with something on its standard input.
    pub(super) async fn kubectl_with(&self, words: &[&str], input: &str) -> Said {
        let mut command = tokio::process::Command::new("kubectl");
        command.args(words).env("KUBECONFIG", &self.kubeconfig).env("HOME", self.folder.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("kubectl starts");
        let mut pipe = child.stdin.take().expect("piped");
        // One that does not read its input may have ended.
        let _ = pipe.write_all(input.as_bytes()).await;
        drop(pipe);
        let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await;
        let output = output.unwrap_or_else(|_| panic!("kubectl {words:?} never ended")).expect("waited for");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// The same; it must succeed.
    pub(super) async fn does(&self, words: &[&str]) -> String {
        let said = self.kubectl(words).await;
        assert_eq!(said.code, Some(0), "kubectl {words:?}: {said:?}");
        said.out
    }

    /// A path as `kubectl get --raw` wants it, which leaves out what is in front of it in the kubeconfig.
    pub(super) fn raw(&self, path: &str) -> String {
        let (_, behind) = self.server.url().rsplit_once('/').expect("a secret part");
        format!("/{behind}{path}")
    }

    /// Makes an object.
    pub(super) async fn make(&self, object: &Value) {
        let said = self.kubectl_with(&["create", "-f", "-"], &object.to_string()).await;
        assert_eq!(said.code, Some(0), "{said:?}");
    }

    /// Makes a pod that has a machine, and waits until it is in that phase.
    pub(super) async fn pod(&self, name: &str, script: &str, phase: &str) {
        let spec = spec(script);
        self.make(&json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})).await;
        self.does(&[
            "wait",
            &format!("pod/{name}"),
            &format!("--for=jsonpath={{.status.phase}}={phase}"),
            "--timeout=30s",
        ])
        .await;
    }
}

/// A pod that has a machine.
pub(super) fn spec(script: &str) -> Value {
    json!({
        "nodeName": "machine", "restartPolicy": "Never", "terminationGracePeriodSeconds": 1,
        "volumes": [{"name": "work", "emptyDir": {}}],
        "containers": [{
            "name": "main", "image": "busybox", "command": ["/bin/sh", "-e", "-c", script],
            "env": [{"name": "COLOUR", "value": "blue"}], "workingDir": "/workspace",
            "volumeMounts": [{"name": "work", "mountPath": "/workspace"}],
        }],
    })
}
