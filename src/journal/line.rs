//! One fact as one line: `{"v":1,"seq":0,"at":"…","event":"…",…,"crc":"8 hex digits"}`.
//!
//! The checksum (CRC-32, as in zlib) covers the line's bytes before `,"crc"`. So that it is over exact bytes, the frame
//! around the event is composed and taken apart by hand; only the event itself goes through serde. A line is read only
//! when its checksum fits, so nothing else has to be lenient.

use std::io::Write as _;

use crate::model::{Event, Timestamp};

/// The version this Spore writes.
pub(super) const VERSION: u64 = 1;

/// `,"crc":"01234567"}`
const CRC_BYTES: usize = r#","crc":"01234567"}"#.len();

/// What a line says.
#[derive(Debug, PartialEq)]
pub(super) enum Line {
    /// A fact.
    Fact { seq: u64, at: Timestamp, event: Box<Event> },
    /// Whole and in its place, but beyond this Spore: a newer version, or a kind of event it does not know.
    Unknown { seq: u64, what: String },
    /// Not a line of a journal, or no longer.
    Damaged,
}

/// The text of a moment, kept because the facts of one batch mostly share theirs.
#[derive(Debug, Default)]
pub(super) struct Stamp {
    at: Option<Timestamp>,
    text: String,
}

impl Stamp {
    fn of(&mut self, at: Timestamp) -> &str {
        if self.at.replace(at) != Some(at) {
            self.text = at.to_string();
        }
        &self.text
    }
}

/// Adds the line of one fact to `out`, with its line end.
pub(super) fn encode(
    out: &mut Vec<u8>,
    stamp: &mut Stamp,
    seq: u64,
    at: Timestamp,
    event: &Event,
) -> Result<(), serde_json::Error> {
    let start = out.len();
    let at = stamp.of(at);
    // Writing to memory cannot fail.
    let _ = write!(out, r#"{{"v":{VERSION},"seq":{seq},"at":"{at}""#);
    let brace = out.len();
    serde_json::to_writer(&mut *out, event)?;
    // An event is an object with at least its tag, so its brace gives way to the frame's comma, and its end to the crc.
    out[brace] = b',';
    out.pop();
    let crc = crc32fast::hash(&out[start..]);
    let _ = writeln!(out, r#","crc":"{crc:08x}"}}"#);
    Ok(())
}

/// Reads one line, without its line end.
pub(super) fn decode(line: &[u8]) -> Line {
    checked(line).and_then(unframe).unwrap_or(Line::Damaged)
}

/// The bytes that the checksum covers, when it fits them.
fn checked(line: &[u8]) -> Option<&str> {
    let (covered, crc) = line.split_at_checked(line.len().checked_sub(CRC_BYTES)?)?;
    let expected = format!(r#","crc":"{:08x}"}}"#, crc32fast::hash(covered));
    if crc != expected.as_bytes() {
        return None;
    }
    std::str::from_utf8(covered).ok()
}

fn unframe(covered: &str) -> Option<Line> {
    let (version, rest) = number(covered.strip_prefix(r#"{"v":"#)?)?;
    let (seq, rest) = number(rest.strip_prefix(r#","seq":"#)?)?;
    if version > VERSION {
        return Some(Line::Unknown { seq, what: format!("version {version}") });
    }
    let (at, fields) = rest.strip_prefix(r#","at":""#)?.split_once(r#"","#)?;
    let at: jiff::Timestamp = at.parse().ok()?;
    let at = Timestamp(at.as_millisecond());
    let body = format!("{{{fields}}}");
    Some(match serde_json::from_str::<Event>(&body) {
        Ok(event) => Line::Fact { seq, at, event: Box::new(event) },
        Err(_) => Line::Unknown { seq, what: unknown_kind(&body)? },
    })
}

/// The kind of an event that could not be read; `None` when it is no event at all.
fn unknown_kind(body: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Tagged {
        event: String,
    }
    let tagged: Tagged = serde_json::from_str(body).ok()?;
    Some(format!("event `{}`", tagged.event))
}

fn number(text: &str) -> Option<(u64, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    Some((text[..digits].parse().ok()?, &text[digits..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RunStatus;

    fn line() -> String {
        let mut out = Vec::new();
        let event = Event::RunEnded { status: RunStatus::Succeeded };
        encode(&mut out, &mut Stamp::default(), 7, Timestamp(1_000), &event).expect("written");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_line_is_json_with_its_checksum_at_the_end() {
        let text = line();
        let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(value["v"], 1);
        assert_eq!(value["seq"], 7);
        assert_eq!(value["at"], "1970-01-01T00:00:01.000Z");
        assert_eq!(value["event"], "run_ended");
        let covered = text.split(",\"crc\"").next().expect("a beginning");
        assert_eq!(value["crc"], format!("{:08x}", crc32fast::hash(covered.as_bytes())));
    }

    #[test]
    fn a_line_reads_back_and_others_do_not() {
        let text = line();
        let event = Box::new(Event::RunEnded { status: RunStatus::Succeeded });
        assert_eq!(decode(text.trim_end().as_bytes()), Line::Fact { seq: 7, at: Timestamp(1_000), event });
        for other in ["", "{}", r#","crc":"00000000"}"#, "{\"v\":1}"] {
            assert_eq!(decode(other.as_bytes()), Line::Damaged, "{other}");
        }
    }

    #[test]
    fn what_a_newer_spore_wrote_is_named() {
        let sealed = |covered: &str| format!(r#"{covered},"crc":"{:08x}"}}"#, crc32fast::hash(covered.as_bytes()));
        let newer = sealed(r#"{"v":2,"seq":3,"when":5"#);
        assert_eq!(decode(newer.as_bytes()), Line::Unknown { seq: 3, what: "version 2".into() });
        let kind = sealed(r#"{"v":1,"seq":3,"at":"1970-01-01T00:00:01.000Z","event":"dreamt","of":1"#);
        assert_eq!(decode(kind.as_bytes()), Line::Unknown { seq: 3, what: "event `dreamt`".into() });
    }
}
