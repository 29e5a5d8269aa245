//! Who works on a run, by what its journal tells.

use std::fmt;
use std::path::Path;

use super::read::read;
use crate::model::{Engine, Event, RunId, Timestamp};
use crate::os;
use crate::os::identity::Identity;

/// The engine that began a run or went on with it last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The run.
    pub run: RunId,
    /// The engine.
    pub engine: Engine,
    /// Since when it works on the run.
    pub since: Timestamp,
}

impl Holder {
    /// The last engine that the journal in `run_dir` names.
    pub(super) fn of(run_dir: &Path) -> Option<Box<Self>> {
        let mut holder: Option<Self> = None;
        for (at, event) in read(run_dir).ok()?.events {
            match (event, &mut holder) {
                (Event::RunStarted { run, engine: Some(engine), .. }, _) => {
                    holder = Some(Self { run, engine, since: at });
                }
                (Event::RunResumed { engine }, Some(holder)) => {
                    holder.engine = engine;
                    holder.since = at;
                }
                _ => {}
            }
        }
        holder.map(Box::new)
    }

    /// Whether it is known to have ended: then somebody else has the journal, and has not said so in it yet.
    pub(super) fn is_gone(&self) -> bool {
        self.engine.host == os::host()
            && Identity::parse(&self.engine.process).is_some_and(|process| !process.is_alive())
    }

    /// What somebody can do who wants to work on the run too.
    pub(super) fn hint(&self) -> String {
        let run = self.run;
        let stop = match Identity::parse(&self.engine.process) {
            Some(process) if process.is_alive() => format!("; to stop it: `kill {}`", process.pid()),
            _ => String::new(),
        };
        format!("wait for its end: `spore logs {run} --follow`{stop}")
    }
}

/// `process 123 on host since 2026-11-20T14:00:00.000Z`
impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Engine { process, host, .. } = &self.engine;
        match Identity::parse(process) {
            Some(process) => write!(f, "process {}", process.pid())?,
            None => write!(f, "process {process}")?,
        }
        let here = if *host == os::host() { " (this machine)" } else { "" };
        write!(f, " on {host}{here} since {}", self.since)
    }
}
