//! Whether somebody sees to the commands of a run although its engine may be gone.

use std::fs::File;
use std::path::Path;

/// The name of the lock, in the folder of a run, that its supervisor holds as long as it lives.
const LOCK_FILE: &str = "supervisor.lock";

/// Whether the run in `run_dir` has a live supervisor. A file system without locks cannot tell; then it counts as alive,
/// for nothing that may be running is to be called dead.
#[must_use]
pub fn is_supervised(run_dir: &Path) -> bool {
    File::open(run_dir.join(LOCK_FILE)).is_ok_and(|file| file.try_lock_shared().is_err())
}
