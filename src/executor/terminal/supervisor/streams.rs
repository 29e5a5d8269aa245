//! The two streams of a command, from the pipes to masked logs and last lines.

use std::cell::RefCell;
use std::path::Path;
use std::time::Duration;

use crate::executor::traces::{LastLine, Log};
use crate::executor::{Mask, MaskStream};
use crate::model::{AttemptId, Limits, LogSize, Stream};
use crate::os::Poll;
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
    number: u64,
    next_line_at: Duration,
    /// Whether standard output and error have a line that is not told yet.
    untold: [bool; 2],
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
    /// The streams of the attempt `id`, whose logs go to `run_dir`. `number` is the first of the two that `poll` is to know
    /// them by: standard output, then standard error.
    pub(super) fn new(
        id: &AttemptId,
        run_dir: &Path,
        (out, err): (Output, Output),
        number: u64,
        mask: &Mask,
        limits: &Limits,
    ) -> Self {
        let one = |output, stream| One {
            output,
            is_busy: false,
            mask: (!mask.is_empty()).then(|| mask.stream()),
            log: Log::new(id.log_path(run_dir, stream), limits),
            last: LastLine::default(),
        };
        Self {
            out: one(out, Stream::Out),
            err: one(err, Stream::Err),
            number,
            next_line_at: Duration::ZERO,
            untold: [false; 2],
        }
    }

    /// From now on `poll` wakes its owner when there is something to read.
    pub(super) fn watch(&mut self, poll: &Poll) {
        for (one, number) in [(&mut self.out, self.number), (&mut self.err, self.number + 1)] {
            // A pipe that the kernel will not watch is closed; what was written to it so far is lost, and nothing else.
            let _ = one.output.watch(poll, number);
        }
    }

    /// Reads what is there of one stream, but not forever.
    pub(super) fn read(&mut self, stream: Stream) {
        let (one, untold) = match stream {
            Stream::Out => (&mut self.out, &mut self.untold[0]),
            Stream::Err => (&mut self.err, &mut self.untold[1]),
        };
        *untold |= one.read();
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
        self.untold.contains(&true).then_some(self.next_line_at)
    }

    /// The last line of a stream, if there is a new one and none was told just now; at the end (`last`) even then.
    pub(super) fn line(&mut self, now: Duration, last: bool) -> Option<(Stream, String)> {
        if now < self.next_line_at && !last {
            return None;
        }
        let (stream, one) = match self.untold {
            [true, _] => (Stream::Out, &self.out),
            [false, true] => (Stream::Err, &self.err),
            [false, false] => return None,
        };
        self.untold[usize::from(stream == Stream::Err)] = false;
        let text = one.last.text()?;
        self.next_line_at = now + LINE_INTERVAL;
        Some((stream, text))
    }

    /// Completes the logs. Returns their sizes (of `out` and `err`) and what is to be said about them.
    pub(super) fn finish(self) -> (LogSize, LogSize, Vec<String>) {
        let ((out, of_out), (err, of_err)) = (self.out.finish().close(), self.err.finish().close());
        (out, err, of_out.into_iter().chain(of_err).collect())
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
                    Ok(Some(count)) if count > 0 => {
                        any = true;
                        self.take(&buffer[..count], masked);
                        if count >= BUSY_BYTES && !self.is_busy {
                            self.is_busy = true;
                            self.output.grow();
                        }
                    }
                    // Its end, or a pipe that cannot be read.
                    _ => {
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
