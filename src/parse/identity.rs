//! What a markdown file calls itself, beside its front matter: title, signature and metadata list.

use serde_json::Value;

use super::front_matter::unquote;
use super::markdown::{BlockKind, Outline};
use super::words;
use crate::model::Note;

/// The words of the first heading.
pub(super) fn title(outline: &Outline<'_>) -> Option<String> {
    let is_heading = |kind: BlockKind| matches!(kind, BlockKind::Heading(_));
    let first = outline.blocks.iter().find(|block| is_heading(block.kind))?;
    Some(words::clean(outline.slice(first.span))).filter(|title| !title.is_empty())
}

/// The `spore_id` of the last YAML fence that has one at its margin: the signature.
pub(super) fn signature(outline: &Outline<'_>) -> Option<String> {
    let is_yaml = |word: &str| word.eq_ignore_ascii_case("yaml") || word.eq_ignore_ascii_case("yml");
    outline.fences.iter().rev().filter(|fence| is_yaml(fence.word())).find_map(|fence| {
        let value = fence.body.lines().find_map(|line| line.strip_prefix("spore_id:"))?;
        let value = value.split(" #").next().unwrap_or(value);
        Some(unquote(value)).filter(|id| is_safe(id)).map(str::to_owned)
    })
}

/// The items `**Key**: value` of the first list under a heading "Spore Metadata".
pub(super) fn metadata(outline: &Outline<'_>) -> Vec<Note> {
    let mut notes = Vec::new();
    let mut under_heading = false;
    for block in &outline.blocks {
        match block.kind {
            BlockKind::Heading(_) if under_heading => break,
            BlockKind::Heading(_) => {
                under_heading = outline.slice(block.span).to_ascii_lowercase().contains("spore metadata");
            }
            BlockKind::Text if under_heading => notes.extend(outline.slice(block.span).lines().filter_map(note)),
            BlockKind::ListEnd if under_heading && !notes.is_empty() => break,
            _ => {}
        }
    }
    notes
}

fn note(line: &str) -> Option<Note> {
    let (key, value) = line.trim().split_once(':')?;
    let key = words::clean(key.trim_matches(['*', '_', ' ']));
    let value = words::clean(value.trim_start_matches(['*', '_']));
    (!key.is_empty() && key.len() < 100).then_some(Note { key, value: Value::String(value) })
}

/// Whether a spore may be called so: its name becomes a part of file names.
pub(super) fn is_safe(id: &str) -> bool {
    let is_odd = |c: char| c.is_control() || matches!(c, '/' | '\\');
    (1..=128).contains(&id.len()) && !id.starts_with('.') && !id.contains(is_odd)
}
