//! File writes. What is acknowledged here is on disk: the file and its folder are synced.

mod tree;
mod trust;

pub use tree::{create_dir_all_synced, remove_tree, tree_bytes};
pub use trust::{Trust, lock_trust};

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, OFlags, RenameFlags};

/// Whether links led in a circle; the standard library has no stable name for that.
#[must_use]
pub fn is_link_loop(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
}

/// Makes a folder and those above it.
///
/// # Errors
/// As [`fs::create_dir_all`].
#[expect(clippy::disallowed_methods, reason = "this is where files are written")]
pub fn create_dir_all(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

/// Makes a folder that must not be there yet, in a folder that is.
///
/// # Errors
/// As [`fs::create_dir`].
#[expect(clippy::disallowed_methods, reason = "this is where files are written")]
pub fn create_dir(path: &Path) -> io::Result<()> {
    fs::create_dir(path)
}

/// Makes a folder, and those above it, that only its owner may enter. One that is there stays as it is.
///
/// # Errors
/// As [`fs::create_dir_all`].
pub fn create_private_dir_all(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Opens a file for locking, which only its owner may read and write, and makes it when it is not there.
///
/// # Errors
/// As [`OpenOptions::open`].
#[expect(clippy::disallowed_methods, reason = "this is where files are written")]
pub fn private(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Makes a file that must not be there yet, open for writing.
///
/// # Errors
/// As [`File::create_new`].
#[expect(clippy::disallowed_methods, reason = "this is where files are written")]
pub fn create_new(path: &Path) -> io::Result<File> {
    File::create_new(path)
}

/// Opens a file for appending, and makes it when it is not there.
///
/// # Errors
/// As [`OpenOptions::open`].
#[expect(clippy::disallowed_methods, reason = "this is where files are written")]
pub fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

/// Opens a file that must be there, for reading and appending.
///
/// # Errors
/// As [`OpenOptions::open`].
#[expect(clippy::disallowed_methods, reason = "this is where files are written")]
pub fn append_existing(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).append(true).open(path)
}

/// Makes a file that must not be there yet, for reading and appending, under a name that nobody looks for: the second of
/// what is returned. It gets its own, `path`, by [`rename`], when it is ready to be seen.
///
/// # Errors
/// As [`OpenOptions::open`].
#[expect(clippy::disallowed_methods, reason = "this is where files are written")]
pub fn append_unseen(path: &Path) -> io::Result<(File, PathBuf)> {
    let (_, temporary) = beside(path)?;
    Ok((OpenOptions::new().read(true).append(true).create_new(true).open(&temporary)?, temporary))
}

/// Opens a file for reading that is no link, without waiting for the other end of a pipe. What it is, a pipe or a device
/// too, is for the caller to look at.
///
/// # Errors
/// As [`OpenOptions::open`]; see [`is_link_loop`] for a link.
#[expect(clippy::disallowed_methods, reason = "there is no other way to open with these flags")]
pub fn open_unlinked(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// Opens a file for reading and writing at any place, and makes it when it is not there.
///
/// # Errors
/// As [`OpenOptions::open`].
#[expect(clippy::disallowed_methods, reason = "this is where files are written")]
pub fn read_write(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

/// Puts these bytes at `path` as a file that only its owner may read, write and execute. Neither whole-or-nothing nor
/// durable: for scripts that are executed at once.
///
/// # Errors
/// As [`OpenOptions::open`] and [`Write::write_all`].
#[expect(clippy::disallowed_methods, reason = "this is where files are written")]
pub fn write_script(path: &Path, bytes: &[u8]) -> io::Result<()> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o700).open(path)?.write_all(bytes)
}

/// Puts these bytes at `path`, over what may be there, with these permissions, whatever the mask of this process. Neither
/// whole-or-nothing nor durable: for files that live as long as a process.
///
/// # Errors
/// As [`OpenOptions::open`] and [`Write::write_all`].
#[expect(clippy::disallowed_methods, reason = "this is where files are written")]
pub fn write_as(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.set_permissions(fs::Permissions::from_mode(mode))
}

/// Puts a link to `target` at `path`, where nothing may be yet.
///
/// # Errors
/// As [`std::os::unix::fs::symlink`].
pub fn link(target: &Path, path: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, path)
}

/// Removes a file.
///
/// # Errors
/// As [`fs::remove_file`].
#[expect(clippy::disallowed_methods, reason = "this is where files are written")]
pub fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)
}

/// Removes a folder that has nothing in it.
///
/// # Errors
/// As [`fs::remove_dir`].
#[expect(clippy::disallowed_methods, reason = "this is where files are written")]
pub fn remove_empty_dir(path: &Path) -> io::Result<()> {
    fs::remove_dir(path)
}

/// Renames a file or folder, over what may be there.
///
/// # Errors
/// As [`fs::rename`].
#[expect(clippy::disallowed_methods, reason = "this is where files are written")]
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)
}

/// Makes the entries of a folder durable: files made, renamed and removed in it. Of a file, its bytes.
///
/// # Errors
/// When the folder cannot be opened or synced.
pub fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Puts a new file with these bytes at `path`, whole or not at all, and durable. Never replaces a file.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] when something is there; otherwise what the file system says.
pub fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_beside(path, bytes, |temporary| rename_new(temporary, path))
}

/// Puts these bytes at `path`, whole or not at all, and durable, over what may be there.
///
/// # Errors
/// What the file system says.
pub fn write_over(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_beside(path, bytes, |temporary| rename(temporary, path))
}

/// As [`write_over`], with these permissions.
///
/// # Errors
/// What the file system says.
pub fn write_over_as(path: &Path, bytes: &[u8], permissions: fs::Permissions) -> io::Result<()> {
    write_beside(path, bytes, |temporary| {
        File::open(temporary)?.set_permissions(permissions)?;
        rename(temporary, path)
    })
}

/// Writes a temporary file beside `path`, lets `place` put it there, and makes both durable.
fn write_beside(path: &Path, bytes: &[u8], place: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let (folder, temporary) = beside(path)?;
    let written = write_synced(&temporary, bytes).and_then(|()| place(&temporary));
    if written.is_err() {
        // Leaving the temporary file would hide why; its own failure says nothing new.
        let _ = remove(&temporary);
    }
    written.and_then(|()| sync_dir(folder))
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Renames without ever replacing: by the kernel's own check where the file system has it, else by a hard link.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] when something is there; otherwise what the file system says.
pub fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
            rustix::fs::linkat(CWD, from, CWD, to, AtFlags::empty())?;
            remove(from)
        }
        other => Ok(other?),
    }
}

/// Whether `name` is a temporary name of a file that was to be called `wanted`.
#[must_use]
pub fn is_temporary(name: &str, wanted: &str) -> bool {
    let inner =
        name.strip_prefix('.').and_then(|name| name.strip_prefix(wanted)).and_then(|rest| rest.strip_prefix('.'));
    inner.and_then(|rest| rest.strip_suffix(".tmp")).is_some_and(|bits| bits.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// The folder of `path` and a temporary name in it that nobody else uses.
fn beside(path: &Path) -> io::Result<(&Path, PathBuf)> {
    let name = path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path names no file"))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut temporary = std::ffi::OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{:x}.tmp", super::random::bits()));
    Ok((folder, folder.join(temporary)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temporary_names_are_known() {
        let (_, temporary) = beside(Path::new("/x/page.md")).expect("a name");
        let name = temporary.file_name().and_then(|name| name.to_str()).expect("text");
        assert!(is_temporary(name, "page.md"), "{name}");
        assert!(!is_temporary(name, "page") && !is_temporary("page.md", "page.md"));
    }

    #[test]
    fn a_new_file_never_replaces_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x");
        write_new(&path, b"one").expect("written");
        assert_eq!(write_new(&path, b"two").expect_err("refused").kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).expect("read"), b"one");
        write_over(&path, b"three").expect("written");
        assert_eq!(fs::read(&path).expect("read"), b"three");
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 1, "no temporary file is left");
    }
}
