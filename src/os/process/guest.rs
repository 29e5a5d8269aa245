//! A program that is started for who sits at the terminal, with the terminal as it is, and waited for.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt as _;

/// Starts `words[0]`, looked up along `PATH`, with the other words, and waits for its end. It has the streams and the
/// environment of this process, and `set` besides. Returns its exit code, or 128 and the number of the signal that ended it.
///
/// # Errors
/// When it cannot be started.
#[expect(clippy::disallowed_methods, reason = "this is where processes start")]
pub async fn host(words: &[OsString], set: &[(&str, OsString)]) -> io::Result<u8> {
    let Some((program, words)) = words.split_first() else { return Ok(0) };
    let mut command = tokio::process::Command::new(program);
    let set = set.iter().map(|(name, value)| (*name, value.clone()));
    let status = command.args(words).envs(set).kill_on_drop(true).status().await?;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    Ok(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}
