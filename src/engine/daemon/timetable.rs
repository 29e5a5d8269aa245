//! The moments that the clock calls for.
//!
//! A moment is called for once, whatever the clock does: when it jumps ahead, or nobody watched, the moments in between
//! were missed, and the latest few of them are made up for; when it jumps back, what was called for is not called for again.

use std::collections::BTreeMap;

use crate::model::{NextStatus, Policy, Timer, Timestamp};
use crate::queue::{State, TimerKey};

/// A moment that is called for later than this was missed.
const LATE_MS: i64 = 120_000;
/// How far the clock may go back until what was called for counts as called for: further, it was wrong before, and
/// waiting for it to come by again could take years. Cron draws the line there too.
const BACK_MAX_MS: i64 = 3 * 60 * 60 * 1_000;
/// Missed moments that are counted at most.
const MISSED_MAX: usize = 10_000;

/// All timers of a folder.
#[derive(Debug, Default)]
pub(super) struct Timetable {
    timers: BTreeMap<TimerKey, Known>,
}

#[derive(Debug)]
pub(super) struct Known {
    timer: Timer,
    /// The last moment that was called for, or since when it is known.
    last: Timestamp,
    next: Option<Timestamp>,
}

/// What is due.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Due {
    pub(super) key: TimerKey,
    /// The moments that are to be run, oldest first.
    pub(super) moments: Vec<Timestamp>,
    /// The latest moment, to be noted.
    pub(super) last: Timestamp,
    /// How many moments were missed and are not made up for.
    pub(super) missed: usize,
    pub(super) overlap: Policy,
}

impl Timetable {
    /// Takes the timers of a file in, in the place of what it had before. Returns those that were never known, to be noted as
    /// known since `now`.
    pub(super) fn take(
        &mut self,
        path: &str,
        timers: Vec<(String, Timer)>,
        state: &State,
        now: Timestamp,
    ) -> Vec<TimerKey> {
        let before = self.remove(path);
        let mut new = Vec::new();
        for (spore, timer) in timers {
            let key = (path.to_owned(), spore, timer.cron.to_string());
            let last = before.get(&key).map(|known| known.last).or_else(|| state.fired(&key));
            let last = last.filter(|last| last.0 <= now.0 + BACK_MAX_MS).unwrap_or_else(|| {
                new.push(key.clone());
                now
            });
            let next = timer.cron.next_after(last);
            self.timers.insert(key, Known { timer, last, next });
        }
        new
    }

    /// The file is gone.
    pub(super) fn remove(&mut self, path: &str) -> BTreeMap<TimerKey, Known> {
        let mut gone = BTreeMap::new();
        let own: Vec<TimerKey> = self.timers.keys().filter(|key| key.0 == path).cloned().collect();
        for key in own {
            gone.extend(self.timers.remove_entry(&key));
        }
        gone
    }

    /// The clock was set: who had been called for by a clock that was far ahead is called for by this one.
    pub(super) fn clock_was_set(&mut self, now: Timestamp) {
        for known in self.timers.values_mut().filter(|known| known.last.0 > now.0 + BACK_MAX_MS) {
            known.last = now;
            known.next = known.timer.cron.next_after(now);
        }
    }

    /// When the next moment is.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.timers.values().filter_map(|known| known.next).min()
    }

    /// The next moment of each timer, soonest first.
    pub(super) fn upcoming(&self, most: usize) -> Vec<NextStatus> {
        let next = |(key, known): (&TimerKey, &Known)| {
            let (path, spore, line) = key.clone();
            Some(NextStatus { spore, path, line, at: known.next? })
        };
        let mut upcoming: Vec<_> = self.timers.iter().filter_map(next).collect();
        upcoming.sort_by_key(|one| one.at);
        upcoming.truncate(most);
        upcoming
    }

    /// What is due now.
    pub(super) fn due(&mut self, now: Timestamp) -> Vec<Due> {
        let mut all = Vec::new();
        for (key, known) in &mut self.timers {
            let Some(first) = known.next.filter(|next| *next <= now) else { continue };
            let mut moments = vec![first];
            while let Some(next) = moments.last().and_then(|last| known.timer.cron.next_after(*last)) {
                if next > now || moments.len() == MISSED_MAX {
                    break;
                }
                moments.push(next);
            }
            let last = moments.last().copied().unwrap_or(first);
            let on_time = moments.iter().filter(|at| now.0 - at.0 <= LATE_MS).count();
            let wanted = on_time.max(known.timer.catch_up as usize).min(moments.len());
            let missed = moments.len() - wanted;
            known.last = last;
            // What was not counted any more is passed over.
            known.next = known.timer.cron.next_after(if missed > 0 { last.max(now) } else { last });
            let overlap = known.timer.overlap;
            all.push(Due { key: key.clone(), moments: moments.split_off(missed), last, missed, overlap });
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Cron, Span};

    const MINUTE: i64 = 60_000;

    fn table(catch_up: u32, since: Timestamp) -> Timetable {
        let cron = Cron::parse("* * * * *", Some("UTC")).expect("a line");
        let timer = Timer { cron, overlap: Policy::Skip, catch_up, span: Span::default() };
        let mut table = Timetable::default();
        let new = table.take("a.yaml", vec![("a".to_owned(), timer)], &State::default(), since);
        assert_eq!(new.len(), 1);
        table
    }

    fn moments(table: &mut Timetable, now: i64) -> Vec<(Vec<i64>, usize)> {
        let due = table.due(Timestamp(now)).into_iter();
        due.map(|due| (due.moments.iter().map(|at| at.0).collect(), due.missed)).collect()
    }

    #[test]
    fn a_moment_is_called_for_once_whatever_the_clock_does() {
        let mut table = table(1, Timestamp(1));
        assert_eq!(moments(&mut table, MINUTE - 1), []);
        assert_eq!(moments(&mut table, MINUTE + 5), [(vec![MINUTE], 0)]);
        assert_eq!(moments(&mut table, MINUTE + 6), []);
        assert_eq!(moments(&mut table, 10), [], "the clock went back");
        assert_eq!(moments(&mut table, MINUTE), [], "and came by again");
        assert_eq!(moments(&mut table, 2 * MINUTE), [(vec![2 * MINUTE], 0)]);
    }

    #[test]
    fn a_clock_that_was_far_ahead_stops_nothing() {
        let day = 24 * 60 * MINUTE;
        let mut table = table(1, Timestamp(1));
        table.due(Timestamp(day));
        table.clock_was_set(Timestamp(day - MINUTE));
        assert_eq!(moments(&mut table, day), [], "a minute is come by again");
        table.clock_was_set(Timestamp(5));
        assert_eq!(moments(&mut table, MINUTE + 5), [(vec![MINUTE], 0)]);
    }

    #[test]
    fn the_latest_of_what_was_missed_is_made_up_for() {
        let day = 24 * 60 * MINUTE;
        let late = [(vec![day - 2 * MINUTE, day - MINUTE, day], 24 * 60 - 3)];
        assert_eq!(moments(&mut table(1, Timestamp(0)), day), late, "three are no more than two minutes late");
        let hour = day + 30_000 - MINUTE;
        assert_eq!(moments(&mut table(0, Timestamp(0)), hour).len(), 1);
        let mut four = table(5, Timestamp(0));
        assert_eq!(moments(&mut four, day)[0].0.len(), 5);
        assert_eq!(moments(&mut four, day), []);
    }
}
