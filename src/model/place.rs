//! Places in an authored file: byte spans, and the lines and columns people read.
//!
//! Spans are byte offsets because every parser hands them out for free; lines and columns are worked out only for
//! what is shown.

use serde::{Deserialize, Serialize};

use super::Digest;

/// A half-open range of bytes in one file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Offset one past the last byte; never before `start`.
    pub end: u32,
}

impl Span {
    /// The span from `start` to `end`, in bytes. Offsets past 4 GiB are clamped: no spore is that large.
    #[must_use]
    pub fn new(start: usize, end: usize) -> Self {
        let clamp = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Self { start: clamp(start), end: clamp(end.max(start)) }
    }

    /// The span as a range of `usize`, for slicing.
    #[must_use]
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// A line and column as editors count them: both from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters (not bytes), from 1.
    pub column: u32,
}

/// The line starts of one text; turns offsets into positions in O(log lines).
#[derive(Clone, Debug)]
pub struct LineIndex {
    starts: Vec<u32>,
}

impl LineIndex {
    /// Reads the line starts of `text`.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let ends = memchr::memchr_iter(b'\n', text.as_bytes());
        let starts = std::iter::once(0).chain(ends.map(|at| u32::try_from(at + 1).unwrap_or(u32::MAX))).collect();
        Self { starts }
    }

    /// The line, from 1, that holds byte `offset`.
    #[must_use]
    pub fn line(&self, offset: u32) -> u32 {
        u32::try_from(self.starts.partition_point(|start| *start <= offset)).unwrap_or(u32::MAX)
    }

    /// The position of byte `offset` in `text`, which must be the text this index was made of.
    #[must_use]
    pub fn position(&self, text: &str, offset: u32) -> Position {
        let line = self.line(offset);
        let start = self.starts[line as usize - 1] as usize;
        let end = text.floor_char_boundary((offset as usize).min(text.len()));
        let column = text.get(start..end).map_or(0, |before| before.chars().filter(|c| *c != '\u{feff}').count());
        Position { line, column: u32::try_from(column + 1).unwrap_or(u32::MAX) }
    }
}

/// One authored file as it was read: where it stands, its text and the digest of its bytes.
#[derive(Clone, Debug)]
pub struct Source {
    /// The path as people know it: relative to the root where there is one, `/` between names.
    pub path: String,
    /// The whole text, byte-order mark included.
    pub text: String,
    /// SHA-256 of the bytes of the file.
    pub digest: Digest,
}

impl Source {
    /// A source of `text`, with its digest computed.
    #[must_use]
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { path: path.into(), digest: Digest::of(text.as_bytes()), text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_from_one() {
        let text = "a\r\nżółw x\n";
        let index = LineIndex::new(text);
        let x = u32::try_from(text.find('x').expect("there is an x")).expect("small");
        assert_eq!(index.position(text, x), Position { line: 2, column: 6 });
        assert_eq!(index.position(text, 0), Position { line: 1, column: 1 });
        assert_eq!(index.position(text, 10_000).line, 3);
    }

    #[test]
    fn byte_order_mark_takes_no_column() {
        let text = "\u{feff}spore: x";
        assert_eq!(LineIndex::new(text).position(text, 3), Position { line: 1, column: 1 });
    }
}
