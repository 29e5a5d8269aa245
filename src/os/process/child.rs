//! A process under way, up to its end.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use rustix::process::{Pid, PidfdFlags, WaitOptions, pidfd_open, waitpid};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::task::JoinHandle;

use super::Group;

/// A process that was started, the leader of a group of its own. Dropping it ends nothing, and it is still collected.
#[derive(Debug)]
pub struct Child {
    pid: Pid,
    end: End,
}

/// How its end is heard of.
#[derive(Debug)]
enum End {
    /// By a descriptor that the event loop watches.
    Watched(AsyncFd<OwnedFd>),
    /// By a thread that waits, where the kernel has no such descriptor (left).
    Awaited(JoinHandle<io::Result<ExitStatus>>),
    /// It was collected.
    Over,
}

impl Child {
    /// The process `pid`, which was started here and led its group from the start. Needs a tokio runtime with I/O.
    #[expect(deprecated, reason = "an owned descriptor stays open as long as it is watched; the successor is unsafe")]
    pub(super) fn new(pid: i32) -> io::Result<Self> {
        let pid = Pid::from_raw(pid).ok_or_else(|| io::Error::other("the process has no id"))?;
        let watched = pidfd_open(pid, PidfdFlags::NONBLOCK).map_err(io::Error::from);
        let end = match watched.and_then(|pidfd| AsyncFd::with_interest(pidfd, Interest::READABLE)) {
            Ok(watched) => End::Watched(watched),
            Err(_) => End::Awaited(tokio::task::spawn_blocking(move || collect(pid))),
        };
        Ok(Self { pid, end })
    }

    /// The group it leads.
    #[must_use]
    pub fn group(&self) -> Group {
        Group::of_leader(self.pid)
    }

    /// Waits for its end and collects it.
    ///
    /// # Errors
    /// When somebody else has collected it.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = match &mut self.end {
            End::Watched(watched) => loop {
                let mut ready = watched.readable().await?;
                match waitpid(Some(self.pid), WaitOptions::NOHANG) {
                    Ok(Some((_, status))) => break Ok(ExitStatus::from_raw(status.as_raw())),
                    Ok(None) => ready.clear_ready(),
                    Err(error) => break Err(error.into()),
                }
            },
            End::Awaited(thread) => thread.await.unwrap_or_else(|error| Err(io::Error::other(error))),
            End::Over => Err(rustix::io::Errno::CHILD.into()),
        };
        self.end = End::Over;
        status
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if let End::Watched(_) = self.end {
            let pid = self.pid;
            // Without a thread it stays a zombie until this process ends, which is all that can be done then.
            let _ = std::thread::Builder::new().name("collector".into()).spawn(move || collect(pid).is_ok());
        }
    }
}

/// Waits for the end of `pid`, however long that takes.
fn collect(pid: Pid) -> io::Result<ExitStatus> {
    loop {
        match waitpid(Some(pid), WaitOptions::empty()) {
            Ok(Some((_, status))) => return Ok(ExitStatus::from_raw(status.as_raw())),
            Ok(None) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
