//! What is done for a container that runs: it is started, heard, and ended when its pod is to stop.

use std::cell::RefCell;
use std::io;
use std::time::Duration;

use serde_json::Value;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::watch;

use super::super::{Changes, Cluster, Kind};
use super::logs::{Lines, Log, Stream};
use super::pod::Stop;
use super::{Place, environment};
use crate::os::process::{Attended, End, Pipes};

const SIGTERM: i32 = 15;
const SIGKILL: i32 = 9;

/// Starts the program of a container: its command and arguments, with known variables expanded.
pub(super) fn begin(container: &Value, place: &Place) -> Result<(Attended, Pipes), String> {
    let variables: Vec<(String, String)> = place
        .variables
        .pairs()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
        .collect();
    let texts = ["command", "args"].map(|field| container[field].as_array().into_iter().flatten());
    let texts = texts.into_iter().flatten().filter_map(Value::as_str);
    let mut words: Vec<String> = texts.map(|text| environment::expand(text, &variables)).collect();
    if words.is_empty() {
        // What the image would run is not known; what most do without arguments is to stay.
        words = ["sleep", "2147483647"].map(str::to_owned).to_vec();
    }
    let prepared = place.prepare(&words)?;
    if place.root.is_none() && !place.folder.is_dir() {
        return Err(format!(
            "chdir to cwd (\"{}\") set in config.json failed: no such file or directory: unknown",
            place.folder.display()
        ));
    }
    prepared.beginning().start(false).map_err(|error| prepared.refusal(&error))
}

/// Bytes that are heard at a time.
const HEARD_BYTES: usize = 16 << 10;

thread_local! {
    /// What pipes are read into: one for all containers of a thread.
    static HEARD: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

pub(super) async fn hear(cluster: &Cluster, pipe: Receiver, stream: Stream, log: &Log) -> io::Result<()> {
    let mut lines = Lines::new(stream);
    loop {
        // Thousands of containers say nothing most of the time, and are not to take memory for it.
        let is_readable = pipe.readable().await.is_ok();
        let heard = HEARD.with_borrow_mut(|buffer| {
            buffer.resize(HEARD_BYTES, 0);
            match pipe.try_read(buffer) {
                Ok(count) if is_readable => {
                    lines.feed(log, cluster.clock.wall_milliseconds(), &buffer[..count]).map(|()| Some(count))
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
                _ => Ok(Some(0)),
            }
        })?;
        if heard == Some(0) {
            return lines.finish(log, cluster.clock.wall_milliseconds());
        }
    }
}

/// Waits for the end; asks for it, and then brings it about, when the pod is to stop.
pub(super) async fn end(
    cluster: &Cluster,
    attended: &mut Attended,
    stop: &mut watch::Receiver<Stop>,
    id: &str,
) -> io::Result<End> {
    let mut was_asked = false;
    loop {
        let now = stop.borrow_and_update().clone();
        let left = match now {
            Stop::No => Duration::MAX,
            Stop::By(deadline) => deadline.saturating_sub(cluster.clock.monotonic()),
        };
        if left.is_zero() {
            attended.signal(SIGKILL);
            cluster.kubelet.leftovers.end(id).await;
            return attended.end().await;
        }
        if now != Stop::No && !was_asked {
            was_asked = true;
            attended.signal(SIGTERM);
        }
        tokio::select! {
            end = attended.end() => return end,
            () = tokio::time::sleep(left), if now != Stop::No => {}
            changed = stop.changed() => if changed.is_err() {
                return attended.end().await;
            },
        }
    }
}

/// Waits until something is made or changed that pods ask for; false when the pod is to stop.
pub(super) async fn given(cluster: &Cluster, from: u64, stop: &mut watch::Receiver<Stop>) -> bool {
    let [mut secrets, mut maps, mut claims] =
        [Kind::Secret, Kind::ConfigMap, Kind::PersistentVolumeClaim].map(|kind| cluster.store.changes(kind, from).ok());
    let next = async |changes: &mut Option<Changes>| {
        // What was forgotten meanwhile is as good as a change.
        if let Some(changes) = changes {
            drop(changes.next().await);
        }
    };
    tokio::select! {
        () = next(&mut secrets) => true,
        () = next(&mut maps) => true,
        () = next(&mut claims) => true,
        _ = stop.wait_for(|stop| *stop != Stop::No) => false,
    }
}

/// A duration as Go prints it.
pub(super) fn spoken(duration: Duration) -> String {
    match (duration.as_secs() / 60, duration.as_secs() % 60) {
        (0, _) if duration.as_secs() < 1 => format!("{}ms", duration.as_millis()),
        (0, seconds) => format!("{seconds}s"),
        (minutes, seconds) => format!("{minutes}m{seconds}s"),
    }
}
