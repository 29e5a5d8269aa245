//! The outline of a markdown file: its headings, items, paragraphs, fences and table cells as places in the text.
//!
//! The only room that names pulldown-cmark. One pass over its events keeps block structure and drops everything
//! inside a line: who needs the words of a line takes the slice and cleans it (`words.rs`). What stands in a block quote
//! is quoted, not said, and is left out. Task-list markers and metadata blocks stay switched off in the crate: real
//! checklists write `[ ]*`, `[-]` and `[~]`, and a `---` block counts only at the first byte of a file.

use std::borrow::Cow;
use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, CowStr, Event, Options, Parser, Tag, TagEnd};

use crate::model::{Language, Span};

/// What a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BlockKind {
    /// A heading of this level; the span is its words.
    Heading(u8),
    /// A list item begins; the span is the whole item.
    ItemStart,
    /// A list item ends.
    ItemEnd,
    /// A list ends.
    ListEnd,
    /// A paragraph, or a run of words in an item; the span is its words, over several lines perhaps.
    Text,
    /// The fence of this index.
    Fence(u32),
    /// The head of a table begins.
    TableHead,
    /// A row of a table begins.
    TableRow,
    /// A cell; the span is its words.
    Cell,
    /// A table ends.
    TableEnd,
}

/// One block, in the order of the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    /// What it is.
    pub kind: BlockKind,
    /// Where it stands in the whole file.
    pub span: Span,
}

/// A fenced code block.
#[derive(Debug)]
pub(super) struct Fence<'a> {
    /// The words after the opening marks.
    pub info: Cow<'a, str>,
    /// From the opening marks to the closing ones.
    pub span: Span,
    /// The code, without the indentation of what it stands in. Kept only for the languages that something reads.
    pub body: Cow<'a, str>,
    /// Where `body` stands, when it is a slice of the file to the letter.
    pub body_start: Option<usize>,
    /// How it would run.
    pub language: Option<Language>,
}

impl Fence<'_> {
    /// The first word of the info string: the language as written.
    pub(super) fn word(&self) -> &str {
        first_word(&self.info)
    }
}

/// The blocks of one file.
#[derive(Debug)]
pub(super) struct Outline<'a> {
    /// The whole text of the file; every span counts in it.
    pub text: &'a str,
    /// The blocks, in order.
    pub blocks: Vec<Block>,
    /// The fences, in order.
    pub fences: Vec<Fence<'a>>,
}

impl<'a> Outline<'a> {
    /// The words at `span`.
    pub(super) fn slice(&self, span: Span) -> &'a str {
        self.text.get(span.range()).unwrap_or_default()
    }
}

fn first_word(info: &str) -> &str {
    let info = info.trim_start();
    let end = info.find(|c: char| c.is_whitespace() || matches!(c, '{' | ',')).unwrap_or(info.len());
    &info[..end]
}

/// Reads the outline of `text` from byte `start` on.
pub(super) fn outline(text: &str, start: usize) -> Outline<'_> {
    let body = text.get(start..).unwrap_or_default();
    let mut reader = Reader {
        text,
        base: start,
        outline: Outline { text, blocks: Vec::with_capacity(body.len() / 64), fences: Vec::new() },
        run: None,
        quotes: 0,
        code: None,
    };
    for (event, range) in Parser::new_ext(body, Options::ENABLE_TABLES).into_offset_iter() {
        reader.take(event, range);
    }
    reader.outline
}

struct Reader<'a> {
    text: &'a str,
    base: usize,
    outline: Outline<'a>,
    run: Option<Range<usize>>,
    quotes: u32,
    code: Option<Code<'a>>,
}

/// A code block whose lines are coming.
struct Code<'a> {
    /// `None` for what is passed over: indented code, quoted fences, languages that nothing reads.
    fence: Option<Fence<'a>>,
    /// The end of `fence.body` while it is a slice of the file.
    end: Option<usize>,
}

impl<'a> Reader<'a> {
    fn take(&mut self, event: Event<'a>, range: Range<usize>) {
        match event {
            Event::Text(line) if self.code.is_some() => self.code_line(&line, range),
            Event::Start(tag) => self.start(tag, range),
            Event::End(tag) => self.end(tag),
            Event::Html(_) | Event::Rule => self.flush(),
            _ => self.extend(range),
        }
    }

    fn start(&mut self, tag: Tag<'a>, range: Range<usize>) {
        match tag {
            Tag::Item => {
                self.flush();
                self.push(BlockKind::ItemStart, &range);
            }
            Tag::BlockQuote(_) => {
                self.flush();
                self.quotes += 1;
            }
            Tag::CodeBlock(kind) => {
                self.flush();
                self.code = Some(self.open_code(kind, &range));
            }
            Tag::TableHead => self.push(BlockKind::TableHead, &range),
            Tag::TableRow => self.push(BlockKind::TableRow, &range),
            Tag::TableCell => self.run = Some(range.start..range.start),
            Tag::Heading { .. } => {
                self.flush();
                self.run = Some(range.start..range.start);
            }
            Tag::Paragraph | Tag::List(_) | Tag::Table(_) | Tag::HtmlBlock => self.flush(),
            _ => self.extend(range),
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(level) => self.close(BlockKind::Heading(level as u8)),
            TagEnd::TableCell => self.close(BlockKind::Cell),
            TagEnd::Item => {
                self.flush();
                self.push(BlockKind::ItemEnd, &(0..0));
            }
            TagEnd::List(_) => self.push(BlockKind::ListEnd, &(0..0)),
            TagEnd::Table => self.push(BlockKind::TableEnd, &(0..0)),
            TagEnd::BlockQuote(_) => {
                self.flush();
                self.quotes = self.quotes.saturating_sub(1);
            }
            TagEnd::CodeBlock => self.close_code(),
            TagEnd::Paragraph => self.flush(),
            _ => {}
        }
    }

    /// Takes an inline event into the run of words that is open.
    fn extend(&mut self, range: Range<usize>) {
        match &mut self.run {
            // An empty run was opened by a heading or a cell, whose range begins before its words.
            Some(run) if run.start == run.end => *run = range,
            Some(run) => run.end = run.end.max(range.end),
            None => self.run = Some(range),
        }
    }

    fn flush(&mut self) {
        if self.run.is_some() {
            self.close(BlockKind::Text);
        }
    }

    fn close(&mut self, kind: BlockKind) {
        if let Some(run) = self.run.take() {
            self.push(kind, &run);
        }
    }

    fn push(&mut self, kind: BlockKind, range: &Range<usize>) {
        if self.quotes == 0 {
            let span = Span::new(self.base + range.start, self.base + range.end);
            self.outline.blocks.push(Block { kind, span });
        }
    }

    fn open_code(&self, kind: CodeBlockKind<'a>, range: &Range<usize>) -> Code<'a> {
        let passed_over = Code { fence: None, end: None };
        let CodeBlockKind::Fenced(info) = kind else { return passed_over };
        let word = first_word(&info);
        let language = if word.is_empty() { None } else { Language::of_fence(word) };
        let is_text = ["yaml", "yml", "json", "jsonc"].iter().any(|known| word.eq_ignore_ascii_case(known));
        if self.quotes > 0 || (language.is_none() && !is_text) {
            return passed_over;
        }
        let info = match info {
            CowStr::Borrowed(text) => Cow::Borrowed(text),
            other => Cow::Owned(other.into_string()),
        };
        let span = Span::new(self.base + range.start, self.base + range.end);
        Code { fence: Some(Fence { info, span, body: Cow::Borrowed(""), body_start: None, language }), end: None }
    }

    /// Adds a line of code: the body stays a slice of the file as long as its lines follow each other without a gap.
    fn code_line(&mut self, line: &str, range: Range<usize>) {
        let Some(Code { fence: Some(fence), end }) = &mut self.code else { return };
        let range = self.base + range.start..self.base + range.end;
        let verbatim = self.text.get(range.clone()) == Some(line);
        match (fence.body_start, *end) {
            (None, None) if verbatim && fence.body.is_empty() => {
                fence.body_start = Some(range.start);
                *end = Some(range.end);
            }
            (Some(_), Some(before)) if verbatim && before == range.start => *end = Some(range.end),
            (start, before) => {
                if let (Some(start), Some(before)) = (start, before) {
                    fence.body = Cow::Owned(self.text[start..before].to_owned());
                    (fence.body_start, *end) = (None, None);
                }
                fence.body.to_mut().push_str(line);
            }
        }
    }

    fn close_code(&mut self) {
        let Some(Code { fence: Some(mut fence), end }) = self.code.take() else { return };
        if let (Some(start), Some(end)) = (fence.body_start, end) {
            fence.body = Cow::Borrowed(&self.text[start..end]);
        }
        let index = u32::try_from(self.outline.fences.len()).unwrap_or(u32::MAX);
        self.outline.blocks.push(Block { kind: BlockKind::Fence(index), span: fence.span });
        self.outline.fences.push(fence);
    }
}
