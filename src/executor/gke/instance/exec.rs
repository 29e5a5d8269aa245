//! Commands beside the one that keeps an instance, over a WebSocket.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{AttachParams, AttachedProcess};
use tokio::io::AsyncReadExt as _;

use super::shell;
use crate::executor::gke::client::{Cluster, Deed, Trouble};
use crate::executor::gke::manifest::MAIN;

const DEED: Deed = Deed { verb: "create", resource: "pods/exec" };
/// Bytes of a stream that wait to be taken.
const BUFFER_BYTES: usize = 64 << 10;
/// How long a command that is to be short may take.
const SHORT: Duration = Duration::from_mins(1);

/// An attempt's place in an instance.
#[derive(Clone)]
pub(in crate::executor::gke) struct Spot {
    pub(super) cluster: Cluster,
    pub(super) namespace: String,
    pub(super) pod: String,
    /// The folder of the attempt.
    pub(super) folder: String,
}

impl Spot {
    /// Starts `script` there, with the folder and these words as its arguments.
    pub(super) async fn open(&self, script: &str, words: &[&str], hears: bool) -> Result<AttachedProcess, Trouble> {
        let line = ["sh", "-c", script, "spore", &self.folder].into_iter().chain(words.iter().copied());
        let line: Vec<String> = line.map(str::to_owned).collect();
        let parameters = AttachParams {
            container: Some(MAIN.into()),
            stdin: hears,
            max_stdin_buf_size: Some(BUFFER_BYTES),
            max_stdout_buf_size: Some(BUFFER_BYTES),
            max_stderr_buf_size: Some(BUFFER_BYTES),
            ..AttachParams::default()
        };
        let opened = self.cluster.once(DEED, |reached| {
            let pods: Api<Pod> = Api::namespaced(reached.client.clone(), &self.namespace);
            async move { pods.exec(&self.pod, line, &parameters).await }
        });
        opened.await
    }

    /// Has `script` carried out. What it printed, and its exit code.
    pub(super) async fn ask(&self, script: &str, words: &[&str]) -> Result<(Vec<u8>, i32), Trouble> {
        let asked = async {
            let mut process = self.open(script, words, false).await?;
            let status = process.take_status();
            // It says nothing there, but what is not read keeps the rest from coming.
            let (out, err) = (process.stdout(), process.stderr());
            let (mut bytes, mut ignored) = (Vec::new(), Vec::new());
            let reading = async {
                if let Some(mut out) = out {
                    out.read_to_end(&mut bytes).await?;
                }
                std::io::Result::Ok(())
            };
            let ignoring = async {
                if let Some(mut err) = err {
                    err.read_to_end(&mut ignored).await?;
                }
                std::io::Result::Ok(())
            };
            let (read, _) = tokio::join!(reading, ignoring);
            read.map_err(|error| Trouble::Passing(error.to_string()))?;
            let code = match status {
                Some(status) => code(status.await),
                None => None,
            };
            code.map(|code| (bytes, code)).ok_or_else(|| Trouble::Passing("the connection was cut".into()))
        };
        let asked = tokio::time::timeout(SHORT, asked).await;
        asked.unwrap_or_else(|_| Err(Trouble::Passing(format!("no answer within {} s", SHORT.as_secs()))))
    }

    /// Signals the command, as soon as the cluster lets it.
    pub(super) async fn signal(self, name: &'static str) {
        let mut pauses = crate::executor::gke::client::Pauses::default();
        // Where the instance is gone, so is the command; whoever waits for its end notices.
        while let Err(Trouble::Passing(text)) = self.ask(shell::KILL, &[name]).await {
            tracing::debug!(text, "a command in an instance is not signalled yet");
            tokio::time::sleep(pauses.next()).await;
        }
    }
}

/// Has an instance forget what an attempt has left there.
pub(in crate::executor::gke) async fn forget(spot: Spot) {
    if let Err(trouble) = spot.ask(shell::FORGET, &[]).await {
        // It goes with the instance.
        tracing::debug!(trouble = trouble.words(), "what an attempt has left in an instance stays for now");
    }
}

/// The exit code that a status tells; `None` where the command did not end by itself.
pub(super) fn code(status: Option<k8s_openapi::apimachinery::pkg::apis::meta::v1::Status>) -> Option<i32> {
    let status = status?;
    if status.status.as_deref() == Some("Success") {
        return Some(0);
    }
    let causes = status.details?.causes.unwrap_or_default();
    causes.iter().find(|cause| cause.reason.as_deref() == Some("ExitCode"))?.message.as_ref()?.parse().ok()
}
