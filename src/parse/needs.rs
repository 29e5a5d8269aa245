//! Lists of needs as authors write them: `Task 2.1, 2.2`, `Tasks 2.1-2.3 (all done)`, `None - reason`, `Phase 1`,
//! `Patterns 1, 2, 6`, `ALL 6 PATTERNS`, `build, "Run tests"`.

use super::label;
use super::words::Piece;

/// What one part of a list points at, before it is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted<'a> {
    /// It has the shape of an id.
    Id(&'a str),
    /// From one number to another.
    Range(&'a str, &'a str),
    /// A word and a number: `Pattern 2`.
    Noun(&'a str, &'a str),
    /// A word and numbers from one to another: `Apps 7-9`.
    NounRange(&'a str, &'a str, &'a str),
    /// All tasks of a phase: the word and its number.
    Phase(&'a str, &'a str),
    /// All tasks that a word names: `ALL 6 PATTERNS`.
    All(&'a str),
    /// Names joined by `and`, or one title with an `and` in it.
    Joined,
    /// Anything else: an id in words, a title, or something that no task is.
    Name(&'a str),
}

/// One part of a list, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reference<'a> {
    /// What it points at.
    pub wanted: Wanted<'a>,
    /// Its words.
    pub piece: Piece<'a>,
}

/// The keys of a need list, in lower case.
const KEYS: [&str; 8] =
    ["needs", "depends on", "depends", "dependencies", "dependency", "requires", "blocked by", "\u{4f9d}\u{8d56}"];

/// Whether `key` introduces a need list.
pub(super) fn is_key(key: &str) -> bool {
    KEYS.iter().any(|known| key.eq_ignore_ascii_case(known))
}

const NOTHING: [&str; 10] = ["none", "n/a", "na", "nothing", "nil", "no", "-", "\u{2014}", "\u{2013}", "\u{65e0}"];

/// Reads a list. Empty when it says that nothing is needed.
pub(super) fn read(value: Piece<'_>) -> Vec<Reference<'_>> {
    let mut references = Vec::new();
    let mut noun = None;
    let value = value.trim("");
    let first = value.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '(')).next();
    if first.is_some_and(|word| NOTHING.iter().any(|nothing| word.trim("*_.").text.eq_ignore_ascii_case(nothing))) {
        return references;
    }
    for part in parts(value) {
        let tokens = conjuncts(part);
        let before = (references.len(), noun);
        references.extend(tokens.iter().filter_map(|token| read_token(*token, &mut noun)));
        // Words around an `and` may be one title; the look-up tries that first.
        if tokens.len() > 1 && references[before.0..].iter().any(|one| matches!(one.wanted, Wanted::Name(_))) {
            references.truncate(before.0);
            noun = before.1;
            references.extend(read_token(part, &mut noun).map(|whole| Reference { wanted: Wanted::Joined, ..whole }));
        }
    }
    references
}

/// The names in words joined by `and`.
pub(super) fn joined(piece: Piece<'_>) -> Vec<Reference<'_>> {
    let mut noun = None;
    conjuncts(piece).into_iter().filter_map(|token| read_token(token, &mut noun)).collect()
}

/// The parts between commas, with everything in parentheses left out.
fn parts(value: Piece<'_>) -> Vec<Piece<'_>> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_u32, 0);
    for (at, c) in value.text.char_indices() {
        match c {
            '(' | '\u{ff08}' => {
                if depth == 0 {
                    parts.push(value.take(at).skip(start));
                }
                depth += 1;
            }
            ')' | '\u{ff09}' if depth > 0 => {
                depth -= 1;
                start = at + c.len_utf8();
            }
            ',' | ';' | '\u{3001}' | '\u{ff0c}' | '\u{ff1b}' | '\n' if depth == 0 => {
                parts.push(value.take(at).skip(start));
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    if depth == 0 {
        parts.push(value.skip(start));
    }
    parts
}

/// The parts joined by `and`, `&` or `+`; what stands behind ` - ` is a remark unless it is the end of a range.
fn conjuncts(part: Piece<'_>) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let mut start = 0;
    for at in memchr::memchr_iter(b' ', part.text.as_bytes()) {
        let word = [" and ", " & ", " + "].into_iter().find(|word| part.text[at..].starts_with(word));
        if let Some(word) = word.filter(|_| at >= start) {
            found.push(without_remark(part.take(at).skip(start)));
            start = at + word.len();
        }
    }
    found.push(without_remark(part.skip(start)));
    found
}

fn without_remark(token: Piece<'_>) -> Piece<'_> {
    for dash in [" - ", " \u{2013} ", " \u{2014} "] {
        if let Some(at) = token.text.find(dash) {
            let after = token.text[at + dash.len()..].trim_start_matches(|c: char| !c.is_ascii_digit());
            let is_range = token.text[..at].ends_with(|c: char| c.is_ascii_digit())
                && label::number_length(after) == Some(after.trim_end().len());
            if !is_range {
                return token.take(at);
            }
        }
    }
    token
}

fn read_token<'a>(token: Piece<'a>, noun: &mut Option<&'a str>) -> Option<Reference<'a>> {
    let mut piece = token.trim("*_`\"'#[]{}.:!\u{201c}\u{201d}");
    for word in ["completed", "complete", "completion", "done", "finished"] {
        if let Some(head) = piece.text.strip_suffix(word).filter(|head| head.ends_with(' ')) {
            piece = piece.take(head.len()).trim("*_`\"'");
        }
    }
    for word in ["after", "tasks", "task", "\u{4efb}\u{52a1}"] {
        if let Some(rest) = piece.strip_word(word).filter(|rest| !rest.text.starts_with(['-', '_', '.'])) {
            let rest = rest.trim("*_#");
            if !rest.text.is_empty() {
                piece = rest;
                *noun = None;
            }
        }
    }
    if piece.text.is_empty() || piece.text.chars().all(|c| !c.is_alphanumeric()) {
        return None;
    }
    let wanted = classify(piece.text, noun);
    Some(Reference { wanted, piece })
}

fn classify<'a>(text: &'a str, noun: &mut Option<&'a str>) -> Wanted<'a> {
    if let Some(rest) = Piece::new(text, 0).strip_word("all").filter(|rest| rest.text.starts_with(' ')) {
        let words = rest.text.trim_start_matches(|c: char| c.is_ascii_digit() || c.is_whitespace());
        return Wanted::All(words.trim_end_matches(['.', '*', '_']));
    }
    if let Some((from, to)) = range(text) {
        return noun.map_or(Wanted::Range(from, to), |noun| Wanted::NounRange(noun, from, to));
    }
    if label::is_id(text) {
        return match noun {
            Some(word) if label::number_length(text).is_some() => with_noun(word, text),
            _ => Wanted::Id(text),
        };
    }
    if let Some((word, number)) = text.split_once(' ') {
        let number = number.trim();
        if word.chars().all(char::is_alphabetic) && !number.is_empty() {
            if let Some((from, to)) = range(number) {
                *noun = Some(word);
                return Wanted::NounRange(word, from, to);
            }
            if label::number_length(number) == Some(number.len()) {
                *noun = Some(word);
                return with_noun(word, number);
            }
        }
    }
    *noun = None;
    Wanted::Name(text)
}

fn with_noun<'a>(word: &'a str, number: &'a str) -> Wanted<'a> {
    if is_phase_word(word) { Wanted::Phase(word, number) } else { Wanted::Noun(word, number) }
}

const PHASE_WORDS: [&str; 9] =
    ["phase", "phases", "layer", "layers", "stage", "stages", "milestone", "sprint", "\u{9636}\u{6bb5}"];

/// Whether `word` names a phase.
pub(super) fn is_phase_word(word: &str) -> bool {
    PHASE_WORDS.iter().any(|known| word.eq_ignore_ascii_case(known))
}

/// `2.1-2.3`, `2.1 to 2.3`, `T1..T3`.
fn range(text: &str) -> Option<(&str, &str)> {
    let cuts = ["..", "-", "\u{2013}", "\u{2014}", "~", " to ", " through ", "\u{81f3}"];
    cuts.into_iter().find_map(|cut| {
        let (from, to) = text.split_once(cut)?;
        let (from, to) = (from.trim_end_matches(['.', ' ', '*']), to.trim_start_matches(['.', ' ', '*']));
        let to = Piece::new(to, 0).strip_word("task").map_or(to, |rest| rest.text.trim_start());
        let is_end = |text: &str| {
            let whole = Some(text.len());
            label::number_length(text) == whole || label::letter_number_length(text) == whole
        };
        (is_end(from) && is_end(to)).then_some((from, to))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(text: &str) -> Vec<Wanted<'_>> {
        read(Piece::new(text, 0)).into_iter().map(|reference| reference.wanted).collect()
    }

    #[test]
    fn lists_in_all_their_shapes() {
        use Wanted::{All, Id, Name, Noun, NounRange, Phase, Range};
        for (text, expected) in [
            ("Task 1_", vec![Id("1")]),
            ("Tasks 2.1, 2.2, 2.3", vec![Id("2.1"), Id("2.2"), Id("2.3")]),
            ("Tasks 2.1-2.3 and Task 5", vec![Range("2.1", "2.3"), Id("5")]),
            ("1.1 - 1.4", vec![Range("1.1", "1.4")]),
            ("None - Critical path foundation", vec![]),
            ("**None**", vec![]),
            ("Task 9.3 (all testing complete)", vec![Id("9.3")]),
            ("FOUNDATION-1, FOUNDATION-2", vec![Id("FOUNDATION-1"), Id("FOUNDATION-2")]),
            ("Phase 1 complete", vec![Phase("Phase", "1")]),
            ("Phases 1, 2", vec![Phase("Phases", "1"), Phase("Phases", "2")]),
            ("Patterns 1, 2, 6", vec![Noun("Patterns", "1"), Noun("Patterns", "2"), Noun("Patterns", "6")]),
            (
                "shared, router, Pattern 2, agentdb",
                vec![Name("shared"), Name("router"), Noun("Pattern", "2"), Name("agentdb")],
            ),
            ("Apps 7-9", vec![NounRange("Apps", "7", "9")]),
            ("ALL 6 PATTERNS", vec![All("PATTERNS")]),
            ("build, Run the tests", vec![Name("build"), Name("Run the tests")]),
            ("Task 1 - because it must", vec![Id("1")]),
        ] {
            assert_eq!(wanted(text), expected, "{text}");
        }
    }

    #[test]
    fn places_are_exact() {
        let text = "Depends: Task 2.1, **3**";
        let found = read(Piece::new(&text[8..], 8));
        let at = |index: usize| &text[found[index].piece.span().range()];
        assert_eq!((at(0), at(1)), ("2.1", "3"));
    }
}
