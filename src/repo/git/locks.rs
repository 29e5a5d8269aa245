//! Git's locks: files that must not be there. Who holds one is told where the system knows it. None is ever removed here.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use git2::Repository;

use super::Skip;
use crate::model::{Timestamp, format_duration};
use crate::os::clock::{Clock as _, SystemClock};
use crate::os::process::find_opener;

/// What a lock begins with that a Spore holds.
pub(super) const SIGN: &str = "spore ";
/// Bytes of what stands in such a lock, at most.
pub(super) const TEXT_BYTES_MAX: u64 = 200;

/// The lock that keeps `branch` from being moved: its own, that of HEAD, which git takes with it, or that of all refs.
pub(super) fn of_branch(repository: &Repository, branch: &str) -> Option<PathBuf> {
    let shared = repository.commondir();
    let own = shared.join(format!("{branch}.lock"));
    let places = [repository.path().join("HEAD.lock"), own, shared.join("packed-refs.lock")];
    places.into_iter().find(|place| place.symlink_metadata().is_ok())
}

/// What there is to say of a lock that somebody holds or has left behind.
pub(super) fn told(lock: &Path) -> Skip {
    let shown = lock.display();
    let Ok(metadata) = lock.symlink_metadata() else {
        return Skip::passing(format!("`{shown}` was held by another git until now"), None);
    };
    let modified = metadata.mtime().saturating_mul(1000).saturating_add(metadata.mtime_nsec() / 1_000_000);
    let age = format_duration(Timestamp(SystemClock::new().wall_milliseconds()).since(Timestamp(modified)));
    if text(lock).is_some_and(|text| text.starts_with(SIGN)) {
        return Skip::passing(format!("`{shown}` has been held by another Spore for {age}"), None);
    }
    // The system names what a process has open by its canonical path.
    let whole = fs::canonicalize(lock).unwrap_or_else(|_| lock.to_path_buf());
    if let Some((pid, program)) = find_opener(&whole) {
        return Skip::passing(format!("`{shown}` has been held by `{program}` (process {pid}) for {age}"), None);
    }
    let hint = format!("if no git is at work in the repository, remove it: `rm {shown}`");
    Skip::passing(format!("`{shown}` has been there for {age}, and no process has it open"), Some(&hint))
}

/// What stands in a lock.
pub(super) fn text(lock: &Path) -> Option<String> {
    let mut text = String::new();
    File::open(lock).ok()?.take(TEXT_BYTES_MAX).read_to_string(&mut text).ok()?;
    Some(text)
}
