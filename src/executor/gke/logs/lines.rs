//! The lines of a log with a time before each, as the cluster gives them, and where to go on after a cut.
//!
//! A cluster gives a log again from a whole second on. So what is counted is the lines since the last second began: as many
//! are left out of what comes again. A line that was cut in the middle goes on where it was cut. Where the first line of that
//! second is not there any more, the cluster has thrown away the oldest part of the log meanwhile: then all lines are left out
//! up to the time of the last one, and what is missing is said.

const NANOSECONDS: i128 = 1_000_000_000;
/// A time is never longer, in bytes.
const STAMP_BYTES_MAX: usize = 64;

/// Where a log stands.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// The time before the line that comes, as far as it is there.
    stamp: Vec<u8>,
    is_in_line: bool,
    /// The second since which lines are counted.
    second: i128,
    /// The time of the first line since.
    first: i128,
    /// The latest time of all lines.
    latest: i128,
    /// Lines since that second began, the one that comes included.
    count: u64,
    /// Bytes of the last line that were taken.
    bytes: u64,
    again: Option<Again>,
    /// Bytes of the line that comes that were taken before.
    skip: u64,
    is_skipped: bool,
    /// Whether a part of the log was thrown away before it was read.
    pub(super) has_gap: bool,
}

/// What was taken before and comes again.
#[derive(Debug)]
struct Again {
    lines: u64,
    of: u64,
    /// Until when lines are left out, where the log has lost its beginning.
    until: Option<i128>,
}

impl Lines {
    /// Takes a piece, and adds to `text` what is new in it, without the times.
    pub(super) fn push(&mut self, mut piece: &[u8], text: &mut Vec<u8>) {
        while !piece.is_empty() {
            if !self.is_in_line {
                let end = memchr::memchr2(b' ', b'\n', piece);
                self.stamp.extend_from_slice(&piece[..end.unwrap_or(piece.len())]);
                self.stamp.truncate(STAMP_BYTES_MAX);
                let Some(end) = end else { return };
                // A line without anything is a time and a line end.
                piece = &piece[end + usize::from(piece[end] == b' ')..];
                self.begin_line();
                continue;
            }
            let end = memchr::memchr(b'\n', piece).map(|end| end + 1);
            let (now, later) = piece.split_at(end.unwrap_or(piece.len()));
            self.take(now, text);
            self.is_in_line = end.is_none();
            piece = later;
        }
    }

    fn take(&mut self, bytes: &[u8], text: &mut Vec<u8>) {
        if self.is_skipped {
            return;
        }
        let skip = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
        self.skip -= skip as u64;
        self.bytes += (bytes.len() - skip) as u64;
        text.extend_from_slice(&bytes[skip..]);
    }

    fn begin_line(&mut self) {
        self.is_in_line = true;
        let stamp = std::mem::take(&mut self.stamp);
        let at = std::str::from_utf8(&stamp).ok().and_then(|text| text.parse::<jiff::Timestamp>().ok());
        let at = at.map_or(self.latest, jiff::Timestamp::as_nanosecond);
        self.is_skipped = false;
        if let Some(again) = &mut self.again {
            again.lines += 1;
            if again.lines == 1 && at != self.first {
                again.until = Some(self.latest);
                self.has_gap = true;
            }
            match again.until {
                None if again.lines < again.of => {
                    self.is_skipped = true;
                    return;
                }
                None => {
                    self.skip = self.bytes;
                    self.again = None;
                    return;
                }
                Some(until) if at <= until => {
                    self.is_skipped = true;
                    return;
                }
                Some(_) => self.again = None,
            }
        }
        let second = at.div_euclid(NANOSECONDS);
        if second > self.second || self.count == 0 {
            (self.second, self.first, self.count) = (second, at, 0);
        }
        self.count += u64::from(second >= self.second);
        self.latest = self.latest.max(at);
        (self.bytes, self.skip) = (0, 0);
    }

    /// The log was cut. What comes next begins at [`Lines::since`].
    pub(super) fn cut(&mut self) {
        self.stamp.clear();
        self.is_in_line = false;
        if self.count > 0 {
            self.again = Some(Again { lines: 0, of: self.count, until: None });
        }
    }

    /// The second from which the log is wanted again; `None` for its beginning.
    pub(super) fn since(&self) -> Option<String> {
        let second = i64::try_from(self.second).ok().filter(|_| self.count > 0)?;
        jiff::Timestamp::from_second(second).ok().map(|second| second.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the cluster gives from a second on.
    fn log_since(log: &[(&str, &str)], since: Option<&str>) -> String {
        let since: Option<jiff::Timestamp> = since.map(|text| text.parse().expect("a time"));
        let at = |stamp: &str| stamp.parse::<jiff::Timestamp>().expect("a time");
        let lines = log.iter().filter(|(stamp, _)| since.is_none_or(|since| at(stamp) >= since));
        lines.fold(String::new(), |log, (stamp, line)| log + stamp + " " + line)
    }

    const LOG: [(&str, &str); 7] = [
        ("2026-01-01T00:00:00.5Z", "one\n"),
        ("2026-01-01T00:00:01.1Z", "two\n"),
        ("2026-01-01T00:00:01.1Z", "two again\n"),
        // Two streams in one log are not always in order.
        ("2026-01-01T00:00:01.099Z", "three\n"),
        ("2026-01-01T00:00:01.2Z", "\n"),
        ("2026-01-01T00:00:02Z", "a line that is cut\n"),
        ("2026-01-01T00:00:02.000000001Z", "no line end"),
    ];

    #[test]
    fn a_log_goes_on_wherever_it_was_cut() {
        let whole = log_since(&LOG, None);
        let expected: String = LOG.iter().map(|(_, line)| *line).collect();
        for first in 0..whole.len() {
            let mut lines = Lines::default();
            let mut text = Vec::new();
            lines.push(&whole.as_bytes()[..first], &mut text);
            lines.cut();
            let rest = log_since(&LOG, lines.since().as_deref());
            // Once more, a byte later.
            lines.push(&rest.as_bytes()[..rest.len().min(1)], &mut text);
            lines.cut();
            lines.push(log_since(&LOG, lines.since().as_deref()).as_bytes(), &mut text);
            assert_eq!(String::from_utf8_lossy(&text), expected, "cut at {first}");
            assert!(!lines.has_gap, "cut at {first}");
        }
    }

    #[test]
    fn what_the_cluster_threw_away_is_noticed() {
        let mut lines = Lines::default();
        let mut text = Vec::new();
        lines.push(log_since(&LOG[..4], None).as_bytes(), &mut text);
        lines.cut();
        lines.push(log_since(&LOG[3..], lines.since().as_deref()).as_bytes(), &mut text);
        assert!(lines.has_gap);
        assert_eq!(String::from_utf8_lossy(&text), "one\ntwo\ntwo again\nthree\n\na line that is cut\nno line end");
    }
}
