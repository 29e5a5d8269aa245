//! Whose turn it is: a value from values.
//!
//! Who is more urgent goes first. Among equals, a spore that has fewer runs under way goes before one that has more, so that
//! one which is wanted a thousand times does not keep the others waiting; then who came first. Runs of one group do not overlap.

use std::collections::HashMap;

use crate::model::{Policy, RunId};

/// Tickets that are compared at a time, so that a queue of many thousands costs no more than a short one.
const LOOKED_AT_MAX: usize = 512;

/// A ticket in the queue.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// The wanted run.
    pub run: RunId,
    /// What the spore calls itself.
    pub spore: &'a str,
    /// Higher goes first.
    pub priority: i32,
    /// The group that must be free, and what to do while it is not.
    pub group: Option<(&'a str, Policy)>,
}

/// A run that is under way.
#[derive(Clone, Copy, Debug)]
pub struct Busy<'a> {
    /// The run.
    pub run: RunId,
    /// What the spore calls itself.
    pub spore: &'a str,
    /// Its group.
    pub group: Option<&'a str>,
}

/// What is to happen with a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// It begins.
    Begin(RunId),
    /// It does not run: another run of its group is under way, and it is to stay away then.
    Skip {
        /// The ticket.
        run: RunId,
        /// The run under way.
        holder: RunId,
    },
    /// The run under way is to make room for it.
    Replace {
        /// The ticket.
        run: RunId,
        /// The run under way.
        holder: RunId,
    },
}

/// What is next among `queued`, which stand in the order they came, while `busy` are under way; `None` when all have to wait.
/// `has_room` says whether one more may begin.
pub fn choose<'a>(queued: impl Iterator<Item = Candidate<'a>>, busy: &[Busy<'_>], has_room: bool) -> Option<Choice> {
    let mut under_way: HashMap<&str, usize> = HashMap::new();
    let mut groups: HashMap<&str, RunId> = HashMap::new();
    for one in busy {
        *under_way.entry(one.spore).or_default() += 1;
        groups.extend(one.group.map(|group| (group, one.run)));
    }
    let mut best: Option<((i32, usize), RunId)> = None;
    for (looked_at, candidate) in queued.enumerate() {
        if let Some((group, policy)) = candidate.group
            && let Some(&holder) = groups.get(group)
        {
            match policy {
                Policy::Queue => continue,
                Policy::Skip => return Some(Choice::Skip { run: candidate.run, holder }),
                Policy::Replace => return Some(Choice::Replace { run: candidate.run, holder }),
            }
        }
        let rank = (-candidate.priority, under_way.get(candidate.spore).copied().unwrap_or(0));
        if has_room && best.is_none_or(|(known, _)| rank < known) {
            best = Some((rank, candidate.run));
        }
        if looked_at >= LOOKED_AT_MAX && best.is_some() {
            break;
        }
    }
    best.map(|(_, run)| Choice::Begin(run))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(number: u128) -> RunId {
        RunId::from_parts(1, number)
    }

    fn plain(number: u128, spore: &str) -> Candidate<'_> {
        Candidate { run: run(number), spore, priority: 0, group: None }
    }

    #[test]
    fn the_urgent_go_first_then_the_rare_then_the_old() {
        let flood = [plain(1, "flood"), plain(2, "flood"), plain(3, "rare")];
        assert_eq!(choose(flood.into_iter(), &[], true), Some(Choice::Begin(run(1))));
        let busy = [Busy { run: run(9), spore: "flood", group: None }];
        assert_eq!(choose(flood.into_iter(), &busy, true), Some(Choice::Begin(run(3))));
        let urgent = Candidate { priority: 5, ..plain(4, "flood") };
        assert_eq!(choose(flood.into_iter().chain([urgent]), &busy, true), Some(Choice::Begin(run(4))));
        assert_eq!(choose(flood.into_iter(), &busy, false), None);
    }

    #[test]
    fn groups_do_not_overlap() {
        let busy = [Busy { run: run(9), spore: "x", group: Some("deploy") }];
        let with = |policy| Candidate { group: Some(("deploy", policy)), ..plain(1, "a") };
        let next = |policy, has_room| choose([with(policy), plain(2, "b")].into_iter(), &busy, has_room);
        assert_eq!(next(Policy::Queue, true), Some(Choice::Begin(run(2))));
        assert_eq!(next(Policy::Skip, false), Some(Choice::Skip { run: run(1), holder: run(9) }));
        assert_eq!(next(Policy::Replace, false), Some(Choice::Replace { run: run(1), holder: run(9) }));
    }
}
