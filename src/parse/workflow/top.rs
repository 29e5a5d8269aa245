//! The top-level keys of a spore, the same in a YAML file and in front matter.

use serde_json::Value;

use super::decoder::{Decoder, Entry, nearest, short};
use super::settings::environment;
use super::task::{command, tasks};
use super::trigger::{concurrency, params, triggers};
use crate::model::{Diagnostic, Kind, Language, Note, Span, Spore, Task, TaskId, Work};
use crate::parse::node::{Key, Node};

/// What decides about a spore only when all of its keys are known.
#[derive(Default)]
pub(super) struct Draft<'n> {
    run: Option<Entry<'n>>,
    language: Option<Language>,
    /// Where `tasks` stands.
    pub(super) tasks: Option<Span>,
    /// Where its name stands, and which of the two keys gave it.
    pub(super) name: Option<(&'static str, Span)>,
    verb: Option<String>,
    noun: Option<String>,
}

impl<'n> Draft<'n> {
    /// Reads one key into `spore`.
    pub(super) fn take(&mut self, decoder: &mut Decoder<'_>, spore: &mut Spore, entry: Entry<'n>) {
        match entry.field.name {
            "spore" | "id" => self.name(decoder, spore, entry),
            "title" => spore.title = decoder.text(entry),
            "on" => spore.triggers = triggers(decoder, entry),
            "priority" => spore.priority = decoder.signed(entry).unwrap_or_default(),
            "params" => spore.params = params(decoder, entry),
            "env" => spore.env = environment(decoder, entry),
            "defaults" => self::defaults(decoder, spore, entry),
            "concurrency" => spore.concurrency = concurrency(decoder, entry),
            "timeout" => spore.timeout = decoder.duration(entry),
            "tasks" => {
                self.tasks = Some(entry.key);
                spore.tasks = tasks(decoder, entry);
            }
            "finally" => spore.finally = tasks(decoder, entry),
            "metadata" => {
                for (key, value) in decoder.named(entry) {
                    spore.metadata.push(note(key, value));
                }
            }
            "run" => self.run = Some(entry),
            "language" => self.language = decoder.word(entry).and_then(Language::of_fence),
            "instructions" => spore.instructions = decoder.text(entry),
            "checklist" => spore.checklist_update = decoder.word(entry).is_some(),
            "verb" => self.verb = worded(decoder, spore, entry),
            "noun" => self.noun = worded(decoder, spore, entry),
            "description" | "target" | "reply_to" => {
                worded(decoder, spore, entry);
            }
            "modifiers" | "parameters" => {
                spore.metadata.push(Note { key: entry.field.name.to_owned(), value: entry.node.to_value() });
            }
            _ => {}
        }
    }

    fn name(&mut self, decoder: &mut Decoder<'_>, spore: &mut Spore, entry: Entry<'_>) {
        if let Some((other, place)) = self.name {
            decoder.remark(|| {
                let message = format!("`{}` and `{other}` both name the spore", entry.field.name);
                Diagnostic::error("duplicate-key", entry.key, message)
                    .hint("keep `spore`")
                    .related(place, "first named here")
            });
            return;
        }
        self.name = Some((entry.field.name, entry.place()));
        let Some(text) = decoder.text(entry) else { return };
        if is_name(&text) {
            spore.id = text;
            return;
        }
        decoder.remark(|| {
            let better = TaskId::slug(&text).map(|id| id.to_string()).filter(|id| is_name(id));
            let hint = better.map_or_else(String::new, |id| format!("write `{id}`: "));
            let hint = format!("{hint}lower-case letters, digits, `.`, `_` and `-`, at most 63");
            Diagnostic::error("bad-name", entry.place(), format!("`{}` cannot name a spore", short(&text))).hint(hint)
        });
    }

    /// Makes the task of a command, and reports what is missing for the spore's kind.
    pub(super) fn close(self, decoder: &mut Decoder<'_>, spore: &mut Spore, whole: Span) {
        if let Some(run) = self.run {
            if spore.kind == Kind::Command {
                let language = self.language.map(|language| (language, run.key));
                if let Some(command) = command(decoder, run, language) {
                    let words: Vec<&str> = [&self.verb, &self.noun].into_iter().flatten().map(String::as_str).collect();
                    let title = if words.is_empty() { "run".to_owned() } else { words.join(" ") };
                    if let Some(id) = TaskId::slug(&title).or_else(|| TaskId::slug("run")) {
                        spore.tasks.push(Task::new(id, title, run.key, Work::Command(command)));
                    }
                }
            } else {
                decoder.remark(|| {
                    let hint = "write `tasks: {name: command}`, or say `kind: command`";
                    Diagnostic::error("run-outside-task", run.key, "`run` stands outside of a task").hint(hint)
                });
            }
        } else if spore.kind == Kind::Command && self.verb.is_none() && self.tasks.is_none() {
            decoder.remark(|| {
                let message = "this command says neither what it runs nor what is to be done";
                Diagnostic::error("missing-key", whole, message).hint("add `run: …`, or `verb: …` for an instance")
            });
        }
    }
}

/// A key of a command, kept as metadata.
fn worded(decoder: &mut Decoder<'_>, spore: &mut Spore, entry: Entry<'_>) -> Option<String> {
    let text = decoder.text(entry)?;
    spore.metadata.push(Note { key: entry.field.name.to_owned(), value: Value::String(text.clone()) });
    Some(text)
}

fn defaults(decoder: &mut Decoder<'_>, spore: &mut Spore, entry: Entry<'_>) {
    if entry.node.entries().is_none() {
        decoder.mismatch(entry);
        return;
    }
    decoder.each(&crate::parse::table::DEFAULTS, entry.key, entry.node, |decoder, entry| {
        super::settings::setting(decoder, &mut spore.defaults, entry);
    });
}

/// A free key and its value.
pub(super) fn note(key: &Key<'_>, value: &Node<'_>) -> Note {
    Note { key: key.text.to_string(), value: value.to_value() }
}

/// Whether `text` can name a YAML spore: `[a-z0-9][a-z0-9._-]{0,62}`.
fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.len() <= 63
        && text.bytes().next().is_some_and(plain)
        && text.bytes().all(|byte| plain(byte) || matches!(byte, b'.' | b'_' | b'-'))
}

/// The kind that a document states, and whether it means one of Spore's.
pub(super) fn kind(node: &Node<'_>) -> (Option<Kind>, bool) {
    let Some(word) = node.get("kind").and_then(Node::scalar) else { return (None, false) };
    (Kind::parse(word), nearest(word, Kind::NAMES.into_iter()).is_some())
}
