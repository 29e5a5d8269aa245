//! The settings of a coding agent, as text: the hooks are put into `hooks: {EVENT: [{hooks: [{type, command, timeout}]}]}` and
//! taken out again. All else stays to the byte.

use std::path::Path;

use serde_json::{Value, json};

use super::json::Container;
use super::{Agent, Error};

/// What agents call the moments of a session, what Spore calls them, and the seconds that each may take. An agent gives the end of
/// a session a second and a half unless a hook says more.
pub const EVENTS: [(&str, &str, u32); 3] =
    [("SessionStart", "session-start", 10), ("SessionEnd", "session-end", 5), ("UserPromptSubmit", "user-prompt", 5)];

/// What every command of ours begins with.
const SIGN: &str = "spore hook ";

/// The settings with the hooks in them, and the events that they were added to. `path` is for messages.
///
/// # Errors
/// When the text is no JSON, or has something else where hooks belong.
pub fn with_hooks(text: &str, agent: Agent, path: &Path) -> Result<(String, Vec<&'static str>), Error> {
    let present = events_of(text, path)?;
    let mut text = text.to_owned();
    let mut added = Vec::new();
    for (event, hook, seconds) in EVENTS {
        if present.contains(&event) {
            continue;
        }
        let timeout = seconds * agent.ticks_per_second();
        let command = format!("{SIGN}{hook} --agent {}", agent.name());
        let group = json!({"hooks": [{"type": "command", "command": command, "timeout": timeout}]});
        text = add(&text, event, &group).unwrap_or(text);
        added.push(event);
    }
    Ok((text, added))
}

/// The text with one more group of hooks for an event.
fn add(text: &str, event: &str, group: &Value) -> Option<String> {
    let whole = Container::at(text, 0)?;
    let Some(hooks) = whole.find("hooks") else {
        return Some(whole.with(text, Some("hooks"), &json!({event: [group]}), 0));
    };
    let hooks = Container::at(text, whole.items[hooks].value)?;
    let Some(groups) = hooks.find(event) else {
        return Some(hooks.with(text, Some(event), &json!([group]), 1));
    };
    Some(Container::at(text, hooks.items[groups].value)?.with(text, None, group, 2))
}

/// The settings without the hooks, and the events that they were taken from. What they leave empty goes with them.
///
/// # Errors
/// As [`with_hooks`].
pub fn without_hooks(text: &str, path: &Path) -> Result<(String, Vec<&'static str>), Error> {
    let mut removed = events_of(text, path)?;
    let mut text = text.to_owned();
    while let Some(next) = without_one(&text) {
        text = next;
    }
    removed.dedup();
    Ok((text, removed))
}

/// The text without the first hook of ours; `None` when there is none.
fn without_one(text: &str) -> Option<String> {
    let whole = Container::at(text, 0)?;
    let hooks_at = whole.find("hooks")?;
    let hooks = Container::at(text, whole.items[hooks_at].value)?;
    for (event_at, event) in hooks.items.iter().enumerate() {
        let Some(groups) = Container::at(text, event.value) else { continue };
        for (group_at, group) in groups.items.iter().enumerate() {
            let Some(fields) = Container::at(text, group.value) else { continue };
            let Some(list) = fields.find("hooks") else { continue };
            let Some(list) = Container::at(text, fields.items[list].value) else { continue };
            let ours =
                |value: usize, end: usize| serde_json::from_str(&text[value..end]).is_ok_and(|one| is_ours(&one));
            let Some(at) = list.items.iter().position(|one| ours(one.value, one.span.end)) else { continue };
            // The outermost of what would be left empty.
            return Some(match (list.items.len(), groups.items.len(), hooks.items.len()) {
                (2.., _, _) => list.without(text, at),
                (_, 2.., _) => groups.without(text, group_at),
                (_, _, 2..) => hooks.without(text, event_at),
                _ => whole.without(text, hooks_at),
            });
        }
    }
    None
}

fn is_ours(hook: &Value) -> bool {
    hook.get("command").and_then(Value::as_str).is_some_and(|command| command.trim_start().starts_with(SIGN))
}

/// The events that have a hook of ours.
///
/// # Errors
/// As [`with_hooks`].
pub(super) fn events_of(text: &str, path: &Path) -> Result<Vec<&'static str>, Error> {
    let settings: Value = serde_json::from_str(text).map_err(|error| Error::NoJson {
        path: path.to_path_buf(),
        line: error.line(),
        column: error.column(),
        message: error.to_string().split(" at line ").next().unwrap_or_default().to_owned(),
    })?;
    let wrong = |place: &str, found: &Value, wanted| Error::Shape {
        path: path.to_path_buf(),
        place: place.to_owned(),
        found: kind_of(found),
        wanted,
    };
    let Some(fields) = settings.as_object() else { return Err(wrong("the top", &settings, "an object")) };
    let Some(hooks) = fields.get("hooks") else { return Ok(Vec::new()) };
    let Some(hooks) = hooks.as_object() else { return Err(wrong("hooks", hooks, "an object")) };
    let mut present = Vec::new();
    for (event, ..) in EVENTS {
        let Some(groups) = hooks.get(event) else { continue };
        let Some(groups) = groups.as_array() else { return Err(wrong(&format!("hooks.{event}"), groups, "a list")) };
        let inner = groups.iter().filter_map(|group| group.get("hooks").and_then(Value::as_array)).flatten();
        if inner.into_iter().any(is_ours) {
            present.push(event);
        }
    }
    Ok(present)
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "`true` or `false`",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
