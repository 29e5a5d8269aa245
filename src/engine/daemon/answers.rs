//! What doors ask of a watcher, and what they are answered.

use tokio::sync::mpsc;

use super::Daemon;
use crate::model::{Answer, Ask, Paused, RunId, Status, Timestamp, WaitingStatus, WatcherStatus};
use crate::os::identity::Identity;
use crate::queue::{self, Fact, Pause, Phase, Waiting};
use crate::transport::Question;

/// Wanted runs that are shown one by one.
const SHOWN_MAX: usize = 200;
/// Moments of the clock that are shown.
const UPCOMING_MAX: usize = 20;
/// At most so often are those who follow told, in milliseconds.
const FOLLOW_MS: i64 = 100;

/// Who follows, and what they have seen.
#[derive(Debug, Default)]
pub(super) struct Followers {
    /// Each with whether it has missed something because it did not read.
    answers: Vec<(mpsc::Sender<Answer>, bool)>,
    told_at: Timestamp,
    told: Option<Status>,
}

impl Followers {
    /// The clock was set.
    pub(super) fn clock_was_set(&mut self) {
        self.told_at = Timestamp::default();
    }
}

impl Daemon<'_> {
    /// Answers a question.
    pub(super) fn answer(&mut self, question: Question) -> Result<(), queue::Error> {
        let Question { ask, answers } = question;
        let answer = match ask {
            Ask::Status => Answer::Status(Box::new(self.status())),
            Ask::Follow => {
                let status = self.status();
                let answer = Answer::Status(Box::new(status));
                if answers.try_send(answer).is_ok() {
                    self.followers.answers.push((answers, false));
                }
                return Ok(());
            }
            Ask::Cancel { run, now } => self.cancel(run, now)?,
            Ask::Pause { until } => {
                self.log.append(vec![Fact::Paused(Pause { since: self.world.now(), until })])?;
                self.log.sync()?;
                Answer::Done { said: "nothing begins from here on; what runs goes on".to_owned() }
            }
            Ask::Unpause => {
                self.log.append(vec![Fact::Unpaused])?;
                self.log.sync()?;
                Answer::Done { said: "wanted runs begin again".to_owned() }
            }
            Ask::Recheck => {
                let allowed = self.recheck()?;
                let said = match allowed {
                    0 => "nothing that waited may run now".to_owned(),
                    1 => "1 wanted run may run now".to_owned(),
                    many => format!("{many} wanted runs may run now"),
                };
                Answer::Done { said }
            }
            Ask::Rescan => {
                self.rescan_at = Some(self.world.now());
                Answer::Done { said: "the folder is looked at".to_owned() }
            }
        };
        // Who does not listen any more does not have to know.
        let _ = answers.try_send(answer);
        Ok(())
    }

    fn cancel(&mut self, run: RunId, now: bool) -> Result<Answer, queue::Error> {
        if self.crew.stop(run, now) {
            let how = if now { "killed" } else { "asked to end" };
            return Ok(Answer::Done { said: format!("the commands of run {run} are {how}") });
        }
        if self.log.state().ticket(run).is_some() {
            self.withdraw(run, "somebody took it out of the queue", false)?;
            return Ok(Answer::Done { said: format!("run {run} is taken out of the queue") });
        }
        Ok(Answer::Refused { because: format!("no run {run} is under way or wanted here"), hint: None })
    }

    /// Looks at what waits for approval again; returns how many may run now.
    pub(super) fn recheck(&mut self) -> Result<usize, queue::Error> {
        self.load_trust();
        let pending = self.log.state().tickets().filter(|waiting| matches!(waiting.phase, Phase::Pending { .. }));
        let pending: Vec<RunId> = pending.map(|waiting| waiting.ticket.run).collect();
        let mut allowed = 0;
        for run in pending {
            match self.judge_ticket(run) {
                Some(Ok(_)) => {
                    self.log.append(vec![Fact::Allowed { run }])?;
                    self.hints.remove(&run);
                    allowed += 1;
                }
                Some(Err((because, hint))) => {
                    let told = self.log.state().ticket(run).map(|waiting| waiting.phase.clone());
                    if told != Some(Phase::Pending { because: because.clone() }) {
                        self.hold(run, because, hint)?;
                    }
                }
                None => {}
            }
        }
        if allowed > 0 {
            self.log.sync()?;
        }
        Ok(allowed)
    }

    /// How everything stands.
    pub(super) fn status(&self) -> Status {
        let state = self.log.state();
        let of_phase = |wanted: fn(&Phase) -> bool| state.tickets().filter(move |waiting| wanted(&waiting.phase));
        let queued = || of_phase(|phase| *phase == Phase::Queued);
        let pending = || of_phase(|phase| matches!(phase, Phase::Pending { .. }));
        Status {
            folder: self.root.path().display().to_string(),
            watcher: Some(WatcherStatus {
                pid: Identity::me().pid(),
                since: self.since,
                version: env!("CARGO_PKG_VERSION").to_owned(),
                jobs: self.crew.jobs(),
                trust: self.trust_word(),
                files: state.known_total(),
                native: self.is_native,
            }),
            paused: state.paused().map(|pause| Paused { since: pause.since, until: pause.until }),
            running: self.crew.statuses(),
            queued: queued().take(SHOWN_MAX).map(|waiting| self.waiting_status(waiting)).collect(),
            queued_total: queued().count(),
            pending: pending().take(SHOWN_MAX).map(|waiting| self.waiting_status(waiting)).collect(),
            pending_total: pending().count(),
            recent: self.recent.iter().cloned().collect(),
            next: self.timetable.upcoming(UPCOMING_MAX),
            uncommitted: state.kept().count(),
            problems: self.problems.values().cloned().collect(),
        }
    }

    fn waiting_status(&self, waiting: &Waiting) -> WaitingStatus {
        let ticket = &waiting.ticket;
        let busy = || {
            let (group, _) = self.groups.get(&ticket.run)?;
            let (holder, _) = self.crew.members().find(|(_, member)| member.group.as_ref() == Some(group))?;
            Some(format!("run {holder} of its group `{group}` is under way"))
        };
        let because = match &waiting.phase {
            Phase::Pending { because } => Some(because.clone()),
            _ => busy(),
        };
        WaitingStatus { because, hint: self.hints.get(&ticket.run).cloned(), ..WaitingStatus::of(ticket) }
    }

    /// Tells those who follow, when there is something new.
    pub(super) fn tell_followers(&mut self) {
        self.followers.answers.retain(|(answers, _)| !answers.is_closed());
        if self.followers.answers.is_empty() {
            return;
        }
        let now = self.world.now();
        if (0..FOLLOW_MS).contains(&(now.0 - self.followers.told_at.0)) {
            return;
        }
        let status = self.status();
        self.followers.told_at = now;
        let is_new = self.followers.told.as_ref() != Some(&status);
        for (answers, is_behind) in &mut self.followers.answers {
            if is_new || *is_behind {
                // Who does not read is told when it does, and what it missed is not kept for it.
                *is_behind = answers.try_send(Answer::Status(Box::new(status.clone()))).is_err();
            }
        }
        self.followers.told = Some(status);
    }

    /// When those who follow may be told next.
    pub(super) fn followers_at(&self) -> Option<Timestamp> {
        (!self.followers.answers.is_empty()).then_some(Timestamp(self.followers.told_at.0 + FOLLOW_MS))
    }
}
