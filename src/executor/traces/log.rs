//! The log of one stream: its beginning and its end, in one file.
//!
//! ```text
//! while running   LOG        the first `head` bytes
//!                 LOG.tail   8 bytes: how many bytes came after the head (little endian);
//!                            then a ring of `tail` bytes, byte n of them at n modulo `tail`
//! at the end      LOG        head, a line `[spore: N bytes dropped here]`, tail from a line start
//! ```
//!
//! Neither file exists before there is something to put in it; an absent log is an empty one. The ring takes a flood of
//! any size at the speed of the page cache, a follower can read it meanwhile, and what a crash leaves is readable: the
//! final file is put together beside the log and renamed over it, and only then the ring is removed. Rejected: rotating
//! segments (a flood makes and removes files all the time, and the tail's length jumps).

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::model::{Limits, LogSize};
use crate::os::file;

/// Bytes before the ring in its file.
pub(in crate::executor) const RING_HEADER_BYTES: u64 = 8;
/// The tail begins at a line start, unless its first line is longer than this, in bytes.
const LINE_SEARCH_BYTES_MAX: usize = 64 << 10;

/// The line that stands where bytes were left out.
pub(in crate::executor) fn dropped_line(dropped_bytes: u64) -> String {
    format!("[spore: {dropped_bytes} bytes dropped here]\n")
}

/// The name of the ring file of a log.
pub(in crate::executor) fn ring_path(log: &Path) -> PathBuf {
    with_suffix(log, ".tail")
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Writes the log of one stream.
#[derive(Debug)]
pub(in crate::executor) struct Log {
    path: PathBuf,
    head_bytes_max: u64,
    tail_bytes_max: u64,
    head: Option<File>,
    ring: Option<File>,
    seen_bytes: u64,
    head_ends_line: bool,
    /// Bytes that could not be written, and why the first of them could not.
    lost: Option<(u64, io::Error)>,
}

impl Log {
    /// A log at `path`; nothing is written yet.
    pub(in crate::executor) fn new(path: PathBuf, limits: &Limits) -> Self {
        Self {
            path,
            head_bytes_max: limits.log_head_bytes_max,
            tail_bytes_max: limits.log_tail_bytes_max.max(1),
            head: None,
            ring: None,
            seen_bytes: 0,
            head_ends_line: true,
            lost: None,
        }
    }

    /// Takes the next bytes. A disk that takes no more does not stop the command: what is missing is counted.
    pub(in crate::executor) fn push(&mut self, bytes: &[u8]) {
        let room = self.head_bytes_max.saturating_sub(self.seen_bytes);
        let (to_head, to_ring) = bytes.split_at(usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len()));
        self.seen_bytes += bytes.len() as u64;
        if let Some(last) = to_head.last() {
            self.head_ends_line = *last == b'\n';
            if let Err(error) = self.push_head(to_head) {
                self.lose(to_head.len(), error);
            }
        }
        if !to_ring.is_empty()
            && let Err(error) = self.push_ring(to_ring)
        {
            self.lose(to_ring.len(), error);
        }
    }

    fn lose(&mut self, count: usize, error: io::Error) {
        let (lost, _) = self.lost.get_or_insert((0, error));
        *lost += count as u64;
    }

    fn push_head(&mut self, bytes: &[u8]) -> io::Result<()> {
        let file = match &mut self.head {
            Some(file) => file,
            absent => absent.insert(file::append(&self.path)?),
        };
        file.write_all(bytes)
    }

    fn push_ring(&mut self, bytes: &[u8]) -> io::Result<()> {
        let ring = match &mut self.ring {
            Some(ring) => ring,
            absent => absent.insert(file::read_write(&ring_path(&self.path))?),
        };
        let total = self.seen_bytes - self.head_bytes_max;
        let size = usize::try_from(self.tail_bytes_max).unwrap_or(usize::MAX);
        let mut rest = &bytes[bytes.len().saturating_sub(size)..];
        let mut place = (total - rest.len() as u64) % self.tail_bytes_max;
        while !rest.is_empty() {
            let until_end = usize::try_from(self.tail_bytes_max - place).unwrap_or(usize::MAX);
            let (now, later) = rest.split_at(until_end.min(rest.len()));
            ring.write_all_at(now, RING_HEADER_BYTES + place)?;
            rest = later;
            place = 0;
        }
        ring.write_all_at(&total.to_le_bytes(), 0)
    }

    /// Puts the log together. Returns its size, and a remark where something could not be written.
    pub(in crate::executor) fn close(mut self) -> (LogSize, Option<String>) {
        let mut size = LogSize { seen_bytes: self.seen_bytes, dropped_bytes: 0 };
        if let Some(ring) = self.ring.take() {
            match self.join(&ring) {
                Ok(dropped_bytes) => size.dropped_bytes = dropped_bytes,
                Err(error) => self.lose(0, error),
            }
        }
        let remark = self.lost.map(|(lost_bytes, error)| {
            size.dropped_bytes = size.dropped_bytes.max(lost_bytes);
            format!("the log `{}` is incomplete: {error}", self.path.display())
        });
        (size, remark)
    }

    fn join(&self, ring: &File) -> io::Result<u64> {
        let total = self.seen_bytes - self.head_bytes_max;
        let mut tail =
            RingReader { ring, size: self.tail_bytes_max, at: total.saturating_sub(self.tail_bytes_max), total };
        let whole = with_suffix(&self.path, ".whole");
        let mut dropped = tail.at;
        let mut first = Vec::new();
        if dropped > 0 {
            tail.by_ref().take(LINE_SEARCH_BYTES_MAX as u64).read_to_end(&mut first)?;
            let cut = memchr::memchr(b'\n', &first).map_or(0, |end| end + 1);
            first.drain(..cut);
            dropped += cut as u64;
        }
        let mut out = file::append(&whole)?;
        out.set_len(0)?;
        if self.head_bytes_max > 0 {
            io::copy(&mut File::open(&self.path)?, &mut out)?;
        }
        if dropped > 0 {
            if !self.head_ends_line {
                out.write_all(b"\n")?;
            }
            out.write_all(dropped_line(dropped).as_bytes())?;
        }
        out.write_all(&first)?;
        let mut buffer = vec![0; 256 << 10];
        loop {
            match tail.read(&mut buffer)? {
                0 => break,
                count => out.write_all(&buffer[..count])?,
            }
        }
        file::rename(&whole, &self.path)?;
        file::remove(&ring_path(&self.path))?;
        Ok(dropped)
    }
}

/// Reads a ring from the byte `at` of those that ever went into it.
#[derive(Debug)]
pub(in crate::executor) struct RingReader<'a> {
    pub(in crate::executor) ring: &'a File,
    pub(in crate::executor) size: u64,
    pub(in crate::executor) at: u64,
    pub(in crate::executor) total: u64,
}

impl Read for RingReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let place = self.at % self.size;
        let most = (self.total - self.at).min(self.size - place).min(buffer.len() as u64);
        let most = usize::try_from(most).expect("it is no longer than the buffer");
        let count = self.ring.read_at(&mut buffer[..most], RING_HEADER_BYTES + place)?;
        self.at += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_of(pieces: &[&[u8]]) -> (Vec<u8>, LogSize) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.out");
        let limits = Limits { log_head_bytes_max: 10, log_tail_bytes_max: 16, ..Limits::DEFAULT };
        let mut log = Log::new(path.clone(), &limits);
        for piece in pieces {
            log.push(piece);
        }
        let (size, remark) = log.close();
        assert_eq!(remark, None);
        assert!(std::fs::read_dir(folder.path()).expect("listed").count() <= 1, "only the log is left");
        (std::fs::read(&path).unwrap_or_default(), size)
    }

    #[test]
    fn head_and_tail_are_kept() {
        assert_eq!(log_of(&[]), (Vec::new(), LogSize::default()));
        assert_eq!(log_of(&[b"0123", b"456789abcdef"]).0, b"0123456789abcdef");
        let (text, size) = log_of(&[b"head 1\nhea", b"d 2\n", &[b'x'; 100], b"\nthe tail\n"]);
        assert_eq!(String::from_utf8_lossy(&text), "head 1\nhea\n[spore: 105 bytes dropped here]\nthe tail\n");
        assert_eq!(size, LogSize { seen_bytes: 124, dropped_bytes: 105 });
        let (text, size) = log_of(&[&[b'x'; 1_000]]);
        assert_eq!(String::from_utf8_lossy(&text), "xxxxxxxxxx\n[spore: 974 bytes dropped here]\nxxxxxxxxxxxxxxxx");
        assert_eq!(size.seen_bytes - size.dropped_bytes, 26);
    }
}
