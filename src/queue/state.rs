//! What the facts of a queue add up to.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use super::fact::{Fact, Kept, Pause};
use crate::model::{Digest, RunId, Ticket, Timestamp};

/// Contents that stand in no file and are still known; beyond them, the rarest chance to run something again is taken.
const REMEMBERED_MAX: usize = 200_000;

/// Letters that are remembered as read. Each is discarded right after, unless the watcher dies in between.
const LETTERS_MAX: usize = 1_000;

/// How far a ticket is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It must not run yet.
    Pending {
        /// Why, as a lower-case fragment.
        because: String,
    },
    /// It waits for its turn.
    Queued,
    /// It has begun.
    Running,
}

/// A ticket in the queue.
#[derive(Clone, Debug, PartialEq)]
pub struct Waiting {
    /// The wanted run.
    pub ticket: Ticket,
    /// How far it is.
    pub phase: Phase,
    /// Where the text stands in the log: first byte and length of its line.
    pub(super) line: (u64, u32),
}

/// Which line of a timetable: the file, the spore in it, the line.
pub type TimerKey = (String, String, String);

/// The queue as it is now.
#[derive(Debug, Default)]
pub struct State {
    /// Files that were looked at, with their contents then.
    known: HashMap<String, Digest>,
    /// Contents that are known and in no file now.
    remembered: HashMap<Digest, u32>,
    /// Wanted runs, oldest first.
    tickets: BTreeMap<RunId, Waiting>,
    /// Results to be committed.
    kept: BTreeMap<RunId, Kept>,
    /// The last moment of each timer.
    fired: HashMap<TimerKey, Timestamp>,
    /// Files with spores that something else than their arrival starts.
    triggered: BTreeSet<String>,
    /// Letters that were read, newest last. Their files are discarded afterwards.
    letters: VecDeque<String>,
    paused: Option<Pause>,
    /// Whether any fact was ever noted.
    has_past: bool,
}

impl State {
    /// Whether the folder was ever watched before.
    #[must_use]
    pub fn has_past(&self) -> bool {
        self.has_past
    }

    /// What stood in the file when it was last looked at.
    #[must_use]
    pub fn known(&self, path: &str) -> Option<Digest> {
        self.known.get(path).copied()
    }

    /// The files that were looked at.
    pub fn known_files(&self) -> impl Iterator<Item = (&str, Digest)> {
        self.known.iter().map(|(path, digest)| (path.as_str(), *digest))
    }

    /// How often these contents are known and stand in no file that is known: then a file that has them was renamed, or
    /// has them again.
    #[must_use]
    pub fn remembered(&self, digest: &Digest) -> u32 {
        self.remembered.get(digest).copied().unwrap_or(0)
    }

    /// The wanted runs, oldest first.
    pub fn tickets(&self) -> impl Iterator<Item = &Waiting> {
        self.tickets.values()
    }

    /// One of them.
    #[must_use]
    pub fn ticket(&self, run: RunId) -> Option<&Waiting> {
        self.tickets.get(&run)
    }

    /// Results that wait for their commit, oldest first.
    pub fn kept(&self) -> impl Iterator<Item = (RunId, &Kept)> {
        self.kept.iter().map(|(run, kept)| (*run, kept))
    }

    /// The last moment of a timer.
    #[must_use]
    pub fn fired(&self, timer: &TimerKey) -> Option<Timestamp> {
        self.fired.get(timer).copied()
    }

    /// Whether something else than its arrival starts a spore of this file.
    #[must_use]
    pub fn is_triggered(&self, path: &str) -> bool {
        self.triggered.contains(path)
    }

    /// The files with such spores.
    pub fn triggered(&self) -> impl Iterator<Item = &str> {
        self.triggered.iter().map(String::as_str)
    }

    /// Whether what a letter called for is queued already.
    #[must_use]
    pub fn has_read(&self, letter: &str) -> bool {
        self.letters.iter().any(|known| known == letter)
    }

    /// How many files are known.
    #[must_use]
    pub fn known_total(&self) -> usize {
        self.known.len()
    }

    /// Whether nothing is to begin.
    #[must_use]
    pub fn paused(&self) -> Option<Pause> {
        self.paused
    }

    /// Adds a fact; `line` is where it stands in the log.
    pub(super) fn apply(&mut self, fact: Fact, line: (u64, u32)) {
        self.has_past = true;
        match fact {
            Fact::Known { files } => {
                // All of them let go of what they had before any of them takes something: they may change places.
                for (path, digest) in &files {
                    self.let_go(path, *digest);
                }
                for (path, digest) in files {
                    self.know(path, digest);
                }
            }
            Fact::Batch { .. } => {}
            Fact::Gone { files } => {
                for path in files {
                    if let Some(digest) = self.known.remove(&path) {
                        self.remember(digest);
                    }
                }
            }
            Fact::Remembered { contents } => {
                for (digest, times) in contents {
                    *self.remembered.entry(digest).or_default() += times;
                }
            }
            Fact::Queued { ticket, pending, .. } => {
                let phase = pending.map_or(Phase::Queued, |because| Phase::Pending { because });
                self.tickets.insert(ticket.run, Waiting { ticket: *ticket, phase, line });
            }
            Fact::Allowed { run } => self.set_phase(run, Phase::Queued),
            Fact::Held { run, because } => self.set_phase(run, Phase::Pending { because }),
            Fact::Begun { run } => self.set_phase(run, Phase::Running),
            Fact::Ended { run, .. } => drop(self.tickets.remove(&run)),
            Fact::Kept { run, kept } => drop(self.kept.insert(run, kept)),
            Fact::Withdrawn { run, forgotten, .. } => {
                let Some(Waiting { ticket, .. }) = self.tickets.remove(&run) else { return };
                if forgotten {
                    self.forget(&ticket);
                }
            }
            Fact::Settled { runs, .. } => runs.iter().for_each(|run| drop(self.kept.remove(run))),
            Fact::Fired { path, spore, line, at } => drop(self.fired.insert((path, spore, line), at)),
            Fact::Triggered { path, is: true } => drop(self.triggered.insert(path)),
            Fact::Triggered { path, is: false } => drop(self.triggered.remove(&path)),
            Fact::Read { letter } => {
                self.letters.push_back(letter);
                self.letters.drain(..self.letters.len().saturating_sub(LETTERS_MAX));
            }
            Fact::Paused(pause) => self.paused = Some(pause),
            Fact::Unpaused => self.paused = None,
        }
    }

    fn set_phase(&mut self, run: RunId, phase: Phase) {
        if let Some(waiting) = self.tickets.get_mut(&run) {
            waiting.phase = phase;
        }
    }

    fn let_go(&mut self, path: &str, digest: Digest) {
        if let Some(before) = self.known.get(path).copied().filter(|before| *before != digest) {
            self.known.remove(path);
            self.remember(before);
        }
    }

    fn know(&mut self, path: String, digest: Digest) {
        if self.known.insert(path, digest) == Some(digest) {
            return;
        }
        if let Some(times) = self.remembered.get_mut(&digest) {
            *times -= 1;
            if *times == 0 {
                self.remembered.remove(&digest);
            }
        }
    }

    fn remember(&mut self, digest: Digest) {
        if self.remembered.len() < REMEMBERED_MAX || self.remembered.contains_key(&digest) {
            *self.remembered.entry(digest).or_default() += 1;
        }
    }

    /// Its contents never ran: in whatever file they arrive, they are new.
    fn forget(&mut self, ticket: &Ticket) {
        if self.known.get(&ticket.path) == Some(&ticket.digest) {
            self.known.remove(&ticket.path);
        } else if let Some(times) = self.remembered.get_mut(&ticket.digest) {
            *times -= 1;
            if *times == 0 {
                self.remembered.remove(&ticket.digest);
            }
        }
    }

    /// The facts that add up to this state, those of the tickets left out: their texts stand in the log only.
    pub(super) fn facts(&self) -> Vec<Fact> {
        let mut facts = Vec::new();
        let known: Vec<_> = self.known.iter().map(|(path, digest)| (path.clone(), *digest)).collect();
        facts.extend(known.chunks(1_000).map(|files| Fact::Known { files: files.to_vec() }));
        let remembered: Vec<_> = self.remembered.iter().map(|(digest, times)| (*digest, *times)).collect();
        facts.extend(remembered.chunks(1_000).map(|contents| Fact::Remembered { contents: contents.to_vec() }));
        facts.extend(self.fired.iter().map(|((path, spore, line), at)| Fact::Fired {
            path: path.clone(),
            spore: spore.clone(),
            line: line.clone(),
            at: *at,
        }));
        facts.extend(self.kept.iter().map(|(run, kept)| Fact::Kept { run: *run, kept: kept.clone() }));
        let triggered = self.triggered.iter();
        facts.extend(triggered.map(|path| Fact::Triggered { path: path.clone(), is: true }));
        facts.extend(self.letters.iter().map(|letter| Fact::Read { letter: letter.clone() }));
        facts.extend(self.paused.map(Fact::Paused));
        facts
    }
}
