//! Starting a program that goes on by itself, whatever becomes of who started it.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use super::leave_session;

/// Starts `program` with these words in `folder`, with nothing on its standard input and `log` as both of its outputs. The
/// variables of git that this process was given are kept from it. It has no name for its starter and is not waited for.
///
/// It is in the group of its starter still: it leaves its session itself, by [`go_apart`], because the leader of a group
/// cannot.
///
/// # Errors
/// What the kernel says.
#[expect(clippy::disallowed_methods, reason = "this is where processes start")]
pub fn start_apart(program: &Path, words: &[&OsStr], folder: &Path, log: &File) -> io::Result<()> {
    let mut command = Command::new(program);
    command.args(words).current_dir(folder).stdin(Stdio::null());
    command.stdout(log.try_clone()?).stderr(log.try_clone()?);
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"GIT_") {
            command.env_remove(name);
        }
    }
    command.spawn().map(drop)
}

/// A program that goes on by itself, and whose first steps its starter sees.
#[derive(Debug)]
pub struct Apart(Child);

impl Apart {
    /// Starts `program` as [`start_apart`] does.
    ///
    /// # Errors
    /// What the kernel says.
    #[expect(clippy::disallowed_methods, reason = "this is where processes start")]
    pub fn start(program: &Path, words: &[&OsStr], folder: &Path, log: &File) -> io::Result<Self> {
        let mut command = Command::new(program);
        command.args(words).current_dir(folder).stdin(Stdio::null());
        command.stdout(log.try_clone()?).stderr(log.try_clone()?);
        command.spawn().map(Self)
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// The code that it has ended with, 1 for a signal; `None` as long as it goes on.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn ended(&mut self) -> io::Result<Option<u8>> {
        let code = |status: ExitStatus| status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
        Ok(self.0.try_wait()?.map(code))
    }
}

/// Leaves the session of who started this process and becomes `program` with these words. Returns only when that fails.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is where processes start")]
pub fn go_apart(program: &Path, words: &[&OsStr]) -> io::Error {
    leave_session();
    Command::new(program).args(words).exec()
}
