//! A critical path that the author states: `Critical Path: Task 1 → Tasks 2.1-2.3 → …`.

use crate::model::{NeedTarget, Span, TaskId};
use crate::parse::markdown::{BlockKind, Outline};
use crate::parse::names::{Names, Stranger};
use crate::parse::needs;
use crate::parse::words::Piece;

/// Arrows, the last one as it looks after a wrong decoding.
const ARROWS: [&str; 5] = ["\u{2192}", "->", "=>", "\u{27f6}", "\u{e2}\u{2020}\u{2019}"];

/// The first critical path that `outline` states, ranges expanded. Words that are no task's are left out; ids that no
/// task has stay.
pub(super) fn read(outline: &Outline<'_>, names: &mut Names<'_>) -> Vec<(TaskId, Span)> {
    if !mentions(outline.text) {
        return Vec::new();
    }
    let mut under_heading = false;
    for block in &outline.blocks {
        match block.kind {
            BlockKind::Heading(_) => under_heading = mentions(outline.slice(block.span)),
            BlockKind::Text => {
                let words = outline.slice(block.span);
                let has_arrow = ARROWS.iter().any(|arrow| words.contains(arrow));
                if has_arrow && (under_heading || mentions(words)) {
                    let path = read_path(Piece::new(words, block.span.start as usize), names);
                    if path.len() > 1 {
                        return path;
                    }
                }
            }
            _ => {}
        }
    }
    Vec::new()
}

fn mentions(text: &str) -> bool {
    memchr::memmem::find_iter(text.as_bytes(), "ritical ")
        .chain(memchr::memmem::find_iter(text.as_bytes(), "RITICAL "))
        .any(|at| text.as_bytes()[at + 8..].get(..4).is_some_and(|word| word.eq_ignore_ascii_case(b"path")))
        || text.contains("\u{5173}\u{952e}\u{8def}\u{5f84}")
}

fn read_path(piece: Piece<'_>, names: &mut Names<'_>) -> Vec<(TaskId, Span)> {
    let mut path = Vec::new();
    for line in piece.lines().filter(|line| ARROWS.iter().any(|arrow| line.text.contains(arrow))) {
        for (index, part) in split_arrows(line).into_iter().enumerate() {
            let colon = if index == 0 { part.text.rfind([':', '\u{ff1a}']) } else { None };
            let part = colon.map_or(part, |at| part.skip(at)).trim(":\u{ff1a}*_()");
            let references = needs::read(part);
            // Several between two arrows are one step, side by side, and one place tells the plan so.
            let step = (references.len() > 1).then(|| part.span());
            for reference in references {
                let needs = names.resolve(None, &reference, Stranger::External, &mut Vec::new());
                path.extend(needs.into_iter().filter_map(|need| match need.target {
                    NeedTarget::Task(id) => Some((id, step.unwrap_or(need.span))),
                    NeedTarget::External(_) => None,
                }));
            }
        }
    }
    path
}

fn split_arrows(line: Piece<'_>) -> Vec<Piece<'_>> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, _) in line.text.char_indices() {
        let arrow = ARROWS.iter().find(|arrow| line.text[at..].starts_with(**arrow));
        if let Some(arrow) = arrow.filter(|_| at >= start) {
            parts.push(line.take(at).skip(start));
            start = at + arrow.len();
        }
    }
    parts.push(line.skip(start));
    parts
}
