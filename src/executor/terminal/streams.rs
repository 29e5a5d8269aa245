//! The two streams of a command, from the pipes to masked logs and last lines.

use std::cell::RefCell;
use std::time::Duration;

use super::entry::Entry;
use super::line::LastLine;
use super::log::Log;
use crate::executor::{Mask, MaskStream};
use crate::model::{Limits, LogSize, Stream};
use crate::os::process::Output;

/// The shortest time between two lines told.
const LINE_INTERVAL: Duration = Duration::from_millis(50);
/// Bytes read at a time. Larger is no faster: the bytes would leave the processor's cache between pipe and file.
const READ_BYTES: usize = 256 << 10;
/// A read of so many bytes has emptied a full pipe of the usual size: the stream is busy.
const BUSY_BYTES: usize = 64 << 10;
/// Reads in a row from one stream, so that a flood does not keep others waiting.
const READS_MAX: usize = 8;

thread_local! {
    /// Where pipes are read to, and where secrets are covered: one pair for all attempts of a thread.
    static BUFFERS: RefCell<(Vec<u8>, Vec<u8>)> = const { RefCell::new((Vec::new(), Vec::new())) };
}

/// Both streams.
#[derive(Debug)]
pub(super) struct Streams {
    out: One,
    err: One,
    next_line_at: Duration,
    untold: Option<Stream>,
}

#[derive(Debug)]
struct One {
    output: Output,
    is_busy: bool,
    mask: Option<MaskStream>,
    log: Log,
    last: LastLine,
}

impl Streams {
    pub(super) fn new(entry: &Entry, out: Output, err: Output, mask: &Mask, limits: &Limits) -> Self {
        let one = |output, stream| One {
            output,
            is_busy: false,
            mask: (!mask.is_empty()).then(|| mask.stream()),
            log: Log::new(entry.log_path(stream), limits),
            last: LastLine::default(),
        };
        Self { out: one(out, Stream::Out), err: one(err, Stream::Err), next_line_at: Duration::ZERO, untold: None }
    }

    /// From now on [`Streams::readable`] wakes its caller.
    pub(super) fn watch(&mut self) {
        for one in [&mut self.out, &mut self.err] {
            if let Err(error) = one.output.watch() {
                tracing::warn!(%error, "a pipe cannot be watched, and is closed");
            }
        }
    }

    /// Waits until a stream has something to read or ends, and says which.
    pub(super) async fn readable(&self) -> Stream {
        tokio::select! {
            () = self.out.output.readable() => Stream::Out,
            () = self.err.output.readable() => Stream::Err,
        }
    }

    /// Reads what is there of one stream, but not forever.
    pub(super) fn read(&mut self, stream: Stream) {
        let one = match stream {
            Stream::Out => &mut self.out,
            Stream::Err => &mut self.err,
        };
        if one.read() {
            self.untold = Some(stream);
        }
    }

    /// Reads what is there of both.
    pub(super) fn read_both(&mut self) {
        self.read(Stream::Out);
        self.read(Stream::Err);
    }

    /// Whether both have ended.
    pub(super) fn are_closed(&self) -> bool {
        self.out.output.is_closed() && self.err.output.is_closed()
    }

    /// Reads no further.
    pub(super) fn close(&mut self) {
        self.out.output.close();
        self.err.output.close();
    }

    /// When a line is to be told that is not told yet.
    pub(super) fn line_at(&self) -> Option<Duration> {
        self.untold.map(|_| self.next_line_at)
    }

    /// Tells the last line, if there is a new one and the last was not told just now.
    pub(super) fn tell_line(&mut self, now: Duration, entry: &Entry) {
        if now < self.next_line_at {
            return;
        }
        if let Some(stream) = self.untold.take() {
            let one = match stream {
                Stream::Out => &self.out,
                Stream::Err => &self.err,
            };
            if let Some(text) = one.last.text() {
                entry.tell_line(stream, &text);
                self.next_line_at = now + LINE_INTERVAL;
            }
        }
    }

    /// Tells the last line at the end, however short after the one before.
    pub(super) fn tell_last_line(&mut self, entry: &Entry) {
        self.next_line_at = Duration::ZERO;
        self.tell_line(Duration::ZERO, entry);
    }

    /// Completes the logs. Returns their sizes (of `out` and `err`) and what is to be said about them.
    pub(super) async fn finish(self) -> (LogSize, LogSize, Vec<String>) {
        let (out, err) = (self.out.finish(), self.err.finish());
        let is_long = out.has_ring() || err.has_ring();
        let close = move || {
            let ((out, of_out), (err, of_err)) = (out.close(), err.close());
            (out, err, of_out.into_iter().chain(of_err).collect())
        };
        if !is_long {
            return close();
        }
        tokio::task::spawn_blocking(close).await.unwrap_or_else(|error| {
            (LogSize::default(), LogSize::default(), vec![format!("the logs could not be completed: {error}")])
        })
    }
}

impl One {
    /// Reads until there is nothing now, or for long enough. Whether there was anything.
    fn read(&mut self) -> bool {
        BUFFERS.with_borrow_mut(|(buffer, masked)| {
            buffer.resize(READ_BYTES, 0);
            let mut any = false;
            for _ in 0..READS_MAX {
                match self.output.read(buffer) {
                    Ok(None) => break,
                    Ok(Some(0)) => {
                        self.output.close();
                        break;
                    }
                    Ok(Some(count)) => {
                        any = true;
                        self.take(&buffer[..count], masked);
                        if count >= BUSY_BYTES && !self.is_busy {
                            self.is_busy = true;
                            self.output.grow();
                        }
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a pipe cannot be read, and is closed");
                        self.output.close();
                        break;
                    }
                }
            }
            any
        })
    }

    fn take(&mut self, bytes: &[u8], masked: &mut Vec<u8>) {
        let bytes = match &mut self.mask {
            None => bytes,
            Some(mask) => {
                masked.clear();
                mask.push(bytes, masked);
                masked.as_slice()
            }
        };
        self.last.push(bytes);
        self.log.push(bytes);
    }

    fn finish(mut self) -> Log {
        if let Some(mask) = &mut self.mask {
            let mut rest = Vec::new();
            mask.finish(&mut rest);
            self.log.push(&rest);
        }
        self.log
    }
}
