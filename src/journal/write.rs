//! Writing a journal: made once, appended to in whole batches, taken up again after a crash.
//!
//! A batch is one `write(2)`, so it survives the death of the engine from there on; it survives the machine's from the
//! next sync. What a failed write left behind is cut away, so that a full disk costs nothing but time.
//!
//! A lock keeps other engines away, and a lock can be lost: a server forgets it, or somebody forced a way around it. So
//! every append first looks whether the file is as long as this writer has left it, and every line says in which epoch it
//! was written. A writer that finds another one's facts never writes again.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::error::Error;
use super::holder::Holder;
use super::line::{self, Place};
use super::lock;
use super::read::{Entries, parse, read_bytes};
use super::sync::Syncer;
use crate::model::{Event, LOGS_FOLDER, OUTPUTS_FOLDER, RunId, Timestamp};
use crate::os::{failpoint, file};

/// The name of the journal in its run's folder.
pub const JOURNAL_FILE: &str = "journal.jsonl";

/// A journal open for appending. While it is open no other process can append to it.
#[derive(Debug)]
pub struct Journal {
    run_dir: PathBuf,
    path: PathBuf,
    file: File,
    syncer: Syncer,
    /// Where the next fact stands.
    next: Place,
    /// Bytes of whole lines.
    bytes: u64,
    /// Bytes of the file: more where a write failed and what it left behind could not be cut away yet.
    length: u64,
    /// Another writer has been here, so this one must not write any more.
    is_fenced: bool,
    stamp: line::Stamp,
    /// Files and folders that have to be on disk with the next sync.
    unsynced: Vec<PathBuf>,
}

impl Journal {
    /// Makes the folder of a new run in `runs_dir` (made too where it is missing), with an empty journal and the
    /// folders for logs and outputs. Nobody has ever seen the journal unlocked. It is all on disk with the first sync of the
    /// journal: one instead of several, and nothing can begin before it.
    ///
    /// # Errors
    /// When the run has a folder already, locks are not to be trusted there, or the file system says no.
    pub fn create(runs_dir: &Path, run: RunId) -> Result<Self, Error> {
        failpoint::reach("journal-create-before");
        file::create_dir_all_synced(runs_dir).map_err(Error::io("create", runs_dir))?;
        lock::check_trust(runs_dir)?;
        let run_dir = runs_dir.join(run.to_string());
        file::create_dir(&run_dir).map_err(Error::io("create", &run_dir))?;
        failpoint::reach("run-folder-made");
        for name in [LOGS_FOLDER, OUTPUTS_FOLDER] {
            let folder = run_dir.join(name);
            file::create_dir(&folder).map_err(Error::io("create", &folder))?;
        }
        let path = run_dir.join(JOURNAL_FILE);
        let (unseen, temporary) = file::append_unseen(&path).map_err(Error::io("create", &path))?;
        lock::take(&unseen, &path)?;
        file::rename(&temporary, &path).map_err(Error::io("create", &path))?;
        let mut journal = Self::appending(unseen, run_dir, path, Place::default(), 0)?;
        journal.unsynced = vec![journal.run_dir.clone(), runs_dir.to_path_buf()];
        failpoint::reach("journal-created");
        Ok(journal)
    }

    /// Takes up the journal of a run that was broken off: cuts a torn tail, and when a line in the middle is damaged
    /// keeps a copy of the file as `journal.jsonl.damaged-<n>` and goes on with the good lines before it. Returns what
    /// was read along with it. What is appended belongs to a new epoch.
    ///
    /// # Errors
    /// When another process has it open, when a newer Spore wrote it, when locks are not to be trusted there, or when the
    /// file system says no.
    pub fn open(run_dir: &Path) -> Result<(Self, Entries), Error> {
        let path = run_dir.join(JOURNAL_FILE);
        lock::check_trust(run_dir)?;
        let mut locked = lock::open(&path)?;
        let bytes = read_bytes(&mut locked, &path)?;
        let parsed = parse(&bytes);
        if let Some(found) = parsed.unknown {
            return Err(Error::Newer { path, found });
        }
        if parsed.set_aside {
            // A copy, because the file itself is what the lock is on.
            keep_aside(&path, &bytes).map_err(Error::io("set aside", &path))?;
        }
        let next = Place { seq: parsed.lines, epoch: parsed.epoch.map_or(0, |epoch| epoch + 1) };
        let mut journal = Self::appending(locked, run_dir.to_path_buf(), path, next, bytes.len() as u64)?;
        journal.bytes = parsed.good_bytes as u64;
        // The engine before may have been killed before its first sync.
        journal.unsynced = [run_dir.parent(), Some(run_dir)].into_iter().flatten().map(Path::to_path_buf).collect();
        let mended = journal.is_ragged() || parsed.unended;
        journal.cut()?;
        if parsed.unended {
            journal.write(b"\n").map_err(Error::io("append to", &journal.path))?;
        }
        if mended {
            journal.sync()?;
        }
        Ok((journal, parsed.entries))
    }

    fn appending(file: File, run_dir: PathBuf, path: PathBuf, next: Place, bytes: u64) -> Result<Self, Error> {
        let twin = file.try_clone().map_err(Error::io("open", &path))?;
        Ok(Self {
            run_dir,
            path,
            file,
            syncer: Syncer::new(twin),
            next,
            bytes,
            length: bytes,
            is_fenced: false,
            stamp: line::Stamp::default(),
            unsynced: Vec::new(),
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
    /// When the file system says no, such as [`Error::is_disk_full`]: nothing is left of the batch then, and a later
    /// append works as if this one had never been tried. [`Error::TakenOver`] when somebody else has written, now and on
    /// every later call.
    pub fn append(&mut self, events: &[(Timestamp, Event)]) -> Result<(), Error> {
        self.stay_away_from_others()?;
        self.cut()?;
        let mut lines = Vec::with_capacity(events.len() * 160);
        for (seq, (at, event)) in (self.next.seq..).zip(events) {
            line::encode(&mut lines, &mut self.stamp, Place { seq, ..self.next }, *at, event)
                .map_err(|source| Error::Unwritable { path: self.path.clone(), source })?;
        }
        if let Err(source) = self.write(&lines) {
            let error = Error::io("append to", &self.path)(source);
            return Err(if error.is_disk_full() || self.is_at_its_path() { error } else { self.fenced() });
        }
        self.next.seq += events.len() as u64;
        failpoint::reach("journal-appended");
        Ok(())
    }

    /// Finds out whether anybody else has written, by the length of the file: whatever another writer does changes it.
    fn stay_away_from_others(&mut self) -> Result<(), Error> {
        if self.is_fenced {
            return Err(self.fenced());
        }
        let found = self.file.metadata().map_err(Error::io("look at", &self.path))?;
        if found.len() == self.length { Ok(()) } else { Err(self.fenced()) }
    }

    fn fenced(&mut self) -> Error {
        self.is_fenced = true;
        let me = crate::os::identity::Identity::me().to_string();
        let holder = Holder::of(&self.run_dir).filter(|holder| holder.engine.process != me);
        Error::TakenOver { path: self.path.clone(), holder }
    }

    /// Whether the file is still the one at its path, or nothing is there: a journal that was deleted is nobody else's.
    fn is_at_its_path(&self) -> bool {
        match (self.file.metadata(), self.path.metadata()) {
            (Ok(own), Ok(there)) => (own.dev(), own.ino()) == (there.dev(), there.ino()),
            _ => true,
        }
    }

    /// Has the file or folder at `path` made durable together with the facts: it is on disk when [`Journal::sync`] returns.
    pub fn include(&mut self, path: PathBuf) {
        self.unsynced.push(path);
    }

    /// Returns when everything appended so far is on disk (`fdatasync`), and all that was to be included.
    ///
    /// # Errors
    /// What the file system says; from then on always, because a later success would prove nothing.
    pub fn sync(&mut self) -> Result<(), Error> {
        // All at the same time: file systems make them durable together, and so do those of other runs.
        std::thread::scope(|scope| {
            let also = |path: &PathBuf| file::sync_dir(path).map_err(Error::io("sync", path));
            let others: Vec<_> = self
                .unsynced
                .iter()
                .map(|path| {
                    let thread = std::thread::Builder::new().name("sync".to_owned());
                    // Without a thread, one after the other.
                    thread.spawn_scoped(scope, move || also(path)).map_err(|_| path)
                })
                .collect();
            let own = self.syncer.sync().map_err(Error::io("sync", &self.path));
            others.into_iter().fold(own, |so_far, other| {
                let other = other
                    .map_or_else(also, |thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
                so_far.and(other)
            })
        })?;
        self.unsynced.clear();
        Ok(())
    }

    /// A handle to sync from another thread while appending goes on here.
    #[must_use]
    pub fn syncer(&self) -> Syncer {
        self.syncer.clone()
    }

    /// Writes all bytes or takes back what it wrote of them.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Err(error) = self.write_all(bytes) else {
            self.bytes += bytes.len() as u64;
            self.length = self.bytes;
            return Ok(());
        };
        // When the cut fails too it is tried again before the next append.
        match self.file.set_len(self.bytes) {
            Ok(()) => self.length = self.bytes,
            Err(_) => self.length = self.file.metadata().map_or(self.length, |found| found.len()),
        }
        Err(error)
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        failpoint::try_reach("journal-append-before")?;
        let mut rest = bytes;
        if failpoint::is_wanted("journal-append-half") {
            let (half, other) = bytes.split_at(bytes.len() / 2);
            self.file.write_all(half)?;
            failpoint::try_reach("journal-append-half")?;
            rest = other;
        }
        self.file.write_all(rest)
    }

    fn is_ragged(&self) -> bool {
        self.length != self.bytes
    }

    fn cut(&mut self) -> Result<(), Error> {
        if self.is_ragged() {
            self.file.set_len(self.bytes).map_err(Error::io("cut the torn tail of", &self.path))?;
            self.length = self.bytes;
        }
        Ok(())
    }
}

fn keep_aside(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut aside = 1;
    loop {
        let target = path.with_file_name(format!("{JOURNAL_FILE}.damaged-{aside}"));
        match file::write_new(&target, bytes) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => aside += 1,
            written => return written,
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
        let error = journal.write(b"{}").expect_err("the disk is full");
        assert!(Error::io("append to", &journal.path)(error).is_disk_full());
        assert!(journal.is_ragged());

        // Half a line that could not be cut away then is cut before the next append.
        journal.file = good;
        journal.file.write_all(b"{\"v\":1,\"se").expect("torn");
        journal.length = journal.file.metadata().expect("looked at").len();
        journal.append(&event(3)).expect("appended");
        let read = super::super::read(journal.run_dir()).expect("read");
        assert_eq!(read.damage, []);
        assert_eq!(read.events.iter().map(|(at, _)| at.0).collect::<Vec<_>>(), [1, 3]);
    }
}
