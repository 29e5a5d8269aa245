//! A program that is started, waited for within a time, and heard: for tools that the house asks something of, such as
//! git. Commands of spores are not started here.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::{Group, Output, Variables};
use crate::os::clock::{Clock as _, SystemClock};

/// Bytes of each stream that are kept, at most; the rest is read and forgotten.
const BYTES_MAX: usize = 8 << 20;
/// For how long output is waited for when the program has ended but something that it has started holds its pipes.
const AFTERWARDS: Duration = Duration::from_millis(100);
/// From asking the program to end until it is killed.
const GRACE: Duration = Duration::from_secs(2);

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// It was stopped, because its time was over.
    TimedOut,
}

/// What became of a program.
#[derive(Clone, Debug)]
pub struct Captured {
    /// How it ended.
    pub end: End,
    /// What it said on standard output.
    pub out: Vec<u8>,
    /// What it said on standard error.
    pub err: Vec<u8>,
}

/// Runs the program at `program` (an absolute path) with these arguments and exactly these variables in `folder`, as the
/// leader of a process group of its own, with nothing on its standard input. After `time_max` the group is ended. It blocks
/// the thread.
///
/// # Errors
/// What the kernel says when it cannot be started or waited for.
#[expect(clippy::disallowed_methods, reason = "this is where processes start")]
pub fn capture(
    program: &std::path::Path,
    arguments: &[&std::ffi::OsStr],
    folder: &std::path::Path,
    variables: &Variables,
    time_max: Duration,
) -> io::Result<Captured> {
    let (out, to_out) = Output::pipe()?;
    let (err, to_err) = Output::pipe()?;
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).process_group(0).env_clear().envs(variables.pairs());
    command.stdin(Stdio::null()).stdout(to_out).stderr(to_err);
    let child = command.spawn()?;
    // The ends of the pipes that the program has were copied for it; these copies must go, or the pipes never end.
    drop(command);
    Listener { child, streams: [Stream::of(out), Stream::of(err)] }.listen(time_max)
}

struct Stream {
    output: Output,
    bytes: Vec<u8>,
}

impl Stream {
    fn of(output: Output) -> Self {
        Self { output, bytes: Vec::new() }
    }

    /// Reads what is there.
    fn read(&mut self) -> io::Result<()> {
        let mut buffer = [0; 16 << 10];
        while let Some(count) = self.output.read(&mut buffer)? {
            if count == 0 {
                self.output.close();
                return Ok(());
            }
            let room = BYTES_MAX.saturating_sub(self.bytes.len());
            self.bytes.extend_from_slice(&buffer[..count.min(room)]);
        }
        Ok(())
    }
}

struct Listener {
    child: Child,
    streams: [Stream; 2],
}

impl Listener {
    fn listen(mut self, time_max: Duration) -> io::Result<Captured> {
        let number = i32::try_from(self.child.id()).map_err(io::Error::other)?;
        let (pid, group) = (Pid::from_raw(number).ok_or_else(|| io::Error::other("no id"))?, Group::of_leader(number)?);
        let ended = pidfd_open(pid, PidfdFlags::empty())?;
        let in_time = self.wait(&ended, time_max)?;
        if !in_time {
            // Nobody has collected the leader yet, so that its number still stands for its group.
            group.terminate();
            if !self.wait(&ended, GRACE)? {
                group.kill();
            }
        }
        let status = self.child.wait()?;
        let clock = SystemClock::new();
        while let Some(left) = AFTERWARDS.checked_sub(clock.monotonic()) {
            self.streams.iter_mut().try_for_each(Stream::read)?;
            if !self.wait_for_output(None, left)? {
                break;
            }
        }
        let end = match (in_time, status.code()) {
            (false, _) => End::TimedOut,
            (true, Some(code)) => End::Code(code),
            (true, None) => End::Signal(status.signal().unwrap_or(0)),
        };
        let [out, err] = self.streams;
        Ok(Captured { end, out: out.bytes, err: err.bytes })
    }

    /// Reads until the program has ended; false when the time is over before.
    fn wait(&mut self, ended: &impl AsFd, time_max: Duration) -> io::Result<bool> {
        let clock = SystemClock::new();
        loop {
            let Some(left) = time_max.checked_sub(clock.monotonic()) else { return Ok(false) };
            let has_ended = self.wait_for_output(Some(ended.as_fd()), left)?;
            self.streams.iter_mut().try_for_each(Stream::read)?;
            if has_ended {
                return Ok(true);
            }
        }
    }

    /// Waits for anything. With `ended`, whether that was the end; without, whether there is something to read.
    fn wait_for_output(&self, ended: Option<std::os::fd::BorrowedFd<'_>>, left: Duration) -> io::Result<bool> {
        let pipes = self.streams.iter().filter_map(|stream| stream.output.descriptor());
        let mut watched: Vec<PollFd<'_>> =
            ended.into_iter().chain(pipes).map(|one| PollFd::from_borrowed_fd(one, PollFlags::IN)).collect();
        if watched.is_empty() {
            return Ok(false);
        }
        let left = Timespec::try_from(left).map_err(io::Error::other)?;
        match poll(&mut watched, Some(&left)) {
            Err(rustix::io::Errno::INTR) => Ok(ended.is_none()),
            Err(error) => Err(error.into()),
            Ok(0) => Ok(false),
            Ok(_) => Ok(ended.is_none() || !watched[0].revents().is_empty()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::path::Path;

    use super::*;

    fn shell(script: &str, time_max: Duration) -> Captured {
        let mut variables = Variables::default();
        variables.set("PATH".as_ref(), "/usr/bin:/bin".as_ref());
        variables.set("WORD".as_ref(), "here".as_ref());
        let arguments: [&OsStr; 2] = ["-c".as_ref(), script.as_ref()];
        capture(Path::new("/bin/sh"), &arguments, Path::new("/"), &variables, time_max).expect("started")
    }

    #[test]
    fn a_program_is_heard_and_its_end_told() {
        let minute = Duration::from_mins(1);
        let captured = shell("echo $WORD; pwd; echo no >&2; cat; exit 3", minute);
        assert_eq!((captured.end, &*captured.out, &*captured.err), (End::Code(3), &b"here\n/\n"[..], &b"no\n"[..]));
        assert_eq!(shell("kill -9 $$", minute).end, End::Signal(9));
        // More than a pipe holds, on both streams at a time.
        let much = shell("head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2", minute);
        assert_eq!((much.end, much.out.len(), much.err.len()), (End::Code(0), 300_000, 300_000));
        // What it leaves behind holds its pipes and is not waited for.
        let left = shell("echo said; (exec sleep 1000) & echo $!", minute);
        assert_eq!(left.end, End::Code(0));
        let said = String::from_utf8(left.out).expect("text");
        let pid = said.strip_prefix("said\n").expect("said").trim().parse().expect("a number");
        crate::os::identity::Identity::of(pid).expect("it lives").kill();
    }

    #[test]
    fn a_program_that_takes_too_long_is_ended_with_all_it_has_started() {
        let captured = shell("trap 'echo asked; exit' TERM; sleep 1000 & wait", Duration::from_millis(300));
        assert_eq!((captured.end, &*captured.out), (End::TimedOut, &b"asked\n"[..]));
        let nothing =
            capture(Path::new("/nothing"), &[], Path::new("/"), &Variables::default(), Duration::from_secs(1));
        assert!(nothing.is_err());
    }
}
