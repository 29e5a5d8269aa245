//! The environment of a command: this process's, less what tells how Spore was started.
//!
//! The same spore must do the same from a login shell, an agent's session, cron, systemd and an editor. So everything
//! that only describes the place Spore was started from is taken out; what describes the user and the machine (`HOME`,
//! `PATH`, `LANG`, `SSH_AUTH_SOCK`, `XDG_RUNTIME_DIR`, proxies, credentials) stays. A spore that wants one back says so
//! under `env:`.

use std::ffi::{OsStr, OsString};

use crate::os::failpoint;
use crate::os::process::Variables;

/// The search path where there is none.
const PATH_DEFAULT: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Names that are taken out, and why. A `*` at the end stands for any rest.
const REMOVED: &[(&str, &[&str])] = &[
    ("a git hook's view of its repository would redirect every git command", &["GIT_*"]),
    ("shells end, read files or change their ways by these", &["TMOUT", "BASH_ENV", "ENV", "CDPATH", "SHELLOPTS"]),
    ("shells end, read files or change their ways by these", &["BASHOPTS", "BASH_FUNC_*", "PS1", "PS4"]),
    ("the place and depth of the shell that started Spore", &["PWD", "OLDPWD", "SHLVL", "_"]),
    ("there is no terminal: `TERM` is `dumb`", &["TERM", "TERM_*", "TERMCAP", "TERMINFO*", "COLORTERM", "COLUMNS"]),
    ("there is no terminal: `TERM` is `dumb`", &["LINES", "WINDOWID", "GPG_TTY", "LC_TERMINAL*", "VTE_VERSION"]),
    ("the terminal program", &["TMUX*", "STY", "WINDOW", "ZELLIJ*", "KITTY_*", "WEZTERM_*", "ALACRITTY_*", "ITERM_*"]),
    ("the terminal program", &["GNOME_TERMINAL_*", "KONSOLE_*", "WT_*", "VSCODE_*", "INSIDE_EMACS"]),
    ("the login", &["SSH_TTY", "SSH_CLIENT", "SSH_CONNECTION", "XDG_SESSION_*", "XDG_SEAT*", "XDG_VTNR", "MAIL"]),
    ("the login", &["SUDO_*", "DBUS_*", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "DESKTOP_*"]),
    ("systemd's messages to the service itself", &["INVOCATION_ID", "JOURNAL_STREAM", "NOTIFY_SOCKET", "LISTEN_*"]),
    ("systemd's messages to the service itself", &["WATCHDOG_*", "MANAGERPID*", "SYSTEMD_*", "MEMORY_PRESSURE_*"]),
    ("make's and node's pipes are not handed on", &["MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES"]),
    ("make's and node's pipes are not handed on", &["NODE_CHANNEL_*", "CARGO_MAKEFLAGS"]),
    ("the crate that `cargo run` runs", &["CARGO_PKG_*", "CARGO_MANIFEST_*", "CARGO_BIN_*", "CARGO_CRATE_*"]),
    ("the run that a nested Spore was started by", &["SPORE_RUN", "SPORE_TASK", "SPORE_ATTEMPT", "SPORE_ROOT"]),
    ("the run that a nested Spore was started by", &["SPORE_OUTPUT", failpoint::VARIABLE]),
];

/// What every command's environment begins with.
#[derive(Debug)]
pub(super) struct Base {
    path: OsString,
    variables: Variables,
}

impl Base {
    /// Made of `variables`: a process environment.
    pub(super) fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let mut kept: Vec<_> = variables.into_iter().filter(|(name, _)| !is_removed(name)).collect();
        let given = kept.iter().find(|(name, value)| name == "PATH" && !value.is_empty());
        let path = given.map_or_else(|| OsString::from(PATH_DEFAULT), |(_, value)| value.clone());
        kept.sort();
        let mut variables = Variables::default();
        let fixed = [(OsString::from("PATH"), path.clone()), ("TERM".into(), "dumb".into())];
        for (name, value) in kept.iter().chain(&fixed) {
            variables.set(name, value);
        }
        Self { path, variables }
    }

    /// The variables, ready to be handed to a command.
    pub(super) fn variables(&self) -> &Variables {
        &self.variables
    }

    /// The search path.
    pub(super) fn path(&self) -> &OsStr {
        &self.path
    }
}

fn is_removed(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    REMOVED.iter().flat_map(|(_, names)| *names).any(|pattern| match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start.as_bytes()),
        None => name == pattern.as_bytes(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_spore_was_started_does_not_show() {
        let variables = [
            ("HOME", "/home/x"),
            ("GIT_DIR", "/x/.git"),
            ("TERM", "xterm"),
            ("TERM_PROGRAM", "x"),
            ("TERMITE", "stays"),
            ("BASH_FUNC_ls%%", "() { rm; }"),
            ("PWD", "/x"),
        ];
        let base = Base::new(variables.map(|(name, value)| (name.into(), value.into())));
        let mut names: Vec<_> = base.variables().pairs().map(|(name, _)| name.to_str().expect("text")).collect();
        names.sort_unstable();
        assert_eq!(names, ["HOME", "PATH", "TERM", "TERMITE"]);
        assert_eq!(base.path(), PATH_DEFAULT);
    }
}
