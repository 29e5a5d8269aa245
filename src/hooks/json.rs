//! JSON as its author laid it out: members and elements are put in and taken out as text, so that all else stays to the byte. Every
//! text here has been read as valid JSON before.

use std::ops::Range;

use serde::Serialize as _;
use serde_json::Value;

/// An object or a list in a text.
#[derive(Debug)]
pub(super) struct Container {
    /// From its first bracket to after its last.
    pub(super) span: Range<usize>,
    /// What is in it.
    pub(super) items: Vec<Item>,
}

/// A member of an object, or an element of a list.
#[derive(Debug)]
pub(super) struct Item {
    /// The name of a member.
    pub(super) key: Option<String>,
    /// All of it.
    pub(super) span: Range<usize>,
    /// Where its value begins.
    pub(super) value: usize,
}

impl Container {
    /// The object or list whose bracket is the first thing at or after `at`; `None` when something else is.
    pub(super) fn at(text: &str, at: usize) -> Option<Self> {
        let bytes = text.as_bytes();
        let start = past_space(bytes, at);
        let is_object = match bytes.get(start)? {
            b'{' => true,
            b'[' => false,
            _ => return None,
        };
        let mut items = Vec::new();
        let mut here = past_space(bytes, start + 1);
        while !matches!(bytes.get(here)?, b'}' | b']') {
            let begin = here;
            let key = if is_object {
                let end = value_end(bytes, here);
                let key = serde_json::from_str(text.get(here..end)?).ok()?;
                here = past_space(bytes, past_space(bytes, end) + 1);
                Some(key)
            } else {
                None
            };
            let end = value_end(bytes, here);
            items.push(Item { key, span: begin..end, value: here });
            here = past_space(bytes, end);
            if bytes.get(here) == Some(&b',') {
                here = past_space(bytes, here + 1);
            }
        }
        Some(Self { span: start..here + 1, items })
    }

    /// The index of the member `key`; of a repeated one the last, as readers of JSON take it.
    pub(super) fn find(&self, key: &str) -> Option<usize> {
        self.items.iter().rposition(|item| item.key.as_deref() == Some(key))
    }

    /// The text without the item at `index`.
    pub(super) fn without(&self, text: &str, index: usize) -> String {
        let item = &self.items[index].span;
        let gone = if let Some(before) = index.checked_sub(1) {
            self.items[before].span.end..item.end
        } else if let Some(next) = self.items.get(1) {
            item.start..next.span.start
        } else {
            self.span.start + 1..self.span.end - 1
        };
        format!("{}{}", &text[..gone.start], &text[gone.end..])
    }

    /// The text with one more item at the end; `depth` is how many objects and lists this one stands in.
    pub(super) fn with(&self, text: &str, key: Option<&str>, value: &Value, depth: usize) -> String {
        let layout = Layout::of(text);
        let inside = &text[self.span.clone()];
        let name = key.map(|key| format!("{}: ", Value::from(key))).unwrap_or_default();
        let Some(last) = self.items.last() else {
            let item = layout.spread(value, depth + 1);
            let (inner, outer) = (layout.line(depth + 1), layout.line(depth));
            return format!("{}{inner}{name}{item}{outer}{}", &text[..=self.span.start], &text[self.span.end - 1..]);
        };
        let (head, tail) = text.split_at(last.span.end);
        if inside.contains('\n') {
            format!("{head},{}{name}{}{tail}", layout.line(depth + 1), layout.spread(value, depth + 1))
        } else {
            format!("{head}, {name}{value}{tail}")
        }
    }
}

/// How a text is laid out.
struct Layout {
    indent: String,
    line_end: &'static str,
}

impl Layout {
    /// By the first line that is indented; two spaces where none is.
    fn of(text: &str) -> Self {
        let indents = text.lines().map(|line| &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]);
        let indent = indents.into_iter().find(|indent| !indent.is_empty()).unwrap_or("  ").to_owned();
        Self { indent, line_end: if text.contains("\r\n") { "\r\n" } else { "\n" } }
    }

    fn line(&self, depth: usize) -> String {
        format!("{}{}", self.line_end, self.indent.repeat(depth))
    }

    fn spread(&self, value: &Value, depth: usize) -> String {
        let mut bytes = Vec::new();
        let formatter = serde_json::ser::PrettyFormatter::with_indent(self.indent.as_bytes());
        let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, formatter);
        let written = value.serialize(&mut serializer);
        let text = if written.is_ok() { String::from_utf8_lossy(&bytes).into_owned() } else { value.to_string() };
        text.replace('\n', &self.line(depth))
    }
}

fn past_space(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
        at += 1;
    }
    at
}

/// Where the value that begins at `at` ends.
fn value_end(bytes: &[u8], mut at: usize) -> usize {
    let mut depth = 0_usize;
    loop {
        match bytes.get(at) {
            None => return at,
            Some(b'"') => {
                at += 1;
                while bytes.get(at).is_some_and(|byte| *byte != b'"') {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                at += 1;
            }
            Some(b'{' | b'[') => {
                depth += 1;
                at += 1;
            }
            Some(b'}' | b']') => {
                depth -= 1;
                at += 1;
            }
            Some(_) if depth > 0 => at += 1,
            Some(_) => {
                while bytes
                    .get(at)
                    .is_some_and(|byte| !matches!(byte, b',' | b'}' | b']') && !byte.is_ascii_whitespace())
                {
                    at += 1;
                }
            }
        }
        if depth == 0 {
            return at;
        }
    }
}
