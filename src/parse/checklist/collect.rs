//! One walk over the outline: finds the entries of a checklist and what stands under each.

use std::collections::HashSet;

use super::entry::{Entry, Line, Origin, read_line};
use crate::model::{Span, Step};
use crate::parse::label::{self, Box, Label};
use crate::parse::markdown::{BlockKind, Outline};
use crate::parse::needs::{self, Reference};
use crate::parse::words::{self, Piece};

/// Everything that a walk found.
#[derive(Debug, Default)]
pub(super) struct Collected<'a> {
    /// The entries, in the order of the file.
    pub entries: Vec<Entry<'a>>,
    /// The phases, in the order of the file.
    pub phases: Vec<String>,
    /// Needs that are stated for a whole phase.
    pub phase_needs: Vec<(usize, Vec<Reference<'a>>)>,
    /// Boxes without an id that stand under no entry: the places.
    pub free_boxes: Vec<Span>,
}

struct HeadingFrame {
    level: u8,
    entry: Option<usize>,
    phase: Option<usize>,
}

#[derive(Default)]
struct ItemFrame {
    entry: Option<usize>,
    seen: bool,
}

struct Walk<'o, 'a> {
    outline: &'o Outline<'a>,
    found: Collected<'a>,
    headings: Vec<HeadingFrame>,
    items: Vec<ItemFrame>,
    /// The last entry of each list that is open, by depth.
    last: Vec<Option<usize>>,
    paragraph: Option<usize>,
    whole_numbers: HashSet<u32>,
    count_boxes: bool,
    counted: usize,
}

/// Walks over `outline`. With `count_boxes`, boxes without an id at the outermost level are entries `1`, `2`, ….
pub(super) fn collect<'a>(outline: &Outline<'a>, count_boxes: bool) -> Collected<'a> {
    let mut walk = Walk {
        outline,
        found: Collected::default(),
        headings: Vec::new(),
        items: Vec::new(),
        last: Vec::new(),
        paragraph: None,
        whole_numbers: HashSet::new(),
        count_boxes,
        counted: 0,
    };
    for block in &outline.blocks {
        match block.kind {
            BlockKind::Heading(level) => walk.heading(level, walk.piece(block.span)),
            BlockKind::ItemStart => walk.items.push(ItemFrame::default()),
            BlockKind::ItemEnd => {
                walk.items.pop();
            }
            BlockKind::ListEnd => walk.last.truncate(walk.items.len()),
            BlockKind::Text => walk.text(walk.piece(block.span)),
            BlockKind::Fence(index) => {
                if let Some(entry) = walk.current() {
                    walk.found.entries[entry].fences.push(index as usize);
                }
            }
            BlockKind::TableHead | BlockKind::TableRow | BlockKind::Cell | BlockKind::TableEnd => {}
        }
    }
    walk.found
}

impl<'a> Walk<'_, 'a> {
    fn piece(&self, span: Span) -> Piece<'a> {
        Piece::new(self.outline.slice(span), span.start as usize)
    }

    /// The entry that a block belongs to here.
    fn current(&self) -> Option<usize> {
        let item = self.items.iter().rev().find_map(|item| item.entry);
        item.or(self.paragraph).or_else(|| self.headings.last().and_then(|heading| heading.entry))
    }

    fn phase(&self) -> Option<usize> {
        self.headings.last().and_then(|heading| heading.phase)
    }

    fn heading(&mut self, level: u8, piece: Piece<'a>) {
        // A heading in a list item is decoration of that item.
        if !self.items.is_empty() {
            return;
        }
        self.paragraph = None;
        while self.headings.last().is_some_and(|heading| heading.level >= level) {
            self.headings.pop();
        }
        let container = self.headings.last().and_then(|heading| heading.entry);
        let mut phase = self.phase();
        let word = piece.text.trim_start_matches(|c: char| !c.is_alphanumeric());
        if word.split([' ', ':']).next().is_some_and(needs::is_phase_word) || word.starts_with('\u{7b2c}') {
            phase = Some(self.found.phases.len());
            self.found.phases.push(words::clean(word));
        }
        let (mark, rest) = label::read_box(piece).unwrap_or((Box::default(), piece));
        let entry = label::read_label(rest).map(|label| {
            let origin = if label.named { Origin::Heading } else { Origin::NumberedHeading };
            self.add(origin, label.id.text.to_owned(), label.title, piece.span(), mark, container)
        });
        self.headings.push(HeadingFrame { level, entry: entry.or(container), phase });
    }

    fn add(
        &mut self,
        origin: Origin,
        id: String,
        title: Piece<'a>,
        span: Span,
        mark: Box,
        container: Option<usize>,
    ) -> usize {
        let words = title.trim("*_:").text.trim_start_matches(['\u{2014}', '\u{2013}', '-', '\u{ff1a}', ' ']);
        let title = if words.is_empty() { id.clone() } else { words::clean(words) };
        self.found.entries.push(Entry {
            origin,
            id,
            title,
            span,
            mark,
            container,
            phase: self.phase(),
            needs: Vec::new(),
            states_needs: false,
            properties: Vec::new(),
            steps: Vec::new(),
            open_steps: Vec::new(),
            text: String::new(),
            fences: Vec::new(),
        });
        self.found.entries.len() - 1
    }

    fn text(&mut self, piece: Piece<'a>) {
        let depth = self.items.len();
        if let Some(item) = self.items.last_mut()
            && !item.seen
        {
            item.seen = true;
            return match label::read_box(piece) {
                Some((mark, rest)) => self.box_item(mark, rest, depth),
                None => self.bullet(piece),
            };
        }
        if depth == 0 && (piece.text.starts_with("**") || piece.text.starts_with("__")) && self.paragraph_task(piece) {
            return;
        }
        for line in piece.lines() {
            self.line(line);
        }
    }

    /// A paragraph that names a task in bold type. One with arrows is a path through tasks, not a task.
    fn paragraph_task(&mut self, piece: Piece<'a>) -> bool {
        let mut lines = piece.lines();
        let Some(first) = lines.next() else { return false };
        let label = label::read_label(first).filter(|label| label.named && label.ended && label.bold);
        let Some(label) = label.filter(|label| label.title.text.chars().any(char::is_alphanumeric)) else {
            return false;
        };
        if ["\u{2192}", "->", "\u{e2}\u{2020}"].iter().any(|arrow| first.text.contains(arrow)) {
            return false;
        }
        let container = self.headings.last().and_then(|heading| heading.entry);
        let span = first.trim("").span();
        let id = label.id.text.to_owned();
        self.paragraph = Some(self.add(Origin::Paragraph, id, label.title, span, Box::default(), container));
        for line in lines {
            self.line(line);
        }
        true
    }

    fn box_item(&mut self, mark: Box, rest: Piece<'a>, depth: usize) {
        let mut lines = rest.lines();
        let first = lines.next().unwrap_or(rest);
        let container = self.current();
        self.last.resize(depth, None);
        let label = label::read_label(first).filter(|label| self.is_task(label));
        let count = self.count_boxes && container.is_none();
        let entry = match label {
            Some(label) => {
                if let Ok(number) = label.id.text.parse() {
                    self.whole_numbers.insert(number);
                }
                let id = label.id.text.to_owned();
                let entry = self.add(Origin::Box, id, label.title, first.trim("").span(), mark, container);
                self.inline_needs(entry, label.title);
                entry
            }
            None if count => {
                self.counted += 1;
                self.add(Origin::Counted, self.counted.to_string(), first, first.trim("").span(), mark, None)
            }
            None => {
                let owner = container.or(self.last[depth - 1]);
                if let Some(item) = self.items.last_mut() {
                    item.entry = owner;
                }
                match owner {
                    Some(entry) => self.step(entry, rest, Some(mark)),
                    None => self.found.free_boxes.push(first.span()),
                }
                return;
            }
        };
        self.last[depth - 1] = Some(entry);
        if let Some(item) = self.items.last_mut() {
            item.entry = Some(entry);
        }
        self.more_title(entry, lines);
    }

    /// A whole number that nothing ends may be the beginning of a sentence (`3 tests pass`): it is an id only where it
    /// goes on counting.
    fn is_task(&self, label: &Label<'_>) -> bool {
        if label.named || label.ended || !label.is_whole() {
            return true;
        }
        label.id.text.parse().is_ok_and(|number: u32| {
            number == 1 || number.checked_sub(1).is_some_and(|before| self.whole_numbers.contains(&before))
        })
    }

    /// The lines after the first of an item: more title until something else is said.
    fn more_title(&mut self, entry: usize, lines: impl Iterator<Item = Piece<'a>>) {
        let mut in_title = true;
        for line in lines {
            if in_title && matches!(read_line(line), Line::Words) && !line.text.trim_start().starts_with('_') {
                let title = &mut self.found.entries[entry].title;
                title.push(' ');
                title.push_str(&words::clean(line.text));
            } else {
                in_title = false;
                self.line(line);
            }
        }
    }

    fn inline_needs(&mut self, entry: usize, title: Piece<'a>) {
        let Some(open) = title.text.find('(') else { return };
        let inner = title.skip(open + 1).trim("*_");
        let rest = ["depends on", "needs", "requires", "blocked by"].iter().find_map(|key| inner.strip_word(key));
        let Some(rest) = rest.filter(|rest| rest.text.starts_with([' ', ':'])) else { return };
        let rest = rest.trim(":");
        let list = rest.take(rest.text.find(')').unwrap_or(rest.text.len()));
        let references = needs::read(list);
        let is_known = |reference: &Reference<'_>| !matches!(reference.wanted, needs::Wanted::Name(_));
        if !references.is_empty() && references.iter().all(is_known) {
            self.found.entries[entry].states_needs = true;
            self.found.entries[entry].needs.extend(references);
        }
    }

    /// An item without a box: a property or a step of the entry it stands under.
    fn bullet(&mut self, piece: Piece<'a>) {
        let first = piece.lines().next().unwrap_or(piece);
        match (self.current(), read_line(first)) {
            (Some(entry), Line::Words) => self.step(entry, piece, None),
            _ => piece.lines().for_each(|line| self.line(line)),
        }
    }

    fn step(&mut self, entry: usize, piece: Piece<'a>, mark: Option<Box>) {
        let done = mark.map(|mark| mark.done);
        let first = piece.lines().next().unwrap_or(piece);
        let mut end = first.text.len();
        let mut rest = piece.lines().skip(1).peekable();
        while let Some(line) = rest.next_if(|line| matches!(read_line(*line), Line::Words)) {
            end = line.at + line.text.len() - piece.at;
        }
        let said = piece.take(end);
        let text = words::clean(said.text);
        let found = &mut self.found.entries[entry];
        found.text.push_str(match done {
            Some(true) => "- [x] ",
            Some(false) => "- [ ] ",
            None => "- ",
        });
        found.text.push_str(&text);
        found.text.push('\n');
        if !text.is_empty() {
            found.steps.push(Step { text, done, span: said.span() });
            found.open_steps.extend(mark.filter(|mark| !mark.done).and_then(|mark| mark.mark));
        }
        for line in rest {
            self.line(line);
        }
    }

    /// A line of a paragraph, wherever it stands.
    fn line(&mut self, line: Piece<'a>) {
        let Some(entry) = self.current() else {
            let said = if self.items.is_empty() { self.phase() } else { None };
            if let (Some(phase), Line::Needs(value)) = (said, read_line(line)) {
                self.found.phase_needs.push((phase, needs::read(value)));
            }
            return;
        };
        let found = &mut self.found.entries[entry];
        match read_line(line) {
            Line::Needs(value) => {
                found.states_needs = true;
                found.needs.extend(needs::read(value));
            }
            Line::Property(key, value) => found.properties.push((key, value)),
            Line::Remark | Line::Words => {
                found.text.push_str(line.text.trim());
                found.text.push('\n');
            }
        }
    }
}
