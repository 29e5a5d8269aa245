//! What an agent is told at the beginning of its session. It stands in the agent's context, so it is short, plain, and says what
//! it is; names and titles come from files, so they are made harmless and told as such.

use std::fmt::Write as _;

use serde_json::Value;

use super::style::{Style, clean, cut};
use crate::model::{Spore, Timestamp};

/// Lines of the whole.
const LINES_MAX: usize = 40;
/// Bytes of the whole.
const BYTES_MAX: usize = 4 << 10;
/// Columns of one text in a line.
const COLUMNS_MAX: usize = 100;

/// One result or learning.
#[derive(Clone, Debug)]
pub struct Page<'a> {
    /// Where it stands, relative to the root.
    pub path: &'a str,
    /// What it says of itself.
    pub spore: &'a Spore,
}

/// The results and learnings of `pages`, newest first, and that there are `more`; empty when there are none. `since` is when
/// the session before began.
#[must_use]
pub fn session_digest(pages: &[Page<'_>], more: usize, since: Option<Timestamp>) -> String {
    let lines: Vec<String> = pages.iter().filter_map(line).collect();
    if lines.is_empty() {
        return String::new();
    }
    let when = match since {
        Some(since) => format!("since your last session here ({})", minute(since)),
        None => "in this folder so far".to_owned(),
    };
    let mut text = format!("Spore: what ran and what was learned {when}, newest first.\n");
    let foot = "Each is a file in this folder; `spore show RUN` and `spore logs RUN` tell more.\n";
    let mut left = more;
    for (at, line) in lines.iter().enumerate() {
        let is_full = at + 4 > LINES_MAX || text.len() + line.len() + foot.len() + 40 > BYTES_MAX;
        if is_full {
            left += lines.len() - at;
            break;
        }
        text.push_str(line);
    }
    if left > 0 {
        let _ = writeln!(text, "- and {left} more, which are older");
    }
    text.push_str(foot);
    text
}

/// A moment as far as its minute.
fn minute(at: Timestamp) -> String {
    let text = at.to_string();
    format!("{} UTC", text.get(..16).unwrap_or(&text).replace('T', " "))
}

/// One line of a page that says what it is; others have nothing to tell.
fn line(page: &Page<'_>) -> Option<String> {
    let plain = |text: &str| cut(clean(text).trim(), COLUMNS_MAX, Style::PLAIN).into_owned();
    let note = |key: &str| page.spore.metadata.iter().find(|note| note.key == key).map(|note| &note.value);
    let text = |key: &str| note(key).and_then(Value::as_str).map(plain);
    let path = plain(page.path);
    if text("learning").is_some() {
        let title = page.spore.title.as_deref().map(plain).or_else(|| text("scenario"))?;
        let advice = text("recommendation").or_else(|| text("approach")).map(|advice| format!(": {advice}"));
        return Some(format!("- learned {title}{} ({path})\n", advice.unwrap_or_default()));
    }
    let (run, status) = (text("run")?, text("status")?);
    let name = note("in_response_to").and_then(|of| of.get("spore")).and_then(Value::as_str).map(plain)?;
    let tasks = note("tasks").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let of = |task: &Value, key: &str| task.get(key).and_then(Value::as_str).map(plain);
    let is_bad = |task: &&Value| matches!(of(task, "status").as_deref(), Some("failed" | "timed_out" | "lost"));
    let bad: Vec<String> = tasks.iter().filter(is_bad).filter_map(|task| of(task, "id")).take(3).collect();
    let bad = if bad.is_empty() { String::new() } else { format!(" in {}", bad.join(", ")) };
    Some(format!("- {name} {status}{bad} (run {run}, {path})\n"))
}
