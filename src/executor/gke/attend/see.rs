//! Sees to one attempt: what its pod tells, what people want, what time it is.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::begin::Begun;
use crate::executor::Mask;
use crate::executor::gke::client::Cluster;
use crate::executor::gke::logs::{Drained, Follow, Phase, Pulse, Source};
use crate::executor::gke::names;
use crate::executor::gke::outcome::{Asked, Judged, Lack, Verdict, judge};
use crate::executor::gke::pods::{Pods, Seen};
use crate::executor::gke::run::{Held, Run, Shared};
use crate::executor::gke::settings::Settings;
use crate::executor::traces::Urgency;
use crate::model::{Attempt, AttemptEnd, Outcome, Stream, Timestamp};
use crate::os::clock::{Clock as _, SystemClock};
use crate::os::failpoint;

/// How long the watch of pods may say nothing before the cluster is asked: at first, and at most.
const QUIET: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(40));
/// How long after the end of a log the pod's own end may take to be told.
const LOG_ENDED: Duration = Duration::from_millis(500);
/// Between two looks at what is going away.
const GOING: Duration = Duration::from_secs(1);
/// How long an object that was made just now may not be found by who needs it.
pub(in crate::executor::gke) const OBJECT_PATIENCE: Duration = Duration::from_secs(30);

/// Sees to one attempt.
pub(in crate::executor::gke) struct Attendance {
    pub(in crate::executor::gke) shared: Arc<Shared>,
    pub(in crate::executor::gke) run: Arc<Run>,
    pub(in crate::executor::gke) held: Arc<Held>,
    pub(in crate::executor::gke) attempt: Attempt,
    pub(in crate::executor::gke) settings: Settings,
    pub(in crate::executor::gke) cluster: Cluster,
    pub(in crate::executor::gke) namespace: String,
    /// The name of its Job; for an attempt in an instance, of that pod.
    pub(in crate::executor::gke) job: String,
    pub(in crate::executor::gke) mask: Mask,
    pub(in crate::executor::gke) clock: SystemClock,
}

/// What is known of an attempt that is under way.
pub(super) struct Progress {
    pub(super) uid: String,
    pub(super) pods: Arc<Pods>,
    pub(super) seen: watch::Receiver<Seen>,
    /// When this engine had made its Job, if it did.
    pub(super) made_here: Option<Timestamp>,
    /// When this engine saw it begin, by its own clocks.
    pub(super) began_here: Option<(Timestamp, Duration)>,
    pub(super) has_begun: bool,
    pub(super) follows: Vec<JoinHandle<Drained>>,
    pub(super) phase: watch::Sender<Phase>,
    pub(super) pulse: Arc<Pulse>,
    /// What it lacks, and since when.
    lack: Option<(Lack, Duration)>,
    shown: Option<String>,
    /// When it runs out of its time.
    deadline: Option<Duration>,
    /// When the cluster is asked next.
    pub(super) look_at: Duration,
    /// How long nothing may be told until then.
    quiet: Duration,
    /// What it is being ended for, how urgently, and when that began.
    pub(super) stopping: Option<(Outcome, Urgency, Duration)>,
}

impl Attendance {
    pub(in crate::executor::gke) fn new(
        shared: Arc<Shared>,
        run: Arc<Run>,
        held: Arc<Held>,
        attempt: Attempt,
        settings: Settings,
    ) -> Self {
        Self {
            cluster: Cluster::new(&shared.clusters, settings.context.as_deref()),
            namespace: settings.namespace.clone().unwrap_or_default(),
            job: names::of(&attempt.id),
            mask: shared.masks.of(&attempt.secrets),
            clock: SystemClock::new(),
            shared,
            run,
            held,
            attempt,
            settings,
        }
    }

    /// Carries the attempt out and tells its end.
    pub(in crate::executor::gke) async fn carry_out(mut self) {
        let begun = match self.find_namespace().await {
            Ok(()) => self.begin().await,
            Err(outcome) => Begun::Not(outcome),
        };
        let end = match begun {
            Begun::Not(outcome) => self.without_job(outcome),
            Begun::There { uid, is_new } => self.see_to(uid, is_new).await,
        };
        failpoint::reach("gke-end-known");
        self.held.entry.tell_end(end);
    }

    /// Asks the kubeconfig for the namespace, where settings name none.
    pub(in crate::executor::gke) async fn find_namespace(&mut self) -> Result<(), Outcome> {
        if self.namespace.is_empty() {
            let reached = self.cluster.reach().await;
            let reached = reached.map_err(|trouble| match self.attempt.recalled {
                None => Outcome::NotStarted { reason: trouble.words(), permanent: true },
                Some(_) => Outcome::Lost { stage: format!("its Job cannot be looked for: {}", trouble.words()) },
            })?;
            self.namespace.clone_from(&reached.namespace);
        }
        Ok(())
    }

    pub(in crate::executor::gke) fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    /// Tells people something about the attempt that the command did not say.
    pub(in crate::executor::gke) fn say(&self, text: &str) {
        self.held.entry.tell_line(Stream::Err, &self.mask.text(text));
    }

    /// Waits until it is asked to end as urgently as that, or more.
    pub(in crate::executor::gke) async fn asked(&self, urgency: Urgency) {
        loop {
            let raised = self.held.asked.notified();
            if self.held.entry.urgency() >= urgency {
                return;
            }
            raised.await;
        }
    }

    async fn see_to(&self, uid: String, is_new: bool) -> AttemptEnd {
        let pods = self.run.pods(&self.cluster, &self.namespace);
        let mut progress = Progress {
            uid,
            seen: pods.of(&self.job),
            pods,
            made_here: is_new.then(|| Timestamp(self.clock.wall_milliseconds())),
            began_here: None,
            has_begun: false,
            follows: Vec::new(),
            phase: watch::channel(Phase::Running).0,
            pulse: Arc::default(),
            lack: None,
            shown: None,
            deadline: None,
            look_at: self.now() + QUIET.0,
            quiet: QUIET.0,
            stopping: None,
        };
        if !is_new {
            // The watch may have told of its pod before anybody asked.
            progress.look_at = Duration::ZERO;
        }
        let judged = loop {
            if let Some(judged) = self.step(&mut progress, is_new).await {
                break judged;
            }
            self.wait(&mut progress).await;
            if self.now() >= progress.look_at {
                progress.quiet = (progress.quiet * 2).min(QUIET.1);
                let pause = if progress.stopping.is_some() { GOING } else { progress.quiet };
                progress.look_at = self.now() + pause;
                if let Some(judged) = self.look(&mut progress).await {
                    break judged;
                }
            }
        };
        let end = self.finish(judged, &mut progress).await;
        progress.pods.forget(&self.job);
        end
    }

    /// Takes in what is known now. How it ended, once it has.
    async fn step(&self, progress: &mut Progress, is_new: bool) -> Option<Judged> {
        let seen = progress.seen.borrow_and_update().clone();
        if let Some(trouble) = &seen.trouble {
            self.show(progress, trouble);
        }
        let verdict = match &seen.pod {
            None => Verdict::Waiting { lack: Lack::Place, reason: None },
            Some(pod) => judge(pod, &self.asked_for()),
        };
        match verdict {
            Verdict::Ended(judged) => {
                progress.has_begun |= judged.began.is_some();
                if progress.has_begun {
                    self.follow(progress, &seen);
                }
                return Some(*judged);
            }
            Verdict::Running { began } if !progress.has_begun => self.runs(progress, &seen, began, is_new),
            Verdict::Running { .. } => {}
            Verdict::Waiting { lack, reason } => self.waits(progress, lack, reason).await,
        }
        if seen.is_gone {
            progress.look_at = progress.look_at.min(self.now() + LOG_ENDED);
        }
        if let Some(stopped) = self.stop_if_wanted(progress).await {
            return Some(stopped);
        }
        None
    }

    fn runs(&self, progress: &mut Progress, seen: &Seen, began: Option<Timestamp>, is_new: bool) {
        progress.has_begun = true;
        progress.lack = None;
        let (wall, now) = (self.clock.wall_milliseconds(), self.now());
        let mut ran_for = Duration::ZERO;
        if is_new {
            progress.began_here = Some((Timestamp(wall), now));
        } else if let Some(began) = began {
            ran_for = Duration::from_millis(u64::try_from(wall - began.0).unwrap_or(0));
        }
        progress.deadline = self.attempt.timeout.map(|timeout| (now + timeout).saturating_sub(ran_for));
        self.held.entry.tell_started();
        self.follow(progress, seen);
    }

    /// Begins to follow the logs.
    fn follow(&self, progress: &mut Progress, seen: &Seen) {
        let Some(pod) = seen.pod.as_ref().and_then(|pod| pod.metadata.name.clone()) else { return };
        if !progress.follows.is_empty() {
            return;
        }
        let apart = [Some(Stream::Out), Some(Stream::Err)];
        let streams: &[Option<Stream>] = if self.settings.split_streams { &apart } else { &[None] };
        for only in streams {
            let source = Source {
                cluster: self.cluster.clone(),
                namespace: self.namespace.clone(),
                pod: pod.clone(),
                only: *only,
            };
            let marker = names::marker(&self.job);
            let marker = (*only != Some(Stream::Err) && !self.attempt.artifacts.is_empty()).then_some(marker);
            let kept = (&self.mask, &self.shared.limits, marker.as_deref());
            let entry = Arc::clone(&self.held.entry);
            match Follow::new(source, entry, kept, progress.phase.subscribe(), Arc::clone(&progress.pulse)) {
                Ok(follow) => progress.follows.push(tokio::spawn(follow.drain())),
                Err(error) => self.say(&format!("its log cannot be kept: {error}")),
            }
        }
    }

    /// It has not begun: says why, and gives up when that has lasted too long.
    async fn waits(&self, progress: &mut Progress, lack: Lack, reason: Option<String>) {
        let now = self.now();
        let since = match progress.lack {
            Some((known, since)) if known == lack => since,
            _ => now,
        };
        progress.lack = Some((lack, since));
        if let Some(reason) = &reason {
            self.show(progress, reason);
        }
        let (limit, what) = match lack {
            Lack::Place => (self.settings.schedule_timeout, "the cluster has no place for its pod"),
            Lack::Image => (self.settings.image_timeout, "its image did not come"),
            Lack::Setup => (self.settings.schedule_timeout, "its container was not set up"),
            // What was made just now may take a moment to be found; what somebody else was to make, does not come.
            Lack::Object if reason.as_ref().is_some_and(|text| text.contains(&self.job)) => {
                (OBJECT_PATIENCE, "its container cannot be set up")
            }
            Lack::Object => (Duration::ZERO, "its container cannot be set up"),
        };
        let is_trying = progress.seen.borrow().trouble.is_none();
        if now.saturating_sub(since) >= limit && is_trying && progress.stopping.is_none() {
            let reason = reason.or_else(|| progress.shown.clone()).unwrap_or_else(|| "no reason was given".into());
            let waited = if limit.is_zero() { String::new() } else { format!(" within {} s", limit.as_secs()) };
            let reason = format!("{what}{waited}: {reason}");
            let permanent = matches!(lack, Lack::Image | Lack::Object);
            self.stop(progress, Outcome::NotStarted { reason, permanent }, Urgency::Polite).await;
        }
    }

    /// Shows something that people may want to know, once.
    fn show(&self, progress: &mut Progress, text: &str) {
        if progress.shown.as_deref() != Some(text) {
            self.say(text);
            progress.shown = Some(text.to_owned());
        }
    }

    /// Waits until there is something to do.
    async fn wait(&self, progress: &mut Progress) {
        let until = progress.next_at(&self.settings);
        let now = self.now();
        let urgency = match &progress.stopping {
            None => Urgency::Polite,
            Some(_) => Urgency::Now,
        };
        let is_asked_more = progress.stopping.as_ref().is_none_or(|(_, so_far, _)| *so_far < Urgency::Now);
        let pulse = Arc::clone(&progress.pulse);
        tokio::select! {
            changed = progress.seen.changed() => {
                if changed.is_ok() {
                    progress.look_at = progress.look_at.max(now + LOG_ENDED);
                }
            }
            () = self.asked(urgency), if is_asked_more => {}
            () = pulse.ended.notified() => progress.look_at = progress.look_at.min(now + LOG_ENDED),
            () = tokio::time::sleep(until.saturating_sub(now)) => {}
        }
    }

    /// Ends it when somebody wants that, or its time is over.
    async fn stop_if_wanted(&self, progress: &mut Progress) -> Option<Judged> {
        let urgency = self.held.entry.urgency();
        let so_far = progress.stopping.as_ref().map_or(Urgency::None, |(_, urgency, _)| *urgency);
        if urgency > so_far {
            let outcome = match progress.stopping.take() {
                Some((outcome, ..)) => outcome,
                None => Outcome::Cancelled,
            };
            self.stop(progress, outcome, urgency).await;
        } else if progress.stopping.is_none() && progress.deadline.is_some_and(|deadline| self.now() >= deadline) {
            self.stop(progress, Outcome::TimedOut, Urgency::Polite).await;
        }
        self.given_up(progress)
    }

    /// What the command was to be, for words about why it did not start.
    pub(in crate::executor::gke) fn asked_for(&self) -> Asked {
        use crate::model::CommandLine;
        let program = match &self.attempt.command {
            CommandLine::Argv(words) => words.first().cloned().unwrap_or_default(),
            CommandLine::Script { text, .. } if text.starts_with("#!") => {
                text[2..].split_whitespace().next().unwrap_or_default().to_owned()
            }
            CommandLine::Script { language, .. } => language.program().to_owned(),
        };
        let path = self.attempt.env.iter().rev().find(|(name, _)| name == "PATH");
        Asked { program, path: path.map(|(_, value)| value.clone()), timeout: self.attempt.timeout }
    }
}

impl Progress {
    /// When there is something to do although nothing happens.
    fn next_at(&self, settings: &Settings) -> Duration {
        let lack_at = self.lack.filter(|_| self.stopping.is_none()).map(|(lack, since)| match lack {
            Lack::Place | Lack::Setup => since + settings.schedule_timeout,
            Lack::Image => since + settings.image_timeout,
            Lack::Object => since + OBJECT_PATIENCE,
        });
        let deadline = self.deadline.filter(|_| self.stopping.is_none());
        [lack_at, deadline].into_iter().flatten().fold(self.look_at, Duration::min)
    }
}
