//! The words of a line: what is left when markdown's marks are taken off, and where they stand.

use crate::model::Span;

/// A slice of the file with the offset of its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    /// The words.
    pub text: &'a str,
    /// Offset of the first byte in the file.
    pub at: usize,
}

impl<'a> Piece<'a> {
    /// The piece of `text` that begins at `at` in the file.
    pub(super) fn new(text: &'a str, at: usize) -> Self {
        Self { text, at }
    }

    /// Where it stands.
    pub(super) fn span(self) -> Span {
        Span::new(self.at, self.at + self.text.len())
    }

    /// The part from byte `from` on.
    pub(super) fn skip(self, from: usize) -> Self {
        Self { text: &self.text[from..], at: self.at + from }
    }

    /// The part up to byte `end`.
    pub(super) fn take(self, end: usize) -> Self {
        Self { text: &self.text[..end], at: self.at }
    }

    /// Without the characters of `marks`, white space included, at both ends.
    pub(super) fn trim(self, marks: &str) -> Self {
        let is_mark = |c: char| c.is_whitespace() || marks.contains(c);
        let tail = self.text.trim_end_matches(is_mark);
        let head = tail.trim_start_matches(is_mark);
        Self { text: head, at: self.at + tail.len() - head.len() }
    }

    /// Its lines, without their ends.
    pub(super) fn lines(self) -> impl Iterator<Item = Self> {
        let mut at = self.at;
        self.text.split('\n').map(move |line| {
            let piece = Self { text: line.strip_suffix('\r').unwrap_or(line), at };
            at += line.len() + 1;
            piece
        })
    }

    /// Its parts between the characters for which `cuts` holds.
    pub(super) fn split(self, cuts: impl Fn(char) -> bool) -> impl Iterator<Item = Self> {
        let start = self.text.as_ptr() as usize;
        self.text.split(cuts).map(move |part| Self { text: part, at: self.at + (part.as_ptr() as usize - start) })
    }

    /// What is left after `word`, in any case, when the piece begins with it and no letter follows.
    pub(super) fn strip_word(self, word: &str) -> Option<Self> {
        let head = self.text.get(..word.len())?;
        if !head.eq_ignore_ascii_case(word) {
            return None;
        }
        let rest = self.skip(word.len());
        let ends_in_ascii = word.bytes().last().is_some_and(|byte| byte.is_ascii_alphanumeric());
        if ends_in_ascii && rest.text.starts_with(|c: char| c.is_alphabetic()) { None } else { Some(rest) }
    }
}

/// The words of `raw` as people read them: without `**`, `__`, outer `*` and `_`, link targets and `{#anchors}`, on one
/// line. Code marks stay.
pub(super) fn clean(raw: &str) -> String {
    let raw = without_anchor(raw.trim());
    let is_plain = |byte: u8| !matches!(byte, b'_' | b'*' | b'`' | b'[' | b'\\' | b'\n' | b'\r' | b'\t');
    if raw.bytes().all(is_plain) && !raw.contains("  ") {
        return raw.to_owned();
    }
    let mut words = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        if rest.starts_with("**") || (rest.starts_with("__") && at_word_edge(&words, &rest[2..])) {
            rest = &rest[2..];
        } else if matches!(c, '_' | '*') && at_word_edge(&words, after) {
            rest = after;
        } else if c == '\\' && after.starts_with(|next: char| next.is_ascii_punctuation()) {
            words.push_str(&after[..1]);
            rest = &after[1..];
        } else if c == '`' {
            let end = after.find('`').map_or(after.len(), |end| end + 1);
            words.push('`');
            words.push_str(&after[..end]);
            rest = &after[end..];
        } else if c == '[' && link_target(after).is_some() {
            let (label, target) = link_target(after).unwrap_or_default();
            words.push_str(label);
            rest = &after[target..];
        } else {
            words.push(if c.is_whitespace() { ' ' } else { c });
            rest = after;
        }
    }
    if words.contains("  ") || words.starts_with(' ') || words.ends_with(' ') {
        return words.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    }
    words
}

/// A mark of emphasis stands at the edge of a word; between two letters it is a letter, as in `snake_case`.
fn at_word_edge(before: &str, after: &str) -> bool {
    let open_left = before.chars().next_back().is_none_or(|c| !c.is_alphanumeric());
    let open_right = after.chars().next().is_none_or(|c| !c.is_alphanumeric());
    let spaced = before.ends_with([' ', '\n']) && after.starts_with([' ', '\n']);
    (open_left || open_right) && !spaced
}

/// The label of `label](target)` and the length of it all.
fn link_target(after: &str) -> Option<(&str, usize)> {
    // A bounded look ahead keeps a line of a million brackets linear.
    let after = &after[..after.floor_char_boundary(1_000)];
    let close = after.find(']')?;
    let target = after[close..].strip_prefix("](")?;
    let end = target.find(')')?;
    if after[..close].contains('\n') { None } else { Some((&after[..close], close + 2 + end + 1)) }
}

fn without_anchor(raw: &str) -> &str {
    match raw.strip_suffix('}').and_then(|head| head.rfind("{#")) {
        Some(at) => raw[..at].trim_end(),
        None => raw,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_go_and_words_stay() {
        for (raw, words) in [
            ("**Bold** and _italic_ `co_de*`", "Bold and italic `co_de*`"),
            ("snake_case_name stays", "snake_case_name stays"),
            ("[a link](http://x) there", "a link there"),
            ("[US1] a label", "[US1] a label"),
            ("Heading {#anchor}", "Heading"),
            ("two\n   lines", "two lines"),
            ("2 * 3 * 4", "2 * 3 * 4"),
            ("\\*escaped\\*", "*escaped*"),
        ] {
            assert_eq!(clean(raw), words, "{raw}");
        }
    }

    #[test]
    fn pieces_know_where_they_stand() {
        let text = "ab, _cd_ ;e";
        let parts: Vec<_> = Piece::new(text, 10).split(|c| c == ',' || c == ';').map(|part| part.trim("_")).collect();
        assert_eq!(parts[1], Piece::new("cd", 15));
        assert_eq!(parts[2].span(), Span::new(20, 21));
    }
}
