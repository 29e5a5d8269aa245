//! Lines that tell whether they are whole: JSON objects that end in a checksum of what stands before it.
//!
//! `{"any":"thing","crc":"8 hex digits"}`. The checksum (CRC-32, as in zlib) covers the line's bytes before `,"crc"`.

use std::io::Write as _;

/// `,"crc":"01234567"}`
const SEAL_BYTES: usize = r#","crc":"01234567"}"#.len();

/// Seals the JSON object that stands in `out` from `start` to its end, and ends the line. The object has a member.
pub fn seal(out: &mut Vec<u8>, start: usize) {
    // Its closing brace gives way to the seal's.
    out.pop();
    let crc = crc32fast::hash(&out[start..]);
    // Writing to memory cannot fail.
    let _ = writeln!(out, r#","crc":"{crc:08x}"}}"#);
}

/// The object of a sealed line (without its line end), less its closing brace; `None` when the line is not whole.
#[must_use]
pub fn unseal(line: &[u8]) -> Option<&str> {
    let (covered, crc) = line.split_at_checked(line.len().checked_sub(SEAL_BYTES)?)?;
    let expected = format!(r#","crc":"{:08x}"}}"#, crc32fast::hash(covered));
    if crc != expected.as_bytes() {
        return None;
    }
    std::str::from_utf8(covered).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_breaks_with_every_byte() {
        let mut out = b"before\n".to_vec();
        let start = out.len();
        out.extend(br#"{"a":1}"#);
        seal(&mut out, start);
        let line = out[start..].strip_suffix(b"\n").expect("a line end");
        assert_eq!(unseal(line), Some(r#"{"a":1"#));
        assert_eq!(line, br#"{"a":1,"crc":"a702fc6e"}"#);
        for place in 0..line.len() {
            let mut broken = line.to_vec();
            broken[place] ^= 1;
            assert_eq!(unseal(&broken), None, "byte {place}");
            assert_eq!(unseal(&line[..place]), None, "cut at {place}");
        }
    }
}
