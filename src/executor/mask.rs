//! Masking: secret values never reach a log, an output or a remark, in any of the forms that programs commonly print.
//!
//! Every occurrence of every form is found, overlapping ones too, and each stretch of text that they cover together
//! becomes one `***`. So the result does not depend on how a stream is cut into pieces: only a tail that could be the
//! beginning of a form is held back, and everything else goes out at once, an unfinished line too.

mod forms;
mod shared;

use std::borrow::Cow;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, Input};
use serde_json::Value;
pub(super) use shared::Masks;

use crate::model::Secret;

/// What stands in place of a secret.
pub const STARS: &str = "***";

/// Remarks about the secrets that are too short to be covered.
pub(super) fn uncovered(secrets: &[Secret]) -> impl Iterator<Item = String> {
    let short = secrets.iter().filter(|secret| !forms::is_covered(&secret.value));
    short.map(|secret| format!("the secret `{}` is too short to be masked", secret.name))
}

/// Finds secrets and covers them. Built once, cheap to clone; without secrets it does nothing and costs nothing.
#[derive(Clone, Default)]
pub struct Mask(Option<Arc<Patterns>>);

struct Patterns {
    automaton: AhoCorasick,
    /// All forms, sorted, to ask whether a text begins one of them.
    sorted: Vec<Vec<u8>>,
    longest_bytes: usize,
    /// Which bytes begin a form.
    begins: [bool; 256],
}

impl std::fmt::Debug for Mask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mask({} forms)", self.0.as_ref().map_or(0, |patterns| patterns.sorted.len()))
    }
}

impl Mask {
    /// A mask for these secrets. Values shorter than 3 bytes are not masked: they are no secrets, and covering every `1`
    /// would make logs unreadable. Each line of 8 characters or more of a longer value is masked by itself too.
    ///
    /// # Panics
    /// When the values together hold gigabytes, which no environment can.
    #[must_use]
    pub fn new(secrets: &[Secret]) -> Self {
        let sorted = forms::of_secrets(secrets);
        let Some(longest_bytes) = sorted.iter().map(Vec::len).max() else { return Self(None) };
        let automaton = AhoCorasick::new(&sorted).expect("the forms fit an automaton");
        let mut begins = [false; 256];
        for form in &sorted {
            begins[usize::from(form[0])] = true;
        }
        Self(Some(Arc::new(Patterns { automaton, sorted, longest_bytes, begins })))
    }

    /// Whether there is nothing to mask.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The text, its secrets covered.
    #[must_use]
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match &self.0 {
            Some(patterns) if patterns.automaton.is_match(text) => {
                let mut masked = Vec::with_capacity(text.len());
                let mut stream = self.stream();
                stream.push(text.as_bytes(), &mut masked);
                stream.finish(&mut masked);
                Cow::Owned(String::from_utf8_lossy(&masked).into_owned())
            }
            _ => Cow::Borrowed(text),
        }
    }

    /// The value, secrets covered in its strings, keys and numbers.
    #[must_use]
    pub fn value(&self, value: Value) -> Value {
        if self.is_empty() {
            return value;
        }
        match value {
            Value::String(text) => match self.text(&text) {
                Cow::Owned(masked) => Value::String(masked),
                Cow::Borrowed(_) => Value::String(text),
            },
            Value::Number(number) => match self.text(&number.to_string()) {
                Cow::Owned(masked) => Value::String(masked),
                Cow::Borrowed(_) => Value::Number(number),
            },
            Value::Array(list) => Value::Array(list.into_iter().map(|item| self.value(item)).collect()),
            Value::Object(map) => Value::Object(
                map.into_iter().map(|(key, item)| (self.text(&key).into_owned(), self.value(item))).collect(),
            ),
            other => other,
        }
    }

    /// Masks a stream that comes in pieces.
    #[must_use]
    pub fn stream(&self) -> MaskStream {
        MaskStream { mask: self.clone(), held: Vec::new(), covered: 0 }
    }
}

/// The state of masking one stream.
#[derive(Debug)]
pub struct MaskStream {
    mask: Mask,
    /// Bytes that may be the beginning of a form.
    held: Vec<u8>,
    /// How many bytes of `held` lie under stars that were already written.
    covered: usize,
}

impl MaskStream {
    /// Takes the next piece and appends to `masked` what is certain by now.
    pub fn push(&mut self, piece: &[u8], masked: &mut Vec<u8>) {
        let Some(patterns) = self.mask.0.clone() else { return masked.extend_from_slice(piece) };
        let whole: Cow<'_, [u8]> = if self.held.is_empty() {
            Cow::Borrowed(piece)
        } else {
            self.held.extend_from_slice(piece);
            Cow::Owned(std::mem::take(&mut self.held))
        };
        let hold = patterns.first_beginning(&whole);
        self.covered = patterns.cover(&whole, hold, self.covered, masked);
        self.held = whole[hold..].to_vec();
    }

    /// Takes the end of the stream: what was held back is no secret any more, unless it holds one.
    pub fn finish(&mut self, masked: &mut Vec<u8>) {
        if let Some(patterns) = self.mask.0.clone() {
            let whole = std::mem::take(&mut self.held);
            patterns.cover(&whole, whole.len(), self.covered, masked);
            self.covered = 0;
        }
    }
}

impl Patterns {
    /// The first place from which the text to its end is a beginning of a form, but not all of it. Whatever starts
    /// before that place is known in full.
    fn first_beginning(&self, text: &[u8]) -> usize {
        let from = (text.len() + 1).saturating_sub(self.longest_bytes);
        (from..text.len())
            .find(|place| self.begins[usize::from(text[*place])] && self.is_beginning(&text[*place..]))
            .unwrap_or(text.len())
    }

    fn is_beginning(&self, tail: &[u8]) -> bool {
        // The first form above `tail` begins with it, if any does.
        let above = self.sorted.partition_point(|form| form.as_slice() <= tail);
        self.sorted.get(above).is_some_and(|form| form.starts_with(tail))
    }

    /// Writes the text up to `hold`, of which the first `covered` bytes lie under stars already. Returns how many bytes
    /// after `hold` lie under stars that were written now.
    fn cover(&self, text: &[u8], hold: usize, covered: usize, masked: &mut Vec<u8>) -> usize {
        let mut done = covered;
        // A cheap search decides whether the thorough one is needed: nearly all pieces hold no secret.
        if let Some(first) = self.automaton.find(text) {
            // What ends later than the first to end may begin before it.
            let from = first.end().saturating_sub(self.longest_bytes);
            let mut stretches: Vec<(usize, usize)> = self
                .automaton
                .find_overlapping_iter(Input::new(text).range(from..))
                .map(|found| (found.start(), found.end()))
                .filter(|(start, _)| *start < hold)
                .collect();
            stretches.sort_unstable();
            for (start, end) in stretches {
                if start >= done {
                    masked.extend_from_slice(&text[done..start]);
                    masked.extend_from_slice(STARS.as_bytes());
                }
                done = done.max(end);
            }
        }
        if done < hold {
            masked.extend_from_slice(&text[done..hold]);
        }
        done.saturating_sub(hold)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(values: &[&str]) -> Mask {
        let secrets: Vec<Secret> =
            values.iter().map(|value| Secret { name: "S".into(), value: (*value).into() }).collect();
        Mask::new(&secrets)
    }

    #[test]
    fn overlapping_secrets_leave_nothing_between_them() {
        let mask = mask(&["abcdef", "defghi"]);
        assert_eq!(mask.text("xabcdefghix"), "x***x");
        assert_eq!(mask.text("abcdefabcdef"), "******");
        assert_eq!(mask.text("abcde"), "abcde");
        assert_eq!(super::tests::mask(&["cde", "abcdef"]).text("xabcdefx"), "x***x");
        assert!(matches!(Mask::new(&[]).text("x"), Cow::Borrowed("x")));
        assert!(super::tests::mask(&["ab", ""]).is_empty(), "short values are no secrets");
    }

    #[test]
    fn only_what_may_begin_a_secret_is_held_back() {
        let mut stream = mask(&["hunter2secret"]).stream();
        let mut masked = Vec::new();
        stream.push(b"Password: ", &mut masked);
        assert_eq!(masked, b"Password: ");
        stream.push(b"hunter2", &mut masked);
        assert_eq!(masked, b"Password: ");
        stream.push(b"secret\nhunt", &mut masked);
        assert_eq!(masked, b"Password: ***\n");
        stream.finish(&mut masked);
        assert_eq!(masked, b"Password: ***\nhunt");
    }

    #[test]
    fn an_endless_run_of_overlaps_needs_no_memory() {
        let mut stream = mask(&["aaaa"]).stream();
        let mut masked = Vec::new();
        for _ in 0..1_000 {
            stream.push(b"aaaaaaa", &mut masked);
            assert!(stream.held.len() < 16);
        }
        stream.finish(&mut masked);
        assert_eq!(masked, b"***");
    }

    #[test]
    fn values_are_masked_in_depth() {
        let mask = mask(&["12345678"]);
        let value = serde_json::json!({"a": ["x12345678"], "12345678": 12_345_678, "n": 1});
        assert_eq!(mask.value(value), serde_json::json!({"a": ["x***"], "***": "***", "n": 1}));
    }
}
