//! Finding runs by the names people type. Names are parsed as run ids, so nothing outside the folder can be reached.

use std::io::ErrorKind;
use std::path::Path;

use crate::model::RunId;

use super::error::Error;
use super::write::JOURNAL_FILE;

/// The runs in `runs_dir`, newest first, by their names alone. A folder that is not there holds no runs; what is not
/// named like a run, and what only links to one, is passed over.
///
/// # Errors
/// When the folder cannot be read.
pub fn list(runs_dir: &Path) -> Result<Vec<RunId>, Error> {
    let entries = match std::fs::read_dir(runs_dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("read", runs_dir)(error)),
    };
    let mut runs = Vec::new();
    for entry in entries {
        let entry = entry.map_err(Error::io("read", runs_dir))?;
        let name = entry.file_name();
        // Only the spelling that Spore itself writes is a run's: others would lead to a second name for it.
        let Some(run) = name.to_str().and_then(|name| RunId::parse(name).filter(|run| run.to_string() == name)) else {
            continue;
        };
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            runs.push(run);
        }
    }
    runs.sort_unstable_by(|a, b| b.cmp(a));
    Ok(runs)
}

/// The run that `text` means: its id, a beginning or an end of it that no other run shares, `latest`, or `@n` for the
/// n-th newest (`@1` is the latest).
///
/// # Errors
/// When no run or more than one is meant, or the folder cannot be read.
pub fn find(runs_dir: &Path, text: &str) -> Result<RunId, Error> {
    let runs = list(runs_dir)?;
    if runs.is_empty() {
        return Err(Error::NoRuns(runs_dir.to_path_buf()));
    }
    let text = text.trim();
    let none = || Error::NoRun(text.to_owned());
    if text == "latest" {
        // One that just begins has no journal yet, and nobody knows its name.
        let tells = |run: &&RunId| runs_dir.join(run.to_string()).join(JOURNAL_FILE).exists();
        return runs.iter().find(tells).or(runs.first()).copied().ok_or_else(none);
    }
    if let Some(place) = text.strip_prefix('@') {
        let place: usize = place.parse().map_err(|_| none())?;
        return place.checked_sub(1).and_then(|place| runs.get(place)).copied().ok_or_else(none);
    }
    let wanted = text.to_ascii_uppercase();
    if wanted.is_empty() {
        return Err(none());
    }
    let candidates: Vec<RunId> = runs
        .into_iter()
        .filter(|run| {
            let name = run.to_string();
            name.starts_with(&wanted) || name.ends_with(&wanted)
        })
        .collect();
    match candidates.as_slice() {
        [] => Err(none()),
        [run] => Ok(*run),
        _ => Err(Error::Ambiguous { text: text.to_owned(), candidates }),
    }
}
