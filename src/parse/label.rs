//! Boxes and ids as authors write them at the beginning of a line: `[x]* **Task 2.1:** Title`.

use super::words::Piece;
use crate::model::Span;

/// A checkbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Box {
    /// Ticked off.
    pub done: bool,
    /// Neither open nor done: `[-]`, `[~]`.
    pub in_doubt: bool,
    /// A star follows it.
    pub optional: bool,
    /// Where its mark stands, between the brackets; empty for `[]`.
    pub mark: Option<Span>,
}

/// Reads the box that `piece` begins with; what follows it.
pub(super) fn read_box(piece: Piece<'_>) -> Option<(Box, Piece<'_>)> {
    let text = piece.text;
    let inside = text.strip_prefix('[').or_else(|| text.strip_prefix("\\["))?;
    let mut at = text.len() - inside.len();
    let mark = inside.chars().next()?;
    let (done, in_doubt) = match mark {
        ']' | ' ' | '\u{a0}' => (false, false),
        'x' | 'X' | '\u{2713}' | '\u{2714}' | '\u{221a}' | '\u{2705}' => (true, false),
        '-' | '~' | '/' | '>' | '?' | '!' => (false, true),
        _ => return None,
    };
    let mark_start = at;
    if mark != ']' {
        at += mark.len_utf8();
    }
    let mark = Some(Span::new(piece.at + mark_start, piece.at + at));
    at += usize::from(text[at..].starts_with("\\]"));
    at += text[at..].starts_with(']').then_some(1)?;
    let star = ["\\*", "*"].into_iter().find(|star| text[at..].starts_with(star) && !text[at..].starts_with("**"));
    let optional = star.is_some();
    at += star.map_or(0, str::len);
    let rest = piece.skip(at);
    // `[x](link)`, `[x]y` and `[x]: target` are no boxes.
    if !rest.text.is_empty() && !rest.text.starts_with(char::is_whitespace) {
        return None;
    }
    Some((Box { done, in_doubt, optional, mark }, rest.trim("")))
}

/// The id at the beginning of a title.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Label<'a> {
    /// The id itself: `2.1`, `T001`, `FOUNDATION-1`.
    pub id: Piece<'a>,
    /// The title behind it, marks included.
    pub title: Piece<'a>,
    /// The word `Task` stands before it, or it has the shape of `T1` or `FOUNDATION-1`: nothing but a task has such an id.
    pub named: bool,
    /// Something ends it: a dot, a colon, a dash, the end of bold type. A whole number without is perhaps only a number.
    pub ended: bool,
    /// It stands in bold type.
    pub bold: bool,
}

impl Label<'_> {
    /// Whether the id is a single whole number.
    pub(super) fn is_whole(&self) -> bool {
        self.id.text.bytes().all(|byte| byte.is_ascii_digit())
    }
}

const TASK_WORDS: [&str; 3] = ["task", "\u{4efb}\u{52a1}", "\u{30bf}\u{30b9}\u{30af}"];

/// Reads the id that `piece` begins with, past marks, symbols and the word `Task`.
pub(super) fn read_label(piece: Piece<'_>) -> Option<Label<'_>> {
    let (start, bold) = skip_ornaments(piece);
    let mut named = false;
    let mut body = start;
    if let Some(rest) = TASK_WORDS.iter().find_map(|word| start.strip_word(word)) {
        named = true;
        body = rest.trim("#*_");
    }
    let length = number_length(body.text).or_else(|| {
        named = true;
        letter_number_length(body.text).or_else(|| word_number_length(body.text))
    })?;
    let (id, rest) = (body.take(length), body.skip(length));
    let is_word = id.text.contains('-');
    let (title, ended) = ending(rest)?;
    if is_word && !ended && !bold {
        return None;
    }
    Some(Label { id, title: title.trim(""), named, ended, bold })
}

/// Passes over what decorates a title: marks of emphasis, emoji, and emoji that were once decoded wrongly.
fn skip_ornaments(piece: Piece<'_>) -> (Piece<'_>, bool) {
    let mut bold = false;
    let mut rest = piece.trim("");
    for _ in 0..4 {
        bold |= rest.text.starts_with("**") || rest.text.starts_with("__");
        rest = rest.skip(rest.text.len() - rest.text.trim_start_matches(['*', '_', '~', ' ']).len());
        let end = rest.text.find(char::is_whitespace).unwrap_or(rest.text.len());
        let word = &rest.text[..end];
        let is_symbol = !word.is_empty() && word.chars().all(|c| !c.is_alphanumeric() && !c.is_ascii());
        let is_garbled = !word.is_ascii()
            && word.starts_with(['\u{e2}', '\u{f0}', '\u{c3}', '\u{ef}'])
            && word.chars().all(|c| !c.is_ascii_alphanumeric());
        if !is_symbol && !is_garbled {
            break;
        }
        rest = rest.skip(end).trim("");
    }
    (rest, bold)
}

/// Length of `1`, `1.2`, `1.2.3` at the beginning.
pub(super) fn number_length(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let digits = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut end = digits(0);
    if end == 0 || end > 9 {
        return None;
    }
    while bytes.get(end) == Some(&b'.') && matches!(digits(end + 1), 1..=9) {
        end += 1 + digits(end + 1);
    }
    (end <= 64).then_some(end)
}

/// Length of `T1`, `T001`, `T1.2` at the beginning.
pub(super) fn letter_number_length(text: &str) -> Option<usize> {
    text.strip_prefix('T').and_then(number_length).map(|length| length + 1)
}

/// Length of `FOUNDATION-1`, `API-AUTH-2` at the beginning: capitals and digits, at least two letters before a dash and
/// a number at the end.
pub(super) fn word_number_length(text: &str) -> Option<usize> {
    let is_part = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    let end = text.bytes().take_while(is_part).count();
    let (word, number) = text[..end].rsplit_once('-')?;
    let starts_well = word.len() >= 2 && word.starts_with(|c: char| c.is_ascii_uppercase());
    let dotted = number_length(&text[end - number.len()..])?;
    (starts_well && dotted >= number.len() && end <= 64).then_some(end - number.len() + dotted)
}

/// What follows an id, and whether something ends it. `None` when the id goes on, so that it is none: `3D`, `100%`.
fn ending(rest: Piece<'_>) -> Option<(Piece<'_>, bool)> {
    let Some(next) = rest.text.chars().next() else { return Some((rest, true)) };
    let after = rest.skip(next.len_utf8());
    match next {
        '.' if after.text.is_empty() || after.text.starts_with([' ', '\t', '\n', '*', '_']) => Some((after, true)),
        ':' | ')' | ']' | '\u{ff1a}' | '\u{3001}' | '\u{ff09}' | '\u{ff0e}' | '\u{2014}' | '\u{2013}' => {
            Some((after, true))
        }
        '*' | '_' => Some((rest, true)),
        ' ' | '\t' | '\n' => {
            let rest = rest.trim("");
            let dash = ["- ", "\u{2013} ", "\u{2014} ", ": "].into_iter().find(|dash| rest.text.starts_with(dash));
            Some(dash.map_or((rest, false), |dash| (rest.skip(dash.len()), true)))
        }
        _ => None,
    }
}

/// Whether the whole of `text` has the shape of an id.
pub(super) fn is_id(text: &str) -> bool {
    let whole = Some(text.len());
    number_length(text) == whole || letter_number_length(text) == whole || word_number_length(text) == whole
}

/// The numbers of a numeric id, for sorting and ranges.
pub(super) fn numbers(id: &str) -> Option<Vec<u32>> {
    if number_length(id) == Some(id.len()) { id.split('.').map(|part| part.parse().ok()).collect() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(text: &str) -> Option<(&str, &str)> {
        read_label(Piece::new(text, 0)).map(|label| (label.id.text, label.title.text))
    }

    #[test]
    fn boxes_in_all_their_shapes() {
        let read = |text| read_box(Piece::new(text, 0)).map(|(found, rest)| (Box { mark: None, ..found }, rest.text));
        let open = Box::default();
        assert_eq!(read("[ ] a"), Some((open, "a")));
        assert_eq!(read("[x] a"), Some((Box { done: true, ..open }, "a")));
        assert_eq!(read("[ ]* 5.4 a"), Some((Box { optional: true, ..open }, "5.4 a")));
        assert_eq!(read("[ ]\\* 5.4 a"), Some((Box { optional: true, ..open }, "5.4 a")));
        assert_eq!(read("\\[ \\] a"), Some((open, "a")));
        assert_eq!(read("[~] a"), Some((Box { in_doubt: true, ..open }, "a")));
        assert_eq!(read("[x](http://a)"), None);
        assert_eq!(read("[US1] a"), None);
        assert_eq!(read("["), None);
    }

    #[test]
    fn ids_in_all_their_shapes() {
        for (text, id, title) in [
            ("2.1 Title", "2.1", "Title"),
            ("1. Title", "1", "Title"),
            ("**1.1 Title**", "1.1", "Title**"),
            ("**FOUNDATION-1: Base**", "FOUNDATION-1", "Base**"),
            ("Task 3: Title", "3", "Title"),
            ("\u{2705} 4.2 Title", "4.2", "Title"),
            ("\u{e2}\u{153}\u{2026} 4.2 Title", "4.2", "Title"),
            ("T001 \u{2014} Title", "T001", "\u{2014} Title"),
            ("T1 Title", "T1", "Title"),
            ("\u{4efb}\u{52a1} 1\u{ff1a}Title", "1", "Title"),
            ("6. 3D view", "6", "3D view"),
            ("1.2.3) x", "1.2.3", "x"),
        ] {
            let (found, rest) = label(text).expect(text);
            assert_eq!(
                (found, rest.trim_start_matches("\u{2014} ")),
                (id, title.trim_start_matches("\u{2014} ")),
                "{text}"
            );
        }
        for text in ["3D view", "100% done", "118-01-closed", "UTF-8 support", "Title 1", "1,2", "", "2025-01-01 x"] {
            assert_eq!(label(text), None, "{text}");
        }
    }
}
