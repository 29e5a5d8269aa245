//! A command beside a container that runs, over a WebSocket: `v4.channel.k8s.io` and `v5.channel.k8s.io`.
//!
//! Each message begins with the number of a channel. Of version 5 is the one that says that a channel is closed, which is how
//! a command learns that its input is over.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::response::Response;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Mutex;

use super::Query;
use super::answer::refused;
use super::log::container;
use crate::os::process::{End, Pty};
use crate::sim::gke::kubelet::{Place, Prepared};
use crate::sim::gke::{Cluster, Kind, Refusal};

const PROTOCOLS: [&str; 2] = ["v5.channel.k8s.io", "v4.channel.k8s.io"];
const INPUT: u8 = 0;
const OUTPUT: u8 = 1;
const ERRORS: u8 = 2;
const END: u8 = 3;
const RESIZE: u8 = 4;
const CLOSE: u8 = 255;
/// For how long the other's goodbye is waited for.
const GOODBYE_MAX: Duration = Duration::from_secs(2);

type Sender = Mutex<SplitSink<WebSocket, Message>>;

/// Answers `pods/NAME/exec`.
pub(super) async fn exec(
    cluster: Arc<Cluster>,
    namespace: String,
    name: String,
    query: Query,
    upgrade: WebSocketUpgrade,
) -> Response {
    match find(&cluster, &namespace, &name, &query) {
        Err(refusal) => refused(&refusal),
        Ok(place) => upgrade.protocols(PROTOCOLS).on_upgrade(async move |socket| {
            let words: Vec<String> = query.all("command").map(str::to_owned).collect();
            let (sender, mut receiver) = socket.split();
            let sender = Mutex::new(sender);
            let status = tokio::select! {
                status = perform(&place, &words, &query, &sender, &mut receiver) => status,
                () = cluster.ended() => return,
            };
            if let Some(status) = status {
                send(&sender, END, status.to_string().as_bytes()).await;
            }
            close(&sender, &mut receiver).await;
        }),
    }
}

fn find(cluster: &Cluster, namespace: &str, name: &str, query: &Query) -> Result<Arc<Place>, Refusal> {
    let object = cluster.store.get(Kind::Pod, namespace, name).ok_or_else(|| Refusal::not_found(Kind::Pod, name))?;
    let pod = object.value();
    if pod["spec"]["nodeName"].as_str().unwrap_or_default().is_empty() {
        return Err(Refusal::bad_request(format!("pod {name} does not have a host assigned")));
    }
    if let Some(phase @ ("Succeeded" | "Failed")) = pod["status"]["phase"].as_str() {
        let message = format!("cannot exec into a container in a completed pod; current phase is {phase}");
        return Err(Refusal::bad_request(message));
    }
    let container = container(&pod, name, query.get("container"))?;
    if query.get("command").is_none() {
        return Err(Refusal::bad_request("you must specify at least 1 command"));
    }
    let place = cluster.kubelet.pod(&object.uid).and_then(|pod| pod.place(&container));
    place.ok_or_else(|| {
        Refusal::new(
            500,
            "InternalError",
            format!("unable to upgrade connection: container not found (\"{container}\")"),
        )
    })
}

/// Runs the command to its end and says how that was; `None` when whoever asked has gone, and the command with it.
async fn perform(
    place: &Place,
    words: &[String],
    query: &Query,
    sender: &Sender,
    receiver: &mut SplitStream<WebSocket>,
) -> Option<Value> {
    let prepared = match place.prepare(words) {
        Ok(prepared) => prepared,
        Err(because) => return Some(not_started(&because)),
    };
    let ended = if query.is("tty") {
        Box::pin(on_terminal(&prepared, query, sender, receiver)).await
    } else {
        Box::pin(on_pipes(&prepared, query, sender, receiver)).await
    };
    match ended {
        Ok(end) => Some(outcome(end?)),
        Err(error) => Some(not_started(&prepared.refusal(&error))),
    }
}

async fn on_pipes(
    prepared: &Prepared,
    query: &Query,
    sender: &Sender,
    receiver: &mut SplitStream<WebSocket>,
) -> std::io::Result<Option<End>> {
    let (mut attended, pipes) = prepared.beginning().start(query.is("stdin"))?;
    let mut input = pipes.input;
    let listening = async {
        while let Some((channel, bytes)) = next(receiver).await {
            match (channel, &mut input) {
                // A command that reads no more is no failure.
                (INPUT, Some(pipe)) => drop(pipe.write_all(&bytes).await),
                (CLOSE, _) if bytes.first() == Some(&INPUT) => input = None,
                _ => {}
            }
        }
    };
    let running = async {
        let (end, (), ()) = tokio::join!(
            attended.end(),
            hand_on(pipes.out, OUTPUT, query.is("stdout"), sender),
            hand_on(pipes.err, ERRORS, query.is("stderr"), sender),
        );
        end
    };
    tokio::select! {
        end = running => end.map(Some),
        () = listening => Ok(None),
    }
}

async fn on_terminal(
    prepared: &Prepared,
    query: &Query,
    sender: &Sender,
    receiver: &mut SplitStream<WebSocket>,
) -> std::io::Result<Option<End>> {
    let (mut attended, pty) = prepared.beginning().start_on_pty()?;
    let listening = async {
        while let Some((channel, bytes)) = next(receiver).await {
            match channel {
                // A command that has left its terminal is no failure.
                INPUT if query.is("stdin") => drop(pty.write_all(&bytes).await),
                RESIZE => resize(&pty, &bytes),
                _ => {}
            }
        }
    };
    let running = async {
        let showing = async {
            let mut buffer = [0; 16 << 10];
            while let Ok(count @ 1..) = pty.read(&mut buffer).await {
                send(sender, OUTPUT, &buffer[..count]).await;
            }
        };
        let (end, ()) = tokio::join!(attended.end(), showing);
        end
    };
    tokio::select! {
        end = running => end.map(Some),
        () = listening => Ok(None),
    }
}

/// Says goodbye, and hears the other's: who hangs up on something unread takes back what was said last.
async fn close(sender: &Sender, receiver: &mut SplitStream<WebSocket>) {
    let goodbye = CloseFrame { code: close_code::NORMAL, reason: "".into() };
    // Who asked has gone when this fails.
    let _ = sender.lock().await.send(Message::Close(Some(goodbye))).await;
    let _ = tokio::time::timeout(GOODBYE_MAX, async { while next(receiver).await.is_some() {} }).await;
}

/// The next message: its channel and what it holds; `None` when the connection is over.
async fn next(receiver: &mut SplitStream<WebSocket>) -> Option<(u8, Bytes)> {
    loop {
        let bytes = match receiver.next().await?.ok()? {
            Message::Binary(bytes) => bytes,
            Message::Text(text) => text.into(),
            Message::Close(_) => return None,
            Message::Ping(_) | Message::Pong(_) => continue,
        };
        if let Some(channel) = bytes.first().copied() {
            return Some((channel, bytes.slice(1..)));
        }
    }
}

async fn hand_on(mut pipe: impl AsyncRead + Unpin, channel: u8, is_wanted: bool, sender: &Sender) {
    let mut buffer = vec![0; 16 << 10];
    while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
        if is_wanted {
            send(sender, channel, &buffer[..count]).await;
        }
    }
}

async fn send(sender: &Sender, channel: u8, bytes: &[u8]) {
    let message: Vec<u8> = std::iter::once(channel).chain(bytes.iter().copied()).collect();
    // Who asked has gone; whoever listens notices.
    let _ = sender.lock().await.send(Message::Binary(message.into())).await;
}

fn resize(pty: &Pty, bytes: &[u8]) {
    let size: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let side = |name: &str| size[name].as_u64().and_then(|side| u16::try_from(side).ok());
    if let (Some(columns), Some(rows)) = (side("Width"), side("Height")) {
        pty.resize(columns, rows);
    }
}

fn outcome(end: End) -> Value {
    let code = match end {
        End::Code(0) => return json!({"metadata": {}, "status": "Success"}),
        End::Code(code) => code,
        End::Signal(number) => 128 + number,
        End::TimedOut => 255,
    };
    json!({
        "metadata": {}, "status": "Failure", "reason": "NonZeroExitCode",
        "message": format!("command terminated with non-zero exit code: exit status {code}"),
        "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]},
    })
}

fn not_started(because: &str) -> Value {
    json!({
        "metadata": {}, "status": "Failure", "reason": "InternalError", "code": 500,
        "message": format!(
            "Internal error occurred: Internal error occurred: error executing command in container: failed to exec in \
             container: failed to start exec: OCI runtime exec failed: exec failed: unable to start container process: {because}"
        ),
    })
}
