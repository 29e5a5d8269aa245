//! One task of a checklist as it was found, before its name and needs are looked up.

use crate::model::{Span, Step};
use crate::parse::label::Box;
use crate::parse::needs::{self, Reference};
use crate::parse::words::Piece;

/// Where a task was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A box with an id.
    Box,
    /// A box without one, in a file that has no other: numbered by position.
    Counted,
    /// A heading that can only be a task's (`Task 1`, `T1`), if anything to do stands under it.
    Heading,
    /// A heading with a number before it: a task only if boxes of that number stand under it.
    NumberedHeading,
    /// A paragraph such as `**Task 1.1: Title** (20 hours)`, if anything to do stands under it.
    Paragraph,
}

/// A task as found.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    /// Where it was found.
    pub origin: Origin,
    /// Its id as written.
    pub id: String,
    /// Its title, clean.
    pub title: String,
    /// The id and title in the file.
    pub span: Span,
    /// Its own box.
    pub mark: Box,
    /// The entry it stands in, by indentation or section.
    pub container: Option<usize>,
    /// The phase it stands in: an index of `Collected::phases`.
    pub phase: Option<usize>,
    /// Needs as written.
    pub needs: Vec<Reference<'a>>,
    /// Whether it says anything about needs, `None` included.
    pub states_needs: bool,
    /// Other properties: key and value.
    pub properties: Vec<(Piece<'a>, Piece<'a>)>,
    /// The lines under it that have no id.
    pub steps: Vec<Step>,
    /// Where the marks of its steps' open boxes stand.
    pub open_steps: Vec<Span>,
    /// What an agent is told beside the title.
    pub text: String,
    /// The fences under it.
    pub fences: Vec<usize>,
}

/// The keys of properties that are not needs, in lower case.
const PROPERTY_KEYS: [&str; 12] = [
    "executor",
    "timeout",
    "retry",
    "when",
    "agent",
    "workdir",
    "artifacts",
    "idempotent",
    "continue on failure",
    "matrix",
    "max parallel",
    "env",
];

/// What one line says.
pub(in crate::parse) enum Line<'a> {
    /// A need list.
    Needs(Piece<'a>),
    /// Another property: key and value.
    Property(Piece<'a>, Piece<'a>),
    /// Something with a name in emphasis that Spore has no use for: `_Requirements: 1.1_`.
    Remark,
    /// Words.
    Words,
}

/// Reads `line`, which may begin with a bullet and be set in italic or bold type.
pub(in crate::parse) fn read_line(line: Piece<'_>) -> Line<'_> {
    let body = line.trim("");
    let body = body.skip(body.text.len() - body.text.trim_start_matches(['-', '+', '*', '_', ' ', '\t']).len());
    let window = &body.text.as_bytes()[..body.text.len().min(40)];
    let Some(colon) = memchr::memchr2(b':', 0xef, window) else { return Line::Words };
    let wide = "\u{ff1a}";
    let length = if body.text[colon..].starts_with(wide) { wide.len() } else { 1 };
    if !body.text.is_char_boundary(colon + length) || (length == 1 && window[colon] != b':') {
        return Line::Words;
    }
    let key = body.take(colon).trim("*_`");
    let value = body.skip(colon + length);
    let is_separated = value.text.is_empty() || value.text.starts_with([' ', '\t', '*', '_']) || length > 1;
    if key.text.is_empty() || !is_separated || !key.text.chars().all(|c| c.is_alphanumeric() || " -_/".contains(c)) {
        return Line::Words;
    }
    if needs::is_key(key.text) {
        return Line::Needs(value.trim("*_"));
    }
    if PROPERTY_KEYS.iter().any(|known| key.text.eq_ignore_ascii_case(known)) {
        return Line::Property(key, value.trim("*_"));
    }
    let marked = line.text.trim_start_matches(['-', '+', ' ', '\t']);
    if marked.starts_with(['_', '*']) && !marked.starts_with("* ") { Line::Remark } else { Line::Words }
}
