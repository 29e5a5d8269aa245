//! `spore doctor`: what keeps runs from going on, and what to type.

use std::path::Path;

use super::args::Format;
use super::exit::Exit;
use super::failure::Failure;
use super::screen::{self, Screen};
use crate::engine::{self, World};
use crate::render;

/// Looks, and says what it found.
pub(super) fn doctor(dir: &Path, format: Format, screen: &Screen) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Runtime)?;
    let report = runtime.block_on(engine::examine(&World::here(), dir))?;
    screen::print(&match format {
        Format::Json => render::json(&report),
        Format::Text => render::doctor_text(&report, screen.out),
    })?;
    Ok(if report.problems == 0 { Exit::Success } else { Exit::Unavailable })
}
