//! The log of a queue: sealed lines, written by one watcher and read by anybody.
//!
//! A ticket that was handed out is on disk before anybody is told. What is noted of it later (that it began, that it ended)
//! may be lost with the machine: the run's own journal tells the same. When most of the log is about what is over, it is
//! written anew beside itself and renamed into place.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::error::Error;
use super::fact::Fact;
use super::state::{Phase, State};
use crate::model::RunId;
use crate::os::{failpoint, file, seal};

/// The name of the log in the folder of this machine's state.
pub const QUEUE_FILE: &str = "queue.jsonl";
/// Bytes below which a log is never written anew.
const COMPACT_BYTES_MIN: u64 = 1 << 20;

/// The log, open for writing.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    file: File,
    /// Bytes of whole lines.
    bytes: u64,
    /// Bytes after it was last written anew.
    bytes_compact: u64,
    state: State,
    is_dirty: bool,
    /// Lines that could not be read when it was opened.
    damaged: usize,
}

impl Log {
    /// Opens the log in `folder` and reads it. A torn end is cut; a damaged line in the middle is passed over, and the log as
    /// it was is put aside. Who calls holds the lock of the watcher.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(QUEUE_FILE);
        let bytes = read_bytes(&path)?;
        let (state, whole, damaged) = fold(&bytes);
        if damaged > 0 {
            let aside = path.with_extension("jsonl.damaged");
            file::write_over(&aside, &bytes).map_err(Error::io("write", &aside))?;
        }
        let opened = file::append_existing(&path).or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => file::append_unseen(&path).and_then(|(made, unseen)| {
                file::rename(&unseen, &path)?;
                Ok(made)
            }),
            _ => Err(error),
        });
        let file = opened.map_err(Error::io("open", &path))?;
        file.set_len(whole).map_err(Error::io("cut", &path))?;
        file::sync_dir(folder).map_err(Error::io("sync", folder))?;
        let mut log = Self { path, file, bytes: whole, bytes_compact: 0, state, is_dirty: false, damaged };
        if damaged > 0 {
            log.compact()?;
        } else {
            log.compact_if_worth()?;
        }
        Ok(log)
    }

    /// The queue as it is now.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// How many lines could not be read when it was opened. The log as it was then lies beside it.
    #[must_use]
    pub fn damaged(&self) -> usize {
        self.damaged
    }

    /// Notes facts, all or none. They survive the death of this process from here on; that of the machine, once synced.
    ///
    /// # Errors
    /// What the file system says; then nothing is noted.
    pub fn append(&mut self, facts: Vec<Fact>) -> Result<(), Error> {
        if facts.is_empty() {
            return Ok(());
        }
        let mut out = Vec::new();
        let mut places = Vec::with_capacity(facts.len());
        if facts.len() > 1 {
            let lines = u32::try_from(facts.len()).unwrap_or(u32::MAX);
            write_line(&mut out, &Fact::Batch { lines }).map_err(Error::io("write", &self.path))?;
        }
        for fact in &facts {
            let start = out.len();
            write_line(&mut out, fact).map_err(Error::io("write", &self.path))?;
            places.push((self.bytes + start as u64, u32::try_from(out.len() - start).unwrap_or(u32::MAX)));
        }
        // What is written to a file that has no name any more nobody ever finds.
        if self.file.metadata().is_ok_and(|found| found.nlink() == 0) {
            return Err(Error::Removed { path: self.path.clone() });
        }
        let written = failpoint::try_reach("queue-write").and_then(|()| self.file.write_all(&out));
        if let Err(error) = written {
            // What stays half written has no whole seal, and the next line must not follow it.
            let _ = self.file.set_len(self.bytes);
            return Err(Error::io("write", &self.path)(error));
        }
        self.bytes += out.len() as u64;
        self.is_dirty = true;
        for (fact, place) in facts.into_iter().zip(places) {
            self.state.apply(fact, place);
        }
        Ok(())
    }

    /// Makes what is noted durable.
    ///
    /// # Errors
    /// What the file system says.
    pub fn sync(&mut self) -> Result<(), Error> {
        if self.is_dirty {
            self.file.sync_data().map_err(Error::io("sync", &self.path))?;
            self.is_dirty = false;
            self.compact_if_worth()?;
        }
        Ok(())
    }

    /// The text that a ticket was handed out for.
    ///
    /// # Errors
    /// When the log cannot be read, or has no such ticket.
    pub fn text(&self, run: RunId) -> Result<String, Error> {
        let failed = Error::io("read", &self.path);
        let gone = || io::Error::new(io::ErrorKind::NotFound, format!("it has no ticket {run}"));
        let waiting = self.state.ticket(run).ok_or_else(|| failed(gone()))?;
        match self.read_line(waiting.line).map_err(&failed)? {
            Some(Fact::Queued { text, .. }) => Ok(text),
            _ => Err(failed(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("the line of the ticket {run} is damaged"),
            ))),
        }
    }

    fn read_line(&self, (start, length): (u64, u32)) -> io::Result<Option<Fact>> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(start))?;
        let mut line = vec![0; length as usize];
        file.read_exact(&mut line)?;
        Ok(parse(line.strip_suffix(b"\n").unwrap_or(&line)))
    }

    /// Writes the log anew when it is several times what its state needs.
    fn compact_if_worth(&mut self) -> Result<(), Error> {
        if self.bytes < COMPACT_BYTES_MIN.max(4 * self.bytes_compact) {
            return Ok(());
        }
        self.compact()
    }

    /// Writes the log anew, without what is over and what is damaged.
    fn compact(&mut self) -> Result<(), Error> {
        let failed = Error::io("write", &self.path);
        let mut out = Vec::new();
        let mut state = State::default();
        let mut facts = self.state.facts();
        for waiting in self.state.tickets() {
            let text = self.text(waiting.ticket.run)?;
            let run = waiting.ticket.run;
            let pending = match &waiting.phase {
                Phase::Pending { because } => Some(because.clone()),
                _ => None,
            };
            facts.push(Fact::Queued { ticket: Box::new(waiting.ticket.clone()), text, pending });
            if waiting.phase == Phase::Running {
                facts.push(Fact::Begun { run });
            }
        }
        for fact in facts {
            let start = out.len();
            write_line(&mut out, &fact).map_err(&failed)?;
            state.apply(fact, (start as u64, u32::try_from(out.len() - start).unwrap_or(u32::MAX)));
        }
        file::write_over(&self.path, &out).map_err(&failed)?;
        failpoint::reach("queue-compacted");
        self.file = file::append_existing(&self.path).map_err(Error::io("open", &self.path))?;
        (self.bytes, self.bytes_compact) = (out.len() as u64, out.len() as u64);
        self.state = state;
        Ok(())
    }
}

/// The queue of the state folder `folder`, for who only looks; whoever watches goes on meanwhile.
///
/// # Errors
/// When the log is there and cannot be read.
pub fn read(folder: &Path) -> Result<State, Error> {
    Ok(fold(&read_bytes(&folder.join(QUEUE_FILE))?).0)
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, Error> {
    match std::fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read.map_err(Error::io("read", path)),
    }
}

fn write_line(out: &mut Vec<u8>, fact: &Fact) -> io::Result<()> {
    let start = out.len();
    serde_json::to_writer(&mut *out, fact)?;
    seal::seal(out, start);
    Ok(())
}

fn parse(line: &[u8]) -> Option<Fact> {
    serde_json::from_str(&format!("{}}}", seal::unseal(line)?)).ok()
}

/// The state, the bytes up to the end of the last whole line that counts, and how many lines before that are damaged.
fn fold(bytes: &[u8]) -> (State, u64, usize) {
    let mut fold = Fold::default();
    let mut place = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let start = place;
        place += line.len() as u64;
        match line.strip_suffix(b"\n").and_then(parse) {
            Some(fact) => fold.take(fact, (start, u32::try_from(line.len()).unwrap_or(u32::MAX))),
            None => fold.pass_over(),
        }
    }
    // What is missing of a batch at the end was never told to anybody. What is damaged in one may have been.
    if fold.is_damaged_inside {
        fold.settle();
    }
    (fold.state, fold.whole, fold.damaged)
}

/// Lines that are read one after the other.
#[derive(Default)]
struct Fold {
    state: State,
    /// Up to where lines count.
    whole: u64,
    damaged: usize,
    /// Damaged lines since the last whole one.
    torn: usize,
    /// Lines that are missing of a batch, and those that are there.
    missing: u32,
    batch: Vec<(Fact, (u64, u32))>,
    /// Whether a line of the batch is damaged that another follows.
    is_damaged_inside: bool,
}

impl Fold {
    fn take(&mut self, fact: Fact, line: (u64, u32)) {
        (self.damaged, self.is_damaged_inside) =
            (self.damaged + self.torn, self.is_damaged_inside || (self.torn > 0 && self.missing > 0));
        self.torn = 0;
        if let Fact::Batch { lines } = fact {
            self.settle();
            self.missing = lines;
            return;
        }
        self.missing = self.missing.saturating_sub(1);
        self.batch.push((fact, line));
        if self.missing == 0 {
            self.settle();
        }
    }

    fn pass_over(&mut self) {
        self.torn += 1;
        self.missing = if self.batch.is_empty() && self.missing == 0 { 0 } else { self.missing.max(2) - 1 };
    }

    fn settle(&mut self) {
        for (fact, line) in self.batch.drain(..) {
            self.whole = line.0 + u64::from(line.1);
            self.state.apply(fact, line);
        }
        (self.missing, self.is_damaged_inside) = (0, false);
    }
}
