//! What stands around the tasks: triggers, parameters, and what keeps two runs apart.

use indexmap::IndexMap;
use serde_json::Value;

use super::decoder::{Decoder, Entry, short};
use super::settings::is_identifier;
use crate::model::{
    Concurrency, Cron, Diagnostic, Param, ParamType, Policy, Push, SessionMoment, Span, Template, Timer, Triggers,
};
use crate::parse::node::{Node, NodeKind};
use crate::parse::table;

/// `on`.
pub(super) fn triggers(decoder: &mut Decoder<'_>, entry: Entry<'_>) -> Triggers {
    let mut triggers = Triggers::default();
    if entry.node.entries().is_some() {
        decoder.each(&table::ON, entry.key, entry.node, |decoder, entry| match entry.field.name {
            "drop" => triggers.drop = decoder.flag(entry).unwrap_or(false),
            "push" => triggers.push = push(decoder, entry),
            "schedule" => triggers.schedule = schedule(decoder, entry),
            "session" => triggers.session = session(decoder, entry),
            _ => {}
        });
        return triggers;
    }
    for (word, span) in decoder.texts(entry) {
        match word {
            "drop" => triggers.drop = true,
            "push" => triggers.push = Some(Push::default()),
            "session" | "schedule" => decoder.remark(|| {
                let hint = if word == "session" { "{session: start}" } else { "{schedule: \"0 6 * * *\"}" };
                let message = format!("`on: {word}` does not say when");
                Diagnostic::error("unknown-word", span, message).hint(format!("write `on: {hint}`"))
            }),
            _ => decoder.unknown_word("trigger", word, span, &["drop", "push"]),
        }
    }
    triggers
}

fn push(decoder: &mut Decoder<'_>, entry: Entry<'_>) -> Option<Push> {
    let mut push = Push::default();
    match entry.node.kind {
        NodeKind::Null | NodeKind::Bool(true) => {}
        NodeKind::Bool(false) => return None,
        NodeKind::Map(_) => {
            decoder.each(&table::PUSH, entry.key, entry.node, |decoder, entry| match entry.field.name {
                "branches" => push.branches = decoder.strings(entry),
                "paths" => push.paths = decoder.strings(entry),
                _ => {}
            });
        }
        _ => push.branches = decoder.strings(entry),
    }
    Some(push)
}

fn schedule(decoder: &mut Decoder<'_>, entry: Entry<'_>) -> Vec<Timer> {
    let Some(items) = entry.node.items() else { return timer(decoder, entry).into_iter().collect() };
    items.iter().filter_map(|node| timer(decoder, Entry { node, key: first_of(node), ..entry })).collect()
}

/// Where a node without a key of its own begins.
fn first_of(node: &Node<'_>) -> Span {
    node.entries().and_then(|entries| entries.first()).map_or(node.span, |(key, _)| key.span)
}

/// A cron line, or a map with one.
fn timer(decoder: &mut Decoder<'_>, entry: Entry<'_>) -> Option<Timer> {
    let mut line = None;
    let mut zone = None;
    let (mut overlap, mut catch_up) = (Policy::Skip, Some(1));
    match entry.node.kind {
        NodeKind::Map(_) => {
            decoder.each(&table::SCHEDULE, entry.key, entry.node, |decoder, entry| match entry.field.name {
                "cron" => line = decoder.text(entry).map(|text| (text, entry.node.span)),
                "timezone" => zone = decoder.text(entry).map(|text| (text, entry.node.span)),
                "overlap" => overlap = decoder.word(entry).map_or(Policy::Skip, policy),
                "catch_up" => catch_up = decoder.count(entry),
                _ => {}
            });
        }
        _ => line = decoder.text(entry).map(|text| (text, entry.node.span)),
    }
    let (line, span) = line?;
    if let Err(because) = Cron::parse(&line, None) {
        decoder.remark(|| {
            let message = format!("`{}` is no cron line: {because}", short(&line));
            let hint = "write five fields, `minute hour day month weekday`, such as `0 6 * * *`, or `@daily`";
            Diagnostic::error("bad-schedule", span, message).hint(hint)
        });
        return None;
    }
    let cron = Cron::parse(&line, zone.as_ref().map(|(name, _)| name.as_str()));
    if let (Err(because), Some((name, span))) = (&cron, &zone) {
        decoder.remark(|| {
            let hint = match Cron::nearest_zone(name) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "write it as the time zone database does, such as `Europe/Berlin` or `UTC`".to_owned(),
            };
            let because = if name.len() == short(name).len() { because.as_str() } else { "this is no known time zone" };
            Diagnostic::error("bad-timezone", *span, because.to_owned()).hint(hint)
        });
    }
    Some(Timer { cron: cron.ok()?, overlap, catch_up: catch_up?, span })
}

/// What one of the words for a policy means.
fn policy(word: &str) -> Policy {
    match word {
        "skip" => Policy::Skip,
        "replace" => Policy::Replace,
        _ => Policy::Queue,
    }
}

fn session(decoder: &mut Decoder<'_>, entry: Entry<'_>) -> Vec<SessionMoment> {
    let mut moments = Vec::new();
    for (text, span) in decoder.texts(entry) {
        match text {
            "start" => moments.push(SessionMoment::Start),
            "end" => moments.push(SessionMoment::End),
            "prompt" => moments.push(SessionMoment::Prompt),
            _ => decoder.unknown_word("moment of a session", text, span, &["start", "end", "prompt"]),
        }
    }
    moments
}

/// `concurrency: group`, or a map.
pub(super) fn concurrency(decoder: &mut Decoder<'_>, entry: Entry<'_>) -> Option<Concurrency> {
    let (mut group, mut policy) = (None, Policy::default());
    match entry.node.kind {
        NodeKind::Map(_) => {
            decoder.each(&table::CONCURRENCY, entry.key, entry.node, |decoder, entry| match entry.field.name {
                "group" => group = decoder.text(entry),
                "policy" => policy = decoder.word(entry).map_or(Policy::Queue, self::policy),
                _ => {}
            });
        }
        _ => group = decoder.text(entry),
    }
    Some(Concurrency { group: Template(group?), policy })
}

/// `params`.
pub(super) fn params(decoder: &mut Decoder<'_>, entry: Entry<'_>) -> IndexMap<String, Param> {
    let mut params = IndexMap::new();
    for (key, node) in decoder.named(entry) {
        if template_name(decoder, &key.text, key.span)
            && let Some(param) = param(decoder, &key.text, key.span, node)
        {
            params.insert(key.text.to_string(), param);
        }
    }
    params
}

/// Whether templates can speak of this name; if not, that is reported.
pub(super) fn template_name(decoder: &mut Decoder<'_>, name: &str, span: Span) -> bool {
    if is_identifier(name) {
        return true;
    }
    decoder.remark(|| {
        let better: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let hint = if is_identifier(&better) {
            format!("write `{}`", short(&better))
        } else {
            "use letters, digits and `_`, and no digit at the beginning".to_owned()
        };
        Diagnostic::error("bad-name", span, format!("templates cannot use the name `{}`", short(name))).hint(hint)
    });
    false
}

fn param(decoder: &mut Decoder<'_>, name: &str, key: Span, node: &Node<'_>) -> Option<Param> {
    let mut param = Param { span: key, ..Param::default() };
    let mut required = None;
    let mut stated = None;
    let mut default = None;
    let mut choices: &[Node<'_>] = &[];
    match &node.kind {
        NodeKind::Null => {}
        NodeKind::List(_) => {
            decoder.remark(|| {
                let message = format!("the parameter `{name}` must be a default or a map, not a list");
                Diagnostic::error("wrong-type", key, message).hint("write the allowed values as `{enum: [a, b]}`")
            });
            return None;
        }
        NodeKind::Map(_) => decoder.each(&table::PARAM, key, node, |decoder, entry| match entry.field.name {
            "type" => stated = decoder.word(entry),
            "default" if entry.node.scalar().is_some() => default = Some(entry.node),
            "default" if matches!(entry.node.kind, NodeKind::Null) => {}
            "enum" if scalars(entry.node) => choices = entry.node.items().unwrap_or_default(),
            "required" => required = decoder.flag(entry),
            "description" => param.description = decoder.text(entry),
            _ => decoder.mismatch(entry),
        }),
        _ => default = Some(node),
    }
    param.kind = match (stated, default.or(choices.first()).map(Node::to_value)) {
        (Some("integer"), _) => ParamType::Integer,
        (Some("boolean"), _) | (None, Some(Value::Bool(_))) => ParamType::Boolean,
        (None, Some(Value::Number(number))) if !number.is_f64() => ParamType::Integer,
        (Some("number"), _) | (None, Some(Value::Number(_))) => ParamType::Number,
        _ => ParamType::String,
    };
    param.default = default.map(|node| typed(node, param.kind));
    param.choices = choices.iter().map(|node| typed(node, param.kind)).collect();
    param.required = required.unwrap_or(param.default.is_none());
    Some(param)
}

/// Whether a node is a list of scalars.
pub(super) fn scalars(node: &Node<'_>) -> bool {
    node.items().is_some_and(|items| items.iter().all(|item| item.scalar().is_some()))
}

/// A scalar as a value of `kind`, or as it is where it is none; the plan room compares defaults with their types.
fn typed(node: &Node<'_>, kind: ParamType) -> Value {
    let text = node.scalar().unwrap_or_default();
    match kind {
        ParamType::String => Value::String(text.to_owned()),
        ParamType::Number | ParamType::Integer => node.number().map_or_else(|| node.to_value(), Value::Number),
        ParamType::Boolean => node.to_value(),
    }
}
