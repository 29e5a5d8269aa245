//! What was made ready, and how every report becomes text.

use schemars::JsonSchema;
use serde::Serialize;

/// What `spore init` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct InitReport {
    /// The folder.
    pub folder: String,
    /// The top of its git repository, which may be above it.
    pub repository: String,
    /// Whether that repository was made.
    pub repository_made: bool,
    /// Files that were made.
    pub made: Vec<String>,
    /// Files that were there and were kept as they are.
    pub kept: Vec<String>,
}

/// Any report as JSON: two spaces of indentation, a line end at the end.
///
/// # Panics
/// When a report holds something that JSON cannot, which none of this room does.
#[must_use]
pub fn json(report: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(report).expect("reports are made of JSON's own types");
    text.push('\n');
    text
}

/// Any report as one line of JSON.
///
/// # Panics
/// As [`json`].
#[must_use]
pub fn json_line(report: &impl Serialize) -> String {
    let mut text = serde_json::to_string(report).expect("reports are made of JSON's own types");
    text.push('\n');
    text
}
