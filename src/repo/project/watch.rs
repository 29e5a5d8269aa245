//! The section `[watch]`: how a watched folder is looked at, and how much of it runs at a time.

use std::time::Duration;

use serde::Deserialize;
use toml::{Spanned, Value};

use super::Text;
use crate::repo::Error;

/// From one look to the next where the file system is asked because it does not tell.
const POLL: Duration = Duration::from_secs(2);

/// How a folder is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchSettings {
    /// For how long a file must be quiet after it was closed. One that was renamed into the folder is taken at once.
    pub settle: Duration,
    /// From one look at all files to the next, whatever events say.
    pub reconcile: Duration,
    /// Runs at a time, and tasks at a time over all of them, when the command does not say.
    pub jobs: Option<u32>,
    /// How many spores deep runs may start one another: 0 when what a run writes never runs.
    pub depth_max: u32,
    /// Whether the text in HEAD runs, and not the file in the working tree.
    pub committed_only: bool,
    /// From one look to the next, where the folder is looked at and the system is not asked for events.
    pub poll: Option<Duration>,
}

impl Default for WatchSettings {
    fn default() -> Self {
        Self {
            settle: Duration::from_millis(100),
            reconcile: Duration::from_mins(1),
            jobs: None,
            depth_max: 4,
            committed_only: false,
            poll: None,
        }
    }
}

/// The section as it is written.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Authored {
    settle: Option<Spanned<String>>,
    reconcile: Option<Spanned<String>>,
    jobs: Option<Spanned<u64>>,
    depth_max: Option<Spanned<u64>>,
    committed_only: bool,
    poll: Option<Spanned<Value>>,
}

impl Authored {
    /// What the section means. No run may have more than `jobs_max` tasks at a time.
    pub(super) fn read(self, text: Text<'_>, jobs_max: u32) -> Result<WatchSettings, Error> {
        let mut settings = WatchSettings { committed_only: self.committed_only, ..WatchSettings::default() };
        let number = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        if let Some(settle) = self.settle {
            let bounds = Duration::ZERO..=Duration::from_mins(1);
            settings.settle = text.duration_within("settle", settle.get_ref(), settle.span().start, bounds)?;
        }
        if let Some(reconcile) = self.reconcile {
            let bounds = Duration::from_secs(1)..=Duration::from_hours(24);
            settings.reconcile =
                text.duration_within("reconcile", reconcile.get_ref(), reconcile.span().start, bounds)?;
        }
        settings.jobs = text.number("jobs", self.jobs, 1, u64::from(jobs_max))?.map(number);
        if let Some(depth) = text.number("depth_max", self.depth_max, 0, 100)? {
            settings.depth_max = number(depth);
        }
        settings.poll = match self.poll.map(|poll| (poll.span().start, poll.into_inner())) {
            None | Some((_, Value::Boolean(false))) => None,
            Some((_, Value::Boolean(true))) => Some(POLL),
            Some((at, Value::String(every))) => {
                let bounds = Duration::from_millis(100)..=Duration::from_hours(1);
                Some(text.duration_within("poll", &every, at, bounds)?)
            }
            Some((at, _)) => {
                let hint = "`true`, `false`, or how often, such as `\"2s\"`";
                return Err(text.wrong(at, "`poll` is no span of time", Some(hint.into())));
            }
        };
        Ok(settings)
    }
}
