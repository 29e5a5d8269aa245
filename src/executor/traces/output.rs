//! `$SPORE_OUTPUT`: the values a command hands on.
//!
//! Lines of `name=value`; a value of several lines as `name<<WORD`, the lines, and `WORD` alone on a line; or one JSON
//! object. A name given twice has its last value.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use indexmap::IndexMap;
use serde_json::Value;

/// Reads what a command handed on. An absent file is an empty one.
///
/// # Errors
/// What is wrong with it, as a sentence that names the line.
pub(in crate::executor) fn read(path: &Path, bytes_max: u64) -> Result<IndexMap<String, Value>, String> {
    let unreadable = |error: io::Error| format!("`$SPORE_OUTPUT` cannot be read: {error}");
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(IndexMap::new()),
        Err(error) => return Err(unreadable(error)),
        // A pipe would make us wait, and a link could lead anywhere.
        Ok(metadata) if !metadata.is_file() => return Err(ODD.into()),
        Ok(_) => {}
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(bytes_max + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() as u64 > bytes_max {
        return Err(too_large(bytes_max));
    }
    parse_bytes(&bytes)
}

/// What is wrong with more than that.
pub(in crate::executor) fn too_large(bytes_max: u64) -> String {
    format!("`$SPORE_OUTPUT` holds more than {bytes_max} bytes; hand large values on as artifacts")
}

/// What is wrong with something that no value can be read from.
pub(in crate::executor) const ODD: &str = "`$SPORE_OUTPUT` is not a plain file any more";

/// Reads what was handed on.
///
/// # Errors
/// What is wrong with it, as a sentence that names the line.
pub(in crate::executor) fn parse_bytes(bytes: &[u8]) -> Result<IndexMap<String, Value>, String> {
    match std::str::from_utf8(bytes) {
        Ok(text) => parse(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Err(error) => {
            let line = memchr::memchr_iter(b'\n', &bytes[..error.valid_up_to()]).count() + 1;
            Err(format!("line {line} of `$SPORE_OUTPUT` is not UTF-8"))
        }
    }
}

/// Reads what was handed on as a text.
///
/// # Errors
/// What is wrong with it, as a sentence that names the line.
pub(in crate::executor) fn parse(text: &str) -> Result<IndexMap<String, Value>, String> {
    if text.trim_start().starts_with('{') {
        let values: IndexMap<String, Value> =
            serde_json::from_str(text).map_err(|error| format!("`$SPORE_OUTPUT` is no JSON object: {error}"))?;
        return match values.keys().find(|name| !is_name(name)) {
            Some(name) => Err(format!("`{}` in `$SPORE_OUTPUT` cannot name an output", name.escape_debug())),
            None => Ok(values),
        };
    }
    let mut values = IndexMap::new();
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        if line.trim().is_empty() {
            continue;
        }
        let number = index + 1;
        let (name, value) = match (line.find('='), line.find("<<")) {
            (Some(equals), here) if here.is_none_or(|here| equals < here) => {
                (&line[..equals], line[equals + 1..].to_owned())
            }
            (_, Some(here)) => {
                let word = line[here + 2..].trim();
                let mut value: Vec<&str> = Vec::new();
                loop {
                    match lines.next() {
                        Some((_, line)) if line == word => break,
                        Some((_, line)) => value.push(line),
                        None => {
                            return Err(format!("line {number} of `$SPORE_OUTPUT` opens `{word}`, which never comes"));
                        }
                    }
                }
                (&line[..here], value.join("\n"))
            }
            _ => {
                let start: String = line.chars().take(40).collect();
                return Err(format!("line {number} of `$SPORE_OUTPUT` is no `name=value`: `{}`", start.escape_debug()));
            }
        };
        if !is_name(name) {
            return Err(format!(
                "line {number} of `$SPORE_OUTPUT`: `{}` cannot name an output; a name is letters, digits, `_` and `-`",
                name.escape_debug()
            ));
        }
        values.insert(name.to_owned(), Value::String(value));
    }
    Ok(values)
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
        && name.len() <= 128
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_heredocs_and_json_are_read() {
        let json = |text: &str| serde_json::to_string(&parse(text).expect("read")).expect("JSON");
        assert_eq!(json("a=1\r\n\nb=x=y<<z\na= 2"), r#"{"a":" 2","b":"x=y<<z"}"#);
        assert_eq!(json("text<<END\none\n two=\nEND\nb=1\n"), r#"{"text":"one\n two=","b":"1"}"#);
        assert_eq!(json(" {\"n\": 1, \"l\": [true]}\n"), r#"{"n":1,"l":[true]}"#);
        assert_eq!(json(""), "{}");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (text, part) in [
            ("a=1\nnonsense\n", "line 2"),
            ("a=1\n b=1", "line 2"),
            ("1a=1", "line 1"),
            ("=x", "line 1"),
            ("x<<END\na", "opens `END`"),
            ("{\"a\": 1", "no JSON object"),
            ("{\"a b\": 1}", "cannot name"),
        ] {
            let reason = parse(text).expect_err(text);
            assert!(reason.contains(part), "{reason}");
        }
    }
}
