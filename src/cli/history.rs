//! `spore runs`, `spore show`, `spore logs`: what has happened.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::args::Format;
use super::exit::Exit;
use super::failure::Failure;
use super::screen::{self, Screen};
use crate::engine::{self, Found, World};
use crate::model::{AttemptId, RunRecord, Stream, TaskRecord};
use crate::render;

/// Lists runs.
pub(super) fn runs(limit: usize, format: Format, screen: &Screen) -> Result<Exit, Failure> {
    let runs = engine::list_runs(Path::new("."), limit)?;
    let items: Vec<render::report::RunsItem> = runs.iter().map(|looked| (&looked.record).into()).collect();
    screen::print(&match format {
        Format::Json => render::json(&items),
        Format::Text => render::runs_text(&items, World::here().now(), screen.out),
    })?;
    Ok(Exit::Success)
}

/// Shows one run.
pub(super) fn show(run: &str, format: Format, screen: &Screen) -> Result<Exit, Failure> {
    let found = engine::find_run(Path::new("."), run)?;
    let record = engine::show_run(&found.root, found.run)?;
    screen::print(&match format {
        Format::Json => render::json(&render::run_report(&record)),
        Format::Text => render::show_text(&record, World::here().now(), screen.out),
    })?;
    Ok(Exit::Success)
}
