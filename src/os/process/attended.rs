//! A program that is attended while it runs, by a process that does other things meanwhile: heard as it speaks, spoken to,
//! and ended with all that it has started.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::pipe::PipeFlags;
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions, pidfd_open, pidfd_send_signal, waitpid};
use tokio::io::unix::AsyncFd;
use tokio::net::unix::pipe::{Receiver, Sender};

use super::{Detached, End, Group, Variables};

/// What to start. The program is an absolute path: looking it up is for the caller, who knows along which `PATH`.
#[derive(Clone, Copy, Debug)]
pub struct Beginning<'a> {
    /// The program.
    pub program: &'a Path,
    /// The name it is told.
    pub name: &'a OsStr,
    /// Its arguments.
    pub words: &'a [OsString],
    /// Where it begins.
    pub folder: &'a Path,
    /// Its whole environment.
    pub variables: &'a Variables,
}

/// The pipes to a program.
#[derive(Debug)]
pub struct Pipes {
    /// Its standard input, where it was to have one.
    pub input: Option<Sender>,
    /// Its standard output.
    pub out: Receiver,
    /// Its standard error.
    pub err: Receiver,
}

/// A program that was started here, as the leader of a group. Who lets go of it before its end ends it.
#[derive(Debug)]
pub struct Attended {
    pid: Pid,
    group: Group,
    ended: AsyncFd<OwnedFd>,
    is_collected: bool,
}

impl Beginning<'_> {
    /// Starts it, with pipes as its outputs and, if `hears`, as its input.
    ///
    /// # Errors
    /// What the kernel says of the program, of the folder, or of its own limits.
    #[expect(clippy::disallowed_methods, reason = "this is where processes start")]
    pub fn start(&self, hears: bool) -> io::Result<(Attended, Pipes)> {
        let pipe = || rustix::pipe::pipe_with(PipeFlags::CLOEXEC);
        let ((out, to_out), (err, to_err)) = (pipe()?, pipe()?);
        let (from_input, input) =
            if hears { pipe().map(|(read, write)| (Some(read), Some(write)))? } else { (None, None) };
        let mut command = Command::new(self.program);
        command.arg0(self.name).args(self.words).current_dir(self.folder).process_group(0);
        command.env_clear().envs(self.variables.pairs());
        command.stdin(from_input.map_or_else(Stdio::null, Stdio::from)).stdout(to_out).stderr(to_err);
        let child = command.spawn()?;
        // The ends of the pipes that the program has were copied for it; these copies must go, or the pipes never end.
        drop(command);
        let attended = Attended::new(i32::try_from(child.id()).map_err(io::Error::other)?)?;
        let input = input.map(Sender::from_owned_fd).transpose()?;
        Ok((attended, Pipes { input, out: Receiver::from_owned_fd(out)?, err: Receiver::from_owned_fd(err)? }))
    }
}

impl Attended {
    pub(super) fn new(pid: i32) -> io::Result<Self> {
        let (group, number) = (Group::of_leader(pid)?, pid);
        let pid = Pid::from_raw(number).ok_or_else(|| io::Error::other("the process has no id"))?;
        let watched = pidfd_open(pid, PidfdFlags::empty()).map_err(io::Error::from).and_then(wakeful);
        let ended = watched.inspect_err(|_| {
            group.kill();
            drop(Detached::new(number));
        })?;
        Ok(Self { pid, group, ended, is_collected: false })
    }

    /// Its group.
    #[must_use]
    pub fn group(&self) -> Group {
        self.group
    }

    /// Sends a signal to the program alone, not to what it has started.
    pub fn signal(&self, number: i32) {
        // A failure means that it has ended, which is told by `end`.
        if let (false, Some(signal)) = (self.is_collected, Signal::from_named_raw(number)) {
            let _ = pidfd_send_signal(self.ended.get_ref(), signal);
        }
    }

    /// Waits for its end, and ends what is left of its group. May be cancelled, and asked again.
    ///
    /// # Errors
    /// What the kernel says.
    pub async fn end(&mut self) -> io::Result<End> {
        drop(self.ended.readable().await?);
        // Nobody has collected the leader yet, so that its number still stands for its group.
        self.group.kill();
        let status = loop {
            match waitpid(Some(self.pid), WaitOptions::empty()) {
                Ok(status) => break status,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        };
        self.is_collected = true;
        let code = status.and_then(|(_, status)| status.exit_status().map(End::Code));
        let signal = || status.and_then(|(_, status)| status.terminating_signal()).unwrap_or(0);
        Ok(code.unwrap_or_else(|| End::Signal(signal())))
    }
}

/// A descriptor that wakes who waits for it.
#[expect(deprecated, reason = "what it warns of are types whose descriptor changes; an owned one is always the same")]
pub(super) fn wakeful(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::new(descriptor)
}

impl Drop for Attended {
    fn drop(&mut self) {
        if !self.is_collected {
            self.group.kill();
            drop(Detached::new(self.pid.as_raw_nonzero().get()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    fn shell(script: &str, hears: bool) -> (Attended, Pipes) {
        let mut variables = Variables::default();
        assert!(variables.set("PATH".as_ref(), "/usr/bin:/bin".as_ref()));
        let words = ["-c".into(), script.into()];
        let beginning = Beginning {
            program: Path::new("/bin/sh"),
            name: "sh".as_ref(),
            words: &words,
            folder: Path::new("/"),
            variables: &variables,
        };
        beginning.start(hears).expect("started")
    }

    #[tokio::test]
    async fn it_is_heard_and_spoken_to() {
        let (mut attended, mut pipes) = shell("read x; echo \"<$x>\"; pwd >&2; exit 3", true);
        pipes.input.take().expect("it hears").write_all(b"hello\n").await.expect("written");
        let (mut out, mut err) = (String::new(), String::new());
        pipes.out.read_to_string(&mut out).await.expect("read");
        pipes.err.read_to_string(&mut err).await.expect("read");
        assert_eq!((out.as_str(), err.as_str()), ("<hello>\n", "/\n"));
        assert_eq!(attended.end().await.expect("ended"), End::Code(3));
    }

    #[tokio::test]
    async fn what_it_has_started_ends_with_it() {
        let (mut attended, mut pipes) = shell("sleep 1000 & echo started; kill -9 $$", false);
        let mut out = String::new();
        assert_eq!(attended.end().await.expect("ended"), End::Signal(9));
        pipes.out.read_to_string(&mut out).await.expect("nobody holds the pipe any more");
        assert_eq!(out, "started\n");
        let (attended, mut pipes) = shell("sleep 1000", false);
        attended.signal(15);
        drop(attended);
        pipes.err.read_to_string(&mut out).await.expect("nobody holds the pipe any more");
    }
}
