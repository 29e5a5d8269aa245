//! A log as it is asked for.

use std::sync::Arc;

use tokio::sync::watch;

use super::logs::{Log, Reach, Reading, Said, Stream};

/// Bytes that are handed on at a time, about.
const CHUNK_BYTES: usize = 64 << 10;

/// What is asked of a log.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::sim::gke) struct Wish {
    /// Also what is not said yet.
    pub(in crate::sim::gke) follows: bool,
    /// Each line with its moment before it.
    pub(in crate::sim::gke) has_moments: bool,
    /// Only what was said since, in nanoseconds since 1970.
    pub(in crate::sim::gke) since: Option<i64>,
    /// Only so many lines, the last ones.
    pub(in crate::sim::gke) lines_max: Option<u64>,
    /// Only so many bytes, the first ones.
    pub(in crate::sim::gke) bytes_max: Option<u64>,
    /// Only one of the streams.
    pub(in crate::sim::gke) stream: Option<Stream>,
}

/// A log that is being told.
#[derive(Debug)]
pub(in crate::sim::gke) struct Telling {
    wish: Wish,
    reading: Reading,
    told: watch::Receiver<Reach>,
    /// Lines that are left out.
    skipped: u64,
    bytes_left: u64,
    /// Whether the last one that was told was whole.
    is_at_start: bool,
    is_over: bool,
}

impl Telling {
    pub(in crate::sim::gke) fn new(log: &Arc<Log>, wish: Wish) -> std::io::Result<Self> {
        let mut skipped = 0;
        if let Some(lines_max) = wish.lines_max {
            let mut reading = log.read();
            let (mut lines, mut is_at_start) = (0_u64, true);
            while let Some(said) = reading.next()? {
                if is_wanted(&wish, &said) {
                    lines += u64::from(is_at_start);
                    is_at_start = said.bytes.ends_with(b"\n");
                }
            }
            skipped = lines.saturating_sub(lines_max);
        }
        Ok(Self {
            wish,
            reading: log.read(),
            told: log.subscribe(),
            skipped,
            bytes_left: wish.bytes_max.unwrap_or(u64::MAX),
            is_at_start: true,
            is_over: false,
        })
    }

    /// The next bytes; `None` when that was all.
    pub(in crate::sim::gke) async fn next(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        let mut chunk = Vec::new();
        loop {
            if self.is_over {
                return Ok(None);
            }
            let is_closed = self.told.borrow_and_update().is_over;
            let mut has_more = true;
            while has_more && chunk.len() < CHUNK_BYTES && !self.is_over {
                match self.reading.next()? {
                    Some(said) => self.put(&said, &mut chunk),
                    None => has_more = false,
                }
            }
            if !has_more && (is_closed || !self.wish.follows) {
                self.is_over = true;
            }
            if !chunk.is_empty() {
                return Ok(Some(chunk));
            }
            if !self.is_over && self.told.changed().await.is_err() {
                self.is_over = true;
            }
        }
    }

    fn put(&mut self, said: &Said, chunk: &mut Vec<u8>) {
        if !is_wanted(&self.wish, said) {
            return;
        }
        let (is_first, is_whole) = (self.is_at_start, said.bytes.ends_with(b"\n"));
        self.is_at_start = is_whole;
        if self.skipped > 0 {
            self.skipped -= u64::from(is_whole);
            return;
        }
        let mut line = Vec::with_capacity(said.bytes.len() + 32);
        if self.wish.has_moments && is_first {
            line.extend_from_slice(format!("{} ", moment(said.at)).as_bytes());
        }
        line.extend_from_slice(&said.bytes);
        line.truncate(usize::try_from(self.bytes_left).unwrap_or(usize::MAX));
        self.bytes_left -= line.len() as u64;
        self.is_over |= self.bytes_left == 0;
        chunk.extend_from_slice(&line);
    }
}

fn is_wanted(wish: &Wish, said: &Said) -> bool {
    wish.since.is_none_or(|since| said.at >= since) && wish.stream.is_none_or(|stream| said.stream == stream)
}

/// A moment as logs have it: with nine digits behind the second.
fn moment(nanoseconds: i64) -> String {
    let moment = jiff::Timestamp::from_nanosecond(nanoseconds.into()).unwrap_or_default();
    format!("{moment:.9}")
}
