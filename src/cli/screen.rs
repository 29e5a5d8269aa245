//! What the reader looks at: a terminal, a pipe, a file; and how wide, coloured and spelled it can be.

use std::io::{self, IsTerminal, Write};

use super::args::Colour;
use crate::render::Style;

/// Columns of a terminal that does not say how many it has.
const WIDTH: usize = 80;

/// Standard output and standard error, and how they can be written on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Screen {
    /// For standard output.
    pub(super) out: Style,
    /// For standard error.
    pub(super) err: Style,
    /// Whether standard output is a terminal.
    pub(super) out_is_terminal: bool,
    /// Whether standard error is a terminal.
    pub(super) err_is_terminal: bool,
}

impl Screen {
    /// Looks at both streams and at the environment (`NO_COLOR`, `TERM`, `LC_ALL`, `LC_CTYPE`, `LANG`).
    #[must_use]
    pub(super) fn look(colour: Colour) -> Self {
        let unicode = speaks_utf8();
        let style = |terminal: bool, width: Option<usize>| Style {
            colour: match colour {
                Colour::Always => true,
                Colour::Never => false,
                Colour::Auto => terminal && wants_colour(),
            },
            unicode,
            width: width.filter(|columns| *columns >= 20).unwrap_or(if terminal { WIDTH } else { Style::PLAIN.width }),
        };
        let (out, err) = (io::stdout(), io::stderr());
        Self {
            out: style(out.is_terminal(), crate::os::columns(&out)),
            err: style(err.is_terminal(), crate::os::columns(&err)),
            out_is_terminal: out.is_terminal(),
            err_is_terminal: err.is_terminal(),
        }
    }
}

fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn wants_colour() -> bool {
    set("NO_COLOR").is_none() && set("TERM").is_none_or(|terminal| terminal != "dumb")
}

/// Whether the locale's encoding is UTF-8; a machine that says nothing gets UTF-8, which is what it most likely shows.
fn speaks_utf8() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set);
    locale.is_none_or(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

/// Writes text to standard output. A reader that has gone away is no error: nobody is left to be told.
///
/// # Errors
/// When the stream cannot be written for another reason, such as a full disk.
pub(super) fn print(text: &str) -> io::Result<()> {
    print_bytes(text.as_bytes())
}

/// Writes bytes to standard output, as [`print`] does text.
///
/// # Errors
/// As [`print`].
pub(super) fn print_bytes(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    quiet(out.write_all(bytes).and_then(|()| out.flush()))
}

/// Writes text to standard error, where failing to do so leaves nothing else to try.
pub(super) fn complain(text: &str) {
    complain_bytes(text.as_bytes());
}

/// Writes bytes to standard error, as [`complain`] does text.
pub(super) fn complain_bytes(bytes: &[u8]) {
    let _ = io::stderr().lock().write_all(bytes);
}

fn quiet(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
