//! YAML text → located trees; the only room that knows the YAML package.
//!
//! It reads the package's event stream and not its serde side: only events give every key and value an exact place,
//! keep repeated keys, and stay fast and small on a file of a hundred thousand tasks. Everything a hostile file can
//! blow up is bounded: nesting by [`Limits::nesting_max`], and what anchors and aliases copy by four
//! times [`Limits::spore_bytes_max`].

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use serde_yaml::granit_parser::{
    ErrorKind, Event, Options, Parser, ScalarStyle, ScanError, Span as Place, StructureStyle, Tag,
};

use super::node::{self, Key, Node, NodeKind};
use crate::model::{Diagnostic, Limits, Span};

/// Bytes that one aliased node counts for beside its text, so that a bomb of empty lists is a bomb, too.
const NODE_COST: usize = 16;

/// Every YAML document of `text`, which begins at byte `base` of its file; all spans count from the file's beginning.
/// Text that is no YAML gives one diagnostic, and the documents before it.
pub(super) fn documents<'a>(
    text: &'a str,
    base: usize,
    limits: &Limits,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Node<'a>> {
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let base = base + text.len() - body.len();
    let mut builder = Builder::new(body, base, limits);
    let mut options = Options::default();
    options.set_emit_comments(false);
    options.flow_nesting_limit = limits.nesting_max;
    options.block_nesting_limit = limits.nesting_max;
    for step in Parser::new_from_str_with_options(body, options) {
        let taken = match step {
            Ok((event, place)) => builder.take(event, place),
            Err(error) => Err(builder.syntax_error(&error)),
        };
        if let Err(diagnostic) = taken {
            builder.remarks.push(diagnostic);
            break;
        }
    }
    diagnostics.append(&mut builder.remarks);
    builder.documents
}

/// A list or map whose end has not come yet.
struct Open<'a> {
    start: usize,
    flow: bool,
    anchor: usize,
    cost: usize,
    height: usize,
    content: Content<'a>,
}

enum Content<'a> {
    List(Vec<Node<'a>>),
    Map { entries: Vec<(Key<'a>, Node<'a>)>, key: Pending<'a>, merges: Vec<(Span, Node<'a>)> },
}

/// What a map waits for.
enum Pending<'a> {
    Key,
    Value(Key<'a>),
    /// The value of a `<<` key.
    Merge(Span),
    /// The value of a key that was no text and has been reported.
    Dropped,
}

/// A finished node on its way to its parent.
struct Done<'a> {
    node: Node<'a>,
    cost: usize,
    height: usize,
    plain: bool,
}

struct Anchored<'a> {
    node: Node<'a>,
    cost: usize,
    height: usize,
}

struct Builder<'a> {
    text: &'a str,
    base: usize,
    nesting_max: usize,
    alias_budget: usize,
    documents: Vec<Node<'a>>,
    open: Vec<Open<'a>>,
    anchors: HashMap<usize, Anchored<'a>>,
    remarks: Vec<Diagnostic>,
}

impl<'a> Builder<'a> {
    fn new(text: &'a str, base: usize, limits: &Limits) -> Self {
        Self {
            text,
            base,
            nesting_max: limits.nesting_max,
            alias_budget: limits.spore_bytes_max.saturating_mul(4),
            documents: Vec::new(),
            open: Vec::new(),
            anchors: HashMap::new(),
            remarks: Vec::new(),
        }
    }

    fn take(&mut self, event: Event<'a>, place: Place) -> Result<(), Diagnostic> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let done = self.scalar(text, style, tag.as_deref(), place);
                self.finish(done, anchor)
            }
            Event::SequenceStart(style, anchor, _) => self.begin(place, style, anchor, Content::List(Vec::new())),
            Event::MappingStart(style, anchor, _) => {
                let content = Content::Map { entries: Vec::new(), key: Pending::Key, merges: Vec::new() };
                self.begin(place, style, anchor, content)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(place),
            Event::Alias(id) => self.alias(id, place),
            Event::DocumentEnd => {
                self.anchors.clear();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn scalar(&self, text: Cow<'a, str>, style: ScalarStyle, tag: Option<&Tag>, place: Place) -> Done<'a> {
        let mut span = self.span(place);
        if matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) {
            let kept = self.text[self.local(span)].trim_end().len();
            span.end = Span::new(0, span.start as usize + kept).end;
        }
        let cost = NODE_COST + text.len();
        let as_text = tag.is_some_and(|tag| tag.core_suffix() == Some("str"));
        let plain = style == ScalarStyle::Plain && !as_text;
        let kind = if plain { node::plain(text) } else { NodeKind::Text(text) };
        Done { node: Node { kind, span }, cost, height: 0, plain }
    }

    fn begin(
        &mut self,
        place: Place,
        style: StructureStyle,
        anchor: usize,
        content: Content<'a>,
    ) -> Result<(), Diagnostic> {
        let span = self.span(place);
        if self.open.len() >= self.nesting_max {
            return Err(self.too_deep(span));
        }
        let flow = style == StructureStyle::Flow;
        self.open.push(Open { start: span.start as usize, flow, anchor, cost: NODE_COST, height: 0, content });
        Ok(())
    }

    fn end(&mut self, place: Place) -> Result<(), Diagnostic> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let flow_end = open.flow.then(|| self.span(place).end as usize);
        let (kind, last) = match open.content {
            Content::List(items) => {
                let last = items.last().map(|item| item.span.end);
                (NodeKind::List(items), last)
            }
            Content::Map { mut entries, merges, .. } => {
                let last = entries.last().map(|(_, value)| value.span.end);
                self.merge(&mut entries, merges);
                entries.shrink_to_fit();
                (NodeKind::Map(entries), last)
            }
        };
        let end = flow_end.or(last.map(|end| end as usize)).unwrap_or(open.start);
        let node = Node { kind, span: Span::new(open.start, end) };
        self.finish(Done { node, cost: open.cost, height: open.height + 1, plain: false }, open.anchor)
    }

    fn alias(&mut self, id: usize, place: Place) -> Result<(), Diagnostic> {
        let span = self.span(place);
        let Some(Anchored { node, cost, height }) = self.anchors.get(&id) else {
            let message = "an alias stands inside the very node that its anchor names";
            return Err(Diagnostic::error("yaml-alias", span, message).hint("write the value out, or move the anchor"));
        };
        let (cost, height) = (*cost, *height);
        if cost > self.alias_budget {
            let message = "aliases copy more than a whole file may hold";
            let hint = "write values out where they are few, or drop anchors that hold other aliases";
            return Err(Diagnostic::error("yaml-alias-bomb", span, message).hint(hint));
        }
        if self.open.len() + height > self.nesting_max {
            return Err(self.too_deep(span));
        }
        let node = Node { kind: node.kind.clone(), span };
        self.alias_budget -= cost;
        self.finish(Done { node, cost, height, plain: false }, 0)
    }

    /// Hands a finished node to the list, map or document it belongs to.
    fn finish(&mut self, done: Done<'a>, anchor: usize) -> Result<(), Diagnostic> {
        let Done { node, cost, height, plain } = done;
        if anchor != 0 {
            if cost > self.alias_budget {
                let message = "anchors hold more than a whole file may hold";
                return Err(Diagnostic::error("yaml-alias-bomb", node.span, message).hint("nest fewer anchors"));
            }
            self.alias_budget -= cost;
            self.anchors.insert(anchor, Anchored { node: node.clone(), cost, height });
        }
        let Some(parent) = self.open.last_mut() else {
            self.documents.push(node);
            return Ok(());
        };
        parent.cost = parent.cost.saturating_add(cost);
        parent.height = parent.height.max(height);
        if matches!(parent.content, Content::Map { key: Pending::Key, .. }) {
            let name = self.key(node, plain);
            if let Some(Open { content: Content::Map { key, .. }, .. }) = self.open.last_mut() {
                *key = name;
            }
            return Ok(());
        }
        match &mut parent.content {
            Content::List(items) => items.push(node),
            Content::Map { entries, key, merges } => match std::mem::replace(key, Pending::Key) {
                Pending::Value(name) => entries.push((name, node)),
                Pending::Merge(span) => merges.push((span, node)),
                Pending::Dropped | Pending::Key => {}
            },
        }
        Ok(())
    }

    fn key(&mut self, node: Node<'a>, plain: bool) -> Pending<'a> {
        let span = node.span;
        let text = match node.kind {
            NodeKind::Text(text) if plain && text == "<<" => return Pending::Merge(span),
            NodeKind::Text(text) | NodeKind::Int(text) | NodeKind::Float(text) => text,
            NodeKind::Null | NodeKind::Bool(_) => Cow::Borrowed(&self.text[self.local(span)]),
            NodeKind::List(_) | NodeKind::Map(_) => {
                let diagnostic = Diagnostic::error("yaml-key", span, "a key must be text, not a list or a map");
                self.remarks.push(diagnostic.hint("quote the whole value if it is a template: `\"{{ … }}\"`"));
                return Pending::Dropped;
            }
        };
        Pending::Value(Key { text, span })
    }

    /// Adds what `<<` brings in: entries whose key is not there yet, the earlier source winning.
    fn merge(&mut self, entries: &mut Vec<(Key<'a>, Node<'a>)>, merges: Vec<(Span, Node<'a>)>) {
        if merges.is_empty() {
            return;
        }
        let mut known: HashSet<String> = entries.iter().map(|(key, _)| key.text.to_string()).collect();
        for (place, node) in merges {
            let sources = if let NodeKind::List(items) = node.kind { items } else { vec![node] };
            for source in sources {
                let NodeKind::Map(brought) = source.kind else {
                    let diagnostic = Diagnostic::error("yaml-merge", place, "`<<` can only bring in maps");
                    self.remarks.push(diagnostic.hint("write `<<: *name`, where `&name` marks a map"));
                    continue;
                };
                for (key, value) in brought {
                    if known.insert(key.text.to_string()) {
                        entries.push((key, value));
                    }
                }
            }
        }
    }

    fn too_deep(&self, span: Span) -> Diagnostic {
        let message = format!("values are nested more than {} levels deep", self.nesting_max);
        Diagnostic::error("yaml-nesting", span, message).hint("flatten the file; no key of a spore needs such depth")
    }

    fn span(&self, place: Place) -> Span {
        let start = place.start.byte_offset().unwrap_or(self.text.len());
        let end = place.end.byte_offset().unwrap_or(start);
        Span::new(self.base + start, self.base + end)
    }

    fn local(&self, span: Span) -> std::ops::Range<usize> {
        span.start as usize - self.base..span.end as usize - self.base
    }

    fn syntax_error(&self, error: &ScanError) -> Diagnostic {
        let at = self.text.floor_char_boundary(error.marker().byte_offset().unwrap_or(self.text.len()));
        let rest = &self.text[at..];
        let width = match rest.strip_prefix('*') {
            Some(name) => 1 + name.find([' ', '\t', '\r', '\n', ',', ']', '}']).unwrap_or(name.len()),
            None => rest.chars().next().filter(|c| !c.is_control()).map_or(0, char::len_utf8),
        };
        let span = Span::new(self.base + at, self.base + at + width);
        if *error.kind() == ErrorKind::RecursionLimitExceeded {
            return self.too_deep(span);
        }
        let line_start = self.text[..at].rfind('\n').map_or(0, |end| end + 1);
        let line = self.text[line_start..].lines().next().unwrap_or_default();
        let message = format!("this is not valid YAML: {}", reason(error));
        Diagnostic::error("yaml-syntax", span, message).hint(hint(error.kind(), line))
    }
}

/// The package's words, without the stage directions at their beginning.
fn reason(error: &ScanError) -> String {
    let info = error.kind().to_string();
    let cut = |text: &str| match text.split_once(", ") {
        Some((stage, rest)) if stage.starts_with("while ") => rest.to_owned(),
        _ => text.to_owned(),
    };
    let text = cut(&info);
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

fn hint(kind: &ErrorKind, line: &str) -> &'static str {
    match kind {
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabAtBlockScalarStart
        | ErrorKind::TabInPlainScalar => "indent with spaces; YAML takes no tabs there",
        ErrorKind::UnknownAnchor if line.contains(": *") || line.contains("- *") => {
            "define it first with `&name`, or quote the value if the star is part of it"
        }
        _ if line.contains("{{") || line.contains("{%") => "quote values that hold a template: `\"{{ … }}\"`",
        ErrorKind::UnknownAnchor => "define it first with `&name`",
        ErrorKind::UnclosedQuotedScalar => "close the quote",
        ErrorKind::UnknownQuotedScalarEscape => "write `\\\\` for a backslash, or use single quotes",
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement => {
            "quote the value if it holds `: `, or correct the indentation of this line"
        }
        ErrorKind::UnclosedFlowCollection { .. }
        | ErrorKind::UnexpectedEofFlowSequence
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofImplicitFlowMapping
        | ErrorKind::ExpectedFlowMappingSeparator
        | ErrorKind::ExpectedFlowSequenceSeparator => "close the bracket, and put commas between the values in it",
        ErrorKind::UnexpectedCharacter { .. } => "quote values that begin with a special character",
        _ => "look at the indentation, colons and quotes of this line and the one above",
    }
}
