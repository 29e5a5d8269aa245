//! Objects in Protobuf, as kubectl's typed commands send them (`create job`, `auth can-i`); answers are always JSON, which
//! they take as well.
//!
//! The envelope is `runtime.Unknown` behind four bytes, as `k8s.io/apimachinery` writes it. Numbers of fields stand in the
//! schema; a field without one is passed over.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::schema::{self, Many, Shape};

/// What the header of a request says.
pub(super) const CONTENT_TYPE: &str = "application/vnd.kubernetes.protobuf";
const MARK: &[u8] = b"k8s\0";
/// Numbers that are written as 0 where nothing is meant.
const ZERO_IS_NOTHING: [&str; 3] = ["hostPort", "nodePort", "generation"];

/// One field, as it stands on the wire.
enum Wire<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// Reads an object; `None` when it is none.
pub(super) fn object(bytes: &[u8]) -> Option<Value> {
    let (mut version, mut kind, mut raw) = (String::new(), String::new(), None);
    for (number, wire) in fields(bytes.strip_prefix(MARK)?)? {
        match (number, wire) {
            (1, Wire::Bytes(types)) => {
                for (number, wire) in fields(types)? {
                    match (number, wire) {
                        (1, Wire::Bytes(text)) => version = String::from_utf8(text.to_vec()).ok()?,
                        (2, Wire::Bytes(text)) => kind = String::from_utf8(text.to_vec()).ok()?,
                        _ => {}
                    }
                }
            }
            (2, Wire::Bytes(object)) => raw = Some(object),
            _ => {}
        }
    }
    let mut value = message(&kind, raw?)?;
    value["apiVersion"] = version.into();
    value["kind"] = kind.into();
    Some(value)
}

/// The fields of a message, in their order.
fn fields(mut bytes: &[u8]) -> Option<Vec<(u64, Wire<'_>)>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let tag = number(&mut bytes)?;
        let wire = match tag & 7 {
            0 => Wire::Number(number(&mut bytes)?),
            1 => Wire::Bytes(take(&mut bytes, 8)?),
            2 => {
                let length = usize::try_from(number(&mut bytes)?).ok()?;
                Wire::Bytes(take(&mut bytes, length)?)
            }
            5 => Wire::Bytes(take(&mut bytes, 4)?),
            _ => return None,
        };
        found.push((tag >> 3, wire));
    }
    Some(found)
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken)
}

/// A number of seven bits a byte, lowest first.
fn number(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *take(bytes, 1)?.first()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn message(type_name: &str, bytes: &[u8]) -> Option<Value> {
    let known = schema::fields(type_name)?;
    let mut object = Map::new();
    for (number, wire) in fields(bytes)? {
        let Some((name, shape)) = known.iter().find(|(_, shape)| shape.number == number && number != 0) else {
            continue;
        };
        if shape.many == Many::Map {
            let Wire::Bytes(pair) = wire else { return None };
            let (key, value) = entry(shape.of, pair)?;
            object.entry(*name).or_insert_with(|| json!({}))[key] = value;
            continue;
        }
        let Some(value) = single(name, shape, &wire)? else { continue };
        match (shape.many == Many::One, object.get_mut(*name).and_then(Value::as_array_mut)) {
            (true, _) => drop(object.insert((*name).to_owned(), value)),
            (false, Some(items)) => items.push(value),
            (false, None) => drop(object.insert((*name).to_owned(), json!([value]))),
        }
    }
    Some(object.into())
}

/// A key and its value.
fn entry(type_name: &str, bytes: &[u8]) -> Option<(String, Value)> {
    let shape = |of| Shape { of, many: Many::Atomic, number: 0 };
    let (mut key, mut value) = (String::new(), Value::from(""));
    for (number, wire) in fields(bytes)? {
        match number {
            1 => single("", &shape("str"), &wire)??.as_str()?.clone_into(&mut key),
            2 => {
                let of = ["bytes", "Quantity"].into_iter().find(|of| *of == type_name).unwrap_or("str");
                value = single("", &shape(of), &wire)??;
            }
            _ => {}
        }
    }
    Some((key, value))
}

/// One value. What only says that nothing is meant is nothing.
#[expect(clippy::option_option, reason = "what cannot be read is something else than what is not there")]
fn single(name: &str, shape: &Shape, wire: &Wire<'_>) -> Option<Option<Value>> {
    let stands_alone = shape.many == Many::One;
    let value = match (shape.of, wire) {
        ("bool", Wire::Number(number)) => Value::from(*number != 0),
        ("int", Wire::Number(number)) => {
            if *number == 0 && ZERO_IS_NOTHING.contains(&name) {
                return Some(None);
            }
            Value::from(number.cast_signed())
        }
        ("str", Wire::Bytes(text)) => Value::from(std::str::from_utf8(text).ok()?),
        ("bytes", Wire::Bytes(bytes)) => Value::from(base64(bytes)),
        ("Quantity", Wire::Bytes(bytes)) => match fields(bytes)?.first() {
            Some((1, Wire::Bytes(text))) => Value::from(std::str::from_utf8(text).ok()?),
            _ => Value::from("0"),
        },
        ("IntOrString", Wire::Bytes(bytes)) => either(bytes)?,
        (_, Wire::Bytes(bytes)) => message(shape.of, bytes).unwrap_or(Value::Null),
        _ => return None,
    };
    let is_nothing = value.is_null() || stands_alone && (value == "" || value == json!({}));
    Some((!is_nothing).then_some(value))
}

fn either(bytes: &[u8]) -> Option<Value> {
    let (mut is_text, mut int, mut text) = (false, 0, "");
    for (number, wire) in fields(bytes)? {
        match (number, wire) {
            (1, Wire::Number(kind)) => is_text = kind == 1,
            (2, Wire::Number(value)) => int = value,
            (3, Wire::Bytes(value)) => text = std::str::from_utf8(value).ok()?,
            _ => {}
        }
    }
    Some(if is_text { text.into() } else { int.into() })
}

/// As JSON writes bytes.
pub(super) fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits =
            group.iter().enumerate().fold(0_usize, |bits, (at, byte)| bits | usize::from(*byte) << (16 - 8 * at));
        for at in 0..=group.len() {
            text.push(char::from(LETTERS[bits >> (18 - 6 * at) & 63]));
        }
        let _ = write!(text, "{}", "=".repeat(3 - group.len()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_read_by_the_numbers_of_its_fields() {
        let field =
            |number: u8, bytes: &[u8]| [&[number << 3 | 2, u8::try_from(bytes.len()).expect("short")], bytes].concat();
        let meta = [field(1, b"a"), field(2, b""), field(11, &[field(1, b"k"), field(2, b"v")].concat())].concat();
        let secret =
            [field(1, &meta), field(2, &[field(1, b"x"), field(2, b"hi!!")].concat()), field(3, b"Opaque")].concat();
        let types = [field(1, b"v1"), field(2, b"Secret")].concat();
        let bytes = [MARK, &field(1, &types), &field(2, &secret)].concat();
        let expected = json!({"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "data": {"x": "aGkhIQ=="},
            "metadata": {"name": "a", "labels": {"k": "v"}}});
        assert_eq!(object(&bytes), Some(expected));
        for length in 0..bytes.len() {
            // What is cut off is no object, or one with less in it; it never breaks the server.
            let _ = object(&bytes[..length]);
        }
        assert_eq!(object(b"{}"), None);
    }
}
