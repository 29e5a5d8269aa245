//! Looking back: runs, one run, its logs. Everything is read from journals.

use std::path::{Path, PathBuf};

use super::Error;
use crate::executor::{self, LogChunk, terminal};
use crate::journal::{self, Damage};
use crate::model::{AttemptId, RunId, RunRecord, Stream};
use crate::repo::{Project, Root};

/// Commands whose logs are shown together.
const LOGS_MAX: usize = 4;
/// Bytes of the end of a log.
const LOG_END_BYTES: u64 = 8 << 10;

/// A run that was asked for.
#[derive(Debug)]
pub struct Found {
    /// The root of the spores.
    pub root: Root,
    /// The run.
    pub run: RunId,
}

/// Finds a run of the folder around `start` by its id, the beginning or end of it, or `latest`.
///
/// # Errors
/// When there is none, or several.
pub fn find_run(start: &Path, text: &str) -> Result<Found, Error> {
    let root = Root::find(start)?;
    let run = journal::find(&root.runs(), text)?;
    Ok(Found { root, run })
}

/// What a journal adds up to.
///
/// # Errors
/// When the journal cannot be read, or does not begin with the start of a run.
pub fn show_run(root: &Root, run: RunId) -> Result<Looked, Error> {
    let run_dir = root.runs().join(run.to_string());
    let looked = look(&run_dir)?;
    Ok(looked.ok_or(journal::Error::Empty(run_dir))?)
}

/// What a journal adds up to; a run without an end that no engine works on is orphaned. Whether one does is asked first:
/// what ends in between has its end in the journal.
fn look(run_dir: &Path) -> Result<Option<Looked>, journal::Error> {
    let live = journal::is_live(run_dir);
    let supervised = !live && terminal::is_supervised(run_dir);
    let (record, damage) = journal::record(run_dir)?;
    tracing::debug!(run_dir = %run_dir.display(), live, damage = damage.len(), "journal read");
    Ok(record.map(|mut record| {
        if !live {
            record.orphan(supervised);
        }
        // A line that is just being written looks torn.
        let live = live && record.finished.is_none();
        Looked { record, live, damage: if live { Vec::new() } else { damage } }
    }))
}

/// A run, as its journal tells.
#[derive(Debug)]
pub struct Looked {
    /// What its journal adds up to.
    pub record: RunRecord,
    /// Whether an engine works on it.
    pub live: bool,
    /// What of its journal could not be read, and is left out.
    pub damage: Vec<Damage>,
}

/// The newest runs of the folder around `start`, newest first. Runs whose journal says nothing are left out.
///
/// # Errors
/// When the folder cannot be read.
pub fn list_runs(start: &Path, limit: usize) -> Result<Vec<Looked>, Error> {
    let root = Root::find(start)?;
    let mut runs = Vec::new();
    for run in journal::list(&root.runs())? {
        if runs.len() == limit {
            break;
        }
        let run_dir = root.runs().join(run.to_string());
        // A run that cannot be read must not hide the others; `spore show` says what is wrong with it.
        if let Ok(Some(looked)) = look(&run_dir) {
            runs.push(looked);
        }
    }
    Ok(runs)
}

/// The next piece of what an attempt printed, from `cursor` (0 is the beginning); empty when there is nothing more now.
///
/// # Errors
/// When the log is there but cannot be read.
pub fn read_log(found: &Found, attempt: &AttemptId, stream: Stream, cursor: u64) -> Result<LogChunk, Error> {
    let path = attempt.log_path(&found.run_dir(), stream);
    let limits = Project::load(&found.root)?.limits;
    let read = executor::read_log(&path, &limits, cursor);
    Ok(read.map_err(|source| journal::Error::Io { action: "read", path, source })?)
}

/// The end of what the commands of a run have printed that run now, or of the last one that ran; each has its name above it
/// where they are several. For looking at it again and again.
///
/// # Errors
/// When the journal or a log cannot be read.
pub fn log_end(found: &Found) -> Result<String, Error> {
    let record = show_run(&found.root, found.run)?.record;
    let attempts = || record.tasks.values().filter_map(|task| Some((task, task.attempts.last()?)));
    let mut shown: Vec<_> = attempts().filter(|(_, attempt)| attempt.outcome.is_none()).take(LOGS_MAX).collect();
    if shown.is_empty() {
        shown.extend(attempts().max_by_key(|(_, attempt)| attempt.finished));
    }
    let mut text = String::new();
    for (task, attempt) in &shown {
        if shown.len() > 1 {
            text.extend(["-- ", task.declared.id.as_str(), "\n"]);
        }
        let id = AttemptId { run: found.run, task: task.declared.id.clone(), number: attempt.number };
        for stream in [Stream::Out, Stream::Err] {
            text.push_str(&String::from_utf8_lossy(&end_of(found, &id, stream)?));
        }
    }
    Ok(text)
}

fn end_of(found: &Found, attempt: &AttemptId, stream: Stream) -> Result<Vec<u8>, Error> {
    let kept = std::fs::metadata(attempt.log_path(&found.run_dir(), stream)).map_or(0, |log| log.len());
    let (mut bytes, mut cursor) = (Vec::new(), kept.saturating_sub(LOG_END_BYTES));
    loop {
        let chunk = read_log(found, attempt, stream, cursor)?;
        if chunk.bytes.is_empty() {
            break;
        }
        cursor = chunk.cursor;
        bytes.extend(chunk.bytes);
        let surplus = bytes.len().saturating_sub(usize::try_from(LOG_END_BYTES).unwrap_or(usize::MAX));
        bytes.drain(..surplus);
    }
    if cursor > LOG_END_BYTES
        && let Some(end) = bytes.iter().position(|byte| *byte == b'\n')
    {
        // It begins in the middle of a line.
        bytes.drain(..=end);
    }
    Ok(bytes)
}

/// Whether anything may still happen in a run: an engine works on it, or its commands go on without one.
#[must_use]
pub fn is_live(found: &Found) -> bool {
    journal::is_live(&found.run_dir()) || terminal::is_supervised(&found.run_dir())
}

impl Found {
    /// The folder of the run.
    #[must_use]
    pub fn run_dir(&self) -> PathBuf {
        self.root.runs().join(self.run.to_string())
    }
}
