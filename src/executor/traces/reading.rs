//! Reading a log from a cursor, while it is written and afterwards, from this process or another one.
//!
//! A cursor counts the bytes that the command printed, not those of the file: so it stays right when the ring becomes
//! the end of the log, and when a part in between is dropped.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::log::{RingReader, dropped_line, ring_path};
use crate::executor::LogChunk;
use crate::model::Limits;

/// Bytes of one piece, at most.
const CHUNK_BYTES_MAX: u64 = 256 << 10;

/// The next piece of the log at `path` from `cursor`, 0 being its beginning. An empty piece means that there is nothing
/// more now. `limits` are those that the log is written with.
///
/// # Errors
/// When a file that exists cannot be read.
pub fn read_log(path: &Path, limits: &Limits, cursor: u64) -> io::Result<LogChunk> {
    // The final log takes the place of the head between two looks at most once, so the second look settles it.
    match look(path, limits, cursor)? {
        Some(chunk) => Ok(chunk),
        None => Ok(look(path, limits, cursor)?.unwrap_or(LogChunk { bytes: Vec::new(), cursor })),
    }
}

fn look(path: &Path, limits: &Limits, cursor: u64) -> io::Result<Option<LogChunk>> {
    let head_max = limits.log_head_bytes_max;
    let file = match File::open(path) {
        Ok(file) => Some(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let length = file.as_ref().map_or(Ok(0), |file| file.metadata().map(|metadata| metadata.len()))?;
    if let Some(file) = &file {
        if cursor < length.min(head_max) {
            let end = length.min(head_max).min(cursor + CHUNK_BYTES_MAX);
            let bytes = read_range(file, cursor, end)?;
            return Ok(Some(LogChunk { cursor: cursor + bytes.len() as u64, bytes }));
        }
        if length > head_max {
            return after_head(file, length, head_max, cursor).map(Some);
        }
    }
    match File::open(ring_path(path)) {
        Ok(ring) => from_ring(&ring, limits, cursor),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Some(LogChunk { bytes: Vec::new(), cursor })),
        Err(error) => Err(error),
    }
}

fn read_range(file: &File, from: u64, to: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(to.saturating_sub(from)).unwrap_or(0)];
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], from + filled as u64)? {
            0 => break,
            count => filled += count,
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// The log is whole: head, perhaps a line about what was dropped, tail.
fn after_head(file: &File, length: u64, head_max: u64, cursor: u64) -> io::Result<LogChunk> {
    let start = read_range(file, head_max, length.min(head_max + 80))?;
    let (line_bytes, dropped) = parse_dropped(&start).unwrap_or((0, 0));
    let tail_start = head_max + dropped;
    let mut bytes = Vec::new();
    if cursor < tail_start {
        bytes.extend_from_slice(&start[..line_bytes]);
    }
    let from = cursor.max(tail_start);
    let place = head_max + line_bytes as u64 + (from - tail_start);
    let tail = read_range(file, place.min(length), length.min(place + CHUNK_BYTES_MAX))?;
    let cursor = from + tail.len() as u64;
    bytes.extend_from_slice(&tail);
    Ok(LogChunk { bytes, cursor })
}

/// The length of the line about dropped bytes, with the line end that may stand before it, and their number.
fn parse_dropped(start: &[u8]) -> Option<(usize, u64)> {
    let before = usize::from(start.first() == Some(&b'\n'));
    let end = before + memchr::memchr(b'\n', &start[before..])? + 1;
    let line = std::str::from_utf8(&start[before..end]).ok()?;
    let number = line.strip_prefix("[spore: ")?.split(' ').next()?.parse().ok()?;
    (line == dropped_line(number)).then_some((end, number))
}

/// The log is being written, and its end is in the ring. `None` when the writer has overtaken the reader.
fn from_ring(ring: &File, limits: &Limits, cursor: u64) -> io::Result<Option<LogChunk>> {
    let Some(total) = ring_total(ring)? else { return Ok(Some(LogChunk { bytes: Vec::new(), cursor })) };
    let (head_max, size) = (limits.log_head_bytes_max, limits.log_tail_bytes_max.max(1));
    // A part of the ring is left alone, because the writer may be writing over the oldest bytes right now.
    let oldest = total.saturating_sub(size - size / 4);
    let wanted = cursor.saturating_sub(head_max);
    let mut bytes = Vec::new();
    if wanted < oldest {
        bytes.extend_from_slice(dropped_line(oldest - wanted).as_bytes());
    }
    let at = wanted.max(oldest).min(total);
    let mut reader = RingReader { ring, size, at, total };
    reader.by_ref().take(CHUNK_BYTES_MAX).read_to_end(&mut bytes)?;
    let now_at = reader.at;
    let overtaken = ring_total(ring)?.is_none_or(|total| total.saturating_sub(size) > at);
    Ok((!overtaken).then_some(LogChunk { bytes, cursor: head_max + now_at }))
}

fn ring_total(ring: &File) -> io::Result<Option<u64>> {
    let mut header = [0; size_of::<u64>()];
    Ok((ring.read_at(&mut header, 0)? == header.len()).then(|| u64::from_le_bytes(header)))
}

#[cfg(test)]
mod tests {
    use super::super::log::Log;
    use super::*;

    fn read_all(path: &Path, limits: &Limits, cursor: &mut u64) -> String {
        let mut text = Vec::new();
        loop {
            let chunk = read_log(path, limits, *cursor).expect("read");
            *cursor = chunk.cursor;
            if chunk.bytes.is_empty() {
                return String::from_utf8(text).expect("text");
            }
            text.extend(chunk.bytes);
        }
    }

    #[test]
    fn a_cursor_survives_the_end_of_the_log() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.out");
        let limits = Limits { log_head_bytes_max: 10, log_tail_bytes_max: 40, ..Limits::DEFAULT };
        let mut log = Log::new(path.clone(), &limits);
        let mut cursor = 0;
        assert_eq!(read_all(&path, &limits, &mut cursor), "");
        log.push(b"one\ntwo\n");
        assert_eq!(read_all(&path, &limits, &mut cursor), "one\ntwo\n");
        log.push(b"three\nfour\n");
        assert_eq!(read_all(&path, &limits, &mut cursor), "three\nfour\n");
        log.push(&[b'x'; 99]);
        log.push(b"\nfive\n");
        let text = read_all(&path, &limits, &mut cursor);
        assert!(text.starts_with("[spore: ") && text.ends_with("xxx\nfive\n"), "{text}");
        log.push(b"six\n");
        let (size, _) = log.close();
        assert_eq!(read_all(&path, &limits, &mut cursor), "six\n");
        assert_eq!(cursor, size.seen_bytes);
        let whole = std::fs::read_to_string(&path).expect("read");
        assert_eq!(read_all(&path, &limits, &mut 0), whole);
    }
}
