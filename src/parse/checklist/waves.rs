//! The "Task Dependency Graph" fence: JSON that names waves of tasks, each of which needs the one before.

use crate::model::{Diagnostic, Span};
use crate::parse::markdown::{Fence, Outline};
use crate::parse::words::Piece;

/// The waves of the first fence that has any, each task as written with its place.
pub(super) fn read<'o>(outline: &'o Outline<'_>, diagnostics: &mut Vec<Diagnostic>) -> Vec<Vec<Piece<'o>>> {
    let is_graph =
        |fence: &&Fence<'_>| fence.word().to_ascii_lowercase().starts_with("json") && fence.body.contains("\"waves\"");
    let Some(fence) = outline.fences.iter().find(is_graph) else { return Vec::new() };
    let value: serde_json::Value = match serde_json::from_str(&fence.body) {
        Ok(value) => value,
        Err(error) => {
            let message = format!("the waves of the task dependency graph are no JSON: {error}");
            diagnostics.push(
                Diagnostic::warning("bad-waves", fence.span, message)
                    .hint("write `{\"waves\": [{\"id\": 0, \"tasks\": [\"1.1\"]}]}`"),
            );
            return Vec::new();
        }
    };
    let is_wave = |wave: &serde_json::Value| wave.get("tasks").is_some_and(serde_json::Value::is_array);
    if !value.get("waves").and_then(serde_json::Value::as_array).is_some_and(|waves| waves.iter().all(is_wave)) {
        return Vec::new();
    }
    lists(&fence.body, fence.body_start, fence.span)
}

/// The elements of each `"tasks": […]` as they are spelt: JSON's own reading would make `1.1` of the number `1.10`.
fn lists(body: &str, start: Option<usize>, fence: Span) -> Vec<Vec<Piece<'_>>> {
    let mut lists = Vec::new();
    for (at, _) in body.match_indices("\"tasks\"") {
        let after = &body[at + "\"tasks\"".len()..];
        let Some(open) = after.find('[').filter(|open| after[..*open].trim() == ":") else { continue };
        let from = at + "\"tasks\"".len() + open + 1;
        let Some(length) = body[from..].find(']') else { continue };
        // A body that is no slice of the file has no places of its own: its tasks stand where the fence does.
        let base = start.map_or(fence.start as usize, |start| start + from);
        let list = Piece::new(&body[from..from + length], base);
        let elements = list.split(|c| c == ',').map(|element| element.trim("\""));
        lists.push(elements.filter(|element| !element.text.is_empty()).collect());
    }
    lists
}
