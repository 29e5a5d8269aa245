//! Looks needs up among the tasks of a file: by id, number, phase, title or word.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};

use super::label;
use super::needs::{self, Reference, Wanted};
use super::words::{self, Piece};
use crate::model::{Diagnostic, Need, NeedTarget, Task, TaskId};

/// Needs of one file after ranges and phases are expanded. A million edges is more than any plan can use, and far less
/// than two waves of a hundred thousand tasks would give.
pub(super) const NEEDS_MAX: usize = 1_000_000;

/// Numbers of one range that are taken at their word; a longer one means the tasks that exist in it.
const RANGE_MAX: u32 = 1_000;

/// What a name becomes that no task has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stranger {
    /// A need on a task that is missing, for the plan to refuse.
    Task,
    /// Something outside the file: kept, with a note.
    External,
}

/// The tasks of a file under all their names.
pub(super) struct Names<'t> {
    tasks: &'t [Task],
    ids: HashMap<&'t str, usize>,
    numbers: BTreeMap<Vec<u32>, usize>,
    titles: OnceCell<HashMap<String, usize>>,
    phases: OnceCell<HashMap<(String, String), Vec<usize>>>,
    words: HashMap<String, Vec<usize>>,
    left: usize,
}

impl<'t> Names<'t> {
    /// Reads the names of `tasks`. Of repeated names the first counts.
    pub(super) fn new(tasks: &'t [Task]) -> Self {
        let mut ids = HashMap::with_capacity(tasks.len());
        let mut numbers = BTreeMap::new();
        for (index, task) in tasks.iter().enumerate() {
            let id = task.id.as_str();
            ids.entry(id).or_insert(index);
            if let Some(number) = label::numbers(id.strip_prefix('T').unwrap_or(id)) {
                numbers.entry(number).or_insert(index);
            }
        }
        Self {
            tasks,
            ids,
            numbers,
            titles: OnceCell::new(),
            phases: OnceCell::new(),
            words: HashMap::new(),
            left: NEEDS_MAX,
        }
    }

    /// The place of the task named exactly `id`.
    pub(super) fn of_id(&self, id: &str) -> Option<usize> {
        self.ids.get(id).copied()
    }

    /// What `reference` points at, seen from task `own`. Each target once, the task itself only when it says so.
    pub(super) fn resolve(
        &mut self,
        own: Option<usize>,
        reference: &Reference<'_>,
        stranger: Stranger,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Vec<Need> {
        let span = reference.piece.span();
        if reference.wanted == Wanted::Joined && self.name(reference.piece.text).is_none() {
            let parts = needs::joined(reference.piece);
            return parts.iter().flat_map(|part| self.resolve(own, part, stranger, diagnostics)).collect();
        }
        let targets = self.targets(own, reference, stranger);
        if targets.len() > self.left {
            if self.left > 0 {
                self.left = 0;
                diagnostics.push(
                    Diagnostic::error("too-many-needs", span, format!("more than {NEEDS_MAX} needs in one file"))
                        .hint("name the one task that the others wait for"),
                );
            }
            return Vec::new();
        }
        self.left -= targets.len();
        for target in &targets {
            if let NeedTarget::External(name) = target {
                let message = format!("`{name}` is not a task of this file");
                diagnostics.push(
                    Diagnostic::note("external-need", span, message).hint("it is kept, and nothing waits for it"),
                );
            }
        }
        targets.into_iter().map(|target| Need { target, span }).collect()
    }

    fn targets(&mut self, own: Option<usize>, reference: &Reference<'_>, stranger: Stranger) -> Vec<NeedTarget> {
        match reference.wanted {
            Wanted::Id(id) => match self.id(id) {
                Some(index) => vec![self.task(index)],
                None => TaskId::new(id).map(NeedTarget::Task).into_iter().collect(),
            },
            Wanted::Range(from, to) => self.range(from, to),
            Wanted::Noun(noun, number) => vec![self.noun(noun, number, stranger)],
            Wanted::NounRange(noun, from, to) => self.noun_range(own, noun, from, to, stranger),
            Wanted::Phase(word, number) => {
                let found = self.phase(own, word, number);
                if found.is_empty() { vec![self.noun(word, number, stranger)] } else { found }
            }
            Wanted::All(noun) => {
                let found = self.all(own, noun);
                if found.is_empty() { strange(reference.piece.text, stranger) } else { found }
            }
            Wanted::Name(_) | Wanted::Joined => match self.name(reference.piece.text) {
                Some(index) => vec![self.task(index)],
                None => strange(reference.piece.text, stranger),
            },
        }
    }

    fn task(&self, index: usize) -> NeedTarget {
        NeedTarget::Task(self.tasks[index].id.clone())
    }

    fn id(&self, id: &str) -> Option<usize> {
        self.of_id(id).or_else(|| {
            let number = label::numbers(id.strip_prefix('T').unwrap_or(id))?;
            self.numbers.get(&number).copied()
        })
    }

    /// The place of the task with this id, slug or title.
    pub(super) fn name(&self, name: &str) -> Option<usize> {
        if let Some(index) = self.of_id(name) {
            return Some(index);
        }
        if let Some(index) = TaskId::slug(name).and_then(|slug| self.of_id(slug.as_str())) {
            return Some(index);
        }
        let titles = self.titles.get_or_init(|| {
            let mut titles = HashMap::with_capacity(self.tasks.len());
            for (index, task) in self.tasks.iter().enumerate() {
                titles.entry(task.title.to_lowercase()).or_insert(index);
            }
            titles
        });
        if let Some(index) = titles.get(&words::clean(name).to_lowercase()) {
            return Some(*index);
        }
        let label = label::read_label(Piece::new(name, 0))?;
        self.id(label.id.text)
    }

    fn range(&self, from: &str, to: &str) -> Vec<NeedTarget> {
        let letter = if from.starts_with('T') { "T" } else { "" };
        let (first, last) = (from.trim_start_matches('T'), to.trim_start_matches('T'));
        let (Some(low), Some(high)) = (label::numbers(first), label::numbers(last)) else { return Vec::new() };
        let (Some((start, head)), Some((end, other_head))) = (low.split_last(), high.split_last()) else {
            return Vec::new();
        };
        if head == other_head && start <= end && end - start <= RANGE_MAX {
            let digits = first.rsplit('.').next().unwrap_or_default();
            let width = if digits.starts_with('0') { digits.len() } else { 0 };
            let prefix = &first[..first.len() - digits.len()];
            let ids = (*start..=*end).map(|number| format!("{letter}{prefix}{number:0width$}"));
            return ids
                .filter_map(|id| match self.id(&id) {
                    Some(index) => Some(self.task(index)),
                    None => TaskId::new(&id).ok().map(NeedTarget::Task),
                })
                .collect();
        }
        let (low, high) = if low <= high { (low, high) } else { (high, low) };
        let between = self.numbers.range(low..=high).map(|(_, index)| self.task(*index));
        // What lies between is whatever the file has; the two ends are named, so they must be there.
        let missing = [from, to].into_iter().filter(|end| self.id(end).is_none());
        let ends = missing.filter_map(|end| TaskId::new(end).ok()).map(NeedTarget::Task);
        between.chain(ends).collect()
    }

    fn noun(&self, noun: &str, number: &str, stranger: Stranger) -> NeedTarget {
        let written = format!("{noun} {number}");
        let slug = TaskId::slug(&format!("{} {number}", singular(noun)));
        let known = slug.as_ref().and_then(|slug| self.of_id(slug.as_str())).or_else(|| self.name(&written));
        match (known, stranger, slug) {
            (Some(index), ..) => self.task(index),
            (None, Stranger::Task, Some(slug)) => NeedTarget::Task(slug),
            _ => NeedTarget::External(written),
        }
    }

    fn noun_range(&self, own: Option<usize>, noun: &str, from: &str, to: &str, stranger: Stranger) -> Vec<NeedTarget> {
        let is_phase = needs::is_phase_word(noun);
        match (from.parse::<u32>(), to.parse::<u32>()) {
            (Ok(from), Ok(to)) if from <= to && to - from <= RANGE_MAX => (from..=to)
                .flat_map(|number| {
                    let number = number.to_string();
                    let found = if is_phase { self.phase(own, noun, &number) } else { Vec::new() };
                    if found.is_empty() { vec![self.noun(noun, &number, stranger)] } else { found }
                })
                .collect(),
            _ => vec![NeedTarget::External(format!("{noun} {from}-{to}"))],
        }
    }

    fn phase(&self, own: Option<usize>, word: &str, number: &str) -> Vec<NeedTarget> {
        let phases = self.phases.get_or_init(|| {
            let mut phases: HashMap<_, Vec<usize>> = HashMap::new();
            for (index, task) in self.tasks.iter().enumerate() {
                if let Some(key) = task.phase.as_deref().and_then(phase_key) {
                    phases.entry(key).or_default().push(index);
                }
            }
            phases
        });
        let found = phases.get(&(singular(word), number.to_owned()));
        found.into_iter().flatten().filter(|index| Some(**index) != own).map(|index| self.task(*index)).collect()
    }

    /// `ALL 6 PATTERNS` is every task that is called a pattern; `All previous tasks` is every task above.
    fn all(&mut self, own: Option<usize>, noun: &str) -> Vec<NeedTarget> {
        let word = singular(noun);
        let is_above = ["previous", "prior", "earlier", "above", "preceding"].iter().any(|known| word.contains(known));
        if word == "task" || is_above {
            return (0..own.unwrap_or(self.tasks.len())).map(|index| self.task(index)).collect();
        }
        let tasks = self.tasks;
        let found = self.words.entry(word).or_insert_with_key(|word| {
            let starts = |text: &str| text.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word));
            let named = |task: &Task| starts(&task.title) || starts(task.id.as_str());
            (0..tasks.len()).filter(|index| !word.is_empty() && named(&tasks[*index])).collect()
        });
        found.iter().filter(|index| Some(**index) != own).map(|i| NeedTarget::Task(tasks[*i].id.clone())).collect()
    }
}

fn strange(name: &str, stranger: Stranger) -> Vec<NeedTarget> {
    let missing = match stranger {
        Stranger::Task => TaskId::new(name).ok().or_else(|| TaskId::slug(name)).map(NeedTarget::Task),
        Stranger::External => None,
    };
    let words: String = name.chars().take(200).collect();
    vec![missing.unwrap_or(NeedTarget::External(words))]
}

/// The word and number that a phase begins with: `Phase 1: Foundation` → (`phase`, `1`).
fn phase_key(phase: &str) -> Option<(String, String)> {
    let (word, rest) = phase.split_once(' ')?;
    let length = label::number_length(rest.trim_start())?;
    Some((singular(word), rest.trim_start()[..length].to_owned()))
}

fn singular(noun: &str) -> String {
    let noun = noun.to_lowercase();
    noun.strip_suffix('s').map(str::to_owned).unwrap_or(noun)
}
