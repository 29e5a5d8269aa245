//! What is wrong with files, as JSON.

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::{Diagnostic, LineIndex, Severity, Source};

/// One diagnostic, as `spore check` and `spore plan` print it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DiagnosticReport {
    /// The file, relative to the root where there is one.
    pub path: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// How grave.
    pub severity: Severity,
    /// A stable name, such as `unknown-key`.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    /// Other places it speaks of, in the same file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<RelatedReport>,
}

/// Another place that a diagnostic speaks of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RelatedReport {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// What is there.
    pub message: String,
}

/// The diagnostics of one file, by place.
#[must_use]
pub fn diagnostic_reports(source: &Source, diagnostics: &[Diagnostic]) -> Vec<DiagnosticReport> {
    if diagnostics.is_empty() {
        return Vec::new();
    }
    let lines = LineIndex::new(&source.text);
    let mut sorted: Vec<&Diagnostic> = diagnostics.iter().collect();
    sorted.sort_by_key(|diagnostic| (diagnostic.span, diagnostic.severity));
    let reports = sorted.into_iter().map(|diagnostic| {
        let place = lines.position(&source.text, diagnostic.span.start);
        let related = diagnostic.related.iter().map(|related| {
            let place = lines.position(&source.text, related.span.start);
            RelatedReport { line: place.line, column: place.column, message: related.message.clone() }
        });
        DiagnosticReport {
            path: source.path.clone(),
            line: place.line,
            column: place.column,
            severity: diagnostic.severity,
            code: diagnostic.code.to_owned(),
            message: diagnostic.message.clone(),
            hint: diagnostic.hint.clone(),
            related: related.collect(),
        }
    });
    reports.collect()
}

/// What `spore check` prints: every diagnostic of every file, by path and place.
#[must_use]
pub fn check_report<'a>(files: impl IntoIterator<Item = (&'a Source, &'a [Diagnostic])>) -> Vec<DiagnosticReport> {
    let reports = files.into_iter().map(|(source, diagnostics)| diagnostic_reports(source, diagnostics));
    let mut reports: Vec<Vec<DiagnosticReport>> = reports.filter(|reports| !reports.is_empty()).collect();
    reports.sort_by(|one, other| one[0].path.cmp(&other[0].path));
    reports.concat()
}
