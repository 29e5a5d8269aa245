//! The keys of the picture that fills the screen, and what they mean. It decides only what is looked at; what is wished, it
//! hands back.

use crate::model::{RunId, Status};
use crate::render::{self, Gaze};

/// Looks at the clock for which an answer stays on the screen.
const IDLE_MAX: u32 = 4;

/// What somebody wishes by a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// To end this run.
    Cancel(RunId),
    /// That nothing begins.
    Pause,
    /// That things begin again.
    Unpause,
    /// To go.
    Leave,
}

/// Somebody at the keys.
#[derive(Debug)]
pub(super) struct Hand {
    /// How everything stands.
    pub(super) status: Status,
    /// What is looked at.
    pub(super) gaze: Gaze,
    /// The run that is to be ended, as soon as somebody says yes.
    sentenced: Option<RunId>,
    /// Looks at the clock since the last key.
    idle: u32,
}

impl Hand {
    pub(super) fn new(status: Status) -> Self {
        let mut hand = Self { status: Status::default(), gaze: Gaze::default(), sentenced: None, idle: 0 };
        hand.look(status);
        hand
    }

    /// Things stand otherwise. What is chosen stays so for as long as it is there; then what stands at its place is.
    pub(super) fn look(&mut self, status: Status) {
        let before = render::choices(&self.status);
        let choices = render::choices(&status);
        let place = self.gaze.chosen.and_then(|chosen| before.iter().position(|run| *run == chosen));
        self.status = status;
        if self.gaze.log.is_some() || self.gaze.chosen.is_some_and(|chosen| choices.contains(&chosen)) {
            return;
        }
        let place = place.unwrap_or(0).min(choices.len().saturating_sub(1));
        self.gaze.chosen = choices.get(place).copied();
        if self.sentenced.take().is_some() {
            self.gaze.said = Some("it is over".to_owned());
        }
    }

    /// Something was answered.
    pub(super) fn hear(&mut self, said: String) {
        self.gaze.said = Some(said);
        self.idle = 0;
    }

    /// Time has passed. What was answered gives way to the keys; a question stays.
    pub(super) fn wait(&mut self) {
        self.idle += 1;
        if self.idle > IDLE_MAX && self.sentenced.is_none() {
            self.gaze.said = None;
        }
    }

    /// Keys were pressed. Of several at once, the first that is a wish counts.
    pub(super) fn press(&mut self, bytes: &[u8]) -> Option<Wish> {
        self.idle = 0;
        match bytes {
            b"\x1b[A" | b"\x1bOA" => self.choose(-1),
            b"\x1b[B" | b"\x1bOB" => self.choose(1),
            b"\x1b" => return self.press_one(0x1b),
            [0x1b, ..] => {}
            keys => return keys.iter().find_map(|key| self.press_one(*key)),
        }
        None
    }

    fn press_one(&mut self, key: u8) -> Option<Wish> {
        if key == 0x03 {
            return Some(Wish::Leave);
        }
        if let Some(run) = self.sentenced.take() {
            let is_sure = matches!(key, b'y' | b'Y');
            self.gaze.said = (!is_sure).then(|| "nothing is cancelled".to_owned());
            return is_sure.then_some(Wish::Cancel(run));
        }
        self.gaze.said = None;
        match key {
            0x1b | b'q' | b'l' if self.gaze.log.is_some() => self.close_log(),
            0x1b | b'q' => return Some(Wish::Leave),
            b'j' => self.choose(1),
            b'k' => self.choose(-1),
            b'c' => {
                self.sentenced = self.gaze.chosen;
                self.gaze.said = self.gaze.chosen.map(|run| format!("cancel run {run}? y/N"));
            }
            b'l' => self.gaze.log = self.gaze.chosen.map(|_| String::new()),
            b'p' if self.status.paused.is_some() => return Some(Wish::Unpause),
            b'p' => return Some(Wish::Pause),
            _ => {}
        }
        None
    }

    fn close_log(&mut self) {
        self.gaze.log = None;
        // What was looked at may be over.
        self.look(self.status.clone());
    }

    fn choose(&mut self, by: isize) {
        let choices = render::choices(&self.status);
        let place = self.gaze.chosen.and_then(|chosen| choices.iter().position(|run| *run == chosen));
        let next = place.map_or(Some(0), |place| place.checked_add_signed(by));
        if let Some(run) = next.and_then(|next| choices.get(next)) {
            self.gaze.chosen = Some(*run);
        }
        self.sentenced = None;
        self.gaze.said = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{RunningStatus, Timestamp};

    fn running(runs: &[u64]) -> Status {
        let one = |at: &u64| RunningStatus {
            run: RunId::from_parts(*at, 1),
            spore: "x".into(),
            path: "x.md".into(),
            since: Timestamp(0),
            tasks_ended: 0,
            tasks: 1,
            tasks_running: Vec::new(),
            line: String::new(),
        };
        Status { running: runs.iter().map(one).collect(), ..Status::default() }
    }

    #[test]
    fn only_a_yes_cancels_what_is_chosen() {
        let mut hand = Hand::new(running(&[1, 2, 3]));
        assert_eq!(hand.press(b"\x1b[B"), None);
        assert_eq!(hand.press(b"c"), None);
        assert_eq!(hand.press(b"\n"), None, "anything else is a no");
        assert_eq!(hand.press(b"y"), None, "and then it is over");
        assert_eq!(hand.press(b"c"), None);
        assert_eq!(hand.press(b"y"), Some(Wish::Cancel(RunId::from_parts(2, 1))));
    }

    #[test]
    fn a_question_goes_with_its_run() {
        let mut hand = Hand::new(running(&[1, 2]));
        hand.press(b"c");
        hand.look(running(&[2]));
        assert_eq!(hand.gaze.chosen, Some(RunId::from_parts(2, 1)));
        assert_eq!(hand.press(b"y"), None, "the yes was for another run");
    }

    #[test]
    fn the_choice_stays_within_what_is_there() {
        let mut hand = Hand::new(running(&[1, 2]));
        for keys in [&b"k"[..], b"\x1b[A", b"j", b"j", b"\x1bOB"] {
            hand.press(keys);
        }
        assert_eq!(hand.gaze.chosen, Some(RunId::from_parts(2, 1)));
        hand.look(running(&[]));
        assert_eq!(hand.gaze.chosen, None);
        assert_eq!(hand.press(b"c"), None);
        assert_eq!(hand.press(b"y"), None);
    }

    #[test]
    fn leaving_a_log_is_not_leaving() {
        let mut hand = Hand::new(running(&[1]));
        hand.press(b"l");
        assert!(hand.gaze.log.is_some());
        assert_eq!(hand.press(b"q"), None);
        assert_eq!((hand.gaze.log.clone(), hand.press(b"\x1b")), (None, Some(Wish::Leave)));
        hand.press(b"l");
        assert_eq!(hand.press(&[3]), Some(Wish::Leave));
    }
}
