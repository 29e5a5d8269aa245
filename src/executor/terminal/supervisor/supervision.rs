//! From the start of a process to the end of everything it has started.
//!
//! A command is over when its own process has ended, nobody is left in its process group, and its pipes are drained.
//! What it leaves running in its group is given a moment to end by itself (a `tee` has to write its last lines), then
//! asked to end, then killed. A process that has left the group is out of reach; if it still holds a pipe, the pipe is
//! closed after a moment, so that nobody waits for it.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use super::strays::Strays;
use super::streams::Streams;
use crate::model::{Outcome, Stream, TaskId, Timestamp};
use crate::os::Poll;
use crate::os::identity::Identity;
use crate::os::process::Group;

/// A command that ends sooner is read once, at its end, without any of the cost of watching its pipes.
const UNWATCHED: Duration = Duration::from_millis(2);
/// How long processes left in the group may go on: while they hold a pipe, and when they do not.
const LINGER_WITH_PIPE: Duration = Duration::from_secs(1);
const LINGER_WITHOUT_PIPE: Duration = Duration::from_millis(100);
/// From asking processes left behind to end until killing them, at most.
const LEFT_BEHIND_GRACE_MAX: Duration = Duration::from_secs(2);
/// How long a pipe is read that only processes outside of the group can hold.
const ESCAPED_PIPE: Duration = Duration::from_millis(200);
/// How often the group is looked at, at first and at last.
const LOOK_FIRST: Duration = Duration::from_millis(1);
const LOOK_LAST: Duration = Duration::from_millis(20);
/// After so long even a kill has not helped, and nobody waits any longer.
const KILL_PATIENCE: Duration = Duration::from_secs(10);

/// Why a command was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stopped {
    /// It ran out of its time.
    TimedOut,
    /// Somebody asked.
    Cancelled,
}

/// How a command ended.
#[derive(Debug)]
pub(super) struct Finish {
    /// How.
    pub(super) outcome: Outcome,
    /// What is to be said about what it left behind.
    pub(super) remarks: Vec<String>,
    /// Its streams, drained.
    pub(super) streams: Streams,
}

/// How far stopping has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Going,
    Asked { kill_at: Duration },
    Killed { give_up_at: Duration },
}

/// A command under way.
#[derive(Debug)]
pub(super) struct Supervision {
    /// The task it belongs to.
    pub(super) task: TaskId,
    /// Which try of it.
    pub(super) number: u32,
    /// When it began.
    pub(super) began: Timestamp,
    leader: i32,
    /// `None` once it was seen empty: its id may then be somebody else's.
    group: Option<Group>,
    streams: Streams,
    status: Option<ExitStatus>,
    stopped: Option<Stopped>,
    stage: Stage,
    grace: Duration,
    remarks: Vec<String>,
    /// When the pipes begin to be watched.
    watch_at: Option<Duration>,
    timeout_at: Option<Duration>,
    /// When processes left behind are asked to end.
    linger_until: Option<Duration>,
    /// When the group is looked at next, and how long after that again.
    look_at: Option<Duration>,
    look_interval: Duration,
    /// When pipes held from outside of the group are closed.
    escaped_until: Option<Duration>,
    /// Until when processes outside of the group are killed, once a stopped command's group is empty.
    strays_until: Option<Duration>,
    gave_up: bool,
}

/// What is around a command.
#[derive(Debug)]
pub(super) struct Around<'a> {
    pub(super) poll: &'a Poll,
    pub(super) strays: &'a mut Strays,
}

/// What a command is supervised by: who it is, and what it may take.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) task: TaskId,
    pub(super) number: u32,
    pub(super) began: Timestamp,
    pub(super) timeout: Option<Duration>,
    pub(super) grace: Duration,
}

impl Supervision {
    /// Begins with a process that was started just now.
    pub(super) fn new(terms: Terms, group: Group, streams: Streams, now: Duration) -> Self {
        Self {
            task: terms.task,
            number: terms.number,
            began: terms.began,
            leader: group.id(),
            group: Some(group),
            streams,
            status: None,
            stopped: None,
            stage: Stage::Going,
            grace: terms.grace,
            remarks: Vec::new(),
            watch_at: Some(now + UNWATCHED),
            timeout_at: terms.timeout.and_then(|timeout| now.checked_add(timeout)),
            linger_until: None,
            look_at: None,
            look_interval: LOOK_FIRST,
            escaped_until: None,
            strays_until: None,
            gave_up: false,
        }
    }

    /// The process that was started, until it was collected.
    pub(super) fn leader(&self) -> Option<i32> {
        self.status.is_none().then_some(self.leader)
    }

    pub(super) fn is_over(&self) -> bool {
        let has_ended = self.status.is_some() && self.group.is_none() && self.streams.are_closed();
        self.gave_up || (has_ended && self.strays_until.is_none())
    }

    /// What is known at its end.
    pub(super) fn finish(mut self) -> Finish {
        self.streams.close();
        let outcome = match (self.stopped, self.status) {
            (Some(Stopped::TimedOut), _) => Outcome::TimedOut,
            (Some(Stopped::Cancelled), _) => Outcome::Cancelled,
            (None, Some(status)) => match (status.code(), status.signal()) {
                (Some(code), _) => Outcome::of_exit(code),
                (None, Some(signal)) => Outcome::of_signal(signal),
                (None, None) => Outcome::Lost { stage: format!("its process ended as no process ends: {status}") },
            },
            (None, None) => Outcome::Lost { stage: "running; it did not end although it was killed".into() },
        };
        Finish { outcome, remarks: self.remarks, streams: self.streams }
    }

    /// The next moment at which something is to be done by itself.
    pub(super) fn wake_at(&self) -> Option<Duration> {
        let stage_at = match self.stage {
            _ if self.group.is_none() => None,
            Stage::Going => None,
            Stage::Asked { kill_at } => Some(kill_at),
            Stage::Killed { give_up_at } => Some(give_up_at),
        };
        let timeout_at = self.timeout_at.filter(|_| self.status.is_none() && self.stopped.is_none());
        [
            self.watch_at,
            timeout_at,
            self.linger_until,
            self.look_at,
            self.escaped_until,
            self.streams.line_at(),
            stage_at,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// A new last line, when it is time for one; at the end (`last`) however short after the one before.
    pub(super) fn line(&mut self, now: Duration, last: bool) -> Option<(Stream, String)> {
        self.streams.line(now, last)
    }

    /// Reads what is there of one stream, but not forever.
    pub(super) fn read(&mut self, stream: Stream) {
        self.streams.read(stream);
    }

    /// Does what is due. True once, when it has gone on for so long that it is worth a word.
    pub(super) fn advance(&mut self, now: Duration, around: &mut Around<'_>) -> bool {
        let is_due = |moment: Option<Duration>| moment.is_some_and(|moment| moment <= now);
        let is_worth_a_word = is_due(self.watch_at);
        if is_due(self.watch_at) {
            self.watch_at = None;
            self.streams.watch(around.poll);
        }
        if is_due(self.timeout_at) && self.status.is_none() && self.stopped.is_none() {
            self.timeout_at = None;
            self.stopped = Some(Stopped::TimedOut);
            self.ask(now, self.grace, around);
        }
        match self.stage {
            Stage::Asked { kill_at } if kill_at <= now => self.kill(now, around),
            Stage::Killed { give_up_at } if give_up_at <= now && self.group.is_some() => {
                self.gave_up = true;
                self.remarks.push("some of its processes did not end although they were killed".into());
            }
            _ => {}
        }
        if is_due(self.look_at) {
            self.look(now, around);
        }
        if is_due(self.linger_until) {
            self.linger_until = None;
            self.end_left_behind(now, around);
        }
        if is_due(self.escaped_until) {
            self.escaped_until = None;
            self.streams.read_both();
            if !self.streams.are_closed() {
                self.streams.close();
                self.remarks.push(
                    "a process that left its group still held the output; what it prints from now on is not kept"
                        .into(),
                );
            }
        }
        is_worth_a_word
    }

    /// Its own process has ended, and was collected.
    pub(super) fn leader_ended(&mut self, status: ExitStatus, now: Duration, around: &mut Around<'_>) {
        self.status = Some(status);
        self.streams.read_both();
        self.look(now, around);
        if let Some(look_at) = self.look_at {
            self.watch_at = None;
            self.streams.watch(around.poll);
            if self.stage == Stage::Going {
                let linger = if self.streams.are_closed() { LINGER_WITHOUT_PIPE } else { LINGER_WITH_PIPE };
                self.linger_until = Some(look_at + linger);
            }
        }
    }

    /// Somebody asks it to end: with its grace, or `at_once`. A later, less urgent wish changes nothing.
    pub(super) fn cancel(&mut self, at_once: bool, now: Duration, around: &mut Around<'_>) {
        if self.status.is_none() && self.stopped.is_none() {
            self.stopped = Some(Stopped::Cancelled);
        }
        self.linger_until = None;
        match (at_once, self.stage) {
            (true, Stage::Going | Stage::Asked { .. }) => self.kill(now, around),
            (false, Stage::Going) => self.ask(now, self.grace, around),
            _ => {}
        }
    }

    fn ask(&mut self, now: Duration, grace: Duration, around: &mut Around<'_>) {
        if let Some(group) = self.group {
            group.terminate();
            self.stage = Stage::Asked { kill_at: now + grace };
            self.strays(now, around).into_iter().for_each(Identity::terminate);
        }
    }

    fn kill(&mut self, now: Duration, around: &mut Around<'_>) {
        if let Some(group) = self.group {
            group.kill();
            self.stage = Stage::Killed { give_up_at: now + KILL_PATIENCE };
            self.strays(now, around).into_iter().for_each(Identity::kill);
        }
    }

    /// What a command that is stopped has started outside of its group; what ends by itself may leave a daemon behind.
    fn strays(&self, now: Duration, around: &mut Around<'_>) -> Vec<Identity> {
        if self.stopped.is_none() {
            return Vec::new();
        }
        around.strays.of(&self.task, self.number, self.leader, now)
    }

    /// Kills what is left of a stopped command outside of its group, which is empty.
    fn end_strays(&mut self, now: Duration, around: &mut Around<'_>) {
        let strays = self.strays(now, around);
        if strays.is_empty() {
            self.strays_until = None;
        } else if *self.strays_until.get_or_insert(now + KILL_PATIENCE) <= now {
            self.strays_until = None;
            self.remarks.push("processes that left its group did not end although they were killed".into());
        } else {
            strays.into_iter().for_each(Identity::kill);
            self.look_at = Some(now + LOOK_LAST);
        }
    }

    /// Looks whether the group still has members, once its leader has ended.
    fn look(&mut self, now: Duration, around: &mut Around<'_>) {
        if self.strays_until.is_some() {
            self.look_at = None;
            return self.end_strays(now, around);
        }
        let Some(group) = self.group.filter(|_| self.status.is_some()) else { return };
        let is_killed = matches!(self.stage, Stage::Killed { .. });
        // Where nobody collects orphans, or not soon, ended members stay visible; only a closer look tells them apart.
        if group.exists() && (self.stage == Stage::Going || group.is_alive()) {
            if is_killed {
                // A member that forked at the moment of the kill has a child that was not there to be killed.
                group.kill();
            }
            self.look_at = Some(now + self.look_interval);
            self.look_interval = (self.look_interval * 2).min(LOOK_LAST);
            return;
        }
        self.group = None;
        self.look_at = None;
        self.linger_until = None;
        self.end_strays(now, around);
        self.streams.read_both();
        if !self.streams.are_closed() {
            self.watch_at = None;
            self.streams.watch(around.poll);
            self.escaped_until = Some(now + ESCAPED_PIPE);
        }
    }

    fn end_left_behind(&mut self, now: Duration, around: &mut Around<'_>) {
        let Some(group) = self.group else { return };
        let members = group.members();
        let names: Vec<&str> =
            members.iter().filter(|member| !member.is_zombie).map(|member| member.name.as_str()).collect();
        if !names.is_empty() {
            let (count, shown) = (names.len(), names[..names.len().min(5)].join("`, `"));
            let noun = if count == 1 { "process" } else { "processes" };
            self.remarks.push(format!("it left {count} {noun} behind (`{shown}`), which Spore ended"));
        }
        if names.is_empty() && !members.is_empty() {
            self.kill(now, around);
        } else {
            self.ask(now, self.grace.min(LEFT_BEHIND_GRACE_MAX), around);
        }
        self.look_interval = LOOK_FIRST;
        self.look(now, around);
    }
}
