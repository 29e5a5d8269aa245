//! Asking a program something: it is started, its output is kept up to a bound, and it is ended when it takes too long.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::time::Duration;

use super::{Captured, End, Found, Variables, capture, find_program};

/// Bytes kept of each stream.
const OUTPUT_BYTES_MAX: usize = 1 << 20;

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

/// Starts `program` (looked up along `PATH`) with these words in `folder` and waits for its end, `limit` at most; then it is
/// ended with all it has started. The variables that `keep` denies are taken out of its environment, and `set` is added.
/// It has nothing on its standard input.
///
/// # Errors
/// When it cannot be started, or does not end in time.
pub fn ask(
    program: &str,
    words: &[&OsStr],
    folder: &Path,
    keep: impl Fn(&OsStr) -> bool,
    set: &[(&str, &str)],
    limit: Duration,
) -> io::Result<Answer> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let Found::Program(place) = find_program(program.as_ref(), &path, folder) else {
        return Err(io::Error::new(io::ErrorKind::NotFound, format!("`{program}` was not found along `PATH`")));
    };
    let mut variables = Variables::default();
    for (name, value) in std::env::vars_os().filter(|(name, _)| keep(name)) {
        variables.set(&name, &value);
    }
    for (name, value) in set {
        variables.set(name.as_ref(), value.as_ref());
    }
    let Captured { end, out, err } = capture(&place, words, folder, &variables, limit)?;
    if end == End::TimedOut {
        let message = format!("`{program}` has not ended after {} s", limit.as_secs());
        return Err(io::Error::new(io::ErrorKind::TimedOut, message));
    }
    Ok(Answer { succeeded: end == End::Code(0), out: text(out), err: text(err) })
}

fn text(mut bytes: Vec<u8>) -> String {
    bytes.truncate(OUTPUT_BYTES_MAX);
    String::from_utf8_lossy(&bytes).into_owned()
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
