//! The settings that tasks and `defaults` share: environment, retry, executor and the like.

use indexmap::IndexMap;

use super::decoder::{Decoder, Entry, short};
use crate::model::{Diagnostic, EnvValue, Retry, SecretRef, Settings, Span, Template};
use crate::parse::node::{Node, NodeKind};
use crate::parse::table;

/// Reads one key into `settings`; false when the key is no setting.
pub(super) fn setting(decoder: &mut Decoder<'_>, settings: &mut Settings, entry: Entry<'_>) -> bool {
    match entry.field.name {
        "executor" => settings.executor = decoder.text(entry),
        "timeout" => settings.timeout = decoder.duration(entry),
        "retry" => settings.retry = retry(decoder, entry),
        "continue_on_failure" => settings.continue_on_failure = decoder.flag(entry),
        "workdir" => settings.workdir = decoder.text(entry),
        "env" => settings.env = environment(decoder, entry),
        "with" => {
            let entries = decoder.named(entry);
            settings.with = entries.into_iter().map(|(key, value)| (key.text.to_string(), value.to_value())).collect();
        }
        _ => return false,
    }
    true
}

/// `retry: 3`, or a map.
fn retry(decoder: &mut Decoder<'_>, entry: Entry<'_>) -> Option<Retry> {
    let attempts_max = decoder.limits.attempts_max;
    let mut retry = Retry::default();
    let mut limit = None;
    match entry.node.kind {
        NodeKind::Map(_) => {
            decoder.each(&table::RETRY, entry.key, entry.node, |decoder, entry| match entry.field.name {
                "limit" => limit = decoder.count(entry),
                "backoff" => retry.backoff = decoder.duration(entry).unwrap_or(retry.backoff),
                "factor" => retry.factor = decoder.number(entry).unwrap_or(retry.factor),
                "max" => retry.max = decoder.duration(entry).unwrap_or(retry.max),
                "on_exit" => retry.on_exit = exit_codes(decoder, entry),
                _ => {}
            });
        }
        _ => limit = decoder.count(entry),
    }
    retry.limit = limit?;
    if retry.limit >= attempts_max {
        let message = format!("{} retries make more than {attempts_max} attempts", retry.limit);
        let hint = format!("write `{}` or less", attempts_max.saturating_sub(1));
        decoder.remark(|| Diagnostic::error("out-of-range", entry.place(), message).hint(hint));
        return None;
    }
    Some(retry)
}

fn exit_codes(decoder: &mut Decoder<'_>, entry: Entry<'_>) -> Vec<i32> {
    let mut codes = Vec::new();
    for (text, span) in decoder.texts(entry) {
        match text.parse::<i32>() {
            Ok(code) if (1..=255).contains(&code) => codes.push(code),
            _ => decoder.remark(|| {
                let message = format!("`{}` is no exit code of a failure", short(text));
                Diagnostic::error("out-of-range", span, message).hint("write numbers from 1 to 255")
            }),
        }
    }
    codes
}

/// `env`: names with texts or secrets.
pub(super) fn environment(decoder: &mut Decoder<'_>, entry: Entry<'_>) -> IndexMap<String, EnvValue> {
    let mut environment = IndexMap::new();
    if entry.node.items().is_some() {
        decoder.remark(|| {
            let message = "`env` must be a map from names to values, not a list";
            Diagnostic::error("wrong-type", entry.key, message).hint("write `NAME: value` instead of `- NAME=value`")
        });
        return environment;
    }
    for (key, node) in decoder.named(entry) {
        if !variable_name(decoder, &key.text, key.span) {
            continue;
        }
        if let Some(value) = variable(decoder, &key.text, key.span, node) {
            environment.insert(key.text.to_string(), value);
        }
    }
    environment
}

/// Whether a command can be given a variable of this name; if not, that is reported.
pub(super) fn variable_name(decoder: &mut Decoder<'_>, name: &str, span: Span) -> bool {
    if !is_identifier(name) {
        decoder.remark(|| {
            let message = format!("`{}` cannot name an environment variable", short(name));
            let hint = "use letters, digits and `_`, and no digit at the beginning";
            Diagnostic::error("bad-env-name", span, message).hint(hint)
        });
        return false;
    }
    if name.starts_with("SPORE_") {
        decoder.remark(|| {
            let message = format!("`{}` is set by Spore itself", short(name));
            Diagnostic::error("reserved-env", span, message).hint("choose a name that does not begin with `SPORE_`")
        });
        return false;
    }
    true
}

/// Letters, digits and `_`, beginning with no digit.
pub(super) fn is_identifier(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn variable(decoder: &mut Decoder<'_>, name: &str, key: Span, node: &Node<'_>) -> Option<EnvValue> {
    if let Some(text) = node.scalar() {
        return Some(EnvValue::Text(Template(text.to_owned())));
    }
    if node.entries().is_none() {
        decoder.remark(|| {
            let message = format!("`{}` must be a text or a secret, not {}", short(name), node.describe());
            let hint = "write `\"\"` for an empty value, or `{secret: NAME}` for a secret";
            Diagnostic::error("wrong-type", key, message).hint(hint)
        });
        return None;
    }
    let (mut secret, mut file) = (None, None);
    decoder.each(&table::SECRET, key, node, |decoder, entry| match entry.field.name {
        "secret" => secret = decoder.text(entry),
        "file" => file = decoder.text(entry),
        _ => {}
    });
    let name = secret?;
    Some(EnvValue::Secret(SecretRef { name, file }))
}
