//! What containers say, kept: when, on which stream, and whether the line was whole.
//!
//! One log is a row of files, the oldest of which go. A record is 13 bytes and what was said: nanoseconds since 1970 (8 bytes,
//! little-endian, never the same twice), a byte of marks, the length (4 bytes). A line is one record, its newline included;
//! what is longer than [`LINE_BYTES_MAX`] is several, as containerd has it. CRI's own form is text; this one needs no
//! parsing, and bytes that are no text are safe in it.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::os::file;

/// Bytes of a line that are kept together.
const LINE_BYTES_MAX: usize = 16 << 10;
const HEAD_BYTES: usize = 13;
const ON_ERR: u8 = 1;
/// Bytes that are read from a file at a time.
const READ_BYTES: usize = 64 << 10;

/// How much of what a container says is kept.
#[derive(Clone, Copy, Debug)]
pub struct LogLimits {
    /// Bytes of a file, after which another one begins.
    pub file_bytes_max: u64,
    /// Files that are kept.
    pub files_max: u64,
}

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sim::gke) enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// The log of one container, from one start to its end.
#[derive(Debug)]
pub(in crate::sim::gke) struct Log {
    stem: PathBuf,
    limits: LogLimits,
    writing: Mutex<Writing>,
    told: watch::Sender<Reach>,
}

#[derive(Debug)]
struct Writing {
    file: File,
    last_nanoseconds: i64,
}

/// How far a log goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::sim::gke) struct Reach {
    file: u64,
    bytes: u64,
    /// Whether nothing will come any more.
    pub(in crate::sim::gke) is_over: bool,
}

/// Something that was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sim::gke) struct Said {
    /// Nanoseconds since 1970.
    pub(in crate::sim::gke) at: i64,
    /// Where.
    pub(in crate::sim::gke) stream: Stream,
    /// A line with its newline, or a part of one.
    pub(in crate::sim::gke) bytes: Vec<u8>,
}

impl Log {
    /// An empty one, whose files begin with `stem`.
    pub(super) fn new(stem: &Path, limits: LogLimits) -> io::Result<Self> {
        let file = file::append(&numbered(stem, 0))?;
        let writing = Mutex::new(Writing { file, last_nanoseconds: 0 });
        Ok(Self { stem: stem.to_path_buf(), limits, writing, told: watch::Sender::default() })
    }

    /// Appends lines, or parts of some, of one moment.
    fn write(&self, milliseconds: i64, stream: Stream, lines: &mut dyn Iterator<Item = &[u8]>) -> io::Result<()> {
        let mut writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut reach = *self.told.borrow();
        let mut records = Vec::new();
        for line in lines {
            let at = milliseconds.saturating_mul(1_000_000).max(writing.last_nanoseconds + 1);
            writing.last_nanoseconds = at;
            records.extend_from_slice(&at.to_le_bytes());
            records.push(if stream == Stream::Err { ON_ERR } else { 0 });
            records.extend_from_slice(&u32::try_from(line.len()).unwrap_or(u32::MAX).to_le_bytes());
            records.extend_from_slice(line);
        }
        if records.is_empty() {
            return Ok(());
        }
        if reach.bytes >= self.limits.file_bytes_max {
            reach.file += 1;
            reach.bytes = 0;
            writing.file = file::append(&numbered(&self.stem, reach.file))?;
            if let Some(old) = reach.file.checked_sub(self.limits.files_max) {
                // One that is gone already needs no room.
                let _ = file::remove(&numbered(&self.stem, old));
            }
        }
        writing.file.write_all(&records)?;
        reach.bytes += records.len() as u64;
        self.told.send_replace(reach);
        Ok(())
    }

    /// Says that nothing will come any more.
    pub(super) fn close(&self) {
        self.told.send_modify(|reach| reach.is_over = true);
    }

    /// Hears when the log goes further.
    pub(in crate::sim::gke) fn subscribe(&self) -> watch::Receiver<Reach> {
        self.told.subscribe()
    }

    /// Reads it from the oldest that is kept.
    pub(in crate::sim::gke) fn read(self: &Arc<Self>) -> Reading {
        let first = (self.told.borrow().file + 1).saturating_sub(self.limits.files_max);
        Reading { log: Arc::clone(self), number: first, file: None, at: 0, bytes: Vec::new(), start: 0 }
    }

    /// The last lines, `lines_max` of them at most and so many bytes.
    pub(super) fn tail(self: &Arc<Self>, lines_max: usize, bytes_max: usize) -> Vec<u8> {
        let mut reading = self.read();
        let mut lines = std::collections::VecDeque::new();
        while let Ok(Some(said)) = reading.next() {
            lines.push_back(said.bytes);
            if lines.len() > lines_max {
                lines.pop_front();
            }
        }
        let all: Vec<u8> = lines.into_iter().flatten().collect();
        all[all.len().saturating_sub(bytes_max)..].to_vec()
    }
}

fn numbered(stem: &Path, number: u64) -> PathBuf {
    let mut path = stem.as_os_str().to_owned();
    path.push(format!(".{number}"));
    path.into()
}

/// Cuts one stream into lines.
#[derive(Debug)]
pub(super) struct Lines {
    stream: Stream,
    begun: Vec<u8>,
}

impl Lines {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream, begun: Vec::new() }
    }

    /// Keeps what is whole, and remembers the line that has begun.
    pub(super) fn feed(&mut self, log: &Log, milliseconds: i64, bytes: &[u8]) -> io::Result<()> {
        self.begun.extend_from_slice(bytes);
        let whole = self.begun.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let full = whole + (self.begun.len() - whole) / LINE_BYTES_MAX * LINE_BYTES_MAX;
        let lines = self.begun[..full].split_inclusive(|byte| *byte == b'\n');
        log.write(milliseconds, self.stream, &mut lines.flat_map(|line| line.chunks(LINE_BYTES_MAX)))?;
        self.begun.drain(..full);
        Ok(())
    }

    /// Keeps the rest, which has no newline.
    pub(super) fn finish(&mut self, log: &Log, milliseconds: i64) -> io::Result<()> {
        let rest = std::mem::take(&mut self.begun);
        log.write(milliseconds, self.stream, &mut std::iter::once(&rest[..]).filter(|rest| !rest.is_empty()))
    }
}

/// A place in a log.
#[derive(Debug)]
pub(in crate::sim::gke) struct Reading {
    log: Arc<Log>,
    number: u64,
    file: Option<File>,
    at: u64,
    bytes: Vec<u8>,
    start: usize,
}

impl Reading {
    /// What was said next; `None` when that is all for now.
    pub(in crate::sim::gke) fn next(&mut self) -> io::Result<Option<Said>> {
        loop {
            if let Some(said) = self.parse() {
                return Ok(Some(said));
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    fn parse(&mut self) -> Option<Said> {
        let rest = &self.bytes[self.start..];
        let (head, behind) = rest.split_at_checked(HEAD_BYTES)?;
        let at = i64::from_le_bytes(head[..8].try_into().ok()?);
        let length = u32::from_le_bytes(head[9..].try_into().ok()?) as usize;
        let bytes = behind.get(..length)?.to_vec();
        let stream = if head[8] & ON_ERR == 0 { Stream::Out } else { Stream::Err };
        self.start += HEAD_BYTES + length;
        Some(Said { at, stream, bytes })
    }

    /// Reads on; false when there is nothing more now.
    fn fill(&mut self) -> io::Result<bool> {
        let reach = *self.log.told.borrow();
        if self.file.is_none() {
            match File::open(numbered(&self.log.stem, self.number)) {
                Ok(file) => self.file = Some(file),
                // It was dropped meanwhile, with what it held.
                Err(error) if error.kind() == io::ErrorKind::NotFound && self.number < reach.file => {
                    self.number += 1;
                    return Ok(true);
                }
                Err(error) => return Err(error),
            }
        }
        let Some(file) = &self.file else { return Ok(false) };
        let end = if self.number == reach.file { reach.bytes } else { file.metadata()?.len() };
        let room = usize::try_from(end.saturating_sub(self.at)).unwrap_or(usize::MAX).min(READ_BYTES);
        if room > 0 {
            self.bytes.drain(..self.start);
            self.start = 0;
            let kept = self.bytes.len();
            self.bytes.resize(kept + room, 0);
            file.read_exact_at(&mut self.bytes[kept..], self.at)?;
            self.at += room as u64;
            return Ok(true);
        }
        if self.number == reach.file {
            return Ok(false);
        }
        (self.number, self.file, self.at, self.start) = (self.number + 1, None, 0, 0);
        self.bytes.clear();
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(reading: &mut Reading) -> Vec<(Stream, Vec<u8>)> {
        std::iter::from_fn(|| reading.next().expect("read")).map(|said| (said.stream, said.bytes)).collect()
    }

    #[test]
    fn lines_are_kept_whole_and_in_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let limits = LogLimits { file_bytes_max: 1 << 20, files_max: 5 };
        let log = Arc::new(Log::new(&folder.path().join("log"), limits).expect("made"));
        let (mut out, mut err) = (Lines::new(Stream::Out), Lines::new(Stream::Err));
        let mut reading = log.read();
        out.feed(&log, 1_000, b"one\ntw").expect("written");
        err.feed(&log, 1_000, b"\xff\0\n").expect("written");
        let [one, bad] = [(Stream::Out, b"one\n".to_vec()), (Stream::Err, b"\xff\0\n".to_vec())];
        assert_eq!(all(&mut reading), [one.clone(), bad.clone()]);
        out.feed(&log, 999, b"o\nrest").expect("written");
        out.finish(&log, 1_001).expect("written");
        assert_eq!(all(&mut reading), [(Stream::Out, b"two\n".to_vec()), (Stream::Out, b"rest".to_vec())]);
        let mut again = log.read();
        let moments: Vec<i64> = std::iter::from_fn(|| again.next().expect("read")).map(|said| said.at).collect();
        assert_eq!(moments, [1_000_000_000, 1_000_000_001, 1_000_000_002, 1_001_000_000]);
        assert_eq!(log.tail(2, 100), b"two\nrest");
    }

    #[test]
    fn the_oldest_goes_when_there_is_too_much() {
        let folder = tempfile::tempdir().expect("a folder");
        let limits = LogLimits { file_bytes_max: 40, files_max: 2 };
        let log = Arc::new(Log::new(&folder.path().join("log"), limits).expect("made"));
        let mut lines = Lines::new(Stream::Out);
        let mut early = log.read();
        for number in 0..20 {
            lines.feed(&log, number, format!("line {number}\n").as_bytes()).expect("written");
        }
        assert_eq!(std::fs::read_dir(folder.path()).expect("listed").count(), 2);
        let kept = all(&mut log.read());
        assert_eq!(kept, all(&mut early), "who comes late is given what is left");
        assert_eq!(kept.len(), 4);
        assert_eq!(kept.last().expect("some").1, b"line 19\n");
    }
}
