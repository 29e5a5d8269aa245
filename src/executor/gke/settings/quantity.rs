//! Quantities and names, as Kubernetes writes them.

/// Whether a text is a quantity: `500m`, `2`, `1.5`, `512Mi`, `1e3`.
pub(super) fn is_quantity(text: &str) -> bool {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let is_number = number.parse::<f64>().is_ok_and(f64::is_finite) && number.bytes().any(|byte| byte.is_ascii_digit());
    let is_exponent = |rest: &str| {
        let digits = rest.strip_prefix(['+', '-']).unwrap_or(rest);
        !digits.is_empty() && digits.len() <= 3 && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    let is_suffix = match suffix {
        "" | "n" | "u" | "m" | "k" | "M" | "G" | "T" | "P" | "E" | "Ki" | "Mi" | "Gi" | "Ti" | "Pi" | "Ei" => true,
        other => other.strip_prefix(['e', 'E']).is_some_and(is_exponent),
    };
    is_number && is_suffix
}

/// Whether a text can name an object: lower-case letters, digits, `-` and `.`.
pub(super) fn is_name(text: &str) -> bool {
    let is_end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    text.len() <= 253
        && is_end(text.chars().next())
        && is_end(text.chars().next_back())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte))
}

/// Whether a text can be the value of a label.
pub(super) fn is_label_value(text: &str) -> bool {
    let is_end = |c: Option<char>| c.is_none_or(|c| c.is_ascii_alphanumeric());
    text.len() <= 63
        && is_end(text.chars().next())
        && is_end(text.chars().next_back())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
}

/// Whether a text can be the key of a label or of an annotation: `name` or `domain/name`.
pub(super) fn is_label_key(text: &str) -> bool {
    let (domain, name) = text.split_once('/').map_or((None, text), |(domain, name)| (Some(domain), name));
    domain.is_none_or(is_name) && !name.is_empty() && is_label_value(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_and_names_are_those_of_kubernetes() {
        for good in ["1", "500m", "0.5", "512Mi", "2G", "1e3", "1E-2", "10Gi", "5u"] {
            assert!(is_quantity(good), "{good}");
        }
        for bad in ["", "m", ".", "1 Gi", "512MB", "2GiB", "-1", "1e", "half", "1.2.3", "١"] {
            assert!(!is_quantity(bad), "{bad}");
        }
        assert!(is_name("team-a") && is_name("a.b.c") && !is_name("Team") && !is_name("-a") && !is_name(""));
        assert!(is_label_value("") && is_label_value("A_b.c-1") && !is_label_value("-a") && !is_label_value("a b"));
        assert!(is_label_key("x") && is_label_key("spore.dev/run") && !is_label_key("/x") && !is_label_key("x/"));
    }
}
