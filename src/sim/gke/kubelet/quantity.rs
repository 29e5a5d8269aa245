//! Amounts as Kubernetes writes them: `500m`, `2Gi`, `1e3`.

use serde_json::Value;

/// The amount in units; `None` when it is none.
pub(super) fn quantity(value: &Value) -> Option<f64> {
    let text = match value {
        Value::String(text) => text.as_str(),
        Value::Number(number) => return number.as_f64(),
        _ => return None,
    };
    let end = text.find(|c: char| c.is_ascii_alphabetic() && !matches!(c, 'e' | 'E')).unwrap_or(text.len());
    // `E` alone is a unit; before digits it is an exponent.
    let (number, unit) = match text.strip_suffix('E') {
        Some(number) => (number, "E"),
        None => text.split_at(end),
    };
    let factor = match unit {
        "" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024.0,
        "Mi" => 1024.0 * 1024.0,
        "Gi" => 1024.0 * 1024.0 * 1024.0,
        "Ti" => 1024_f64.powi(4),
        "Pi" => 1024_f64.powi(5),
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * factor)
}

/// The amount in whole units.
pub(super) fn whole(value: &Value) -> Option<u64> {
    format!("{:.0}", quantity(value)?).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read() {
        for (text, expected) in [("500m", 0.5), ("2Gi", 2_147_483_648.0), ("1e3", 1000.0), ("7", 7.0), ("1E", 1e18)] {
            assert_eq!(quantity(&text.into()), Some(expected), "{text}");
        }
        assert_eq!(quantity(&"much".into()), None);
        assert_eq!(quantity(&3.into()), Some(3.0));
    }
}
