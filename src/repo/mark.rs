//! Marks of the runs that have no result yet: an empty file for each, `.spore/open/<run>`, so that what was broken off is
//! found by reading one folder, however many runs have ended.
//!
//! A mark is made before the first fact of its journal, durable before anything of the run can begin or is told, and goes
//! when the result is recorded. So a run without a mark is over, or nothing of it ever began; a mark may be left behind by a
//! run that is over, and whoever meets one takes it away.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::{Error, Root};
use crate::model::RunId;
use crate::os::file;

/// The folder of the marks, in the folder of this machine's state.
const FOLDER: &str = "open";
/// The folder in which marks are gathered when there are none yet.
const NEW_FOLDER: &str = "open.new";

/// The runs that are marked, oldest first; `None` where nobody has ever marked any.
///
/// # Errors
/// When the folder cannot be read.
pub fn marked_runs(root: &Root) -> Result<Option<Vec<RunId>>, Error> {
    let folder = root.state().join(FOLDER);
    let failed = |source| Error::of_io(&folder, "read", source);
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        entries => entries.map_err(failed)?,
    };
    let mut runs = Vec::new();
    for entry in entries {
        runs.extend(entry.map_err(failed)?.file_name().to_str().and_then(RunId::parse));
    }
    runs.sort_unstable();
    Ok(Some(runs))
}

/// Marks a run. The folder must be there: see [`mark_runs`]. The mark is on disk once the folder is, which is returned, has
/// been synced.
///
/// # Errors
/// When it cannot be written.
pub fn mark_run(root: &Root, run: RunId) -> Result<PathBuf, Error> {
    let folder = root.state().join(FOLDER);
    mark(&folder, run)?;
    Ok(folder)
}

/// Takes the mark of a run away. One that stays is no harm: whoever meets it takes it away.
pub fn unmark_run(root: &Root, run: RunId) {
    let _ = file::remove(&root.state().join(FOLDER).join(run.to_string()));
}

/// Makes the folder of the marks with these in it, whole or not at all. One that is there already stays as it is.
///
/// # Errors
/// When it cannot be written.
pub fn mark_runs(root: &Root, runs: &[RunId]) -> Result<(), Error> {
    let (folder, new) = (root.state().join(FOLDER), root.state().join(NEW_FOLDER));
    let made = make_folder(&folder, &new, runs);
    // Somebody else has made it meanwhile, out of the same runs.
    if folder.is_dir() { Ok(()) } else { made }
}

fn make_folder(folder: &Path, new: &Path, runs: &[RunId]) -> Result<(), Error> {
    file::create_dir_all(new).map_err(|source| Error::of_io(new, "make", source))?;
    runs.iter().try_for_each(|run| mark(new, *run))?;
    sync(new)?;
    file::rename(new, folder).map_err(|source| Error::of_io(folder, "make", source))?;
    folder.parent().map_or(Ok(()), sync)
}

fn mark(folder: &Path, run: RunId) -> Result<(), Error> {
    let path: PathBuf = folder.join(run.to_string());
    match file::create_new(&path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        made => made.map(drop).map_err(|source| Error::of_io(&path, "make", source)),
    }
}

fn sync(folder: &Path) -> Result<(), Error> {
    file::sync_dir(folder).map_err(|source| Error::of_io(folder, "sync", source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_come_and_go_and_are_made_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = Root::find(folder.path()).expect("a root");
        root.make_state().expect("a state folder");
        let [one, two, three] = [1, 2, 3].map(|at| RunId::from_parts(at, 7));
        assert_eq!(marked_runs(&root).expect("read"), None);
        mark_runs(&root, &[two]).expect("made");
        mark_run(&root, one).expect("marked");
        mark_run(&root, one).expect("marked again");
        mark_runs(&root, &[three]).expect("it is there already");
        assert_eq!(marked_runs(&root).expect("read"), Some(vec![one, two]));
        unmark_run(&root, one);
        unmark_run(&root, one);
        assert_eq!(marked_runs(&root).expect("read"), Some(vec![two]));
    }
}
