//! Diagnostics for people: a frame with the place, the line with the part that is meant underlined, and what to do.
//!
//! Only the lines that are shown are ever looked at, so a thousand remarks on a large file cost a thousand lines.

use std::borrow::Cow;
use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet, normalize_untrusted_str};

use super::style::{Style, Tone, count, without_escapes};
use crate::model::{Diagnostic, LineIndex, Severity, Source, Span};

/// Bytes shown around a place in a line that is longer than any screen.
const LINE_BYTES_MAX: usize = 400;

/// Lines between two places that still stand in one frame.
const FRAME_LINES_MAX: u32 = 30;

/// Every diagnostic of one file, by place, each in a frame of its own with a blank line after it.
#[must_use]
pub fn diagnostics_text(source: &Source, diagnostics: &[Diagnostic], style: Style) -> String {
    if diagnostics.is_empty() {
        return String::new();
    }
    let renderer = if style.colour { Renderer::styled() } else { Renderer::plain() }.term_width(style.width.max(40));
    let lines = LineIndex::new(&source.text);
    let mut sorted: Vec<&Diagnostic> = diagnostics.iter().collect();
    sorted.sort_by_key(|diagnostic| (diagnostic.span, diagnostic.severity));
    let mut text = String::new();
    for diagnostic in sorted {
        for line in renderer.render(&frame(source, &lines, diagnostic)).lines() {
            let bare = without_escapes(line);
            // A place without lines of its own: the package separates it from them by a mark that says nothing here.
            if bare.trim() == ":::" {
                continue;
            }
            text.push_str(if bare.starts_with("-->") { " " } else { "" });
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text.push('\n');
    }
    text
}

/// `2 errors, 1 warning in 3 files`; for nothing at all, `3 files are fine`.
#[must_use]
pub fn diagnostics_summary<'a>(
    diagnostics: impl IntoIterator<Item = &'a Diagnostic>,
    files: usize,
    style: Style,
) -> String {
    let mut counts = [0_usize; 3];
    for diagnostic in diagnostics {
        counts[diagnostic.severity as usize] += 1;
    }
    let words = [("error", Tone::Bad), ("warning", Tone::Warn), ("note", Tone::Good)];
    let parts: Vec<String> = counts
        .iter()
        .zip(words)
        .filter(|(number, _)| **number > 0)
        .map(|(number, (word, tone))| style.paint(tone, &count(*number, word)))
        .collect();
    if parts.is_empty() && files == 0 {
        return "no spores here".to_owned();
    }
    if parts.is_empty() {
        let verb = if files == 1 { "is" } else { "are" };
        return style.paint(Tone::Good, &format!("{} {verb} fine", count(files, "file")));
    }
    format!("{} in {}", parts.join(", "), count(files, "file"))
}

/// One diagnostic as the package wants it: the report of its place and related places, then its hint.
fn frame<'a>(source: &'a Source, lines: &LineIndex, diagnostic: &'a Diagnostic) -> Vec<Group<'a>> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let title = level.primary_title(normalize_untrusted_str(&diagnostic.message)).id(diagnostic.code);
    let mut group = Group::with_title(title);
    let first = lines.line(diagnostic.span.start);
    // A related place near by shares the frame; one far away gets a frame of its own below.
    let near = |span: Span| lines.line(span.start).abs_diff(first) <= FRAME_LINES_MAX;
    let shared = diagnostic.related.iter().filter(|related| near(related.span));
    let marks = std::iter::once((diagnostic.span, AnnotationKind::Primary, None))
        .chain(shared.map(|related| (related.span, AnnotationKind::Context, Some(related.message.as_str()))));
    group = excerpt(group, source, lines, diagnostic.span, &marks.collect::<Vec<_>>());
    for related in diagnostic.related.iter().filter(|related| !near(related.span)) {
        let mark = (related.span, AnnotationKind::Context, Some(related.message.as_str()));
        group = excerpt(group, source, lines, related.span, &[mark]);
    }
    if let Some(hint) = &diagnostic.hint {
        group = group.element(Level::HELP.message(normalize_untrusted_str(hint)));
    }
    vec![group]
}

type Mark<'a> = (Span, AnnotationKind, Option<&'a str>);

/// Adds the place of `head` and the lines that hold `marks`.
fn excerpt<'a>(group: Group<'a>, source: &'a Source, lines: &LineIndex, head: Span, marks: &[Mark<'a>]) -> Group<'a> {
    // What no place of the file is to blame for (a word of the command line) has the file for its place.
    if head == Span::default() {
        return group.element(Origin::path(source.path.as_str()));
    }
    let place = lines.position(&source.text, head.start);
    let origin = Origin::path(normalize_untrusted_str(&source.path))
        .line(place.line as usize)
        .char_column(place.column as usize);
    let text = &source.text;
    let shown: Vec<Range<usize>> = marks.iter().map(|(span, ..)| one_line(text, *span)).collect();
    let Some(first) = shown.iter().map(|range| line_start(text, range.start)).min() else { return group };
    let last = shown.iter().map(|range| line_end(text, range.end)).max().unwrap_or(first);
    let number = lines.line(u32::try_from(first).unwrap_or(u32::MAX)) as usize;
    if text[first..last].trim_matches(['\r', '\u{feff}']).is_empty() {
        return group.element(origin);
    }
    let (excerpt, moved) = shortened(text, first..last, &shown);
    let annotations = marks.iter().zip(moved).map(|((_, kind, label), range)| -> Annotation<'a> {
        kind.span(range).label(label.map(|label| Cow::Owned(normalize_untrusted_str(label))))
    });
    group.element(origin).element(Snippet::source(excerpt).line_start(number).annotations(annotations))
}

/// The part of a place that is shown: its first line with something on it, without the white space around.
fn one_line(text: &str, span: Span) -> Range<usize> {
    let start = text.floor_char_boundary(span.range().start.min(text.len()));
    let end = text.floor_char_boundary(span.range().end.min(text.len())).max(start);
    let whole = &text[start..end];
    let trimmed = whole.trim_start_matches(['\n', '\r', ' ', '\t', '\u{feff}']);
    let start = if trimmed.is_empty() { start } else { end - trimmed.len() };
    let first = trimmed.lines().next().unwrap_or_default().trim_end();
    start..start + first.len()
}

fn line_start(text: &str, offset: usize) -> usize {
    text[..offset].rfind('\n').map_or(0, |at| at + 1)
}

fn line_end(text: &str, offset: usize) -> usize {
    let end = text[offset..].find('\n').map_or(text.len(), |at| offset + at);
    end - usize::from(end > offset && text[..end].ends_with('\r'))
}

/// The lines of `whole`, each cut to the surroundings of what is marked in it, and the marks moved accordingly.
fn shortened<'a>(text: &'a str, whole: Range<usize>, marks: &[Range<usize>]) -> (Cow<'a, str>, Vec<Range<usize>>) {
    let lines = text[whole.clone()].split('\n');
    let bom = text[whole.start..].starts_with('\u{feff}');
    if !bom && lines.clone().all(|line| line.len() <= LINE_BYTES_MAX) {
        let moved = marks.iter().map(|mark| mark.start - whole.start..mark.end - whole.start);
        return (Cow::Borrowed(&text[whole.clone()]), moved.collect());
    }
    let mut kept = String::new();
    let mut moved = vec![0..0; marks.len()];
    let mut at = whole.start;
    for line in lines {
        let range = at..at + line.len();
        let inside = |mark: &Range<usize>| mark.start >= range.start && mark.start <= range.end;
        let from = marks.iter().filter(|mark| inside(mark)).map(|mark| mark.start).min().unwrap_or(at);
        let start = if range.len() <= LINE_BYTES_MAX { at } else { from.saturating_sub(LINE_BYTES_MAX / 2).max(at) };
        let start = text.floor_char_boundary(start) + if text[start..].starts_with('\u{feff}') { 3 } else { 0 };
        let end = text.floor_char_boundary((start + LINE_BYTES_MAX).min(range.end)).max(start);
        let begin = kept.len();
        kept.push_str(if start > at + 3 { "…" } else { "" });
        let shift = kept.len();
        kept.push_str(&text[start..end]);
        for (mark, moved) in marks.iter().zip(&mut moved).filter(|(mark, _)| inside(mark)) {
            let place = |offset: usize| shift + offset.clamp(start, end) - start;
            *moved = place(mark.start)..place(mark.end).max(begin);
        }
        kept.push_str(if end < range.end { "…\n" } else { "\n" });
        at = range.end + 1;
    }
    (Cow::Owned(kept), moved)
}
