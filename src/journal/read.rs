//! Reading a journal: every whole fact up to the first damage, and what was wrong with the rest.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::Path;

use crate::model::{Event, RunRecord, Timestamp};

use super::error::Error;
use super::line::{self, Line, Place};
use super::write::JOURNAL_FILE;

/// The largest journal that is read: far above what the limits on tasks and outputs let one grow to in practice.
pub const JOURNAL_BYTES_MAX: u64 = 2 << 30;

/// Something in a journal that could not be taken as a fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// The last line was cut off while it was written. It was never acknowledged.
    Torn {
        /// The line, from 1.
        line: u64,
        /// How many bytes there are of it.
        bytes: u64,
    },
    /// A line does not fit its checksum or its place, or a writer added it that had lost the journal to another one. It
    /// and what follows was not read.
    Broken {
        /// The line, from 1.
        line: u64,
        /// Bytes from there to the end.
        bytes: u64,
    },
    /// A whole line that a newer Spore wrote; passed over.
    Unknown {
        /// The line, from 1.
        line: u64,
        /// What it is.
        what: String,
    },
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Torn { line, bytes } => write!(f, "line {line} was cut off after {bytes} bytes and is left out"),
            Self::Broken { line, bytes } => {
                write!(f, "line {line} is damaged; it and what follows ({bytes} bytes) is left out")
            }
            Self::Unknown { line, what } => write!(f, "line {line} holds {what} of a newer Spore and is left out"),
        }
    }
}

/// What a journal holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entries {
    /// The facts, in order, each with its moment.
    pub events: Vec<(Timestamp, Event)>,
    /// What was left out, and why.
    pub damage: Vec<Damage>,
}

/// The facts of the run in `run_dir`. Damage is told in what is returned; it is no error.
///
/// # Errors
/// When the file cannot be read at all.
pub fn read(run_dir: &Path) -> Result<Entries, Error> {
    let path = run_dir.join(JOURNAL_FILE);
    let mut file = File::open(&path).map_err(Error::io("read", &path))?;
    let bytes = read_bytes(&mut file, &path)?;
    Ok(parse(&bytes).entries)
}

/// What the facts of the run in `run_dir` add up to, with the damage found on the way; `None` when not even its
/// beginning can be read.
///
/// # Errors
/// When the file cannot be read at all.
pub fn record(run_dir: &Path) -> Result<(Option<RunRecord>, Vec<Damage>), Error> {
    let entries = read(run_dir)?;
    Ok((RunRecord::fold(entries.events.iter().map(|(at, event)| (*at, event))), entries.damage))
}

/// What the first fact of the run in `run_dir` says, without reading the others; `None` when it says nothing.
///
/// # Errors
/// When the file cannot be read at all.
pub fn begin(run_dir: &Path) -> Result<Option<RunRecord>, Error> {
    let path = run_dir.join(JOURNAL_FILE);
    let file = File::open(&path).map_err(Error::io("read", &path))?;
    let mut text = Vec::new();
    BufReader::new(file.take(JOURNAL_BYTES_MAX)).read_until(b'\n', &mut text).map_err(Error::io("read", &path))?;
    Ok(match line::decode(text.strip_suffix(b"\n").unwrap_or(&text)) {
        Line::Fact { at, event, .. } => RunRecord::begin(at, &event),
        _ => None,
    })
}

pub(super) fn read_bytes(file: &mut File, path: &Path) -> Result<Vec<u8>, Error> {
    let metadata = file.metadata().map_err(Error::io("read", path))?;
    if !metadata.is_file() {
        let error = io::Error::new(io::ErrorKind::InvalidInput, "it is not a plain file");
        return Err(Error::io("read", path)(error));
    }
    let bytes = metadata.len();
    if bytes > JOURNAL_BYTES_MAX {
        return Err(Error::TooLarge { path: path.to_path_buf(), bytes });
    }
    let mut text = Vec::with_capacity(usize::try_from(bytes).unwrap_or(0));
    file.take(JOURNAL_BYTES_MAX).read_to_end(&mut text).map_err(Error::io("read", path))?;
    Ok(text)
}

/// A journal, taken apart.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub(super) entries: Entries,
    /// Whole lines, the unknown ones included.
    pub(super) lines: u64,
    /// The epoch of the last of them.
    pub(super) epoch: Option<u64>,
    /// Bytes up to the first damage.
    pub(super) good_bytes: usize,
    /// The last good line has no line end.
    pub(super) unended: bool,
    /// More than a torn tail is wrong.
    pub(super) set_aside: bool,
    /// What a newer Spore wrote, the first of it.
    pub(super) unknown: Option<String>,
}

pub(super) fn parse(bytes: &[u8]) -> Parsed {
    let mut parsed = Parsed::default();
    while parsed.good_bytes < bytes.len() {
        let rest = &bytes[parsed.good_bytes..];
        let (text, ended) = match memchr::memchr(b'\n', rest) {
            Some(end) => (&rest[..end], true),
            None => (rest, false),
        };
        let line = parsed.lines + 1;
        let fits = |place: &Place| place.seq == parsed.lines && Some(place.epoch) >= parsed.epoch;
        let epoch = match line::decode(text) {
            Line::Fact { place, at, event } if fits(&place) => {
                parsed.entries.events.push((at, *event));
                place.epoch
            }
            Line::Unknown { place, what } if fits(&place) => {
                parsed.unknown.get_or_insert_with(|| what.clone());
                parsed.entries.damage.push(Damage::Unknown { line, what });
                place.epoch
            }
            _ if ended => {
                parsed.set_aside = true;
                parsed.entries.damage.push(Damage::Broken { line, bytes: rest.len() as u64 });
                break;
            }
            _ => {
                parsed.entries.damage.push(Damage::Torn { line, bytes: rest.len() as u64 });
                break;
            }
        };
        parsed.epoch = Some(epoch);
        parsed.lines += 1;
        parsed.good_bytes += text.len() + usize::from(ended);
        parsed.unended = !ended;
    }
    parsed
}
