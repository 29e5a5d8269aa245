//! Whether somebody sees to the commands of a run although its engine may be gone.

use std::fs::File;
use std::path::Path;

use super::wire::files;

/// Whether the run in `run_dir` has a live supervisor. A file system without locks cannot tell; then it counts as alive,
/// for nothing that may be running is to be called dead.
#[must_use]
pub fn is_supervised(run_dir: &Path) -> bool {
    File::open(run_dir.join(files::LOCK)).is_ok_and(|file| file.try_lock_shared().is_err())
}
