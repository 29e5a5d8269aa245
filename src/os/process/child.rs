//! The end of children: those that were started here and those that this process adopted.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use rustix::process::{Pid, WaitOptions, wait, waitpid};

/// Collects one child that has ended, whichever it is: its number and how it ended. `None` when there is none now.
#[must_use]
pub fn reap() -> Option<(i32, ExitStatus)> {
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) => {
                return Some((pid.as_raw_nonzero().get(), ExitStatus::from_raw(status.as_raw())));
            }
            Err(rustix::io::Errno::INTR) => {}
            Ok(None) | Err(_) => return None,
        }
    }
}

/// From now on, descendants whose own parent has ended become children of this process, which then has to collect them.
/// Where the kernel knows no such thing they belong to the first process of the machine, as ever.
pub fn adopt_orphans() {
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
}

/// Leaves the session of who started this process: no terminal, no signal from one, no end with it.
pub fn leave_session() {
    // It fails for the leader of a group only, which has a session of its own already.
    let _ = rustix::process::setsid();
}

/// A process that goes on when this one ends, and is collected when it ends first.
#[derive(Debug)]
pub struct Detached {
    pid: Pid,
}

impl Detached {
    pub(super) fn new(pid: i32) -> io::Result<Self> {
        Pid::from_raw(pid).map(|pid| Self { pid }).ok_or_else(|| io::Error::other("the process has no id"))
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }
}

impl Drop for Detached {
    fn drop(&mut self) {
        let pid = self.pid;
        // Without a thread it stays a zombie until this process ends, which is all that can be done then.
        let _ = std::thread::Builder::new()
            .name("collector".into())
            .spawn(move || while let Err(rustix::io::Errno::INTR) = waitpid(Some(pid), WaitOptions::empty()) {});
    }
}
