//! `spore check` and `spore plan`: everything that can be said before anything runs.

use std::path::{Path, PathBuf};

use super::args::{self, Format, PlanFormat};
use super::exit::Exit;
use super::failure::Failure;
use super::screen::{self, Screen};
use crate::engine::{self, Checked, Opened, Planned};
use crate::model::{Diagnostic, Severity, Source, Span};
use crate::render::{self, Style};

/// Says everything that is wrong.
pub(super) fn check(paths: &[PathBuf], format: Format, screen: &Screen) -> Result<Exit, Failure> {
    let said = said_of(engine::check(paths)?);
    let text = match format {
        Format::Json => {
            let files = said.iter().map(|(source, diagnostics)| (source, diagnostics.as_slice()));
            render::json(&render::check_report(files))
        }
        Format::Text => said_text(&said, screen.out),
    };
    screen::print(&text)?;
    Ok(if has_errors(&said) { Exit::Spore } else { Exit::Success })
}

/// Files, each with all that is to be said of it.
pub(super) type Said = Vec<(Source, Vec<Diagnostic>)>;

/// What is to be said of files that were looked at.
pub(super) fn said_of(checked: Vec<Checked>) -> Said {
    checked.into_iter().map(unreadable_too).collect()
}

/// Whether any of it is an error.
pub(super) fn has_errors(said: &Said) -> bool {
    said.iter().flat_map(|(_, diagnostics)| diagnostics).any(Diagnostic::is_error)
}

/// All of it for people, and a sum.
pub(super) fn said_text(said: &Said, style: Style) -> String {
    let frames: String =
        said.iter().map(|(source, diagnostics)| render::diagnostics_text(source, diagnostics, style)).collect();
    let every = said.iter().flat_map(|(_, diagnostics)| diagnostics);
    format!("{frames}{}\n", render::diagnostics_summary(every, said.len(), style))
}

/// A file that could not be read has one diagnostic: why.
fn unreadable_too(checked: Checked) -> (Source, Vec<Diagnostic>) {
    let Checked { source, mut diagnostics, error } = checked;
    if let Some(error) = error {
        let place = error.lossy_text().map(|(at, _)| Span::new(at, at + '\u{fffd}'.len_utf8()));
        let diagnostic = Diagnostic::error(error.code(), place.unwrap_or_default(), error.to_string());
        diagnostics.push(match error.hint() {
            Some(hint) => diagnostic.hint(hint),
            None => diagnostic,
        });
    }
    (source, diagnostics)
}

/// Shows what would run.
pub(super) fn plan(
    file: &Path,
    selection: args::Selection,
    format: PlanFormat,
    screen: &Screen,
) -> Result<Exit, Failure> {
    let opened = engine::open(file, None)?;
    let planned = engine::plan(&opened, &selection.into());
    print_plan(&opened, &planned, format, screen)
}

/// Prints a plan and what is to be said about it. Errors keep it from running, not from being shown.
pub(super) fn print_plan(
    opened: &Opened,
    planned: &Planned,
    format: PlanFormat,
    screen: &Screen,
) -> Result<Exit, Failure> {
    let exit = if planned.diagnostics.iter().any(Diagnostic::is_error) { Exit::Spore } else { Exit::Success };
    let mut said = planned.diagnostics.clone();
    let Some(plan) = &planned.plan else {
        let bad = engine::BadSpore { source: opened.source.clone(), diagnostics: said };
        return Err(engine::Error::Spore(Box::new(bad)).into());
    };
    // A plan is no run: what could not be run here and now may be planned.
    said.extend(planned.unavailable.iter().map(|said| Diagnostic { severity: Severity::Warning, ..said.clone() }));
    if format != PlanFormat::Json {
        let worth_showing: Vec<Diagnostic> =
            said.iter().filter(|said| said.severity != Severity::Note).cloned().collect();
        screen::complain(&render::diagnostics_text(&opened.source, &worth_showing, screen.err));
    }
    screen::print(&match format {
        PlanFormat::Json => render::json(&render::plan_report(plan, &opened.source, &said)),
        PlanFormat::Text => render::plan_text(plan, screen.out),
        PlanFormat::Mermaid => render::plan_mermaid(plan),
        PlanFormat::Dot => render::plan_dot(plan),
    })?;
    Ok(exit)
}

impl From<args::Selection> for engine::Selection {
    fn from(selection: args::Selection) -> Self {
        Self {
            params: selection.params.into_iter().collect(),
            only: selection.only,
            from: selection.from,
            done: std::collections::HashMap::new(),
        }
    }
}
