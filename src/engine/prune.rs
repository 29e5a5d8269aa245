//! Removing the folders of old runs. What they wrote for people, the result spores, stays.
//!
//! A run goes only when it is over in every sense: ended, its result written, nothing of it running, and no question
//! about it open. While it is moved out of the way its journal is held, so that nobody takes it up at the same time; a
//! run that just begins has no end, so it is never touched.

use std::path::Path;

use super::Error;
use crate::executor::terminal;
use crate::journal::{self, Damage, Hold};
use crate::model::{RunId, RunRecord, Timestamp};
use crate::os::file;
use crate::repo::{self, Root};

/// Which runs are kept whatever else is so: those that began in the last days, and the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Days.
    pub days: Option<u32>,
    /// Runs, the newest.
    pub runs: Option<usize>,
}

impl Keep {
    /// What is kept when nobody says anything.
    pub const DEFAULT: Self = Self { days: Some(30), runs: Some(100) };

    /// Whether the run at `place` in the list of runs, newest first, is kept.
    fn keeps(self, place: usize, run: RunId, now: Timestamp) -> bool {
        const DAY_MILLISECONDS: i64 = 24 * 60 * 60 * 1000;
        let since = |days: u32| now.0.saturating_sub(i64::from(days) * DAY_MILLISECONDS);
        self.runs.is_some_and(|runs| place < runs) || self.days.is_some_and(|days| run.began().0 > since(days))
    }
}

/// Why an old run is not removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Because {
    /// An engine works on it.
    UnderWay,
    /// Its engine is gone, and its commands go on.
    GoesOn,
    /// It was broken off.
    BrokenOff,
    /// It has no result spore yet.
    NoResult,
    /// Nobody has said what became of this task.
    Unresolved(String),
    /// Its journal cannot be read whole.
    Unreadable(String),
}

impl Because {
    /// In words, with what to type where something can be done.
    #[must_use]
    pub fn words(&self, run: RunId) -> String {
        match self {
            Self::UnderWay => "it is under way".to_owned(),
            Self::GoesOn => format!("its engine is gone and its commands go on: `spore resume {run}`"),
            Self::BrokenOff => format!("it was broken off: `spore resume {run}`"),
            Self::NoResult => format!("its result is not written: `spore resume {run}`"),
            Self::Unresolved(task) => {
                format!("nobody has said what became of `{task}`: `spore resolve {run} {task} --ran` or `--rerun`")
            }
            Self::Unreadable(why) => format!("its journal does not tell all: {why}"),
        }
    }
}

/// A run that was removed, or would be.
#[derive(Debug)]
pub struct PrunedRun {
    /// What its journal added up to.
    pub record: RunRecord,
    /// The bytes of the disk that it took.
    pub bytes: u64,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Pruned {
    /// What was removed, or would be, newest first.
    pub removed: Vec<PrunedRun>,
    /// Old runs that were kept, newest first, each with the reason.
    pub kept: Vec<(RunId, Because)>,
    /// How many were kept as the newest, or as young.
    pub kept_by_rule: usize,
    /// Folders without a record: of runs that an earlier prune could not remove to the end, and of those whose engine died
    /// before anything was recorded.
    pub leftovers: usize,
    /// The bytes of the disk that are free again, or would be.
    pub freed_bytes: u64,
}

/// Removes the folders of the runs around `start` that are over and that `keep` does not keep; with `dry_run`, only says
/// which they are.
///
/// # Errors
/// When a folder cannot be read, moved or removed, or when locks are not to be trusted there.
pub fn prune(start: &Path, keep: Keep, dry_run: bool, now: Timestamp) -> Result<Pruned, Error> {
    let root = Root::find(start)?;
    let mut pruned = Pruned::default();
    (pruned.leftovers, pruned.freed_bytes) = repo::weigh_trash(&root)?;
    for (place, run) in journal::list(&root.runs())?.into_iter().enumerate() {
        if keep.keeps(place, run, now) {
            pruned.kept_by_rule += 1;
            continue;
        }
        if is_stillborn(&root, run, now) {
            if dry_run || repo::discard_run(&root, run)? {
                pruned.leftovers += 1;
            }
            continue;
        }
        match remove(&root, run, dry_run)? {
            Removal::Done(run) => {
                pruned.freed_bytes += run.bytes;
                pruned.removed.push(*run);
            }
            Removal::Kept(because) => pruned.kept.push((run, because)),
            Removal::Gone => {}
        }
    }
    if !dry_run {
        repo::empty_trash(&root)?;
    }
    Ok(pruned)
}

/// Whether the engine of a run died before it had recorded anything, long enough ago that it is not one that just begins.
fn is_stillborn(root: &Root, run: RunId, now: Timestamp) -> bool {
    const HOUR: std::time::Duration = std::time::Duration::from_hours(1);
    let run_dir = root.runs().join(run.to_string());
    now.since(run.began()) > HOUR && !journal::is_live(&run_dir) && super::orphan::never_began(&run_dir)
}

enum Removal {
    Done(Box<PrunedRun>),
    Kept(Because),
    /// Somebody else removed it at the same time.
    Gone,
}

fn remove(root: &Root, run: RunId, dry_run: bool) -> Result<Removal, Error> {
    let run_dir = root.runs().join(run.to_string());
    // First without holding it: a run that begins or goes on is not to be kept from doing so.
    let record = match over(&run_dir, journal::is_live(&run_dir)) {
        Ok(record) => record,
        Err(_) if !run_dir.exists() => return Ok(Removal::Gone),
        Err(because) => return Ok(Removal::Kept(because)),
    };
    let bytes = file::tree_bytes(&run_dir).map_err(|source| journal::Error::Io {
        action: "read",
        path: run_dir.clone(),
        source,
    })?;
    if dry_run {
        return Ok(Removal::Done(Box::new(PrunedRun { record, bytes })));
    }
    let _hold = match Hold::take(&run_dir) {
        Ok(hold) => hold,
        Err(journal::Error::Busy { .. }) => return Ok(Removal::Kept(Because::UnderWay)),
        Err(_) if !run_dir.exists() => return Ok(Removal::Gone),
        Err(error) => return Err(error.into()),
    };
    // Somebody may have written to it before it was held.
    match over(&run_dir, false) {
        Ok(_) if repo::discard_run(root, run)? => Ok(Removal::Done(Box::new(PrunedRun { record, bytes }))),
        Ok(_) => Ok(Removal::Gone),
        Err(because) => Ok(Removal::Kept(because)),
    }
}

/// What the journal of a run adds up to that is over in every sense, or why it is not.
fn over(run_dir: &Path, is_live: bool) -> Result<RunRecord, Because> {
    if is_live {
        return Err(Because::UnderWay);
    }
    let is_supervised = terminal::is_supervised(run_dir);
    let (record, damage) = journal::record(run_dir).map_err(|error| Because::Unreadable(error.to_string()))?;
    // What was only cut off was never acknowledged.
    if let Some(damage) = damage.iter().find(|damage| !matches!(damage, Damage::Torn { .. })) {
        return Err(Because::Unreadable(damage.to_string()));
    }
    let record = record.ok_or_else(|| Because::Unreadable("it does not even tell how the run began".to_owned()))?;
    if record.finished.is_none() {
        return Err(if is_supervised { Because::GoesOn } else { Because::BrokenOff });
    }
    if is_supervised {
        // Its last process is just about to end.
        return Err(Because::UnderWay);
    }
    if let Some(task) = record.unresolved().next() {
        return Err(Because::Unresolved(task.declared.id.to_string()));
    }
    if record.result_path.is_none() { Err(Because::NoResult) } else { Ok(record) }
}
