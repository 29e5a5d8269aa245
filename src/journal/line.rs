//! One fact as one line: `{"v":1,"seq":0,"epoch":0,"at":"…","event":"…",…,"crc":"8 hex digits"}`.
//!
//! The epoch counts how often the journal was opened by another writer. It only ever rises, so a line of a writer that
//! has lost the journal to another, and does not know, stands out. The lines of the first Spores have none, which is 0.
//!
//! The checksum (CRC-32, as in zlib) covers the line's bytes before `,"crc"`. So that it is over exact bytes, the frame
//! around the event is composed and taken apart by hand; only the event itself goes through serde. A line is read only
//! when its checksum fits, so nothing else has to be lenient.

use std::io::Write as _;

use crate::model::{Event, Timestamp};
use crate::os::seal;

/// The version this Spore writes.
pub(super) const VERSION: u64 = 1;

/// What a line says.
#[derive(Debug, PartialEq)]
pub(super) enum Line {
    /// A fact.
    Fact { place: Place, at: Timestamp, event: Box<Event> },
    /// Whole and in its place, but beyond this Spore: a newer version, or a kind of event it does not know.
    Unknown { place: Place, what: String },
    /// Not a line of a journal, or no longer.
    Damaged,
}

/// Where a line stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// How many lines are before it.
    pub(super) seq: u64,
    /// Which writer wrote it, from 0.
    pub(super) epoch: u64,
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
    Place { seq, epoch }: Place,
    at: Timestamp,
    event: &Event,
) -> Result<(), serde_json::Error> {
    let start = out.len();
    let at = stamp.of(at);
    // Writing to memory cannot fail.
    let _ = write!(out, r#"{{"v":{VERSION},"seq":{seq},"epoch":{epoch},"at":"{at}""#);
    let brace = out.len();
    serde_json::to_writer(&mut *out, event)?;
    // An event is an object with at least its tag, so its brace gives way to the frame's comma.
    out[brace] = b',';
    seal::seal(out, start);
    Ok(())
}

/// Reads one line, without its line end.
pub(super) fn decode(line: &[u8]) -> Line {
    seal::unseal(line).and_then(unframe).unwrap_or(Line::Damaged)
}

fn unframe(covered: &str) -> Option<Line> {
    let (version, rest) = number(covered.strip_prefix(r#"{"v":"#)?)?;
    let (seq, rest) = number(rest.strip_prefix(r#","seq":"#)?)?;
    let (epoch, rest) = rest.strip_prefix(r#","epoch":"#).map_or(Some((0, rest)), number)?;
    let place = Place { seq, epoch };
    if version > VERSION {
        return Some(Line::Unknown { place, what: format!("version {version}") });
    }
    let (at, fields) = rest.strip_prefix(r#","at":""#)?.split_once(r#"","#)?;
    let at: jiff::Timestamp = at.parse().ok()?;
    let at = Timestamp(at.as_millisecond());
    let body = format!("{{{fields}}}");
    Some(match serde_json::from_str::<Event>(&body) {
        Ok(event) => Line::Fact { place, at, event: Box::new(event) },
        Err(_) => Line::Unknown { place, what: unknown_kind(&body)? },
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

    const PLACE: Place = Place { seq: 7, epoch: 2 };

    fn sealed(covered: &str) -> Vec<u8> {
        let mut line = format!("{covered}}}").into_bytes();
        seal::seal(&mut line, 0);
        line.pop();
        line
    }

    fn line() -> String {
        let mut out = Vec::new();
        let event = Event::RunEnded { status: RunStatus::Succeeded };
        encode(&mut out, &mut Stamp::default(), PLACE, Timestamp(1_000), &event).expect("written");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_line_is_json_with_its_checksum_at_the_end() {
        let text = line();
        let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(value["v"], 1);
        assert_eq!(value["seq"], 7);
        assert_eq!(value["epoch"], 2);
        assert_eq!(value["at"], "1970-01-01T00:00:01.000Z");
        assert_eq!(value["event"], "run_ended");
        assert!(seal::unseal(text.trim_end().as_bytes()).is_some());
    }

    #[test]
    fn a_line_reads_back_and_others_do_not() {
        let text = line();
        let event = Box::new(Event::RunEnded { status: RunStatus::Succeeded });
        assert_eq!(decode(text.trim_end().as_bytes()), Line::Fact { place: PLACE, at: Timestamp(1_000), event });
        for other in ["", "{}", r#","crc":"00000000"}"#, "{\"v\":1}"] {
            assert_eq!(decode(other.as_bytes()), Line::Damaged, "{other}");
        }
    }

    #[test]
    fn a_line_of_the_first_spores_has_epoch_0() {
        let old = sealed(r#"{"v":1,"seq":7,"at":"1970-01-01T00:00:01.000Z","event":"run_ended","status":"succeeded""#);
        let event = Box::new(Event::RunEnded { status: RunStatus::Succeeded });
        let place = Place { seq: 7, epoch: 0 };
        assert_eq!(decode(&old), Line::Fact { place, at: Timestamp(1_000), event });
    }

    #[test]
    fn what_a_newer_spore_wrote_is_named() {
        let place = Place { seq: 3, epoch: 1 };
        let newer = sealed(r#"{"v":2,"seq":3,"epoch":1,"when":5"#);
        assert_eq!(decode(&newer), Line::Unknown { place, what: "version 2".into() });
        let kind = sealed(r#"{"v":1,"seq":3,"epoch":1,"at":"1970-01-01T00:00:01.000Z","event":"dreamt","of":1"#);
        assert_eq!(decode(&kind), Line::Unknown { place, what: "event `dreamt`".into() });
    }
}
