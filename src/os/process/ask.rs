//! Asking a program something: it is started, its output is kept up to a bound, and it is ended when it takes too long.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Bytes kept of each stream.
const OUTPUT_BYTES_MAX: u64 = 1 << 20;
/// From one look at a program that has closed its output, and not ended, to the next.
const PAUSE: Duration = Duration::from_millis(2);

/// What a program answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Whether it ended with 0.
    pub succeeded: bool,
    /// Its standard output, as far as it was kept and is text.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

/// Starts `program` (looked up along `PATH`) with these words in `folder` and waits for its end, `limit` at most. The
/// variables that `keep` denies are taken out of its environment, and `set` is added. It has nothing on its standard input.
///
/// # Errors
/// When it cannot be started, or does not end in time.
#[expect(clippy::disallowed_methods, reason = "this is where processes start, and a limit is for the clock")]
pub fn ask(
    program: &str,
    words: &[&OsStr],
    folder: &Path,
    keep: impl Fn(&OsStr) -> bool,
    set: &[(&str, &str)],
    limit: Duration,
) -> io::Result<Answer> {
    let mut command = Command::new(program);
    command.args(words).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for (name, _) in std::env::vars_os().filter(|(name, _)| !keep(name)) {
        command.env_remove(name);
    }
    let mut child = command.envs(set.iter().copied()).spawn()?;
    let deadline = Instant::now() + limit;
    let (out, err) = (reading(child.stdout.take()), reading(child.stderr.take()));
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Answer { succeeded: status.success(), out: text(out), err: text(err) });
        }
        if Instant::now() > deadline {
            return Err(too_slow(&mut child, program, limit));
        }
        std::thread::sleep(PAUSE);
    }
}

type Reading = Option<std::thread::JoinHandle<Vec<u8>>>;

fn reading(stream: Option<impl Read + Send + 'static>) -> Reading {
    let stream = stream?;
    let read = move || {
        let (mut bytes, mut rest) = (Vec::new(), stream.take(u64::MAX));
        let _ = rest.by_ref().take(OUTPUT_BYTES_MAX).read_to_end(&mut bytes);
        // What is too much is read all the same, or the program would wait for ever.
        let _ = io::copy(&mut rest, &mut io::sink());
        bytes
    };
    std::thread::Builder::new().name("answer".into()).spawn(read).ok()
}

fn text(reading: Reading) -> String {
    let bytes = reading.and_then(|reading| reading.join().ok()).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn too_slow(child: &mut Child, program: &str, limit: Duration) -> io::Error {
    let _ = child.kill().and_then(|()| child.wait());
    io::Error::new(io::ErrorKind::TimedOut, format!("`{program}` has not ended after {} s", limit.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, limit: Duration) -> io::Result<Answer> {
        let keep = |name: &OsStr| name != "HOME";
        ask("sh", &["-c".as_ref(), script.as_ref()], Path::new("/"), keep, &[("A", "b")], limit)
    }

    #[test]
    fn the_answer_is_kept_and_the_environment_chosen() {
        let answer = sh("echo \"$A$HOME\"; pwd >&2; exit 3", Duration::from_mins(1)).expect("started");
        assert_eq!(answer, Answer { succeeded: false, out: "b\n".into(), err: "/\n".into() });
        let answer = sh("head -c 3000000 /dev/zero", Duration::from_mins(1)).expect("started");
        assert_eq!((answer.succeeded, answer.out.len()), (true, 1 << 20));
    }

    #[test]
    fn who_takes_too_long_is_ended() {
        let error = sh("exec sleep 1000", Duration::from_millis(1)).expect_err("ended");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(ask("no-such-program", &[], Path::new("/"), |_| true, &[], Duration::ZERO).is_err());
    }
}
