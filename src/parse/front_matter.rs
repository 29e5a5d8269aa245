//! Front matter: the YAML block at the very first byte of a markdown file, and nowhere else.

use serde_json::Value;

use super::words::Piece;
use super::workflow;
use super::yaml;
use crate::model::{Diagnostic, Limits, Note, Span, Spore};

/// A front matter block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Front<'a> {
    /// The lines between the marks.
    pub yaml: Piece<'a>,
    /// Where the body begins.
    pub body: usize,
}

/// Splits `text`; the offset is where the body begins without front matter, behind a byte-order mark.
pub(super) fn split(text: &str) -> Result<Front<'_>, usize> {
    let bom = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let piece = Piece::new(&text[bom..], bom);
    let mut lines = piece.lines();
    let first = lines.next().filter(|line| line.text.trim_end() == "---").ok_or(bom)?;
    // Without a line end there is nothing after the first mark.
    let start = first.at + text[first.at..].find('\n').ok_or(bom)? + 1;
    for line in lines {
        if matches!(line.text.trim_end(), "---" | "...") {
            let end = text[line.at..].find('\n').map_or(text.len(), |length| line.at + length + 1);
            return Ok(Front { yaml: Piece::new(&text[start..line.at], start), body: end });
        }
    }
    Err(bom)
}

/// A remark on front matter that never ends, so that what it says is not read.
pub(super) fn note_open(text: &str, body: usize, diagnostics: &mut Vec<Diagnostic>) {
    let mut lines = text[body..].lines();
    let opens = lines.next().is_some_and(|line| line.trim_end() == "---");
    let has_key = lines.next().is_some_and(|line| key_of(line).is_some());
    if opens && has_key {
        diagnostics.push(
            Diagnostic::warning("open-front-matter", Span::new(body, body + 3), "the front matter never ends")
                .hint("close it with a line `---`"),
        );
    }
}

/// Reads front matter into `spore`. With `lenient`, as for agents, what is no YAML is read line by line, with a warning.
pub(super) fn read(
    front: Front<'_>,
    lenient: bool,
    limits: &Limits,
    spore: &mut Spore,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let mut remarks = Vec::new();
    let documents = yaml::documents(front.yaml.text, front.yaml.at, limits, &mut remarks);
    let failed = remarks.iter().find(|remark| remark.is_error()).cloned();
    let Some(failed) = failed else {
        diagnostics.append(&mut remarks);
        if let Some(node) = documents.first() {
            if lenient {
                for (key, value) in node.entries().unwrap_or_default() {
                    spore.metadata.push(Note { key: key.text.to_string(), value: value.to_value() });
                }
            } else {
                workflow::front_matter(node, spore, diagnostics);
            }
        }
        return;
    };
    if lenient {
        spore.metadata = read_lines(front.yaml);
        diagnostics.push(
            Diagnostic::warning("lenient-front-matter", failed.span, format!("no YAML: {}", failed.message))
                .hint("read line by line; put quotes around the value"),
        );
    } else {
        diagnostics.append(&mut remarks);
    }
}

/// `key: value` lines at the margin; what is indented below belongs to the key above, as a list where it has dashes.
pub(super) fn read_lines(yaml: Piece<'_>) -> Vec<Note> {
    let mut notes: Vec<Note> = Vec::new();
    for line in yaml.lines() {
        if let Some((key, value)) = key_of(line.text) {
            let value = unquote(value).trim_matches(|c| matches!(c, '|' | '>')).trim();
            let value = if value.is_empty() { Value::Null } else { Value::String(value.to_owned()) };
            notes.push(Note { key: key.to_owned(), value });
            continue;
        }
        let Some(note) = notes.last_mut() else { continue };
        let words = line.text.trim();
        match (words.strip_prefix("- "), &mut note.value) {
            (Some(item), Value::Array(list)) => list.push(Value::String(unquote(item).to_owned())),
            (Some(item), value @ Value::Null) => *value = Value::Array(vec![Value::String(unquote(item).to_owned())]),
            (None, Value::String(text)) if !words.is_empty() => {
                text.push(' ');
                text.push_str(words);
            }
            (None, value @ Value::Null) if !words.is_empty() => *value = Value::String(words.to_owned()),
            _ => {}
        }
    }
    notes
}

/// The key and value of a line that begins with a plain key at the margin.
fn key_of(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once(':')?;
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_key = !key.is_empty() && key.chars().all(is_plain) && (value.is_empty() || value.starts_with([' ', '\t']));
    is_key.then_some((key, value.trim()))
}

/// Without a pair of quotes around it.
pub(super) fn unquote(value: &str) -> &str {
    let value = value.trim();
    ['"', '\''].into_iter().find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote)).unwrap_or(value)
}
