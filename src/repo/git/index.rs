//! Git's index: new entries are added to it without losing what another git writes at the same time.

use std::fs::{self, File};
use std::io::{ErrorKind, Seek as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use git2::{FileMode, Index, IndexEntry, IndexTime, Oid, Repository};

use super::file::NewFile;
use super::locks::{self, SIGN};
use super::{PAUSE, Skip, tries};
use crate::os;

/// What the name of a copy of the index holds.
const COPY: &str = ".spore-";

/// Why the index is left as it is.
#[derive(Debug)]
pub(super) enum Obstacle {
    /// Somebody holds its lock.
    Held(Skip),
    /// It cannot be worked with.
    Broken(String),
}

impl Obstacle {
    /// Why, as a lower-case fragment.
    pub(super) fn reason(self) -> String {
        match self {
            Self::Held(skip) => skip.reason,
            Self::Broken(reason) => reason,
        }
    }
}

/// The index of a working tree, whose lock is held, and a copy of it that is to take its place.
///
/// libgit2 would read the index, then lock, then write: what another git wrote in between would be lost. So the lock is
/// taken first, as git does, libgit2 works on a copy, and the copy is renamed into place.
pub(super) struct HeldIndex {
    path: PathBuf,
    lock: PathBuf,
    copy: PathBuf,
    /// Locked as long as this lives, so that others see whether its holder does.
    _held: File,
}

impl HeldIndex {
    /// Takes git's lock and readies an index that knows these files, too.
    pub(super) fn with_files(
        repository: &Repository,
        files: &[NewFile],
        blobs: &[(PathBuf, Oid)],
        patience: Duration,
    ) -> Result<Self, Obstacle> {
        let held = Self::take(repository, patience)?;
        held.extend(files, blobs).map_err(Obstacle::Broken)?;
        Ok(held)
    }

    /// Takes git's lock and copies the index. While it is held, nobody commits, adds, or changes branches.
    pub(super) fn take(repository: &Repository, patience: Duration) -> Result<Self, Obstacle> {
        let path = repository.path().join("index");
        // Git follows a linked index to the file it stands for, and locks that.
        let path = fs::canonicalize(&path).unwrap_or(path);
        let beside = |ending: String| {
            let mut name = path.clone().into_os_string();
            name.push(ending);
            PathBuf::from(name)
        };
        let (lock, copy) = (beside(".lock".into()), beside(format!("{COPY}{:x}", os::random::bits())));
        let held = take(&lock, &copy, patience)?;
        let held = Self { path, lock, copy, _held: held };
        held.copy_again()?;
        Ok(held)
    }

    /// The copy; it is not there while there is no index.
    pub(super) fn copy(&self) -> &Path {
        &self.copy
    }

    /// Copies the index, once more after [`Self::put`].
    pub(super) fn copy_again(&self) -> Result<(), Obstacle> {
        self.copy_old().map_err(|error| Obstacle::Broken(format!("the index cannot be copied: {error}")))
    }

    fn copy_old(&self) -> std::io::Result<()> {
        match fs::read(&self.path) {
            Ok(bytes) => os::file::create_new(&self.copy)?.write_all(&bytes)?,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        }
        self.keep_time()
    }

    /// Gives the copy time and permissions of the index. Git takes a file for unchanged when its time is older than the
    /// index. A younger index would vouch for files that were changed in the very moment they were added.
    fn keep_time(&self) -> std::io::Result<()> {
        let Ok(old) = fs::metadata(&self.path) else { return Ok(()) };
        let copy = os::file::read_write(&self.copy)?;
        old.modified().and_then(|time| copy.set_modified(time))?;
        copy.set_permissions(old.permissions())
    }

    fn extend(&self, files: &[NewFile], blobs: &[(PathBuf, Oid)]) -> Result<(), String> {
        let git = |error: git2::Error| format!("the index cannot be extended: {}", error.message());
        let mut index = Index::open(&self.copy).map_err(git)?;
        for (file, (path, blob)) in files.iter().zip(blobs) {
            if path.ancestors().any(|above| !above.as_os_str().is_empty() && index.get_path(above, 0).is_some()) {
                continue;
            }
            // A file that somebody removes right now is in the commit, and git says that it is gone.
            let Ok(metadata) = fs::metadata(&file.whole) else { continue };
            index.add(&entry(path, *blob, &metadata)).map_err(git)?;
        }
        index.write().map_err(git)?;
        self.keep_time().map_err(|error| format!("the index cannot be extended: {error}"))
    }

    /// Enters these files into the copy, over what it says of them.
    pub(super) fn replace(&self, files: &[(NewFile, Oid)]) -> Result<(), Obstacle> {
        let failed = |error: String| Obstacle::Broken(format!("the index cannot be extended: {error}"));
        let git = |error: git2::Error| failed(error.message().to_owned());
        let mut index = Index::open(&self.copy).map_err(git)?;
        for (file, blob) in files {
            let Ok(metadata) = fs::metadata(&file.whole) else { continue };
            index.add(&entry(&file.inside, *blob, &metadata)).map_err(git)?;
        }
        index.write().map_err(git)?;
        self.keep_time().map_err(|error| failed(error.to_string()))
    }

    /// Puts the copy into the index's place. The lock goes with `self`.
    pub(super) fn install(self) -> Result<(), Obstacle> {
        self.put()
    }

    /// Puts the copy into the index's place, and keeps the lock.
    pub(super) fn put(&self) -> Result<(), Obstacle> {
        let failed = |error| Obstacle::Broken(format!("the index cannot be replaced: {error}"));
        os::file::rename(&self.copy, &self.path).map_err(failed)
    }
}

impl Drop for HeldIndex {
    fn drop(&mut self) {
        // Whether the copy is still there depends on how far the work came; the lock must go in any case.
        let _ = os::file::remove(&self.copy);
        let _ = os::file::remove(&self.lock);
    }
}

/// Takes git's lock: a file that must not be there yet. What stands in it, and that it is locked as long as its holder
/// lives, tells another Spore whether it was left behind.
fn take(lock: &Path, copy: &Path, patience: Duration) -> Result<File, Obstacle> {
    let mut new = copy.to_path_buf().into_os_string();
    new.push(".lock");
    let new = PathBuf::from(new);
    let failed = |error: std::io::Error| Obstacle::Broken(format!("`{}` cannot be made: {error}", lock.display()));
    let ready = os::file::create_new(&new).and_then(|file| sign(file, copy));
    let tries = tries(patience);
    for number in 1..=tries {
        let placed = match &ready {
            Ok(_) => os::file::rename_new(&new, lock),
            Err(error) => Err(error.kind().into()),
        };
        match placed {
            Ok(()) => return ready.map_err(failed),
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                let _ = os::file::remove(&new);
                return Err(ready.err().map_or_else(|| failed(error), failed));
            }
            Err(_) => {}
        }
        if let Some(held) = adopt(lock, copy) {
            let _ = os::file::remove(&new);
            return Ok(held);
        }
        if number < tries {
            thread::sleep(PAUSE);
        }
    }
    let _ = os::file::remove(&new);
    Err(Obstacle::Held(locks::told(lock)))
}

/// Locks a lock's file and writes into it whose it is, and which copy of the index belongs to it.
fn sign(mut file: File, copy: &Path) -> std::io::Result<File> {
    // Without locks in the file system, what is left behind stays behind, as it does with git itself.
    let _ = file.try_lock();
    let name = copy.file_name().unwrap_or_default().to_string_lossy();
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(format!("{SIGN}{name}\n").as_bytes())?;
    Ok(file)
}

/// The lock of a Spore that died holding it, now ours; what else it left behind is removed. `None` when its holder lives
/// or is no Spore.
fn adopt(lock: &Path, copy: &Path) -> Option<File> {
    let text = locks::text(lock)?;
    let left = text.strip_prefix(SIGN)?.trim_end();
    let file = os::file::append_existing(lock).ok()?;
    file.try_lock().ok()?;
    // Somebody else may have adopted and removed it, and others have made a new one, before it was locked here.
    let same = |one: fs::Metadata, other: fs::Metadata| (one.dev(), one.ino()) == (other.dev(), other.ino());
    if !same(file.metadata().ok()?, fs::symlink_metadata(lock).ok()?) {
        return None;
    }
    if left.contains(COPY) && !left.contains('/') {
        let _ = os::file::remove(&lock.with_file_name(left));
    }
    sign(file, copy).ok()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "git keeps the low 32 bits of these numbers, and compares those"
)]
fn entry(path: &Path, blob: Oid, metadata: &fs::Metadata) -> IndexEntry {
    IndexEntry {
        ctime: IndexTime::new(metadata.ctime() as i32, metadata.ctime_nsec() as u32),
        mtime: IndexTime::new(metadata.mtime() as i32, metadata.mtime_nsec() as u32),
        dev: metadata.dev() as u32,
        ino: metadata.ino() as u32,
        mode: u32::from(FileMode::Blob),
        uid: metadata.uid(),
        gid: metadata.gid(),
        file_size: metadata.size() as u32,
        id: blob,
        flags: 0,
        flags_extended: 0,
        path: path.as_os_str().as_bytes().to_vec(),
    }
}
