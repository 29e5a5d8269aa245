//! A supervisor that answers: what is said to it and what it says, whatever that means.

use std::collections::HashSet;
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use super::attempts::Past;
use super::spares::Spare;
use super::wire::{self, PROTOCOL, Reply, Request};
use crate::model::{Secret, TaskId};
use crate::os::process::Detached;
use crate::os::socket::Watched;

/// How long a message waits for room when the supervisor is slow to take it.
const BETWEEN_SENDS: Duration = Duration::from_millis(1);

/// A supervisor that answers.
pub(super) struct Connection {
    pub(super) stream: Watched,
    pub(super) received: Vec<u8>,
    pub(super) unsent: Vec<u8>,
    /// What was under way when the connection was made, and what the log told then.
    pub(super) under_way: HashSet<(TaskId, u32)>,
    pub(super) past: Past,
    pub(super) secrets: Option<Arc<[Secret]>>,
    /// Runs that the supervisor has had before.
    pub(super) runs: u32,
    /// Its seat among those that wait, where it has one.
    pub(super) seat: Option<Arc<()>>,
    /// Whether it was one that waited, and has not shown that it has the run.
    pub(super) is_new_spare: bool,
    /// Collects the supervisor when it ends, if it was started here.
    pub(super) process: Option<Detached>,
}

impl Connection {
    pub(super) fn new(stream: UnixStream, process: Option<Detached>, past: Past) -> io::Result<Self> {
        Ok(Self {
            stream: Watched::new(stream)?,
            received: Vec::new(),
            unsent: Vec::new(),
            under_way: HashSet::new(),
            past,
            secrets: None,
            runs: 0,
            seat: None,
            is_new_spare: false,
            process,
        })
    }

    /// The supervisor without its run, where it can have another.
    pub(super) fn into_spare(self) -> Option<Spare> {
        let Self { stream, received, unsent, process, runs, seat, .. } = self;
        let (process, seat) = process.zip(seat).filter(|_| unsent.is_empty())?;
        Some(Spare { stream: stream.into_inner(), process, received, runs, seat })
    }

    /// Waits until the supervisor says that it has no run. False when it is gone.
    pub(super) async fn is_free(&mut self) -> bool {
        while self.exchange().await {
            while let Some(end) = memchr::memchr(b'\n', &self.received) {
                let said = serde_json::from_slice(&self.received[..end]);
                self.received.drain(..=end);
                if matches!(said, Ok(Reply::Free)) {
                    return true;
                }
            }
        }
        false
    }

    pub(super) fn say(&mut self, request: &Request) {
        wire::push(&mut self.unsent, request);
    }

    /// Sends what the supervisor takes now; the rest follows by [`Connection::exchange`].
    pub(super) fn send(&mut self) {
        let mut sent = 0;
        while sent < self.unsent.len() {
            match self.stream.write(&self.unsent[sent..]) {
                Ok(count) => sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // A closed connection shows when it is read. What it did not take must not be tried again and again until
                // then: it would always seem to be ready for more, and nothing else would have its turn.
                Err(_) => sent = self.unsent.len(),
            }
        }
        self.unsent.drain(..sent);
    }

    /// Waits for the supervisor, and takes in what it says. False when the connection is closed; what came before is there.
    pub(super) async fn exchange(&mut self) -> bool {
        // What came together with the welcome is there already, and nothing else may come to tell of it.
        if memchr::memchr(b'\n', &self.received).is_some() {
            return true;
        }
        loop {
            tokio::select! {
                biased;
                read = self.stream.read(&mut self.received) => return read.is_ok_and(|count| count > 0),
                () = tokio::time::sleep(BETWEEN_SENDS), if !self.unsent.is_empty() => self.send(),
            }
        }
    }

    /// What was said in whole lines.
    pub(super) fn replies(&mut self) -> Vec<Reply> {
        let whole = memchr::memrchr(b'\n', &self.received).map_or(0, |end| end + 1);
        let lines = self.received[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        // What a newer supervisor says beyond what is understood here is in its log all the same.
        let replies = lines.filter_map(|line| serde_json::from_slice(line).ok()).collect();
        self.received.drain(..whole);
        replies
    }

    /// Waits for the first words.
    pub(super) async fn welcome(&mut self) -> io::Result<HashSet<(TaskId, u32)>> {
        while self.exchange().await {
            // What comes before the welcome is in the log, which is read next; what follows it stays for later.
            let Some(end) = memchr::memchr(b'\n', &self.received) else { continue };
            let first = serde_json::from_slice(&self.received[..end]);
            self.received.drain(..=end);
            return match first {
                Ok(Reply::Welcome { protocol, under_way }) if protocol <= PROTOCOL => {
                    Ok(under_way.into_iter().collect())
                }
                Ok(Reply::Welcome { .. }) => {
                    Err(io::Error::other("its supervisor is of a newer Spore; use that one until the run has ended"))
                }
                Ok(Reply::Refused { reason }) => Err(io::Error::other(reason)),
                Ok(_) => continue,
                Err(error) => Err(error.into()),
            };
        }
        Err(io::Error::other("its supervisor has just ended"))
    }
}
