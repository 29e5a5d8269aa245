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
    let err = of_stream(executor, attempt, Stream::Err, err, ERR_LINES).await;
    let out_lines = if err.is_empty() { ERR_LINES } else { OUT_LINES };
    let out = of_stream(executor, attempt, Stream::Out, out, out_lines).await;
    out + &err
}

async fn of_stream(
    executor: &dyn Executor,
    attempt: &AttemptId,
    stream: Stream,
    size: LogSize,
    lines_max: usize,
) -> String {
    if size.seen_bytes == 0 {
        return String::new();
    }
    let from = size.seen_bytes.saturating_sub(BYTES_MAX);
    let Ok(chunk) = executor.logs(attempt, stream, from).await else { return String::new() };
    let text = String::from_utf8_lossy(&chunk.bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(lines_max)..].iter().flat_map(|line| [*line, "\n"]).collect()
}
