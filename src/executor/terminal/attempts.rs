//! The log of attempts: what the supervisors of a run have written down, so that it outlives everybody.
//!
//! A line is one fact, sealed with a checksum. Only the supervisor that holds the lock writes; engines read. An attempt
//! of which no line tells that it begins has not begun, unless the machine itself went down in between.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::wire::{End, Fact, files};
use crate::model::TaskId;
use crate::os::{failpoint, file, seal};

/// Makes the log in the folder of a new run. It is on disk once the folder has been synced, which is left to who has more
/// to sync there.
///
/// # Errors
/// What the file system says.
pub fn make_ready(run_dir: &Path) -> io::Result<()> {
    file::append(&run_dir.join(files::ATTEMPTS)).map(drop)
}

/// Writes the log.
#[derive(Debug)]
pub(super) struct Attempts {
    file: File,
    /// Bytes of whole lines in the file.
    bytes: u64,
    /// Lines that are not in the file yet.
    unwritten: Vec<u8>,
}

impl Attempts {
    /// Opens it for writing, cutting away what a dead supervisor has left half written. Its name is durable: whoever made
    /// it has seen to that, here or by [`make_ready`].
    pub(super) fn open(run_dir: &Path) -> io::Result<Self> {
        let path = run_dir.join(files::ATTEMPTS);
        let whole = read_bytes(&path)?.map_or(0, |bytes| whole_lines(&bytes).len());
        let is_new = !path.exists();
        let file = file::append(&path)?;
        file.set_len(whole as u64)?;
        if is_new {
            file::sync_dir(run_dir)?;
        }
        Ok(Self { file, bytes: whole as u64, unwritten: Vec::new() })
    }

    /// Adds a fact to what is to be written.
    pub(super) fn push(&mut self, fact: &Fact) {
        let start = self.unwritten.len();
        // Facts are made of texts and whole numbers only, which JSON takes.
        if serde_json::to_writer(&mut self.unwritten, fact).is_ok() {
            seal::seal(&mut self.unwritten, start);
        }
    }

    /// Where the unwritten facts end now.
    pub(super) fn mark(&self) -> usize {
        self.unwritten.len()
    }

    /// Takes back the facts that were added since the mark, when they could not be written.
    pub(super) fn rewind(&mut self, mark: usize) {
        self.unwritten.truncate(mark);
    }

    /// Writes what is unwritten, all or nothing. It outlives this process from here on; the machine, once it is synced.
    ///
    /// # Errors
    /// What the file system says. Nothing is forgotten, and the next call tries again.
    pub(super) fn write(&mut self) -> io::Result<()> {
        if self.unwritten.is_empty() {
            return Ok(());
        }
        let written = failpoint::try_reach("attempts-write").and_then(|()| self.file.write_all(&self.unwritten));
        match written {
            Ok(()) => {
                self.bytes += self.unwritten.len() as u64;
                self.unwritten.clear();
                Ok(())
            }
            Err(error) => {
                // What cannot be cut away now stays a torn line in the middle, and is left out by readers; the lines are
                // written again whole.
                let _ = self.file.set_len(self.bytes);
                Err(error)
            }
        }
    }

    /// Makes what is written durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// What is known of one attempt.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Known {
    /// It began, and no line tells of its end.
    Begun,
    /// It is over.
    Ended(Box<End>),
}

/// What the log tells.
#[derive(Debug, Default)]
pub(super) struct Past {
    attempts: HashMap<(TaskId, u32), Known>,
    /// Whether a line in it cannot be read: then an attempt of which nothing is told may have begun all the same.
    pub(super) is_damaged: bool,
}

impl Past {
    /// Reads the log of the run in `run_dir`; a log that is not there tells nothing.
    pub(super) fn read(run_dir: &Path) -> io::Result<Self> {
        let mut past = Self::default();
        if let Some(bytes) = read_bytes(&run_dir.join(files::ATTEMPTS))? {
            for fact in whole_lines(&bytes).split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                match seal::unseal(fact).and_then(|text| serde_json::from_str(&format!("{text}}}")).ok()) {
                    Some(Fact::Supervisor(_)) => {}
                    Some(Fact::Begins { task, number }) => {
                        past.attempts.insert((task, number), Known::Begun);
                    }
                    Some(Fact::Ended { task, number, end }) => {
                        past.attempts.insert((task, number), Known::Ended(Box::new(end)));
                    }
                    None => past.is_damaged = true,
                }
            }
        }
        Ok(past)
    }

    /// Takes note of an end that was told, not read.
    pub(super) fn ended(&mut self, attempt: (TaskId, u32), end: End) {
        self.attempts.insert(attempt, Known::Ended(Box::new(end)));
    }

    /// Whether an attempt of the task began and its end is not known.
    pub(super) fn left_open(&self, task: &TaskId) -> bool {
        self.attempts.iter().any(|((of, _), known)| of == task && *known == Known::Begun)
    }

    /// What it tells of an attempt; `None` when it never began.
    pub(super) fn of(&self, task: &TaskId, number: u32) -> Option<&Known> {
        // The key is owned, so a look-up needs one; it happens once for each attempt that an engine takes over.
        self.attempts.get(&(task.clone(), number))
    }
}

fn read_bytes(path: &PathBuf) -> io::Result<Option<Vec<u8>>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The bytes up to the last line end. What follows was never acted upon: a line is whole before anything happens.
fn whole_lines(bytes: &[u8]) -> &[u8] {
    &bytes[..memchr::memrchr(b'\n', bytes).map_or(0, |end| end + 1)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{LogSize, Outcome, Timestamp};

    #[test]
    fn what_was_written_is_read_and_half_lines_are_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let task = TaskId::new("a").expect("an id");
        let end = End {
            outcome: Outcome::of_exit(3),
            began: Some(Timestamp(1)),
            ended: Timestamp(2),
            out: LogSize::default(),
            err: LogSize::default(),
            remarks: vec!["said".into()],
        };
        let mut attempts = Attempts::open(folder.path()).expect("opened");
        attempts.push(&Fact::Supervisor("1@2@3".into()));
        attempts.push(&Fact::Begins { task: task.clone(), number: 1 });
        attempts.push(&Fact::Ended { task: task.clone(), number: 1, end: end.clone() });
        attempts.push(&Fact::Begins { task: task.clone(), number: 2 });
        attempts.write().and_then(|()| attempts.sync()).expect("written");
        attempts.file.write_all(br#"{"ended":{"task":"a","number":2"#).expect("torn");

        for _ in 0..2 {
            let past = Past::read(folder.path()).expect("read");
            assert_eq!(past.of(&task, 1), Some(&Known::Ended(Box::new(end.clone()))));
            assert_eq!(past.of(&task, 2), Some(&Known::Begun));
            assert_eq!(past.of(&task, 3), None);
            let mut again = Attempts::open(folder.path()).expect("opened");
            again.push(&Fact::Begins { task: TaskId::new("b").expect("an id"), number: 1 });
            again.write().expect("written");
        }
        assert_eq!(
            Past::read(folder.path()).expect("read").of(&TaskId::new("b").expect("an id"), 1),
            Some(&Known::Begun)
        );
    }
}
