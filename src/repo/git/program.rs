//! The `git` program, for what only it can do: talk to other repositories with the user's own credentials, and bring a
//! working tree along as its settings and filters want it. Never by a shell, never with a prompt, never without end.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use git2::Repository;

use super::{Skip, Stop};
use crate::model::format_duration;
use crate::os::process::{Captured, End, Found, Variables, capture, find_program};
use crate::repo::Error;

/// The variables of git that are about how to reach others. All other `GIT_*` would lead it elsewhere.
const KEPT: [&str; 4] = ["GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSH_VARIANT", "GIT_ASKPASS"];
/// Lines of what git says that are passed on, and characters of each.
const SAID_LINES_MAX: usize = 4;
const SAID_CHARACTERS_MAX: usize = 300;

/// The program, at work in one working tree.
pub(super) struct Git {
    program: PathBuf,
    top: PathBuf,
    variables: Variables,
}

/// What git said, and whether it did what it was asked for.
pub(super) struct Said {
    pub(super) ok: bool,
    pub(super) out: String,
    pub(super) err: String,
}

impl Git {
    /// For the working tree of a repository.
    pub(super) fn at(repository: &Repository) -> Result<Self, Skip> {
        let top = repository.workdir().unwrap_or(repository.path()).to_path_buf();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let Found::Program(program) = find_program("git".as_ref(), &path, Path::new("/")) else {
            return Err(Skip::lasting("the program `git` was not found along `PATH`", Some("install it")));
        };
        let mut variables = Variables::default();
        for (name, value) in std::env::vars_os() {
            let is_kept = name.to_str().is_some_and(|name| KEPT.contains(&name));
            if is_kept || !name.as_encoded_bytes().starts_with(b"GIT_") {
                variables.set(&name, &value);
            }
        }
        // Its words are read below. Nobody is there to answer, what only looks must not lock out the user, and what Spore
        // does itself must not call it again.
        for (name, value) in
            [("LC_ALL", "C"), ("GIT_TERMINAL_PROMPT", "0"), ("GIT_OPTIONAL_LOCKS", "0"), ("SPORE_NO_HOOKS", "1")]
        {
            variables.set(name.as_ref(), value.as_ref());
        }
        let has_own = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let configured = repository.config().and_then(|config| config.get_string("core.sshcommand")).is_ok();
        if !configured && !has_own("GIT_SSH_COMMAND") && !has_own("GIT_SSH") {
            // Without this, ssh asks for passwords on the terminal, whoever is at work there.
            variables.set("GIT_SSH_COMMAND".as_ref(), "ssh -o BatchMode=yes".as_ref());
        }
        Ok(Self { program, top, variables })
    }

    /// Has it work on another index.
    pub(super) fn with_index(mut self, index: &Path) -> Self {
        self.variables.set("GIT_INDEX_FILE".as_ref(), index.as_os_str());
        self
    }

    /// Runs it. What it refuses is no error here.
    pub(super) fn run(&self, arguments: &[&str], time_max: Duration) -> Result<Said, Stop> {
        let words: Vec<&OsStr> = arguments.iter().map(OsStr::new).collect();
        let captured = capture(&self.program, &words, &self.top, &self.variables, time_max);
        let Captured { end, out, err } =
            captured.map_err(|source| Stop::Fail(Error::of_io(&self.program, "start", source)))?;
        let verb = arguments.iter().find(|word| !word.starts_with('-') && !word.contains('='));
        let verb = verb.copied().unwrap_or_default();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        match end {
            End::Code(code) => Ok(Said { ok: code == 0, out: text(out), err: text(err) }),
            End::Signal(signal) => {
                Err(Skip::passing(format!("`git {verb}` was ended by the signal {signal}"), None).into())
            }
            End::TimedOut => {
                let limit = format_duration(time_max);
                Err(Skip::passing(format!("`git {verb}` took longer than {limit} and was stopped"), None).into())
            }
        }
    }
}

impl Said {
    /// Why git refuses, in its own words, fit to be shown: what the other side has said, and what is fatal.
    pub(super) fn why(&self) -> String {
        let told = |line: &&str| ["fatal: ", "error: ", "remote: "].iter().any(|word| line.starts_with(word));
        let lines: Vec<String> = self.err.lines().filter(told).take(SAID_LINES_MAX).map(fit).collect();
        if lines.is_empty() {
            return self.err.lines().next().map_or_else(|| "it does not say why".to_owned(), fit);
        }
        lines.join("; ")
    }

    /// Whether the other side wants to know who asks, or does not want this one.
    pub(super) fn is_about_credentials(&self) -> bool {
        let signs =
            ["Authentication failed", "could not read Username", "could not read Password", "Permission denied"];
        signs.iter().any(|sign| self.err.contains(sign))
    }
}

/// One line without control characters, and without the password that a URL may hold.
fn fit(line: &str) -> String {
    let plain: String = line.chars().filter(|c| !c.is_control()).take(SAID_CHARACTERS_MAX).collect();
    let mut shown = String::new();
    let mut rest = plain.trim();
    while let Some((before, after)) = rest.split_once("://") {
        let host_ends = after.find(|c: char| "/ '\"".contains(c)).unwrap_or(after.len());
        let host = after[..host_ends].rsplit('@').next().unwrap_or_default();
        shown.extend([before, "://", host]);
        rest = &after[host_ends..];
    }
    shown + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_says_is_fit_to_be_shown() {
        let said = |err: &str| Said { ok: false, out: String::new(), err: err.to_owned() }.why();
        assert_eq!(
            said("x\nfatal: unable to access 'https://me:secret@host/x.git/': no\n"),
            "fatal: unable to access 'https://host/x.git/': no"
        );
        assert_eq!(said("remote: \u{1b}[31mno\nhint: y\nerror: failed"), "remote: [31mno; error: failed");
        assert_eq!(said("odd\n"), "odd");
        assert_eq!(said(""), "it does not say why");
    }
}
