//! Keeping results: one commit for each settled burst of them, and the way to other repositories.
//!
//! A result is safe on disk, and in the queue's log as one to be committed, before anything is done here. Git works in a
//! thread of its own; what it cannot do now is tried again, less and less often.

use std::time::Duration;

use tokio::sync::mpsc;

use super::crew::Heard;
use super::{Daemon, Said};
use crate::model::{RunId, Timestamp};
use crate::os::failpoint;
use crate::queue::{self, Fact, Kept};
use crate::repo::{self, Batch, Commit, Project, Pull, Pulled, Pushed, Refused, Root, Written};

/// How long nothing must have ended before results are committed while nothing is under way, and how long the first of
/// them waits at most while other runs are.
const QUIET_MS: i64 = 50;
const WAITS_MAX_MS: i64 = 2_000;
/// Results in one commit.
const BATCH_MAX: usize = 2_000;
/// The first pause after a failure, and the longest.
const PAUSE_MS: i64 = 1_000;
const PAUSE_MAX_MS: i64 = 60_000;
/// The pause from which on git is stuck: three tries have failed.
const STUCK_MS: i64 = 8_000;
/// How long git's locks are waited for at a time.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long one contact with another repository may take.
pub(super) const CONTACT_MAX: Duration = Duration::from_mins(2);

/// When to work with git again.
#[derive(Debug)]
pub(super) struct Keeper {
    reports: mpsc::UnboundedSender<Heard>,
    /// Whether a thread works with git now.
    is_busy: bool,
    first: Option<Timestamp>,
    last: Timestamp,
    pause_ms: i64,
    not_before: Timestamp,
    wants_push: bool,
    pull_at: Option<Timestamp>,
    /// Whether another repository is known to have something new.
    wants_pull: bool,
}

/// What git is to do, one after the other.
struct Chores {
    root: Root,
    project: Project,
    kept: Vec<(RunId, Kept)>,
    /// Where to.
    push: Option<String>,
    pull: bool,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Came {
    commit: Option<(Vec<RunId>, Result<Batch, repo::Error>)>,
    pull: Option<Result<Pulled, repo::Error>>,
    push: Option<Result<Pushed, repo::Error>>,
}

impl Keeper {
    pub(super) fn new(reports: mpsc::UnboundedSender<Heard>) -> Self {
        let never = Timestamp::default();
        Self {
            reports,
            is_busy: false,
            first: None,
            last: never,
            pause_ms: PAUSE_MS,
            not_before: never,
            wants_push: false,
            pull_at: None,
            wants_pull: false,
        }
    }

    /// There is a result to be committed.
    pub(super) fn wants(&mut self, now: Timestamp) {
        self.first.get_or_insert(now);
        self.last = now;
    }

    /// Whether nothing is left to do that could be done now.
    pub(super) fn is_idle(&self) -> bool {
        !self.is_busy && self.first.is_none() && !self.wants_push && !self.wants_pull
    }

    /// Whether git has refused for so long that who watches only once need not wait for it.
    pub(super) fn is_stuck(&self) -> bool {
        !self.is_busy && self.pause_ms >= STUCK_MS
    }

    /// The clock was set: what was to be done by it is done now.
    pub(super) fn clock_was_set(&mut self, now: Timestamp) {
        self.first = self.first.map(|_| now);
        self.last = self.last.min(now);
        self.not_before = self.not_before.min(now);
        self.pull_at = self.pull_at.map(|at| at.min(now));
    }

    /// What waits to be committed waits no longer.
    pub(super) fn hurry(&mut self) {
        self.not_before = Timestamp::default();
        self.first = self.first.map(|_| Timestamp::default());
    }

    /// Another repository has something new.
    pub(super) fn pull(&mut self) {
        self.wants_pull = true;
    }

    /// Whether a thread works with git.
    pub(super) fn is_busy(&self) -> bool {
        self.is_busy
    }

    /// When results are to be committed next, or other repositories to be looked at.
    pub(super) fn due_at(&self, quiet: bool) -> Option<Timestamp> {
        if self.is_busy {
            return None;
        }
        let commit = self.first.map(|first| {
            let waits = Timestamp(first.0 + WAITS_MAX_MS);
            if quiet { waits.min(Timestamp(self.last.0 + QUIET_MS)) } else { waits }
        });
        let push = (self.wants_push || self.wants_pull).then_some(self.not_before);
        let soonest = [commit, push, self.pull_at].into_iter().flatten().min();
        soonest.map(|at| at.max(self.not_before))
    }

    fn pause(&mut self, now: Timestamp) {
        self.not_before = Timestamp(now.0 + self.pause_ms);
        self.pause_ms = (self.pause_ms * 2).min(PAUSE_MAX_MS);
    }
}

impl Daemon<'_> {
    /// Has git work, when it is time.
    pub(super) fn keep(&mut self) {
        let now = self.world.now();
        let pulls = match self.project.git.pull {
            Pull::Every(every) => Some(i64::try_from(every.as_millis()).unwrap_or(i64::MAX)),
            Pull::Never | Pull::BeforeRun => None,
        };
        if pulls.is_some() && self.keeper.pull_at.is_none() {
            self.keeper.pull_at = Some(now);
        }
        let quiet = self.is_quiet();
        if self.keeper.due_at(quiet).is_none_or(|at| at > now) {
            return;
        }
        let kept: Vec<_> = self.log.state().kept().take(BATCH_MAX).map(|(run, kept)| (run, kept.clone())).collect();
        let pull = self.keeper.wants_pull || self.keeper.pull_at.is_some_and(|at| at <= now);
        let push = self.project.git.push.clone().filter(|_| self.keeper.wants_push || !kept.is_empty());
        if pull {
            self.keeper.wants_pull = false;
            self.keeper.pull_at = pulls.map(|every| Timestamp(now.0 + every));
        }
        self.keeper.first = None;
        if kept.is_empty() && !pull && push.is_none() {
            self.keeper.wants_push = false;
            return;
        }
        let chores = Chores { root: self.root.clone(), project: self.project.clone(), kept, push, pull };
        let reports = self.keeper.reports.clone();
        let thread = std::thread::Builder::new().name("git".to_owned());
        let spawned = thread.spawn(move || {
            let came = chores.carry_out();
            let _ = reports.send(Heard::Kept(Box::new(came)));
        });
        match spawned {
            Ok(_) => self.keeper.is_busy = true,
            Err(error) => {
                self.keeper.wants(now);
                self.keeper.pause(now);
                self.say_problem("git", format!("git cannot be started: {error}"), None);
            }
        }
    }

    /// Hears what came of it.
    pub(super) fn kept(&mut self, came: Came) -> Result<(), queue::Error> {
        let now = self.world.now();
        self.keeper.is_busy = false;
        let mut problem = None;
        if let Some((runs, commit)) = came.commit {
            problem = self.committed(runs, commit)?;
        }
        if let Some(pulled) = came.pull {
            if let Ok(Pulled::Done { from, to, .. }) = &pulled {
                self.look_at_pulled(from.as_deref(), to)?;
            }
            problem = problem.or(match pulled {
                Ok(Pulled::Skipped { reason, hint, .. }) => Some((format!("nothing is pulled: {reason}"), hint)),
                Ok(_) => None,
                Err(error) => Some((error.to_string(), error.hint())),
            });
            // What came with it is to be looked at now, and what hooks told of it.
            self.rescan_at = Some(now);
        }
        if let Some(pushed) = came.push {
            let refused = match pushed {
                Ok(Pushed::Skipped { reason, hint, passes }) => {
                    self.keeper.wants_push = passes;
                    Some((format!("nothing is pushed: {reason}"), hint))
                }
                Ok(_) => {
                    self.keeper.wants_push = false;
                    None
                }
                Err(error) => {
                    self.keeper.wants_push = true;
                    Some((error.to_string(), error.hint()))
                }
            };
            problem = problem.or(refused);
        }
        if let Some((message, hint)) = problem {
            self.keeper.pause(now);
            self.say_problem("git", message, hint);
        } else {
            self.problems.remove("git");
            self.keeper.pause_ms = PAUSE_MS;
        }
        if self.log.state().kept().next().is_some() {
            self.keeper.wants(now);
        }
        Ok(())
    }

    /// Looks at the files that a pull has brought. Git has finished writing them, so they are taken as they are.
    fn look_at_pulled(&mut self, from: Option<&str>, to: &str) -> Result<(), queue::Error> {
        let Ok(home) = repo::hook_home(self.root.path()) else { return Ok(()) };
        let Some(top) = home.top else { return Ok(()) };
        // What cannot be told apart is found by the look at everything that follows.
        let paths = repo::paths_between(&home.repository, from, to).unwrap_or_default();
        let files: Vec<_> = paths.iter().map(|path| top.join(path)).collect();
        self.look_at(&files, Duration::ZERO)
    }

    /// Notes a commit; what is returned is in its way and may pass.
    fn committed(
        &mut self,
        runs: Vec<RunId>,
        commit: Result<Batch, repo::Error>,
    ) -> Result<Option<(String, Option<String>)>, queue::Error> {
        let results = runs.len();
        let (reason, hint, passes) = match commit {
            Ok(Batch { commit: Commit::Made { id, branch, .. }, refused }) => {
                for Refused { path, reason, hint } in refused {
                    self.say_problem(&self.root.display(&path), format!("it is not committed: {reason}"), hint);
                }
                failpoint::reach("batch-committed");
                self.log.append(vec![Fact::Settled { runs, commit: Some(id.clone()) }])?;
                self.view.hear(&Said::Committed { results, commit: id, branch });
                return Ok(None);
            }
            Ok(Batch { commit: Commit::Skipped { reason, hint, passes }, .. }) => (reason, hint, passes),
            Err(error) => (error.to_string(), error.hint(), true),
        };
        let message = format!(
            "{} not committed: {reason}",
            if results == 1 {
                "1 result is written, but".to_owned()
            } else {
                format!("{results} results are written, but")
            }
        );
        if !passes {
            // Nobody can commit them there; they are files like any others.
            self.log.append(vec![Fact::Settled { runs, commit: None }])?;
        }
        Ok(Some((message, hint)))
    }

    /// Whether nothing is under way and nothing is about to begin.
    pub(super) fn is_quiet(&self) -> bool {
        self.crew.is_idle() && self.adoptions.is_empty() && self.next_choice().is_none()
    }
}

impl Chores {
    fn carry_out(self) -> Came {
        let Self { root, project, kept, push, pull } = self;
        let commit = (!kept.is_empty()).then(|| {
            failpoint::reach("batch-committing");
            let runs = kept.iter().map(|(run, _)| *run).collect();
            let results: Vec<_> = kept.into_iter().map(|(run, kept)| written(&root, run, kept)).collect();
            (runs, repo::commit_batch(&root, &results, project.author.as_ref(), PATIENCE))
        });
        let pull = pull.then(|| repo::pull(&root, &project.git.remote, CONTACT_MAX));
        let push = push.map(|remote| repo::push(&root, &remote, CONTACT_MAX));
        Came { commit, pull, push }
    }
}

fn written(root: &Root, run: RunId, kept: Kept) -> Written {
    let Kept { path, source, spore, status } = kept;
    Written { path: root.join(&path), run, spore, status, source }
}
