//! When a file that somebody is writing is ready to be looked at. Pure: time is told, nothing is looked at.
//!
//! - Renamed in: at once. Whoever renames has finished writing, so nothing is gained by waiting, and a debounce costs
//!   such files nothing.
//! - Closed after writing: when nothing more has come for the time [`Times::settle`]. Editors write, close, change the
//!   permissions and touch; that is one content.
//! - Written and not closed: when nothing more has come for the time [`Times::still`]. Who writes in slow pieces makes an
//!   event with each, and so is waited for.
//! - Removed or renamed away: at once, but only as gone. If the name has a file again, its own events tell when that is
//!   ready.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The least time from one look at all that wait to the next, so that a burst is looked at in heaps.
const HEAP: Duration = Duration::from_millis(5);

/// What was seen of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// A folder was made.
    MadeFolder,
    /// A file was made or written.
    Written,
    /// It was closed by who could write it.
    Closed,
    /// Its permissions or times were changed.
    Touched,
    /// It was renamed to this name.
    Came,
    /// It was removed, or renamed to another name.
    Went,
}

/// For how long nothing more may come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) settle: Duration,
    pub(super) still: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Closed,
    Came,
    Went,
}

impl Times {
    fn wait(self, state: State) -> Duration {
        match state {
            State::Open => self.still,
            State::Closed => self.settle,
            State::Came | State::Went => Duration::ZERO,
        }
    }
}

/// Paths that wait until they are ready.
#[derive(Debug)]
pub(super) struct Settling {
    times: Times,
    paths: HashMap<PathBuf, (State, Duration)>,
    /// No path is ready before this.
    next: Option<Duration>,
}

/// Paths that waited long enough.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Settled {
    pub(super) ready: Vec<PathBuf>,
    pub(super) gone: Vec<PathBuf>,
}

impl Settling {
    pub(super) fn new(times: Times) -> Self {
        Self { times, paths: HashMap::new(), next: None }
    }

    pub(super) fn times(&self) -> Times {
        self.times
    }

    pub(super) fn len(&self) -> usize {
        self.paths.len()
    }

    pub(super) fn clear(&mut self) {
        self.paths = HashMap::new();
        self.next = None;
    }

    /// Takes note of what was seen of a file at `now`.
    pub(super) fn note(&mut self, path: &Path, sign: Sign, now: Duration) {
        let before = self.paths.get(path).map(|(state, _)| *state);
        let state = match (sign, before) {
            (Sign::Came, _) | (Sign::Closed | Sign::Touched, Some(State::Came)) => State::Came,
            (Sign::Went, _) | (Sign::Touched, Some(State::Went)) => State::Went,
            (Sign::Written | Sign::MadeFolder, _) | (Sign::Touched, Some(State::Open)) => State::Open,
            (Sign::Closed | Sign::Touched, _) => State::Closed,
        };
        self.put(path, state, now);
    }

    /// Has a file wait that may be open, unless more is known of it.
    pub(super) fn suspect(&mut self, path: &Path, now: Duration) {
        if !self.paths.contains_key(path) {
            self.put(path, State::Open, now);
        }
    }

    fn put(&mut self, path: &Path, state: State, now: Duration) {
        let ready = now + self.times.wait(state);
        self.next = Some(self.next.map_or(ready, |next| next.min(ready)));
        match self.paths.get_mut(path) {
            Some(known) => *known = (state, now),
            None => {
                self.paths.insert(path.to_path_buf(), (state, now));
            }
        }
    }

    /// When to look again; `None` where nothing waits.
    pub(super) fn deadline(&self) -> Option<Duration> {
        self.next
    }

    /// Takes out what is ready at `now`.
    pub(super) fn take(&mut self, now: Duration) -> Settled {
        let mut settled = Settled::default();
        if self.next.is_none_or(|next| now < next) {
            return settled;
        }
        let times = self.times;
        let mut next: Option<Duration> = None;
        self.paths.retain(|path, (state, since)| {
            let ready = *since + times.wait(*state);
            if now < ready {
                next = Some(next.map_or(ready, |next| next.min(ready)));
                return true;
            }
            let list = if *state == State::Went { &mut settled.gone } else { &mut settled.ready };
            list.push(path.clone());
            false
        });
        if self.paths.is_empty() {
            // A burst must not be paid for by the quiet after it.
            self.paths.shrink_to(64);
        }
        self.next = next.map(|next| next.max(now + HEAP));
        settled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTLE: u64 = 100;
    const STILL: u64 = 2_000;

    /// Notes the signs at their milliseconds, and gives what was taken out, with the millisecond of each.
    fn play(signs: &[(u64, Sign)]) -> Vec<(u64, &'static str)> {
        let times = Times { settle: Duration::from_millis(SETTLE), still: Duration::from_millis(STILL) };
        let mut settling = Settling::new(times);
        let path = Path::new("/x/a.md");
        let mut taken = Vec::new();
        for at in 0..20_000 {
            let now = Duration::from_millis(at);
            signs.iter().filter(|(when, _)| *when == at).for_each(|(_, sign)| settling.note(path, *sign, now));
            if settling.deadline().is_some_and(|next| next <= now) {
                let Settled { ready, gone } = settling.take(now);
                taken.extend(ready.iter().map(|_| (at, "ready")));
                taken.extend(gone.iter().map(|_| (at, "gone")));
            }
        }
        assert_eq!((settling.len(), settling.deadline()), (0, None));
        taken
    }

    #[test]
    fn a_rename_waits_for_nothing() {
        assert_eq!(play(&[(5, Sign::Came)]), [(5, "ready")]);
        assert_eq!(play(&[(5, Sign::Came), (5, Sign::Touched), (5, Sign::Closed)]), [(5, "ready")]);
        assert_eq!(play(&[(5, Sign::Went)]), [(5, "gone")]);
        assert_eq!(play(&[(5, Sign::Went), (5, Sign::Came)]), [(5, "ready")]);
        assert_eq!(play(&[(5, Sign::Came), (5, Sign::Went)]), [(5, "gone")]);
    }

    #[test]
    fn closing_settles_and_every_event_begins_anew() {
        assert_eq!(play(&[(0, Sign::Written), (1, Sign::Closed)]), [(101, "ready")]);
        assert_eq!(play(&[(0, Sign::Written), (1, Sign::Closed), (60, Sign::Touched)]), [(160, "ready")]);
        // An editor that writes twice, with a look at the permissions in between.
        let twice =
            [(0, Sign::Written), (1, Sign::Closed), (90, Sign::Written), (99, Sign::Closed), (150, Sign::Touched)];
        assert_eq!(play(&twice), [(250, "ready")]);
        assert_eq!(play(&[(0, Sign::Touched)]), [(100, "ready")]);
    }

    #[test]
    fn who_keeps_it_open_is_waited_for() {
        let mut signs: Vec<(u64, Sign)> = (0..10).map(|piece| (piece * 900, Sign::Written)).collect();
        assert_eq!(play(&signs), [(8_100 + STILL, "ready")]);
        signs.push((8_500, Sign::Touched));
        assert_eq!(play(&signs), [(8_500 + STILL, "ready")]);
        signs.push((9_000, Sign::Closed));
        assert_eq!(play(&signs), [(9_100, "ready")]);
        // Closed, and opened again by somebody else before it settled.
        assert_eq!(play(&[(0, Sign::Closed), (50, Sign::Written)]), [(50 + STILL, "ready")]);
    }

    #[test]
    fn what_takes_the_place_of_a_removed_file_waits_for_itself() {
        // The dance of an editor that moves the old file away and writes a new one.
        let dance = [(0, Sign::Went), (0, Sign::Written), (1, Sign::Closed), (1, Sign::Touched)];
        assert_eq!(play(&dance), [(101, "ready")]);
        assert_eq!(play(&[(0, Sign::Went), (1, Sign::Written), (2, Sign::Closed)]), [(0, "gone"), (102, "ready")]);
    }

    #[test]
    fn a_suspect_waits_unless_more_is_known() {
        let times = Times { settle: Duration::from_millis(SETTLE), still: Duration::from_millis(STILL) };
        let mut settling = Settling::new(times);
        settling.note(Path::new("known"), Sign::Closed, Duration::ZERO);
        settling.suspect(Path::new("known"), Duration::ZERO);
        settling.suspect(Path::new("new"), Duration::ZERO);
        assert_eq!(settling.take(Duration::from_millis(SETTLE)).ready, [PathBuf::from("known")]);
        assert_eq!(settling.take(Duration::from_millis(STILL)).ready, [PathBuf::from("new")]);
    }

    #[test]
    fn a_burst_is_looked_at_in_heaps() {
        let times = Times { settle: Duration::from_millis(SETTLE), still: Duration::from_millis(STILL) };
        let mut settling = Settling::new(times);
        for number in 0..5_000 {
            let at = Duration::from_micros(number * 10);
            settling.note(Path::new(&format!("{number}.md")), Sign::Closed, at);
        }
        let (mut looks, mut ready, mut now) = (0, 0, Duration::ZERO);
        while let Some(next) = settling.deadline() {
            now = now.max(next);
            ready += settling.take(now).ready.len();
            looks += 1;
        }
        assert_eq!(ready, 5_000);
        assert!(looks <= 12, "{looks} looks for 50 ms");
    }
}
