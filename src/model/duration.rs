//! Durations as authors write them (`250ms`, `2s`, `10m`, `1h30m`, `2d`) and as people read them.

use std::time::Duration;

/// Why a text is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadDuration {
    /// Nothing was written.
    #[error("a duration is missing")]
    Empty,
    /// A number without a unit.
    #[error("`{0}` has no unit")]
    NoUnit(String),
    /// A unit that is not known.
    #[error("`{0}` is not a unit of time")]
    UnknownUnit(String),
    /// No number where one must stand.
    #[error("`{0}` is not a duration")]
    NotANumber(String),
    /// More than can be counted.
    #[error("`{0}` is too long")]
    TooLong(String),
}

/// Reads `1h30m`: numbers (a fraction is allowed) each followed by `ms`, `s`, `m`, `h` or `d`.
///
/// # Errors
/// When the text is empty, a unit is missing or unknown, or the sum passes 100 years.
pub fn parse_duration(text: &str) -> Result<Duration, BadDuration> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(BadDuration::Empty);
    }
    let whole = rest.to_owned();
    let mut seconds = 0.0_f64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number: f64 = rest[..digits].parse().map_err(|_| BadDuration::NotANumber(whole.clone()))?;
        rest = rest[digits..].trim_start();
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        seconds += number * unit_seconds(&rest[..letters], &whole)?;
        rest = rest[letters..].trim_start();
    }
    if seconds > 100.0 * 365.25 * 86_400.0 {
        return Err(BadDuration::TooLong(whole));
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| BadDuration::TooLong(whole))
}

fn unit_seconds(unit: &str, whole: &str) -> Result<f64, BadDuration> {
    match unit {
        "ms" => Ok(0.001),
        "s" | "sec" | "secs" | "second" | "seconds" => Ok(1.0),
        "m" | "min" | "mins" | "minute" | "minutes" => Ok(60.0),
        "h" | "hour" | "hours" => Ok(3_600.0),
        "d" | "day" | "days" => Ok(86_400.0),
        "" => Err(BadDuration::NoUnit(whole.to_owned())),
        other => Err(BadDuration::UnknownUnit(other.to_owned())),
    }
}

/// A duration for people: `12ms`, `1.2s`, `34s`, `2m05s`, `1h02m`, `3d04h`.
#[must_use]
pub fn format_duration(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    let seconds = duration.as_secs();
    match (milliseconds, seconds) {
        (0..1_000, _) => format!("{milliseconds}ms"),
        (_, 0..10) => format!("{seconds}.{}s", duration.subsec_millis() / 100),
        (_, 10..60) => format!("{seconds}s"),
        (_, 60..3_600) => format!("{}m{:02}s", seconds / 60, seconds % 60),
        (_, 3_600..86_400) => format!("{}h{:02}m", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_authors_write() {
        for (text, milliseconds) in [
            ("250ms", 250),
            ("2s", 2_000),
            ("10m", 600_000),
            ("1h30m", 5_400_000),
            ("1.5h", 5_400_000),
            ("2 days", 172_800_000),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_none() {
        assert_eq!(parse_duration(""), Err(BadDuration::Empty));
        assert_eq!(parse_duration("10"), Err(BadDuration::NoUnit("10".into())));
        assert_eq!(parse_duration("10 parsecs"), Err(BadDuration::UnknownUnit("parsecs".into())));
        assert_eq!(parse_duration("soon"), Err(BadDuration::NotANumber("soon".into())));
        assert_eq!(parse_duration("99999999999d"), Err(BadDuration::TooLong("99999999999d".into())));
        assert_eq!(parse_duration("-5s"), Err(BadDuration::NotANumber("-5s".into())));
    }

    #[test]
    fn prints_what_people_read() {
        for (milliseconds, text) in [
            (12, "12ms"),
            (1_250, "1.2s"),
            (34_999, "34s"),
            (125_000, "2m05s"),
            (3_720_000, "1h02m"),
            (273_600_000, "3d04h"),
        ] {
            assert_eq!(format_duration(Duration::from_millis(milliseconds)), text);
        }
    }
}
