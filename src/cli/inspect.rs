//! `spore check` and `spore plan`: everything that can be said before anything runs.

use std::path::{Path, PathBuf};

use super::args::{self, Format, PlanFormat};
use super::exit::Exit;
use super::failure::Failure;
use super::screen::{self, Screen};
use crate::engine::{self, Checked, Opened, Planned};
use crate::model::{Diagnostic, Severity, Source, Span};
use crate::render;

/// Says everything that is wrong.
pub(super) fn check(paths: &[PathBuf], format: Format, screen: &Screen) -> Result<Exit, Failure> {
    let checked = engine::check(paths)?;
    let said: Vec<(Source, Vec<Diagnostic>)> = checked.into_iter().map(unreadable_too).collect();
    let every = || said.iter().flat_map(|(_, diagnostics)| diagnostics);
    let text = match format {
        Format::Json => {
            let files = said.iter().map(|(source, diagnostics)| (source, diagnostics.as_slice()));
            render::json(&render::check_report(files))
        }
        Format::Text => {
            let frames =
                said.iter().map(|(source, diagnostics)| render::diagnostics_text(source, diagnostics, screen.out));
            let frames: String = frames.collect();
            format!("{frames}{}\n", render::diagnostics_summary(every(), said.len(), screen.out))
        }
    };
    screen::print(&text)?;
    Ok(if every().any(Diagnostic::is_error) { Exit::Spore } else { Exit::Success })
}

/// A file that could not be read has one diagnostic: why.
fn unreadable_too(checked: Checked) -> (Source, Vec<Diagnostic>) {
    let Checked { source, mut diagnostics, error } = checked;
    if let Some(error) = error {
        let diagnostic = Diagnostic::error(error.code(), Span::default(), error.to_string());
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
