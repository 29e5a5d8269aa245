//! Heading sections that directly hold runnable fences, and the groups of fences that make a task each.

use crate::model::{Language, Span};
use crate::parse::checklist::{Line, read_line};
use crate::parse::fence::{self, Marks};
use crate::parse::markdown::{BlockKind, Outline};
use crate::parse::needs::{self, Reference};
use crate::parse::words::{self, Piece};

/// A section with something to run in it.
#[derive(Debug)]
pub(super) struct Section<'f> {
    /// The words of its heading; `None` before the first heading.
    pub heading: Option<Piece<'f>>,
    /// The phase that a heading above it names.
    pub phase: Option<String>,
    /// Its commands.
    pub groups: Vec<Group<'f>>,
    /// Needs of the section.
    pub needs: Vec<Reference<'f>>,
    /// Whether it says anything about needs.
    pub states_needs: bool,
    /// Its words, where it has no command and an agent is to do what they say.
    pub text: String,
    /// Other properties of the section.
    pub properties: Vec<(Piece<'f>, Piece<'f>)>,
}

/// Fences that make one task: one named fence, or all unnamed ones of a language.
#[derive(Debug)]
pub(super) struct Group<'f> {
    /// The name it is marked with.
    pub name: Option<(String, Span)>,
    /// Its language.
    pub language: Language,
    /// Whether a fence marks it as one to run.
    pub marked: bool,
    /// Needs that its fences state.
    pub needs: Vec<Reference<'f>>,
    /// Whether its fences say anything about needs.
    pub states_needs: bool,
    /// The fences, in order.
    pub fences: Vec<usize>,
}

/// Every section of `outline` that has runnable fences beside those that are `owned` by other tasks; `with_agents`,
/// those too that have none and name an agent.
pub(super) fn sections<'f>(outline: &'f Outline<'_>, owned: &[bool], with_agents: bool) -> Vec<Section<'f>> {
    let mut sections = Vec::new();
    let mut phases: Vec<(u8, Option<String>)> = Vec::new();
    let mut heading: Option<Piece<'f>> = None;
    let mut begin = 0;
    for (index, block) in outline.blocks.iter().enumerate() {
        let BlockKind::Heading(level) = block.kind else { continue };
        sections.extend(read(outline, (owned, with_agents), heading, &phases, begin..index));
        begin = index + 1;
        let piece = Piece::new(outline.slice(block.span), block.span.start as usize);
        while phases.last().is_some_and(|(above, _)| *above >= level) {
            phases.pop();
        }
        let words = piece.text.trim_start_matches(|c: char| !c.is_alphanumeric());
        let is_phase = words.split([' ', ':']).next().is_some_and(needs::is_phase_word);
        phases.push((level, is_phase.then(|| words::clean(words))));
        heading = Some(piece);
    }
    sections.extend(read(outline, (owned, with_agents), heading, &phases, begin..outline.blocks.len()));
    sections
}

fn read<'f>(
    outline: &'f Outline<'_>,
    (owned, with_agents): (&[bool], bool),
    heading: Option<Piece<'f>>,
    phases: &[(u8, Option<String>)],
    range: std::ops::Range<usize>,
) -> Option<Section<'f>> {
    let blocks = &outline.blocks[range];
    let groups = groups(
        outline,
        owned,
        blocks.iter().filter_map(|block| match block.kind {
            BlockKind::Fence(index) => Some(index as usize),
            _ => None,
        }),
    );
    let may_be_agent = with_agents && heading.is_some();
    if groups.is_empty() && !may_be_agent {
        return None;
    }
    // The last entry is the section's own heading, which is no phase above it.
    let above = &phases[..phases.len().saturating_sub(1)];
    let phase = above.iter().rev().find_map(|(_, phase)| phase.clone());
    let mut section = Section {
        heading,
        phase,
        groups,
        needs: Vec::new(),
        states_needs: false,
        text: String::new(),
        properties: Vec::new(),
    };
    for block in blocks.iter().filter(|block| block.kind == BlockKind::Text) {
        for line in Piece::new(outline.slice(block.span), block.span.start as usize).lines() {
            match read_line(line) {
                Line::Needs(value) => {
                    section.states_needs = true;
                    section.needs.extend(needs::read(value));
                }
                Line::Property(key, value) => section.properties.push((key, value)),
                Line::Remark | Line::Words if section.groups.is_empty() => {
                    section.text.push_str(line.text.trim());
                    section.text.push('\n');
                }
                Line::Remark | Line::Words => {}
            }
        }
    }
    let names_agent = section.properties.iter().any(|(key, _)| key.text.eq_ignore_ascii_case("agent"));
    (names_agent || !section.groups.is_empty()).then_some(section)
}

fn groups<'f>(outline: &'f Outline<'_>, owned: &[bool], fences: impl Iterator<Item = usize>) -> Vec<Group<'f>> {
    let mut groups: Vec<Group<'f>> = Vec::new();
    for index in fences {
        let fence = &outline.fences[index];
        let Some(language) = fence.language.filter(|_| !owned.get(index).copied().unwrap_or(false)) else { continue };
        let Marks { name, needs, no_run, marked, .. } = fence::marks(fence, outline.text);
        if no_run {
            continue;
        }
        let name = name.map(|(name, span)| (name.into_owned(), span));
        let states_needs = needs.is_some();
        let needs = needs.map(needs::read).unwrap_or_default();
        let joins = |group: &&mut Group<'f>| {
            name.is_none() && group.name.is_none() && group.language == language && group.marked == marked
        };
        if let Some(group) = groups.iter_mut().find(joins) {
            group.fences.push(index);
            group.needs.extend(needs);
            group.states_needs |= states_needs;
        } else {
            groups.push(Group { name, language, marked, needs, states_needs, fences: vec![index] });
        }
    }
    groups
}
