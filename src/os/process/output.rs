//! The end of a pipe from which a command's output is read.
//!
//! A command that ends within a moment is read once at its end, and its pipes are never watched for anything to read.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::OFlags;
use rustix::pipe::PipeFlags;

use crate::os::Poll;

/// The size that a busy pipe is grown to, in bytes: what the kernel allows everybody.
const BUSY_PIPE_BYTES: usize = 1 << 20;

/// A command's standard output or error, to be read.
#[derive(Debug)]
pub struct Output {
    pipe: Option<OwnedFd>,
    is_watched: bool,
}

impl Output {
    /// A pipe: the end to read, which never blocks, and the end for the command, which does.
    pub(super) fn pipe() -> io::Result<(Self, OwnedFd)> {
        let (read, write) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
        rustix::fs::fcntl_setfl(&read, OFlags::NONBLOCK)?;
        Ok((Self { pipe: Some(read), is_watched: false }, write))
    }

    /// From now on `poll` wakes its owner with `number` when there is something to read.
    ///
    /// # Errors
    /// When the kernel watches no more; the pipe is closed then.
    pub fn watch(&mut self, poll: &Poll, number: u64) -> io::Result<()> {
        let Some(pipe) = self.pipe.as_ref().filter(|_| !self.is_watched) else { return Ok(()) };
        let watched = poll.watch(pipe.as_fd(), number);
        self.is_watched = true;
        if watched.is_err() {
            self.close();
        }
        watched
    }

    /// Reads what is there: `None` when that is nothing yet, 0 when nothing will come any more.
    ///
    /// # Errors
    /// As read(2).
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let Some(pipe) = &self.pipe else { return Ok(Some(0)) };
        match rustix::io::read(pipe, buffer) {
            Ok(count) => Ok(Some(count)),
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The descriptor, to be waited for; `None` once it is closed.
    pub(super) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().map(AsFd::as_fd)
    }

    /// Lets the kernel hold more between two reads: for a stream that has turned out to be busy. A kernel that refuses
    /// costs speed only.
    pub fn grow(&self) {
        if let Some(pipe) = &self.pipe {
            let _ = rustix::pipe::fcntl_setpipe_size(pipe, BUSY_PIPE_BYTES);
        }
    }

    /// Whether it was closed here or has told its end.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.pipe.is_none()
    }

    /// Stops reading; who still writes is told so by the kernel.
    pub fn close(&mut self) {
        self.pipe = None;
    }
}
