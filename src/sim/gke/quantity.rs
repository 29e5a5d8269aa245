//! Amounts as Kubernetes writes them: `250m`, `1.5`, `512Mi`, `2G`.

/// What the text says in thousandths of one, rounded up; `None` when it is no amount.
#[must_use]
pub fn milli(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && part.is_empty() {
        return None;
    }
    let digits: String = part.chars().chain("000000000".chars()).take(9).collect();
    let nano: u128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let nano = nano.checked_mul(1_000_000_000)?.checked_add(digits.parse().ok()?)?;
    let (times, over): (u128, u128) = match suffix {
        "" => (1, 1),
        "n" => (1, 1_000_000_000),
        "u" => (1, 1_000_000),
        "m" => (1, 1_000),
        "k" => (1_000, 1),
        "M" => (1_000_000, 1),
        "G" => (1_000_000_000, 1),
        "T" => (1_000_000_000_000, 1),
        "P" => (1_000_000_000_000_000, 1),
        "Ki" => (1 << 10, 1),
        "Mi" => (1 << 20, 1),
        "Gi" => (1 << 30, 1),
        "Ti" => (1 << 40, 1),
        "Pi" => (1 << 50, 1),
        exponent => (10_u128.checked_pow(exponent.strip_prefix(['e', 'E'])?.parse().ok()?)?, 1),
    };
    u64::try_from(nano.checked_mul(times)?.div_ceil(over * 1_000_000)).ok()
}

/// What the text says in units (bytes, pieces), rounded up.
#[must_use]
pub fn units(text: &str) -> Option<u64> {
    milli(text).map(|milli| milli.div_ceil(1_000))
}

/// Thousandths of a processor, as Kubernetes prints them.
#[must_use]
pub fn cpu(milli: u64) -> String {
    if milli.is_multiple_of(1_000) { (milli / 1_000).to_string() } else { format!("{milli}m") }
}

/// Bytes, in the largest unit that needs no fraction.
#[must_use]
pub fn bytes(bytes: u64) -> String {
    for (unit, shift) in [("Gi", 30), ("Mi", 20), ("Ki", 10)] {
        if bytes != 0 && bytes.trailing_zeros() >= shift {
            return format!("{}{unit}", bytes >> shift);
        }
    }
    bytes.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_kubernetes_means_them() {
        for (text, expected) in [
            ("1", Some(1_000)),
            ("250m", Some(250)),
            ("0.1", Some(100)),
            (".5", Some(500)),
            ("1.0001", Some(1_001)),
            ("1u", Some(1)),
            ("2k", Some(2_000_000)),
            ("1e3", Some(1_000_000)),
            ("1Ki", Some(1_024_000)),
            ("", None),
            ("x", None),
            ("1 Gi", None),
            ("-1", None),
            ("1.2.3", None),
        ] {
            assert_eq!(milli(text), expected, "{text}");
        }
        assert_eq!(units("1.5Gi"), Some(3 << 29));
        assert_eq!((cpu(1_500), cpu(2_000)), ("1500m".into(), "2".into()));
        assert_eq!(
            (bytes(3 << 29), bytes(1 << 30), bytes(10), bytes(0)),
            ("1536Mi".into(), "1Gi".into(), "10".into(), "0".into())
        );
    }
}
