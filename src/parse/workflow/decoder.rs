//! Looks the keys of a map up in the table and reads plain values: what every part of the decoder is made of.
//!
//! A value that cannot be read leaves a diagnostic and is treated as if it were not there, so that one pass finds
//! everything that is wrong.

use std::collections::HashMap;
use std::time::Duration;

use crate::model::{Diagnostic, Limits, Span, parse_duration};
use crate::parse::node::{Key, Node, NodeKind};
use crate::parse::table::{Field, Object, Shape, names};

/// Keys longer than this are not compared with known ones.
const NEAR_BYTES_MAX: usize = 40;

/// Gathers the diagnostics of one file while its values are read.
pub(in crate::parse) struct Decoder<'d> {
    /// What is taken at most.
    pub(super) limits: &'d Limits,
    diagnostics: &'d mut Vec<Diagnostic>,
    room: usize,
    hidden: usize,
}

/// One key of a known object with its value.
#[derive(Clone, Copy)]
pub(in crate::parse) struct Entry<'n> {
    /// What the table says of the key.
    pub(in crate::parse) field: &'static Field,
    /// Where the key stands.
    pub(in crate::parse) key: Span,
    /// The value.
    pub(in crate::parse) node: &'n Node<'n>,
}

impl Entry<'_> {
    /// The place to show when the value is wrong: the value, or its key where the value has no line of its own.
    pub(super) fn place(&self) -> Span {
        match self.node.kind {
            NodeKind::Null | NodeKind::List(_) | NodeKind::Map(_) => self.key,
            _ => self.node.span,
        }
    }
}

impl<'d> Decoder<'d> {
    /// A decoder that adds to `diagnostics`.
    pub(in crate::parse) fn new(limits: &'d Limits, diagnostics: &'d mut Vec<Diagnostic>) -> Self {
        let room = limits.diagnostics_max.saturating_sub(diagnostics.len());
        Self { limits, diagnostics, room, hidden: 0 }
    }

    /// Adds a diagnostic, made only if there is still room for it.
    pub(super) fn remark(&mut self, make: impl FnOnce() -> Diagnostic) {
        if self.room == 0 {
            self.hidden += 1;
        } else {
            self.room -= 1;
            self.diagnostics.push(make());
        }
    }

    /// Says how many diagnostics found no room. To be called when the file has been read.
    pub(super) fn close(self) {
        if self.hidden > 0 {
            let span = self.diagnostics.last().map_or_else(Span::default, |last| last.span);
            let message = format!("{} more problems are not shown", self.hidden);
            let hint = "mend those above, then check again";
            self.diagnostics.push(Diagnostic::error("too-many-diagnostics", span, message).hint(hint));
        }
    }

    /// Goes through a map that must be an `object`: `take` gets every known key once, everything else is reported.
    pub(super) fn each<'n>(
        &mut self,
        object: &'static Object,
        whole: Span,
        node: &'n Node<'n>,
        mut take: impl FnMut(&mut Self, Entry<'n>),
    ) {
        let Some(entries) = node.entries() else { return };
        let mut strange = Vec::new();
        self.walk(object, entries, &mut take, &mut strange);
        for (key, _) in strange {
            self.unknown_key(object, key);
        }
        for field in object.fields.iter().filter(|field| field.required && node.get(field.name).is_none()) {
            self.remark(|| {
                let message = format!("`{}` is missing in {}", field.name, object.name);
                Diagnostic::error("missing-key", whole, message).hint(format!(
                    "add `{}: {}`: {}",
                    field.name,
                    field.example,
                    sentence(field.doc)
                ))
            });
        }
    }

    /// Goes through `entries`: `take` gets every known key once, a repeated one is reported, the rest is `strange`.
    pub(super) fn walk<'n>(
        &mut self,
        object: &'static Object,
        entries: &'n [(Key<'n>, Node<'n>)],
        take: &mut impl FnMut(&mut Self, Entry<'n>),
        strange: &mut Vec<&'n (Key<'n>, Node<'n>)>,
    ) {
        let mut seen = [None; 32];
        for entry in entries {
            let (key, node) = entry;
            let Some((index, field)) = object.field(&key.text) else {
                strange.push(entry);
                continue;
            };
            if let Some(first) = seen[index] {
                self.duplicate(&key.text, first, key.span);
                continue;
            }
            seen[index] = Some(key.span);
            take(self, Entry { field, key: key.span, node });
        }
    }

    /// The entries of a map with free names, without those that repeat an earlier name.
    pub(super) fn once<'n>(&mut self, entries: &'n [(Key<'n>, Node<'n>)]) -> Vec<&'n (Key<'n>, Node<'n>)> {
        let mut kept: Vec<&(Key<'n>, Node<'n>)> = Vec::with_capacity(entries.len());
        if entries.len() <= 8 {
            for entry in entries {
                match kept.iter().find(|(key, _)| key.text == entry.0.text).map(|(key, _)| key.span) {
                    Some(first) => self.duplicate(&entry.0.text, first, entry.0.span),
                    None => kept.push(entry),
                }
            }
            return kept;
        }
        let mut firsts: HashMap<&str, Span> = HashMap::with_capacity(entries.len());
        for entry in entries {
            if let Some(first) = firsts.get(entry.0.text.as_ref()) {
                self.duplicate(&entry.0.text, *first, entry.0.span);
            } else {
                firsts.insert(&entry.0.text, entry.0.span);
                kept.push(entry);
            }
        }
        kept
    }

    fn duplicate(&mut self, name: &str, first: Span, second: Span) {
        self.remark(|| {
            Diagnostic::error("duplicate-key", second, format!("`{}` is given twice", short(name)))
                .hint("keep one of the two")
                .related(first, "first given here")
        });
    }

    /// Reports a key that the table does not have.
    pub(super) fn unknown_key(&mut self, object: &Object, key: &Key<'_>) {
        self.remark(|| {
            let message = format!("`{}` is no key of {}", short(&key.text), article(object.name));
            Diagnostic::error("unknown-key", key.span, message).hint(instead(object, &key.text))
        });
    }

    /// Reports a value of the wrong shape.
    pub(super) fn mismatch(&mut self, entry: Entry<'_>) {
        self.remark(|| {
            let Entry { field, node, .. } = entry;
            let message = format!("`{}` must be {}, not {}", field.name, field.shape.expected(), found(node));
            let hint = match (&field.shape, node.scalar().map(str::to_ascii_lowercase).as_deref()) {
                (Shape::Flag, Some("yes" | "y" | "on")) => "write `true`".to_owned(),
                (Shape::Flag, Some("no" | "n" | "off")) => "write `false`".to_owned(),
                _ => format!("write it like `{}: {}`", field.name, field.example),
            };
            Diagnostic::error("wrong-type", entry.place(), message).hint(hint)
        });
    }

    /// Any scalar, as written.
    pub(super) fn text(&mut self, entry: Entry<'_>) -> Option<String> {
        let text = entry.node.scalar().map(str::to_owned);
        if text.is_none() {
            self.mismatch(entry);
        }
        text
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, entry: Entry<'_>) -> Option<bool> {
        if let NodeKind::Bool(value) = entry.node.kind {
            return Some(value);
        }
        self.mismatch(entry);
        None
    }

    /// A whole number within the bounds of its field.
    pub(super) fn count(&mut self, entry: Entry<'_>) -> Option<u32> {
        let (Shape::Count(min, max) | Shape::Short(_, Shape::Count(min, max))) = &entry.field.shape else {
            return None;
        };
        let (min, max) = (*min, *max);
        let number = if let NodeKind::Int(text) = &entry.node.kind { text.parse::<i128>().ok() } else { None };
        let Some(number) = number else {
            self.mismatch(entry);
            return None;
        };
        let fitting = u32::try_from(number).ok().filter(|number| (min..=max).contains(number));
        if fitting.is_none() {
            self.out_of_bounds(entry, &Shape::Count(min, max).expected());
        }
        fitting
    }

    /// A number within the bounds of its field.
    pub(super) fn number(&mut self, entry: Entry<'_>) -> Option<f64> {
        let Shape::Number(min) = entry.field.shape else { return None };
        let number = match &entry.node.kind {
            NodeKind::Int(text) | NodeKind::Float(text) => text.parse::<f64>().ok(),
            _ => None,
        };
        match number {
            None => self.mismatch(entry),
            Some(number) if number < f64::from(min) => self.out_of_bounds(entry, &entry.field.shape.expected()),
            Some(number) => return Some(number),
        }
        None
    }

    /// A whole number, perhaps below nothing, within the bounds of its field.
    pub(super) fn signed(&mut self, entry: Entry<'_>) -> Option<i32> {
        let Shape::Signed(min, max) = entry.field.shape else { return None };
        let number = if let NodeKind::Int(text) = &entry.node.kind { text.parse::<i128>().ok() } else { None };
        let Some(number) = number else {
            self.mismatch(entry);
            return None;
        };
        let fitting = i32::try_from(number).ok().filter(|number| (min..=max).contains(number));
        if fitting.is_none() {
            self.out_of_bounds(entry, &entry.field.shape.expected());
        }
        fitting
    }

    fn out_of_bounds(&mut self, entry: Entry<'_>, bounds: &str) {
        self.remark(|| {
            let found = entry.node.scalar().unwrap_or_default();
            let message = format!("`{}` must be {bounds}, not `{}`", entry.field.name, short(found));
            let hint = format!("write it like `{}: {}`", entry.field.name, entry.field.example);
            Diagnostic::error("out-of-range", entry.node.span, message).hint(hint)
        });
    }

    /// A duration longer than nothing.
    pub(super) fn duration(&mut self, entry: Entry<'_>) -> Option<Duration> {
        let Some(text) = entry.node.scalar() else {
            self.mismatch(entry);
            return None;
        };
        let name = entry.field.name;
        let (message, hint) = match parse_duration(text) {
            Ok(duration) if duration.is_zero() => {
                (format!("`{name}` is no time at all"), format!("leave `{name}` out for no limit"))
            }
            Ok(duration) => return Some(duration),
            Err(bad) => {
                let unitless = text.trim().parse::<f64>().is_ok();
                let text = text.trim();
                let hint = if unitless {
                    format!("write `{text}s` or `{text}m`")
                } else {
                    "write it like `90s`, `5m` or `1h30m`".to_owned()
                };
                (format!("`{name}`: {bad}"), hint)
            }
        };
        self.remark(|| Diagnostic::error("bad-duration", entry.node.span, message).hint(hint));
        None
    }

    /// One of the words of its field.
    pub(super) fn word(&mut self, entry: Entry<'_>) -> Option<&'static str> {
        let Shape::Word(words) = entry.field.shape else { return None };
        let Some(text) = entry.node.scalar() else {
            self.mismatch(entry);
            return None;
        };
        let known = words.iter().find(|word| **word == text).copied();
        if known.is_none() {
            self.unknown_word(entry.field.name, text, entry.node.span, words);
        }
        known
    }

    /// Reports a word that is none of `words`.
    pub(super) fn unknown_word(&mut self, name: &str, text: &str, span: Span, words: &[&str]) {
        self.remark(|| {
            let message = format!("`{}` is no {name} that Spore knows", short(text));
            let hint = match nearest(text, words.iter().copied()) {
                Some(near) => format!("did you mean `{near}`? It can be {}", names(words)),
                None => format!("write {}", names(words)),
            };
            let code = if name == "kind" { "unknown-kind" } else { "unknown-word" };
            Diagnostic::error(code, span, message).hint(hint)
        });
    }

    /// One text or a list of texts, each with its place.
    pub(super) fn texts<'n>(&mut self, entry: Entry<'n>) -> Vec<(&'n str, Span)> {
        let Some(items) = entry.node.items() else {
            let text = entry.node.scalar();
            if text.is_none() {
                self.mismatch(entry);
            }
            return text.map(|text| (text, entry.node.span)).into_iter().collect();
        };
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            match item.scalar() {
                Some(text) => texts.push((text, item.span)),
                None => self.mismatch(Entry { node: item, key: item.span, ..entry }),
            }
        }
        texts
    }

    /// Like [`Decoder::texts`], without the places.
    pub(super) fn strings(&mut self, entry: Entry<'_>) -> Vec<String> {
        self.texts(entry).into_iter().map(|(text, _)| text.to_owned()).collect()
    }

    /// The entries of a map with free names.
    pub(super) fn named<'n>(&mut self, entry: Entry<'n>) -> Vec<&'n (Key<'n>, Node<'n>)> {
        if let Some(entries) = entry.node.entries() {
            self.once(entries)
        } else {
            self.mismatch(entry);
            Vec::new()
        }
    }
}

/// Whether the unknown key `written` is another word, or a slip, for the key `ours`.
pub(super) fn stands_for(object: &Object, written: &str, ours: &str) -> bool {
    let foreign = object.foreign.iter().find(|(theirs, _)| theirs.eq_ignore_ascii_case(written)).map(|(_, word)| *word);
    let word = foreign.or_else(|| nearest(written, object.fields.iter().map(|field| field.name)));
    let plain = |word: &str| word.split([':', ',']).next() == Some(ours);
    object.field(written).is_none() && word.is_some_and(plain)
}

/// What a node is, for messages; of a list also what in it is wrong where scalars are wanted.
pub(super) fn found(node: &Node<'_>) -> String {
    match node.items() {
        Some([]) => "an empty list".to_owned(),
        Some(items) => match items.iter().find(|item| item.scalar().is_none()) {
            Some(item) => format!("a list with {} in it", item.describe()),
            None => node.describe(),
        },
        None => node.describe(),
    }
}

/// What to write instead of the key `written`.
pub(in crate::parse) fn instead(object: &Object, written: &str) -> String {
    if let Some((_, ours)) = object.foreign.iter().find(|(theirs, _)| theirs.eq_ignore_ascii_case(written)) {
        return format!("write `{}`", ours.replace('`', ""));
    }
    let known = || object.fields.iter().map(|field| field.name);
    match nearest(written, known()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("{} can have {}", article(object.name), names(&known().collect::<Vec<_>>())),
    }
}

/// The word among `known` that `written` was probably meant to be.
pub(super) fn nearest<'k>(written: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    if written.len() > NEAR_BYTES_MAX {
        return None;
    }
    let plain = written.to_lowercase().replace(['-', ' '], "_");
    let distance = |word: &str| strsim::damerau_levenshtein(&plain, word);
    let (distance, word) = known.map(|word| (distance(word), word)).min_by_key(|(distance, _)| *distance)?;
    (distance <= (word.len().max(plain.len()) / 3).max(1)).then_some(word)
}

/// Free text cut to a length that fits a message.
pub(super) fn short(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let cut = line.char_indices().nth(60).map_or(line.len(), |(at, _)| at);
    if cut < text.len() { format!("{}…", &line[..cut]) } else { line.to_owned() }
}

fn article(name: &str) -> String {
    if matches!(name, "defaults" | "concurrency" | "on" | "push" | "schedule" | "retry") {
        format!("`{name}`")
    } else {
        format!("a {name}")
    }
}

/// A sentence as the end of another: lower case, without its full stop.
fn sentence(doc: &str) -> String {
    let mut letters = doc.trim_end_matches('.').chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}
