//! `spore status`: how everything stands, once or again and again.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

use super::args::Format;
use super::exit::Exit;
use super::failure::Failure;
use super::picture;
use super::screen::{self, Screen};
use crate::engine::{self, Following, World};
use crate::model::Status;
use crate::{os, render};

/// Shows how everything stands.
pub(super) fn status(dir: &Path, follow: bool, format: Format, screen: &Screen) -> Result<Exit, Failure> {
    if !follow {
        let status = engine::status(dir)?;
        screen::print(&match format {
            Format::Json => render::json(&status),
            Format::Text => text(&status, screen),
        })?;
        return Ok(Exit::Success);
    }
    let fills_a_screen = format == Format::Text && screen.out_is_terminal && io::stdin().is_terminal();
    if fills_a_screen && std::env::var_os("TERM").is_some_and(|terminal| terminal != "dumb") {
        return picture::show(dir, screen);
    }
    let mut following = Following::new(dir)?;
    loop {
        let status = following.wait()?;
        let text = match format {
            Format::Json => render::json_line(&status),
            Format::Text => text(&status, screen) + "\n",
        };
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            // Nobody reads it any more.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(Exit::Success),
            written => written?,
        }
    }
}

fn text(status: &Status, screen: &Screen) -> String {
    render::status_text(status, &start(status), World::here().now(), screen.out)
}

/// What to type here to have the folder watched.
pub(super) fn start(status: &Status) -> String {
    let is_here = std::env::current_dir().is_ok_and(|here| here == Path::new(&status.folder));
    if is_here { "spore watch".to_owned() } else { format!("spore watch {}", os::shell_word(&status.folder)) }
}
