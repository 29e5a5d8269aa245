//! Writing a journal: made once, appended to in whole batches, taken up again after a crash.
//!
//! A batch is one `write(2)`, so it survives the death of the engine from there on; it survives the machine's from the
//! next sync. What a failed write left behind is cut away, so that a full disk costs nothing but time.

use std::fs::{File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::model::{Event, LOGS_FOLDER, OUTPUTS_FOLDER, RunId, Timestamp};
use crate::os::{failpoint, file};

use super::error::Error;
use super::line;
use super::read::{Entries, parse, read_bytes};
use super::sync::Syncer;

/// The name of the journal in its run's folder.
pub const JOURNAL_FILE: &str = "journal.jsonl";

/// A journal open for appending. While it is open no other process can append to it.
#[derive(Debug)]
pub struct Journal {
    run_dir: PathBuf,
    path: PathBuf,
    file: File,
    syncer: Syncer,
    /// The number of the next fact.
    seq: u64,
    /// Bytes of whole lines.
    bytes: u64,
    /// A write failed and what it left behind could not be cut away yet.
    ragged: bool,
    stamp: line::Stamp,
}

impl Journal {
    /// Makes the folder of a new run in `runs_dir` (made too where it is missing), with an empty journal and the
    /// folders for logs and outputs. All of it is on disk when this returns.
    ///
    /// # Errors
    /// When the run has a folder already, or the file system says no.
    pub fn create(runs_dir: &Path, run: RunId) -> Result<Self, Error> {
        let fresh = !runs_dir.is_dir();
        file::create_dir_all(runs_dir).map_err(Error::io("create", runs_dir))?;
        let run_dir = runs_dir.join(run.to_string());
        file::create_dir(&run_dir).map_err(Error::io("create", &run_dir))?;
        failpoint::reach("run-folder-made");
        for name in [LOGS_FOLDER, OUTPUTS_FOLDER] {
            let folder = run_dir.join(name);
            file::create_dir(&folder).map_err(Error::io("create", &folder))?;
        }
        let path = run_dir.join(JOURNAL_FILE);
        let made = file::create_new(&path).map_err(Error::io("create", &path))?;
        drop(made);
        failpoint::reach("journal-made");
        let locked = open_locked(&path)?;
        let journal = Self::appending(locked, run_dir, path, 0, 0)?;
        for folder in [Some(journal.run_dir.as_path()), Some(runs_dir), runs_dir.parent().filter(|_| fresh)] {
            let Some(folder) = folder.filter(|folder| !folder.as_os_str().is_empty()) else { continue };
            file::sync_dir(folder).map_err(Error::io("sync", folder))?;
        }
        Ok(journal)
    }

    /// Takes up the journal of a run that was broken off: cuts a torn tail, and when a line in the middle is damaged
    /// sets the file aside as `journal.jsonl.damaged-<n>` and goes on with the good lines before it. Returns what was
    /// read along with it.
    ///
    /// # Errors
    /// When another process has it open, when a newer Spore wrote it, or when the file system says no.
    pub fn open(run_dir: &Path) -> Result<(Self, Entries), Error> {
        let path = run_dir.join(JOURNAL_FILE);
        let mut locked = open_locked(&path)?;
        let bytes = read_bytes(&mut locked, &path)?;
        let parsed = parse(&bytes);
        if let Some(found) = parsed.unknown {
            return Err(Error::Newer { path, found });
        }
        let good = &bytes[..parsed.good_bytes];
        if parsed.set_aside {
            let mut whole = good.to_vec();
            if parsed.unended {
                whole.push(b'\n');
            }
            set_aside(&path).map_err(Error::io("set aside", &path))?;
            file::write_new(&path, &whole).map_err(Error::io("rewrite", &path))?;
            let length = whole.len() as u64;
            let fresh = open_locked(&path)?;
            return Ok((Self::appending(fresh, run_dir.to_path_buf(), path, parsed.lines, length)?, parsed.entries));
        }
        let mut journal = Self::appending(locked, run_dir.to_path_buf(), path, parsed.lines, good.len() as u64)?;
        journal.ragged = bytes.len() > good.len();
        let mended = journal.ragged || parsed.unended;
        journal.cut()?;
        if parsed.unended {
            journal.write(b"\n").map_err(Error::io("append to", &journal.path))?;
        }
        if mended {
            journal.sync()?;
        }
        Ok((journal, parsed.entries))
    }

    fn appending(file: File, run_dir: PathBuf, path: PathBuf, seq: u64, bytes: u64) -> Result<Self, Error> {
        let twin = file.try_clone().map_err(Error::io("open", &path))?;
        Ok(Self {
            run_dir,
            path,
            file,
            syncer: Syncer::new(twin),
            seq,
            bytes,
            ragged: false,
            stamp: line::Stamp::default(),
        })
    }

    /// The folder of the run.
    #[must_use]
    pub fn run_dir(&self) -> &Path {
        &self.run_dir
    }

    /// Appends these facts, all or none, with one `write(2)`. They survive the death of this process from here on;
    /// sync before acknowledging them to anyone.
    ///
    /// # Errors
    /// When the file system says no, such as [`Error::is_disk_full`]. Nothing is left of the batch then, and a later
    /// append works as if this one had never been tried.
    pub fn append(&mut self, events: &[(Timestamp, Event)]) -> Result<(), Error> {
        self.cut()?;
        let mut lines = Vec::with_capacity(events.len() * 160);
        for (seq, (at, event)) in (self.seq..).zip(events) {
            line::encode(&mut lines, &mut self.stamp, seq, *at, event)
                .map_err(|source| Error::Unwritable { path: self.path.clone(), source })?;
        }
        self.write(&lines).map_err(Error::io("append to", &self.path))?;
        self.seq += events.len() as u64;
        failpoint::reach("journal-written");
        Ok(())
    }

    /// Returns when everything appended so far is on disk (`fdatasync`).
    ///
    /// # Errors
    /// What the file system says; from then on always, because a later success would prove nothing.
    pub fn sync(&mut self) -> Result<(), Error> {
        failpoint::reach("journal-unsynced");
        self.syncer.sync().map_err(Error::io("sync", &self.path))
    }

    /// A handle to sync from another thread while appending goes on here.
    #[must_use]
    pub fn syncer(&self) -> Syncer {
        self.syncer.clone()
    }

    /// Writes all bytes or takes back what it wrote of them.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match failpoint::try_reach("journal-write").and_then(|()| self.file.write_all(bytes)) {
            Ok(()) => {
                self.bytes += bytes.len() as u64;
                Ok(())
            }
            Err(error) => {
                // When the cut fails too it is tried again before the next append.
                self.ragged = self.file.set_len(self.bytes).is_err();
                Err(error)
            }
        }
    }

    fn cut(&mut self) -> Result<(), Error> {
        if self.ragged {
            self.file.set_len(self.bytes).map_err(Error::io("cut the torn tail of", &self.path))?;
            self.ragged = false;
        }
        Ok(())
    }
}

/// Opens for reading and appending, and holds the only lock.
fn open_locked(path: &Path) -> Result<File, Error> {
    let file = file::append_existing(path).map_err(Error::io("open", path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Busy(path.to_path_buf())),
        // A file system without locks: one engine at a time is then for people to see to.
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => Ok(file),
        Err(TryLockError::Error(error)) => Err(Error::io("lock", path)(error)),
    }
}

fn set_aside(path: &Path) -> io::Result<()> {
    let mut aside = 1;
    loop {
        let target = path.with_file_name(format!("{JOURNAL_FILE}.damaged-{aside}"));
        match target.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return file::rename(path, &target),
            Err(error) => return Err(error),
            Ok(_) => aside += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RunStatus;

    #[test]
    fn a_full_disk_costs_nothing_but_the_batch() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut journal = Journal::create(folder.path(), RunId::from_parts(1, 1)).expect("created");
        let event = |at| [(Timestamp(at), Event::RunEnded { status: RunStatus::Succeeded })];
        journal.append(&event(1)).expect("appended");

        // Every write to this device says that there is no space left, and it cannot be cut either.
        let full = file::append_existing(Path::new("/dev/full")).expect("Linux has it");
        let good = std::mem::replace(&mut journal.file, full);
        let error = journal.append(&event(2)).expect_err("the disk is full");
        assert!(error.is_disk_full(), "{error}");
        assert!(journal.ragged);

        // Half a line that could not be cut away then is cut before the next append.
        journal.file = good;
        journal.file.write_all(b"{\"v\":1,\"se").expect("torn");
        journal.append(&event(3)).expect("appended");
        let read = super::super::read(journal.run_dir()).expect("read");
        assert_eq!(read.damage, []);
        assert_eq!(read.events.iter().map(|(at, _)| at.0).collect::<Vec<_>>(), [1, 3]);
    }
}
