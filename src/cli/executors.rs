//! `spore executors`: the places that tasks can run in.

use std::path::Path;

use super::args::{ExecutorsCommand, Format};
use super::exit::Exit;
use super::failure::Failure;
use super::screen::{self, Screen};
use crate::engine::{self, World};
use crate::render;

/// Lists them, asks them, or cleans up behind them.
pub(super) fn executors(what: Option<&ExecutorsCommand>, format: Format, screen: &Screen) -> Result<Exit, Failure> {
    let here = Path::new(".");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Runtime)?;
    match what {
        None => {
            let report = engine::list_executors(here)?;
            screen::print(&match format {
                Format::Json => render::json(&report),
                Format::Text => render::executors_text(&report, screen.out),
            })?;
            Ok(Exit::Success)
        }
        Some(ExecutorsCommand::Check { name, output }) => {
            let report = runtime.block_on(engine::check_executors(&World::here(), here, name.as_deref()))?;
            screen::print(&match output.format {
                Format::Json => render::json(&report),
                Format::Text => render::doctor_text(&report, screen.out),
            })?;
            Ok(if report.problems == 0 { Exit::Success } else { Exit::Unavailable })
        }
        Some(ExecutorsCommand::Clean { name, all, dry_run, output }) => {
            let report = runtime.block_on(engine::clean_executor(here, name, *all, *dry_run))?;
            screen::print(&match output.format {
                Format::Json => render::json(&report),
                Format::Text => render::clean_text(&report, screen.out),
            })?;
            Ok(Exit::Success)
        }
    }
}
