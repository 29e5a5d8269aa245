//! Agent definitions: a name, a description and instructions.

use super::front_matter::{self, Front};
use super::identity;
use crate::model::{Diagnostic, Kind, Limits, Note, Spore};

/// Whether a file defines an agent: it stands in a folder `agents`, or its front matter has a description and a name in
/// one word (a template's name is a title), and it does not say that it is something else.
pub(super) fn is_agent(path: &str, front: Option<Front<'_>>) -> bool {
    let notes = front.map(|front| front_matter::read_lines(front.yaml)).unwrap_or_default();
    let has = |key: &str| notes.iter().any(|note| note.key == key);
    if let Some(kind) = notes.iter().find(|note| note.key == "kind") {
        return kind.value == "agent";
    }
    let file = path.rsplit('/').next().unwrap_or(path);
    let in_folder = path.starts_with("agents/") || path.contains("/agents/");
    let is_word = |note: &Note| note.value.as_str().is_some_and(|name| !name.contains(char::is_whitespace));
    let is_named = notes.iter().any(|note| note.key == "name" && is_word(note));
    (is_named && has("description")) || (in_folder && !file.eq_ignore_ascii_case("readme.md"))
}

/// Reads an agent into `spore`. Its body is instructions, whatever fences and boxes stand in it.
pub(super) fn read(
    front: Option<Front<'_>>,
    body: &str,
    limits: &Limits,
    spore: &mut Spore,
    diagnostics: &mut Vec<Diagnostic>,
) {
    spore.kind = Kind::Agent;
    if let Some(front) = front {
        front_matter::read(front, true, limits, spore, diagnostics);
    }
    let text = |notes: &[Note], key: &str| {
        notes.iter().find(|note| note.key == key).and_then(|note| note.value.as_str()).map(str::to_owned)
    };
    let id = text(&spore.metadata, "spore").or_else(|| text(&spore.metadata, "id"));
    if let Some(id) = id.filter(|id| identity::is_safe(id)) {
        spore.id = id;
    }
    spore.title = text(&spore.metadata, "title").or_else(|| text(&spore.metadata, "name"));
    spore.instructions = Some(body.trim().to_owned());
}
