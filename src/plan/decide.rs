//! Decisions: what is to become of each unit, and why, in sentences for people.

use crate::model::{Dag, Disposition, Kind, NeedTarget, Order, Spore, Task, Work};

use super::edges::{Family, Tasks};
use super::expand::Units;
use super::names::listed;
use super::request::Options;
use super::select::Choice;

/// Names of needs that an explanation gives in full.
const NAMES_MAX: usize = 4;

/// What is decided of one unit.
#[derive(Clone, Debug)]
pub(super) struct Decision {
    pub(super) disposition: Disposition,
    pub(super) explanation: String,
    /// Whether it takes part in waves and in the critical path.
    pub(super) counts: bool,
}

/// All that decisions rest on.
pub(super) struct Ground<'a> {
    pub(super) spore: &'a Spore,
    pub(super) options: &'a Options,
    pub(super) tasks: &'a Tasks<'a>,
    pub(super) units: &'a Units,
    pub(super) family: &'a Family,
    pub(super) dag: &'a Dag,
    pub(super) line: &'a dyn Fn(&Task) -> u32,
}

/// Which authored tasks are done: ticked off, or parents of nothing but what is done.
pub(super) fn finished(tasks: &Tasks<'_>, family: &Family) -> Vec<bool> {
    let mut done: Vec<bool> = tasks.all.iter().map(|task| task.done).collect();
    for at in family.bottom_up().filter(|at| family.is_parent(*at)) {
        let parts = family.children[at].iter().all(|part| done[*part]);
        done[at] = parts && (done[at] || tasks.all[at].work == Work::Group);
    }
    done
}

/// One decision for each unit.
pub(super) fn decide(ground: &Ground<'_>, choices: &[Choice], done: &[bool]) -> Vec<Decision> {
    let mut decisions: Vec<Decision> =
        choices.iter().enumerate().map(|(unit, choice)| ground.first(unit, *choice, done)).collect();
    ground.hold_back(&mut decisions);
    ground.rest_finally(&mut decisions, choices);
    for unit in 0..decisions.len() {
        if decisions[unit].disposition == Disposition::Run {
            decisions[unit].explanation = ground.why_now(unit, &decisions);
        }
    }
    decisions
}

impl Ground<'_> {
    fn task(&self, unit: usize) -> &Task {
        self.tasks.all[self.units.all[unit].source]
    }

    /// What can be said of a unit without looking at others.
    fn first(&self, unit: usize, choice: Choice, done: &[bool]) -> Decision {
        let task = self.task(unit);
        let source = self.units.all[unit].source;
        let from = self.options.from.as_deref().unwrap_or_default();
        let reason = self.options.done.get(&self.units.all[unit].id);
        let (disposition, explanation) = if let Some(reason) = reason {
            (Disposition::Done, reason.clone())
        } else if done[source] {
            let how = if task.done { "ticked off in the file" } else { "all its parts are ticked off" };
            (Disposition::Done, format!("{how} (line {})", (self.line)(task)))
        } else {
            match choice {
                Choice::Before => (Disposition::Done, format!("before `{from}`, where --from starts: counts as done")),
                Choice::NotOnly => (Disposition::Skip, "not selected by --only".to_owned()),
                Choice::NotFrom => (Disposition::Skip, format!("does not depend on `{from}`, where --from starts")),
                Choice::In => self.nature(task, source),
            }
        };
        let counts = choice == Choice::In && !matches!(disposition, Disposition::Done | Disposition::Group);
        Decision { disposition, explanation, counts }
    }

    /// What a task is by its work alone.
    fn nature(&self, task: &Task, source: usize) -> (Disposition, String) {
        match &task.work {
            Work::Group => {
                let parts = self.family.children[source].len();
                let held = match parts {
                    0 => "holds nothing to run".to_owned(),
                    1 => "holds one task".to_owned(),
                    _ => format!("holds {parts} tasks together"),
                };
                (Disposition::Group, held)
            }
            Work::Agent(_) => {
                let text = "prose without a command: needs an agent, which this Spore plans but does not run";
                (Disposition::Agent, text.to_owned())
            }
            Work::Command(_) if matches!(self.spore.kind, Kind::Result | Kind::Learning) => {
                (Disposition::Inert, "a result or learning spore never runs anything".to_owned())
            }
            Work::Command(_) if !task.marked => {
                let text = format!(
                    "its command is not marked as one to run: add `kind: workflow` to the front matter, or `task={}` to \
                     its fence",
                    task.id
                );
                (Disposition::Inert, text)
            }
            Work::Command(_) => (Disposition::Run, String::new()),
        }
    }

    /// Skips what would wait for something that this run does not do. What is inert or only holds others together
    /// passes that on.
    fn hold_back(&self, decisions: &mut [Decision]) {
        let mut waits_for: Vec<Option<u32>> = vec![None; decisions.len()];
        for &unit in self.dag.order() {
            let at = unit as usize;
            let cause = |need: &u32| match decisions[*need as usize].disposition {
                Disposition::Agent => Some(*need),
                Disposition::Skip => waits_for[*need as usize].or(Some(*need)),
                Disposition::Group | Disposition::Inert => waits_for[*need as usize],
                Disposition::Run | Disposition::Done => None,
            };
            waits_for[at] = self.dag.needs(at).iter().find_map(cause);
            if let (Some(cause), Disposition::Run) = (waits_for[at], decisions[at].disposition) {
                let id = &self.units.all[cause as usize].id;
                decisions[at].disposition = Disposition::Skip;
                decisions[at].explanation = match decisions[cause as usize].disposition {
                    Disposition::Agent => format!("waits for `{id}`, which needs an agent"),
                    _ => format!("waits for `{id}`, which does not run: {}", decisions[cause as usize].explanation),
                };
            }
        }
    }

    /// With nothing to run before them, tasks of `finally` have nothing to follow, unless they were asked for.
    fn rest_finally(&self, decisions: &mut [Decision], choices: &[Choice]) {
        let finally = |unit: usize| self.tasks.side(self.units.all[unit].source);
        let main = || (0..decisions.len()).filter(|unit| !finally(*unit));
        let asked = main().all(|unit| choices[unit] != Choice::In);
        if asked || main().any(|unit| decisions[unit].disposition == Disposition::Run) {
            return;
        }
        for unit in (0..decisions.len()).filter(|unit| finally(*unit)) {
            if decisions[unit].disposition == Disposition::Run {
                decisions[unit].disposition = Disposition::Skip;
                "nothing runs before it".clone_into(&mut decisions[unit].explanation);
            }
        }
    }

    /// Why a unit runs when it does.
    fn why_now(&self, unit: usize, decisions: &[Decision]) -> String {
        let task = self.task(unit);
        let mut bases: Vec<usize> = Vec::new();
        let mut open = false;
        for &need in self.dag.needs(unit) {
            let source = self.units.all[need as usize].source;
            open |= decisions[need as usize].disposition != Disposition::Done;
            // Combinations of one task stand side by side.
            if bases.last() != Some(&source) {
                bases.push(source);
            }
        }
        let names = listed(bases.iter().map(|source| self.tasks.all[*source].id.as_str()), NAMES_MAX);
        let verb = if self.spore.order == Order::Sequence && task.needs.is_empty() { "follows" } else { "needs" };
        let finally = self.tasks.side(self.units.all[unit].source);
        let mut why = match (bases.len(), open) {
            (0, _) if finally => "runs when all others have ended, whatever became of them".to_owned(),
            (0, _) => "no needs: starts at once".to_owned(),
            (1, false) => format!("{verb} {names}, which is done: starts at once"),
            (_, false) => format!("{verb} {names}, which are done: starts at once"),
            (_, true) => format!("{verb} {names}"),
        };
        let external: Vec<&str> = task.needs.iter().filter_map(|need| external(&need.target)).collect();
        if !external.is_empty() {
            why.push_str("; outside this file it needs ");
            why.push_str(&listed(external, NAMES_MAX));
        }
        if let Some(when) = &task.when {
            why.push_str("; only when `");
            why.push_str(when.0.trim());
            why.push('`');
        }
        why
    }
}

/// The name of a need that the file does not define.
pub(super) fn external(target: &NeedTarget) -> Option<&str> {
    match target {
        NeedTarget::External(name) => Some(name),
        NeedTarget::Task(_) => None,
    }
}
