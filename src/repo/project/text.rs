//! The text of `spore.toml`, to name places in it when a value is not what it should be.

use std::ops::RangeInclusive;
use std::time::Duration;

use toml::Spanned;

use crate::model::{LineIndex, format_duration, parse_duration};
use crate::repo::Error;
use crate::repo::root::SETTINGS_FILE;

/// The text; offsets are bytes from its beginning.
#[derive(Clone, Copy)]
pub(super) struct Text<'a>(pub(super) &'a str);

impl Text<'_> {
    /// That something is wrong at `offset`.
    pub(super) fn wrong(self, offset: usize, message: &str, hint: Option<String>) -> Error {
        let position = LineIndex::new(self.0).position(self.0, u32::try_from(offset).unwrap_or(u32::MAX));
        Error::Project { path: SETTINGS_FILE.into(), position, message: message.to_owned(), hint }
    }

    /// A number that must be within bounds.
    pub(super) fn number(
        self,
        name: &str,
        written: Option<Spanned<u64>>,
        least: u64,
        most: u64,
    ) -> Result<Option<u64>, Error> {
        match written {
            Some(number) if !(least..=most).contains(number.get_ref()) => {
                let hint = format!("a number from {least} to {most}");
                Err(self.wrong(number.span().start, &format!("`{name}` is out of range"), Some(hint)))
            }
            number => Ok(number.map(Spanned::into_inner)),
        }
    }

    /// A span of time.
    pub(super) fn duration(self, name: &str, written: &str, offset: usize) -> Result<Duration, Error> {
        let wrong = |bad| self.wrong(offset, &format!("`{name}`: {bad}"), Some("such as `10s`".into()));
        parse_duration(written).map_err(wrong)
    }

    /// A span of time that must be within bounds.
    pub(super) fn duration_within(
        self,
        name: &str,
        written: &str,
        offset: usize,
        bounds: RangeInclusive<Duration>,
    ) -> Result<Duration, Error> {
        let duration = self.duration(name, written, offset)?;
        if bounds.contains(&duration) {
            return Ok(duration);
        }
        let hint = format!("from {} to {}", format_duration(*bounds.start()), format_duration(*bounds.end()));
        Err(self.wrong(offset, &format!("`{name}` is out of range"), Some(hint)))
    }
}
