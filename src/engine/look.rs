//! Looking back: runs, one run, its logs. Everything is read from journals.

use std::path::PathBuf;

use super::Error;
use crate::journal;
use crate::model::{AttemptId, RunId, RunRecord, Stream};
use crate::repo::Root;

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
pub fn find_run(start: &std::path::Path, text: &str) -> Result<Found, Error> {
    let root = Root::find(start)?;
    let run = journal::find(&root.runs(), text)?;
    Ok(Found { root, run })
}

/// What a journal adds up to.
///
/// # Errors
/// When the journal cannot be read, or does not begin with the start of a run.
pub fn show_run(root: &Root, run: RunId) -> Result<RunRecord, Error> {
    let run_dir = root.runs().join(run.to_string());
    let (record, _) = journal::record(&run_dir)?;
    Ok(record.ok_or(journal::Error::Empty(run_dir))?)
}

/// One run of a list.
#[derive(Debug)]
pub struct Looked {
    /// What its journal adds up to.
    pub record: RunRecord,
    /// Whether an engine works on it.
    pub live: bool,
}

/// The newest runs of the folder around `start`, newest first. Runs whose journal says nothing are left out.
///
/// # Errors
/// When the folder cannot be read.
pub fn list_runs(start: &std::path::Path, limit: usize) -> Result<Vec<Looked>, Error> {
    let root = Root::find(start)?;
    let mut runs = Vec::new();
    for run in journal::list(&root.runs())? {
        if runs.len() == limit {
            break;
        }
        let run_dir = root.runs().join(run.to_string());
        // A run that cannot be read must not hide the others; `spore show` says what is wrong with it.
        if let Ok((Some(record), _)) = journal::record(&run_dir) {
            let live = record.finished.is_none() && journal::is_live(&run_dir);
            runs.push(Looked { record, live });
        }
    }
    Ok(runs)
}

/// The log files of one attempt: standard output, then standard error. A stream that printed nothing has no file.
#[must_use]
pub fn log_files(root: &Root, attempt: &AttemptId) -> [(Stream, PathBuf); 2] {
    let file = |extension: &str| {
        let name = format!("{}.{extension}", attempt.file_name());
        root.runs().join(attempt.run.to_string()).join("logs").join(name)
    };
    [(Stream::Out, file("out")), (Stream::Err, file("err"))]
}
