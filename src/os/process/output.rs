//! The end of a pipe from which a command's output is read.
//!
//! It begins unwatched: it can be read, but nobody is woken when there is something. A command that ends within a
//! moment is read once at its end and never costs a registration with the event loop, nor a wake-up for each stream.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::OFlags;
use rustix::pipe::PipeFlags;
use tokio::net::unix::pipe::Receiver;

/// The size that a busy pipe is grown to, in bytes: what the kernel allows everybody.
const BUSY_PIPE_BYTES: usize = 1 << 20;

/// A command's standard output or error, to be read.
#[derive(Debug)]
pub struct Output(Pipe);

#[derive(Debug)]
enum Pipe {
    Unwatched(OwnedFd),
    Watched(Receiver),
    Closed,
}

impl Output {
    /// A pipe: the end to read, which never blocks, and the end for the command, which does.
    pub(super) fn pipe() -> io::Result<(Self, OwnedFd)> {
        let (read, write) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
        rustix::fs::fcntl_setfl(&read, OFlags::NONBLOCK)?;
        Ok((Self(Pipe::Unwatched(read)), write))
    }

    /// From now on [`Output::readable`] wakes its caller.
    ///
    /// # Errors
    /// When the event loop takes no more; the pipe is closed then.
    pub fn watch(&mut self) -> io::Result<()> {
        if let Pipe::Unwatched(_) = self.0
            && let Pipe::Unwatched(read) = std::mem::replace(&mut self.0, Pipe::Closed)
        {
            self.0 = Pipe::Watched(Receiver::from_owned_fd_unchecked(read)?);
        }
        Ok(())
    }

    /// Waits until there is something to read or the writers are gone. Waits forever when the pipe is not watched.
    pub async fn readable(&self) {
        match &self.0 {
            // An error of the event loop shows again when the pipe is read.
            Pipe::Watched(receiver) => drop(receiver.readable().await),
            Pipe::Unwatched(_) | Pipe::Closed => std::future::pending().await,
        }
    }

    /// Reads what is there: `None` when that is nothing yet, 0 when nothing will come any more.
    ///
    /// # Errors
    /// As read(2).
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let read = match &self.0 {
            Pipe::Closed => Ok(0),
            Pipe::Watched(receiver) => receiver.try_read(buffer),
            Pipe::Unwatched(read) => rustix::io::read(read, buffer).map_err(io::Error::from),
        };
        match read {
            Ok(count) => Ok(Some(count)),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Lets the kernel hold more between two reads: for a stream that has turned out to be busy. A kernel that refuses
    /// costs speed only.
    pub fn grow(&self) {
        if let Some(fd) = self.descriptor() {
            let _ = rustix::pipe::fcntl_setpipe_size(fd, BUSY_PIPE_BYTES);
        }
    }

    /// Whether it was closed here or has told its end.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.0, Pipe::Closed)
    }

    /// Stops reading; who still writes is told so by the kernel.
    pub fn close(&mut self) {
        self.0 = Pipe::Closed;
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match &self.0 {
            Pipe::Unwatched(read) => Some(read.as_fd()),
            Pipe::Watched(receiver) => Some(receiver.as_fd()),
            Pipe::Closed => None,
        }
    }
}
