//! Follows one log until its container is over and all of it is here.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{AsyncBufRead, AsyncBufReadExt as _};
use kube::api::LogParams;
use tokio::sync::{Notify, watch};

use super::lines::Lines;
pub(in crate::executor::gke) use super::sink::Drained;
use super::sink::Sink;
use crate::executor::Mask;
use crate::executor::gke::client::{Cluster, Deed, Pauses, Trouble, chain, trouble};
use crate::executor::gke::manifest::MAIN;
use crate::executor::traces::Entry;
use crate::model::{Limits, Stream};
use crate::os::clock::{Clock as _, SystemClock};

/// The shortest time between two lines told.
const LINE_INTERVAL: Duration = Duration::from_millis(50);
/// How long the rest of a log is asked for whose container is over.
const REST_PATIENCE: Duration = Duration::from_mins(15);
const DEED: Deed = Deed { verb: "get", resource: "pods/log" };

/// How far the container is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::executor::gke) enum Phase {
    /// It runs.
    Running,
    /// It is over: what is there is all.
    Over,
    /// Whoever waited waits no longer.
    Given,
}

/// Which log.
#[derive(Clone)]
pub(in crate::executor::gke) struct Source {
    pub(in crate::executor::gke) cluster: Cluster,
    pub(in crate::executor::gke) namespace: String,
    pub(in crate::executor::gke) pod: String,
    /// Which of its streams; `None` for both in one.
    pub(in crate::executor::gke) only: Option<Stream>,
}

/// What a log that is followed tells of the container behind it.
#[derive(Debug, Default)]
pub(in crate::executor::gke) struct Pulse {
    /// How many logs are open, or were.
    pub(in crate::executor::gke) opened: watch::Sender<u32>,
    /// Raised when a log has ended: the container is over, or the log was cut.
    pub(in crate::executor::gke) ended: Notify,
}

/// A log that is being followed.
pub(in crate::executor::gke) struct Follow {
    source: Source,
    lines: Lines,
    sink: Sink,
    phase: watch::Receiver<Phase>,
    pulse: Arc<Pulse>,
    has_opened: bool,
}

impl Follow {
    /// `marker` is what the list of artifacts begins with, where one is to come.
    pub(in crate::executor::gke) fn new(
        source: Source,
        entry: Arc<Entry>,
        (mask, limits, marker): (&Mask, &Limits, Option<&str>),
        phase: watch::Receiver<Phase>,
        pulse: Arc<Pulse>,
    ) -> std::io::Result<Self> {
        let stream = source.only.unwrap_or(Stream::Out);
        let sink = Sink::new(entry, stream, mask, limits, marker)?;
        Ok(Self { source, lines: Lines::default(), sink, phase, pulse, has_opened: false })
    }

    /// Follows it to its end.
    pub(in crate::executor::gke) async fn drain(mut self) -> Drained {
        let mut pauses = Pauses::default();
        let mut phase = self.phase.clone();
        let (clock, mut over_at) = (SystemClock::new(), None);
        loop {
            let now = *phase.borrow_and_update();
            if now == Phase::Given {
                break;
            }
            if now == Phase::Over
                && clock.monotonic().saturating_sub(*over_at.get_or_insert(clock.monotonic())) > REST_PATIENCE
            {
                self.sink.say("the rest of its log did not come");
                self.lines.has_gap = true;
                break;
            }
            let read = tokio::select! {
                () = given(phase.clone()) => break,
                read = self.read() => read,
            };
            self.lines.cut();
            match read {
                // That was all, or the pod is gone and its log with it, or the container never began.
                Ok(true) | Err(Trouble::Absent | Trouble::Refused(_)) if now == Phase::Over => break,
                Ok(had) => {
                    if had {
                        pauses = Pauses::default();
                    }
                }
                Err(trouble @ Trouble::Passing(_)) => self.sink.say(&trouble.words()),
                Err(Trouble::Forbidden(text)) => {
                    self.sink.say(&text);
                    break;
                }
                Err(_) => {}
            }
            self.pulse.ended.notify_one();
            // Either it is over, which is about to be known, or the log was cut.
            let _ = tokio::time::timeout(pauses.next(), phase.changed()).await;
        }
        self.sink.close(self.lines.has_gap)
    }

    /// Reads from where it stands to the end of the stream. Whether that end was a clean one.
    async fn read(&mut self) -> Result<bool, Trouble> {
        let reached = self.source.cluster.reach().await?;
        let parameters =
            LogParams { container: Some(MAIN.into()), follow: true, timestamps: true, ..LogParams::default() };
        let path = format!("/api/v1/namespaces/{}/pods", self.source.namespace);
        let built = kube::core::Request::new(path).logs(&self.source.pod, &parameters);
        let mut request = built.map_err(|error| Trouble::Refused(chain(&error)))?;
        let mut uri = request.uri().to_string();
        if let Some(since) = self.lines.since() {
            uri = format!("{uri}&sinceTime={since}");
        }
        match self.source.only {
            Some(Stream::Out) => uri.push_str("&stream=Stdout"),
            Some(Stream::Err) => uri.push_str("&stream=Stderr"),
            None => {}
        }
        if let Ok(uri) = uri.parse() {
            *request.uri_mut() = uri;
        }
        let stream = match reached.client.request_stream(request).await {
            Ok(stream) => stream,
            Err(error) => {
                if crate::executor::gke::client::is_unauthorized(&error) {
                    self.source.cluster.forget(&reached);
                }
                return Err(trouble(&error, DEED));
            }
        };
        if !std::mem::replace(&mut self.has_opened, true) {
            self.pulse.opened.send_modify(|count| *count += 1);
        }
        Ok(self.take_all(stream).await)
    }

    async fn take_all(&mut self, stream: impl AsyncBufRead) -> bool {
        let mut stream = std::pin::pin!(stream);
        let mut text = Vec::new();
        let clock = SystemClock::new();
        let mut next_line = Duration::ZERO;
        loop {
            let is_untold = self.sink.is_untold();
            let piece = tokio::select! {
                piece = stream.fill_buf() => piece,
                () = tokio::time::sleep(next_line.saturating_sub(clock.monotonic())), if is_untold => {
                    self.sink.tell();
                    next_line = clock.monotonic() + LINE_INTERVAL;
                    continue;
                }
            };
            let Ok(piece) = piece else { return false };
            if piece.is_empty() {
                return true;
            }
            let count = piece.len();
            text.clear();
            self.lines.push(piece, &mut text);
            stream.as_mut().consume(count);
            self.sink.push(&text);
        }
    }
}

/// Waits until nobody waits any longer.
async fn given(mut phase: watch::Receiver<Phase>) {
    if phase.wait_for(|phase| *phase == Phase::Given).await.is_err() {
        std::future::pending::<()>().await;
    }
}
