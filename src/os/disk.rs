//! What is free where a file would be written.

use std::io;
use std::path::Path;

use rustix::fs::{Access, AtFlags, CWD, accessat, statvfs};

/// The room on a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Bytes that this user may still write.
    pub free_bytes: u64,
    /// Bytes altogether.
    pub total_bytes: u64,
    /// Files that this user may still make; where the file system has no limit on them, [`u64::MAX`].
    pub free_files: u64,
    /// Files altogether.
    pub total_files: u64,
}

/// The room on the file system that holds `path`.
///
/// # Errors
/// When it cannot be looked at.
pub fn space(path: &Path) -> io::Result<Space> {
    let found = statvfs(path)?;
    let has_limit = found.f_files > 0;
    Ok(Space {
        free_bytes: found.f_bavail.saturating_mul(found.f_frsize),
        total_bytes: found.f_blocks.saturating_mul(found.f_frsize),
        free_files: if has_limit { found.f_favail } else { u64::MAX },
        total_files: if has_limit { found.f_files } else { u64::MAX },
    })
}

/// Whether this user may make files in the folder at `path`, as far as that can be told without making one.
///
/// # Errors
/// Why not.
pub fn check_writable(path: &Path) -> io::Result<()> {
    Ok(accessat(CWD, path, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS)?)
}
