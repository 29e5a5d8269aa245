//! Whose files are whose.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;

/// The user that this process acts as.
#[must_use]
pub fn me() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// The user who became the superuser by `sudo` to start this process; `None` for anybody else.
#[must_use]
pub fn before_sudo() -> Option<u32> {
    if me() != 0 {
        return None;
    }
    std::env::var("SUDO_UID").ok()?.parse().ok()
}

/// Whether others than the owner may write what this is about.
#[must_use]
pub fn others_may_write(metadata: &Metadata) -> bool {
    metadata.mode() & 0o022 != 0
}
