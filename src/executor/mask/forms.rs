//! The forms in which programs print a secret.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::model::Secret;

/// Shorter values are not masked, in bytes.
const VALUE_BYTES_MIN: usize = 3;
/// Shorter lines of a value of several lines are not masked by themselves, in characters.
const LINE_CHARS_MIN: usize = 8;
/// Shorter encoded forms would cover innocent text, in bytes.
const ENCODED_BYTES_MIN: usize = 4;
/// Where programs break base64 into lines: `base64` and MIME, `openssl` and PEM.
const WRAPS: [usize; 2] = [76, 64];

/// What URL encoders leave as it is: RFC 3986, the same with `/` (Python's `quote`), JavaScript's `encodeURIComponent`
/// and `encodeURI`.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
const WITH_SLASH: &AsciiSet = &UNRESERVED.remove(b'/');
const COMPONENT: &AsciiSet = &UNRESERVED.remove(b'!').remove(b'\'').remove(b'(').remove(b')').remove(b'*');
const WHOLE_URL: &AsciiSet = &COMPONENT
    .remove(b';')
    .remove(b'/')
    .remove(b'?')
    .remove(b':')
    .remove(b'@')
    .remove(b'&')
    .remove(b'=')
    .remove(b'+')
    .remove(b'$')
    .remove(b',')
    .remove(b'#');

/// Every form of every secret, sorted and without repeats.
pub(super) fn of_secrets(secrets: &[Secret]) -> Vec<Vec<u8>> {
    let mut forms = BTreeSet::new();
    for secret in secrets {
        of_value(&secret.value, &mut forms);
        // A file's last line end is easily lost on the way: what programs print is the value without it.
        of_value(secret.value.trim_end_matches(['\n', '\r']), &mut forms);
        if secret.value.contains('\n') {
            for line in secret.value.lines().map(str::trim) {
                if line.chars().count() >= LINE_CHARS_MIN {
                    of_value(line, &mut forms);
                }
            }
        }
    }
    forms.into_iter().collect()
}

/// Whether a value is long enough to be told from ordinary text.
pub(super) fn is_covered(value: &str) -> bool {
    value.len() >= VALUE_BYTES_MIN
}

fn of_value(value: &str, forms: &mut BTreeSet<Vec<u8>>) {
    if !is_covered(value) {
        return;
    }
    forms.insert(value.as_bytes().to_vec());
    let mut encoded: Vec<String> = Vec::new();
    for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
        base64_forms(value.as_bytes(), engine, &mut encoded);
    }
    percent_forms(value, &mut encoded);
    json_forms(value, &mut encoded);
    forms.extend(encoded.into_iter().filter(|form| form.len() >= ENCODED_BYTES_MIN).map(String::into_bytes));
}

/// The value inside a longer base64 text: it can begin at each of the three places of a group of three bytes. The
/// characters that it shares with what comes before are left out; those that it shares with what comes after stand in
/// a form of their own, for the case that nothing comes after.
fn base64_forms(value: &[u8], engine: &GeneralPurpose, forms: &mut Vec<String>) {
    let padded = GeneralPurpose::new(
        if engine.encode([0xfb]).starts_with('-') { &alphabet::URL_SAFE } else { &alphabet::STANDARD },
        GeneralPurposeConfig::new(),
    );
    for (before, shared) in [(0, 0), (1, 2), (2, 3)] {
        let mut bytes = vec![0_u8; before];
        bytes.extend_from_slice(value);
        let text = engine.encode(&bytes);
        let whole = bytes.len() * 8 / 6;
        let Some(inner) = text.get(shared..whole) else { continue };
        forms.extend([inner.to_owned(), text[shared..].to_owned(), padded.encode(&bytes)[shared..].to_owned()]);
        if before == 0 {
            for wrap in WRAPS.into_iter().filter(|wrap| inner.len() > *wrap) {
                forms.extend([wrapped(inner, wrap), wrapped(&text, wrap), wrapped(&padded.encode(&bytes), wrap)]);
            }
        }
    }
}

fn wrapped(text: &str, wrap: usize) -> String {
    let mut lines = String::with_capacity(text.len() + text.len() / wrap);
    for (index, c) in text.chars().enumerate() {
        if index > 0 && index % wrap == 0 {
            lines.push('\n');
        }
        lines.push(c);
    }
    lines
}

fn percent_forms(value: &str, forms: &mut Vec<String>) {
    for set in [UNRESERVED, WITH_SLASH, COMPONENT, WHOLE_URL] {
        let upper = utf8_percent_encode(value, set).to_string();
        for form in [lower_hex(&upper), upper] {
            forms.extend([form.replace("%20", "+"), form]);
        }
    }
}

fn lower_hex(text: &str) -> String {
    let mut hex_left = 0;
    text.chars()
        .map(|c| {
            hex_left = if c == '%' { 2 } else { i32::max(hex_left - 1, -1) };
            if c != '%' && hex_left >= 0 { c.to_ascii_lowercase() } else { c }
        })
        .collect()
}

/// The value inside a JSON string: as most write it, with every non-ASCII character escaped (Python), with `<`, `>` and
/// `&` escaped (Go), with `/` escaped (PHP).
fn json_forms(value: &str, forms: &mut Vec<String>) {
    let quoted = serde_json::Value::from(value).to_string();
    let inner = &quoted[1..quoted.len() - 1];
    let ascii = escaped(inner, |c| !c.is_ascii());
    let go = escaped(inner, |c| matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}'));
    forms.extend([inner.replace('/', "\\/"), ascii.replace('/', "\\/"), inner.to_owned(), ascii, go]);
}

fn escaped(text: &str, which: impl Fn(char) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if which(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(c);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};

    fn forms(value: &str) -> Vec<String> {
        let secret = Secret { name: "S".into(), value: value.into() };
        of_secrets(&[secret]).into_iter().map(|form| String::from_utf8(form).expect("text")).collect()
    }

    #[test]
    fn base64_is_known_wherever_it_begins() {
        let secret = "s3cr3t?~value\u{ff}";
        let forms = forms(secret);
        for prefix in ["", "u", "us", "user:"] {
            for suffix in ["", "x", "xy", "xyz"] {
                for engine in [&STANDARD, &URL_SAFE] {
                    let text = engine.encode(format!("{prefix}{secret}{suffix}"));
                    let longest = forms.iter().filter(|form| text.contains(form.as_str())).map(String::len).max();
                    assert!(longest.expect("found") * 6 / 8 >= secret.len() - 2, "{text}");
                }
            }
        }
    }

    #[test]
    fn encoders_of_the_world_are_covered() {
        let all = forms("a b/ü<\"c");
        for form in ["a%20b%2F%C3%BC%3C%22c", "a+b%2f%c3%bc%3c%22c", "a%20b/%C3%BC%3C%22c", "a b\\/ü<\\\"c"] {
            assert!(all.iter().any(|known| known == form), "{form} in {all:?}");
        }
        for form in ["a b/\\u00fc<\\\"c", "a b/ü\\u003c\\\"c"] {
            assert!(all.iter().any(|known| known == form), "{form} in {all:?}");
        }
        assert!(forms("first line\nshort\nsecond line\n").contains(&"second line".to_owned()));
        assert!(!forms("first line\nshort\nsecond line\n").contains(&"short".to_owned()));
    }

    #[test]
    fn wrapped_base64_is_one_form() {
        let value = "k".repeat(100);
        let text = STANDARD.encode(&value);
        assert!(forms(&value).contains(&format!("{}\n{}", &text[..76], &text[76..])));
    }
}
