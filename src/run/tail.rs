//! The end of a failed attempt's log: what a person wants to see first.

use crate::executor::Executor;
use crate::model::{AttemptId, LogSize, Stream};

/// Lines shown of standard error.
const ERR_LINES: usize = 20;
/// Lines shown of standard output, where there is standard error too.
const OUT_LINES: usize = 10;
/// Bytes read from the end of one stream.
const BYTES_MAX: u64 = 8 << 10;

/// The end of both streams, standard output first. What cannot be read is left out: the log itself is still there.
pub(super) async fn of_attempt(executor: &dyn Executor, attempt: &AttemptId, out: LogSize, err: LogSize) -> String {
    let err = end_of(executor, attempt, Stream::Err, err).await;
    let out = end_of(executor, attempt, Stream::Out, out).await;
    compose(&out, &err)
}

/// Where to begin reading a log of this size for its end; nothing has to be read of an empty one.
#[must_use]
pub fn tail_cursor(size: LogSize) -> Option<u64> {
    (!size.is_empty()).then(|| size.seen_bytes.saturating_sub(BYTES_MAX))
}

/// The tail of an attempt, of the ends of its two streams.
#[must_use]
pub fn compose(out: &[u8], err: &[u8]) -> String {
    let err = last_lines(err, ERR_LINES);
    last_lines(out, if err.is_empty() { ERR_LINES } else { OUT_LINES }) + &err
}

async fn end_of(executor: &dyn Executor, attempt: &AttemptId, stream: Stream, size: LogSize) -> Vec<u8> {
    let Some(cursor) = tail_cursor(size) else { return Vec::new() };
    executor.logs(attempt, stream, cursor).await.map(|chunk| chunk.bytes).unwrap_or_default()
}

fn last_lines(bytes: &[u8], lines_max: usize) -> String {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(lines_max)..].iter().flat_map(|line| [*line, "\n"]).collect()
}
