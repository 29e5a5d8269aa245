//! Cron lines, and the moments they mean.

use std::fmt;

use super::Timestamp;

/// Names of time zones that are longer are not compared with known ones.
const ZONE_BYTES_MAX: usize = 64;

/// A line of cron: `minute hour day month weekday`, or one of its `@` words; in a time zone.
///
/// Where clocks jump ahead, a fixed time that does not exist is taken at the first moment after the gap; where they go back,
/// a fixed time that comes twice is taken once, the first time.
#[derive(Clone)]
pub struct Cron {
    line: String,
    zone: Option<String>,
    known: Box<croner::Cron>,
    clock: jiff::tz::TimeZone,
}

impl Cron {
    /// Reads a line. Without a zone it means the time of the machine.
    ///
    /// # Errors
    /// Says what is wrong with the line or the zone, as a lower-case fragment.
    pub fn parse(line: &str, zone: Option<&str>) -> Result<Self, String> {
        let parser = croner::parser::CronParser::builder()
            .seconds(croner::parser::Seconds::Disallowed)
            .year(croner::parser::Year::Disallowed)
            .build();
        let line = line.trim();
        let known = parser.parse(line).map_err(|error| error.to_string().to_lowercase())?;
        let clock = match zone {
            None => jiff::tz::TimeZone::system(),
            Some(name) => jiff::tz::TimeZone::get(name).map_err(|_| format!("`{name}` is no known time zone"))?,
        };
        Ok(Self { line: line.to_owned(), zone: zone.map(str::to_owned), known: Box::new(known), clock })
    }

    /// The known time zone that `name` was probably meant to be: the same but for case, or a slip away.
    #[must_use]
    pub fn nearest_zone(name: &str) -> Option<String> {
        if name.len() > ZONE_BYTES_MAX {
            return None;
        }
        let plain = |text: &str| text.to_lowercase().replace(' ', "_");
        let wanted = plain(name);
        // People write the city; it is the last part of the zone's name.
        let distance = |zone: &str| {
            let city = zone.rsplit('/').next().unwrap_or(zone);
            let distance = |known: &str| strsim::damerau_levenshtein(&wanted, known);
            if wanted.contains('/') { distance(zone) } else { distance(city).min(distance(zone)) }
        };
        let zones = jiff::tz::db().available().map(|zone| zone.as_str().to_owned());
        let (distance, zone) = zones.map(|zone| (distance(&plain(&zone)), zone)).min()?;
        (distance <= (wanted.len() / 4).max(1)).then_some(zone)
    }

    /// The first moment after `after`; `None` when there is none any more.
    #[must_use]
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        let after = jiff::Timestamp::from_millisecond(after.0).ok()?.to_zoned(self.clock.clone());
        let next = self.known.find_next_occurrence(&after, false).ok()?;
        Some(Timestamp(next.timestamp().as_millisecond()))
    }

    /// As it was written.
    #[must_use]
    pub fn line(&self) -> &str {
        &self.line
    }

    /// The time zone, where one was given.
    #[must_use]
    pub fn zone(&self) -> Option<&str> {
        self.zone.as_deref()
    }
}

impl PartialEq for Cron {
    fn eq(&self, other: &Self) -> bool {
        (&self.line, &self.zone) == (&other.line, &other.zone)
    }
}

impl fmt::Debug for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.zone {
            Some(zone) => write!(f, "{} ({zone})", self.line),
            None => f.write_str(&self.line),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp(text.parse::<jiff::Timestamp>().expect("a moment").as_millisecond())
    }

    fn next(line: &str, zone: &str, after: &str) -> String {
        let cron = Cron::parse(line, Some(zone)).expect("a cron line");
        cron.next_after(at(after)).expect("another moment").to_string()
    }

    #[test]
    fn moments_follow_the_zone() {
        assert_eq!(next("0 6 * * *", "UTC", "2026-11-20T06:00:00Z"), "2026-11-21T06:00:00.000Z");
        assert_eq!(next("0 6 * * *", "Europe/Berlin", "2026-11-20T04:00:00Z"), "2026-11-20T05:00:00.000Z");
        assert_eq!(next("@hourly", "UTC", "2026-11-20T06:59:59.999Z"), "2026-11-20T07:00:00.000Z");
        assert_eq!(next("30 2 * * *", "Europe/Berlin", "2026-10-25T00:31:00Z"), "2026-10-26T01:30:00.000Z", "once");
    }

    #[test]
    fn what_is_no_cron_line_is_refused() {
        for line in ["", "* * * *", "60 * * * *", "* * * * * *", "every day", "@sometimes", "*/0 * * * *"] {
            assert!(Cron::parse(line, None).is_err(), "{line}");
        }
        assert_eq!(Cron::parse("@daily", Some("Mars/Base")).expect_err("refused"), "`Mars/Base` is no known time zone");
    }
}
