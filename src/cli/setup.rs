//! `spore init`, `spore schema`, `spore completions`.

use std::path::Path;

use clap::CommandFactory;

use super::args::{Cli, Format};
use super::exit::Exit;
use super::failure::Failure;
use super::screen::{self, Screen};
use crate::{parse, render, repo};

/// Makes a folder ready.
pub(super) fn init(dir: &Path, format: Format, screen: &Screen) -> Result<Exit, Failure> {
    let made = repo::init(dir)?;
    let report = render::report::InitReport {
        folder: made.folder.display().to_string(),
        repository: made.repository.display().to_string(),
        repository_made: made.repository_made,
        made: made.made.iter().map(ToString::to_string).collect(),
        kept: made.kept.iter().map(ToString::to_string).collect(),
    };
    screen::print(&match format {
        Format::Json => render::json(&report),
        Format::Text => render::init_text(&report, &dir.display().to_string(), screen.out),
    })?;
    Ok(Exit::Success)
}

/// Prints a schema, or the list of them.
pub(super) fn schema(kind: Option<&str>, list: bool, format: Format) -> Result<Exit, Failure> {
    let kinds = || std::iter::once("spore").chain(render::schema::KINDS.iter().copied());
    let Some(kind) = kind.filter(|_| !list) else {
        let kinds: Vec<&str> = kinds().collect();
        screen::print(&match format {
            Format::Json => render::json(&kinds),
            Format::Text => kinds.join("\n") + "\n",
        })?;
        return Ok(Exit::Success);
    };
    let schema = if kind == "spore" { Some(parse::spore_schema()) } else { render::schema::schema(kind) };
    let Some(schema) = schema else {
        return Err(Failure::Usage {
            message: format!("there is no schema of `{kind}`"),
            hint: format!("there are: {}", kinds().collect::<Vec<_>>().join(", ")),
        });
    };
    screen::print(&render::json(&schema))?;
    Ok(Exit::Success)
}

/// Prints a completion script.
pub(super) fn completions(shell: clap_complete::Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "spore", &mut script);
    screen::print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Success)
}
