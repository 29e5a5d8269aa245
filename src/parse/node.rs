//! The located tree that YAML text becomes: values as written, each with its place in the file.
//!
//! Scalars keep the author's spelling next to their type, because `VERSION: 1.10` must reach a command as `1.10` and
//! not as `1.1`. Text is borrowed from the file wherever YAML allows, which keeps a node at 40 bytes.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use crate::model::Span;

/// One value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Node<'a> {
    /// The value.
    pub(super) kind: NodeKind<'a>,
    /// Its bytes in the file; what an alias brought in stands where the anchor is, except the alias itself.
    pub(super) span: Span,
}

/// What a node holds. Scalars carry their text as written.
#[derive(Clone, Debug)]
pub(super) enum NodeKind<'a> {
    /// Nothing: an empty value, `~` or `null`.
    Null,
    /// `true` or `false` in the spellings of YAML 1.2.
    Bool(bool),
    /// A whole number that fits 64 bits.
    Int(Cow<'a, str>),
    /// A number with a fraction or an exponent.
    Float(Cow<'a, str>),
    /// Any other text.
    Text(Cow<'a, str>),
    /// A list.
    List(Vec<Node<'a>>),
    /// Keys and values in the author's order, repeated keys included.
    Map(Vec<(Key<'a>, Node<'a>)>),
}

/// A key of a map: always text, as written.
#[derive(Clone, Debug)]
pub(super) struct Key<'a> {
    /// The text.
    pub(super) text: Cow<'a, str>,
    /// Its bytes in the file.
    pub(super) span: Span,
}

impl<'a> Node<'a> {
    /// The text of a scalar as written; `None` for nothing, lists and maps.
    pub(super) fn scalar(&self) -> Option<&str> {
        match &self.kind {
            NodeKind::Bool(true) => Some("true"),
            NodeKind::Bool(false) => Some("false"),
            NodeKind::Int(text) | NodeKind::Float(text) | NodeKind::Text(text) => Some(text),
            NodeKind::Null | NodeKind::List(_) | NodeKind::Map(_) => None,
        }
    }

    /// The entries of a map.
    pub(super) fn entries(&self) -> Option<&[(Key<'a>, Node<'a>)]> {
        if let NodeKind::Map(entries) = &self.kind { Some(entries) } else { None }
    }

    /// The items of a list.
    pub(super) fn items(&self) -> Option<&[Node<'a>]> {
        if let NodeKind::List(items) = &self.kind { Some(items) } else { None }
    }

    /// The value of the first entry named `key`.
    pub(super) fn get(&self, key: &str) -> Option<&Node<'a>> {
        self.entries()?.iter().find(|(name, _)| name.text == key).map(|(_, value)| value)
    }

    /// What it is, for messages: `a list`, `the number 5`.
    pub(super) fn describe(&self) -> String {
        match &self.kind {
            NodeKind::Null => "nothing".to_owned(),
            NodeKind::Bool(value) => format!("`{value}`"),
            NodeKind::Int(text) | NodeKind::Float(text) => format!("the number `{text}`"),
            NodeKind::Text(text) if text.chars().count() <= 40 && !text.contains('\n') => format!("the text `{text}`"),
            NodeKind::Text(_) => "a text".to_owned(),
            NodeKind::List(_) => "a list".to_owned(),
            NodeKind::Map(_) => "a map".to_owned(),
        }
    }

    /// The number that an unquoted scalar means.
    pub(super) fn number(&self) -> Option<Number> {
        match &self.kind {
            NodeKind::Int(text) => integer(text),
            NodeKind::Float(text) => text.parse().ok().and_then(Number::from_f64),
            _ => None,
        }
    }

    /// The value as JSON. Of a repeated key the first entry counts, and a number that JSON would spell in another way
    /// (`1.10`, `0x1F`) stays text as written.
    pub(super) fn to_value(&self) -> Value {
        match &self.kind {
            NodeKind::Null => Value::Null,
            NodeKind::Bool(value) => Value::Bool(*value),
            NodeKind::Int(text) | NodeKind::Float(text) => self
                .number()
                .filter(|number| number.to_string() == text.as_ref())
                .map_or_else(|| Value::String(text.to_string()), Value::Number),
            NodeKind::Text(text) => Value::String(text.to_string()),
            NodeKind::List(items) => items.iter().map(Node::to_value).collect(),
            NodeKind::Map(entries) => {
                let mut map = Map::with_capacity(entries.len());
                for (key, value) in entries {
                    map.entry(key.text.as_ref()).or_insert_with(|| value.to_value());
                }
                Value::Object(map)
            }
        }
    }
}

/// The type of an unquoted scalar, by the core schema of YAML 1.2 with two exceptions that spare surprises: numbers
/// with leading zeros, and numbers that no JSON number can hold, stay text.
pub(super) fn plain(text: Cow<'_, str>) -> NodeKind<'_> {
    match text.as_ref() {
        "" | "~" | "null" | "Null" | "NULL" => NodeKind::Null,
        "true" | "True" | "TRUE" => NodeKind::Bool(true),
        "false" | "False" | "FALSE" => NodeKind::Bool(false),
        word if !word.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) => NodeKind::Text(text),
        word if integer(word).is_some() => NodeKind::Int(text),
        word if is_float(word) => NodeKind::Float(text),
        _ => NodeKind::Text(text),
    }
}

/// Reads `12`, `-3`, `0x1F` or `0o17`.
fn integer(text: &str) -> Option<Number> {
    let radix = |digits: &str, radix| {
        let plain = !digits.starts_with(['+', '-']);
        u64::from_str_radix(digits, radix).ok().filter(|_| plain).map(Number::from)
    };
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8);
    }
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if has_leading_zero(digits) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse::<i64>().map(Number::from).or_else(|_| text.parse::<u64>().map(Number::from)).ok()
}

fn is_float(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let numeric = digits.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'));
    let fraction = digits.contains(['.', 'e', 'E']);
    numeric && fraction && !has_leading_zero(digits) && text.parse().is_ok_and(f64::is_finite)
}

fn has_leading_zero(digits: &str) -> bool {
    digits.starts_with('0') && digits[1..].starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unquoted_scalars_have_no_surprising_types() {
        let json = |text| Node { kind: plain(Cow::Borrowed(text)), span: Span::default() }.to_value().to_string();
        for text in
            ["y", "no", "on", "012", "1_000", ".inf", ".nan", "1e999", "12:30", "-", "0x", "0x-1", "+0x1", "1.2.3"]
        {
            assert_eq!(json(text), format!("{text:?}"), "{text}");
        }
        assert_eq!(json("99999999999999999999"), "\"99999999999999999999\"");
        assert_eq!(json("12"), "12");
        assert_eq!(json("-3"), "-3");
        assert_eq!(json("+3"), "\"+3\"");
        assert_eq!(json("0x1F"), "\"0x1F\"");
        assert_eq!(json("1.10"), "\"1.10\"");
        assert_eq!(json("18446744073709551615"), "18446744073709551615");
        assert_eq!(json("1.5"), "1.5");
        assert_eq!(json("1e3"), "\"1e3\"");
        assert_eq!(json("~"), "null");
        assert_eq!(json("TRUE"), "true");
    }

    #[test]
    fn a_node_is_small() {
        assert!(size_of::<Node<'_>>() <= 40);
        assert!(size_of::<(Key<'_>, Node<'_>)>() <= 72);
    }
}
