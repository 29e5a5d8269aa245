//! The engine at the other end of the socket: lines in, lines out, never waiting for it.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;

use crate::executor::terminal::wire::{self, Request};
use crate::os::{Poll, socket};

/// Bytes of one request, at most: a script of the largest spore, with its environment, written as JSON.
const REQUEST_BYTES_MAX: usize = 64 << 20;
/// Bytes read at a time.
const READ_BYTES: usize = 64 << 10;
/// Bytes that may wait for an engine that does not read. Last lines are left out beyond that, ends never.
const UNSENT_BYTES_MAX: usize = 1 << 20;

/// A connected engine.
#[derive(Debug)]
pub(super) struct Peer {
    stream: UnixStream,
    number: u64,
    received: Vec<u8>,
    unsent: Vec<u8>,
    /// Whether the kernel is asked to say when there is room again.
    awaits_room: bool,
}

impl Peer {
    /// An engine that `poll` is to know by `number`; `None` when it is no process of our own user.
    pub(super) fn new(stream: UnixStream, number: u64, poll: &Poll) -> io::Result<Option<Self>> {
        if !socket::is_own(&stream) {
            return Ok(None);
        }
        stream.set_nonblocking(true)?;
        poll.watch(&stream, number)?;
        Ok(Some(Self { stream, number, received: Vec::new(), unsent: Vec::new(), awaits_room: false }))
    }

    /// Puts bytes before what comes: they were read by somebody else.
    pub(super) fn has_received(&mut self, bytes: Vec<u8>) {
        self.received = bytes;
    }

    /// What has come; `None` when the engine is gone, or says what nobody understands.
    pub(super) fn receive(&mut self) -> Option<Vec<Request>> {
        let mut is_gone = false;
        loop {
            let filled = self.received.len();
            if filled > REQUEST_BYTES_MAX {
                return None;
            }
            self.received.resize(filled + READ_BYTES, 0);
            let read = self.stream.read(&mut self.received[filled..]);
            self.received.truncate(filled + read.as_ref().map_or(0, |count| *count));
            match read {
                Ok(0) => {
                    is_gone = true;
                    break;
                }
                Ok(count) if count == READ_BYTES => {}
                Ok(_) => break,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    is_gone = true;
                    break;
                }
            }
        }
        let whole = memchr::memrchr(b'\n', &self.received).map_or(0, |end| end + 1);
        let lines = self.received[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let requests: Result<Vec<Request>, _> = lines.map(serde_json::from_slice).collect();
        self.received.drain(..whole);
        // What a dead engine has said last is not begun any more: the next one decides.
        requests.ok().filter(|_| !is_gone)
    }

    /// Says something, as soon as the engine listens.
    pub(super) fn say(&mut self, reply: &wire::Reply) {
        if matches!(reply, wire::Reply::Line { .. }) && self.unsent.len() > UNSENT_BYTES_MAX {
            return;
        }
        wire::push(&mut self.unsent, reply);
    }

    /// Sends what is to be said, as far as the engine takes it. False when it is gone.
    pub(super) fn send(&mut self, poll: &Poll) -> bool {
        let mut sent = 0;
        while sent < self.unsent.len() {
            match self.stream.write(&self.unsent[sent..]) {
                Ok(count) => sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
        self.unsent.drain(..sent);
        let awaits_room = !self.unsent.is_empty();
        if awaits_room != self.awaits_room {
            self.awaits_room = awaits_room;
            return poll.watch_room(&self.stream, self.number, awaits_room).is_ok();
        }
        true
    }
}
