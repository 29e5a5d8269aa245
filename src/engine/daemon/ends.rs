//! What follows when a run is over, or will never be.

use super::super::{Error, Finished};
use super::crew::Heard;
use super::{Daemon, Said};
use crate::model::{Problem, RecentStatus, RunId, RunRecord, Timestamp};
use crate::os::failpoint;
use crate::queue::{self, Fact, Kept};

/// Runs that are shown as recent.
const RECENT_MAX: usize = 50;
/// From one try to begin a run to the next, when the world was in the way.
const AGAIN_MS: i64 = 10_000;

impl Daemon<'_> {
    /// Hears a thread.
    pub(super) fn hear(&mut self, heard: Heard) -> Result<(), queue::Error> {
        match heard {
            Heard::Remark { run, text } => {
                self.view.hear(&Said::Remark { about: run.to_string(), message: text, hint: None });
                Ok(())
            }
            Heard::Kept(came) => self.kept(*came),
            Heard::Finishing(run) => {
                self.crew.finishing(run);
                Ok(())
            }
            Heard::Over { run, came } => {
                self.crew.leave(run);
                self.lineage.end(run, self.world.now().0);
                match *came {
                    Ok(finished) => self.over(&finished),
                    Err(error) => self.failed(run, &error),
                }
            }
        }
    }

    fn over(&mut self, finished: &Finished) -> Result<(), queue::Error> {
        if let Some(remark) = finished.kept.remark().filter(|_| finished.kept.commit.is_some()) {
            self.say_problem(&finished.record.run.to_string(), remark, None);
        }
        self.note_end(&finished.record)
    }

    /// Notes that a run has its result.
    pub(super) fn note_end(&mut self, record: &RunRecord) -> Result<(), queue::Error> {
        let run = record.run;
        let result = record.result_path.clone().unwrap_or_default();
        let (path, spore, status) = (record.origin.path.clone(), record.origin.spore.clone(), record.status);
        let mut facts = Vec::new();
        let is_committed = record.result_commit.is_some();
        if self.project.commit == Some(true) && !is_committed && !result.is_empty() {
            let kept = Kept { path: result.clone(), source: path.clone(), spore: spore.clone(), status };
            facts.push(Fact::Kept { run, kept });
            self.keeper.wants(self.world.now());
        }
        if self.log.state().ticket(run).is_some() {
            facts.push(Fact::Ended { run, status });
        }
        failpoint::reach("run-over");
        self.log.append(facts)?;
        self.forget_ticket(run);
        self.problems.remove(&run.to_string());
        let ended = record.finished.unwrap_or_else(|| self.world.now());
        let took_ms = u64::try_from(ended.since(record.started).as_millis()).unwrap_or(u64::MAX);
        self.remember(RecentStatus {
            run,
            spore: spore.clone(),
            path: path.clone(),
            status: Some(status),
            ended,
            took_ms,
            result: Some(result.clone()),
            because: None,
        });
        self.view.hear(&Said::Ended { run, path, spore, status, took_ms, result });
        Ok(())
    }

    /// A run could not be brought to its end.
    fn failed(&mut self, run: RunId, error: &Error) -> Result<(), queue::Error> {
        let message = error.to_string();
        match error {
            // Another engine has it, or has brought it to its end: that one tells.
            Error::UnderWay { .. } | Error::HasEnded { .. } => self.try_again_later(run),
            // The world was in the way, and may not be in a while.
            Error::Repo(_) | Error::Journal(_) | Error::Runtime(_) | Error::Unkept { .. } => {
                self.say_problem(&run.to_string(), message, error.hint());
                self.try_again_later(run)
            }
            _ => {
                self.given_up.insert(run);
                self.say_problem(&run.to_string(), message.clone(), error.hint());
                self.withdraw(run, &message, false)
            }
        }
    }

    /// Takes a wanted run out of the queue. `forgotten` has the same contents count as new when they arrive again.
    pub(super) fn withdraw(&mut self, run: RunId, because: &str, forgotten: bool) -> Result<(), queue::Error> {
        let Some(ticket) = self.log.state().ticket(run).map(|waiting| waiting.ticket.clone()) else { return Ok(()) };
        self.log.append(vec![Fact::Withdrawn { run, because: because.to_owned(), forgotten }])?;
        self.log.sync()?;
        self.forget_ticket(run);
        self.remember(RecentStatus {
            run,
            spore: ticket.spore,
            path: ticket.path.clone(),
            status: None,
            ended: self.world.now(),
            took_ms: 0,
            result: None,
            because: Some(because.to_owned()),
        });
        self.view.hear(&Said::Withdrawn { run, path: ticket.path, because: because.to_owned() });
        Ok(())
    }

    /// Has a wanted run wait until it may run.
    pub(super) fn hold(&mut self, run: RunId, because: String, hint: Option<String>) -> Result<(), queue::Error> {
        let Some(path) = self.log.state().ticket(run).map(|waiting| waiting.ticket.path.clone()) else { return Ok(()) };
        self.log.append(vec![Fact::Held { run, because: because.clone() }])?;
        self.hints.extend(hint.clone().map(|hint| (run, hint)));
        self.view.hear(&Said::Pending { run, path, because, hint });
        Ok(())
    }

    pub(super) fn try_again_later(&mut self, run: RunId) -> Result<(), queue::Error> {
        let at = Timestamp(self.world.now().0 + AGAIN_MS);
        if self.log.state().ticket(run).is_some() {
            self.again_at.insert(run, at);
            // Whether it had begun, its folder tells when its turn comes again.
            self.log.append(vec![Fact::Allowed { run }])?;
        }
        self.look_for_others_at = Some(at);
        Ok(())
    }

    pub(super) fn forget_ticket(&mut self, run: RunId) {
        self.groups.remove(&run);
        self.hints.remove(&run);
        self.again_at.remove(&run);
    }

    fn remember(&mut self, recent: RecentStatus) {
        self.recent.push_front(recent);
        self.recent.truncate(RECENT_MAX);
    }

    /// Tells of something that is wrong, once for each thing it is about.
    pub(super) fn say_problem(&mut self, about: &str, message: String, hint: Option<String>) {
        let problem = Problem { about: about.to_owned(), message: message.clone(), hint: hint.clone() };
        if self.problems.insert(about.to_owned(), problem.clone()).as_ref() != Some(&problem) {
            self.view.hear(&Said::Remark { about: about.to_owned(), message, hint });
        }
    }
}
