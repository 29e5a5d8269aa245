//! Names of tasks, runs and attempts.

use std::borrow::Borrow;
use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use super::{Digest, Limits, Stream};

/// The name of the folder, in the folder of a run, that holds the logs of attempts.
pub const LOGS_FOLDER: &str = "logs";
/// The name of the folder, in the folder of a run, that holds what attempts hand on.
pub const OUTPUTS_FOLDER: &str = "outputs";

/// Why a text cannot name a task.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadId {
    /// Nothing was written.
    #[error("an id is empty")]
    Empty,
    /// Longer than [`Limits::id_bytes_max`].
    #[error("an id is {0} bytes long")]
    TooLong(usize),
    /// A character that an id cannot have.
    #[error("the id `{id}` holds {found:?}")]
    Character {
        /// The text as written.
        id: String,
        /// The first character that is not allowed.
        found: char,
    },
    /// It would leave the folder it names: `.`, `..`, a leading dot or dash.
    #[error("the id `{0}` begins with a dot or a dash")]
    Start(String),
}

/// The name of a task, unique in its spore: letters, digits and `. _ - [ ] , = + @ :`, 128 bytes at most.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct TaskId(Arc<str>);

impl TaskId {
    /// Checks `text` and makes it an id.
    ///
    /// # Errors
    /// When the text is empty, too long, starts with a dot or a dash, or holds white space, a slash or another
    /// character that has a meaning for paths or shells.
    pub fn new(text: &str) -> Result<Self, BadId> {
        if text.is_empty() {
            return Err(BadId::Empty);
        }
        if text.len() > Limits::DEFAULT.id_bytes_max {
            return Err(BadId::TooLong(text.len()));
        }
        if text.starts_with(['.', '-']) {
            return Err(BadId::Start(text.to_owned()));
        }
        match text.chars().find(|c| !c.is_alphanumeric() && !"._-[],=+@:".contains(*c)) {
            Some(found) => Err(BadId::Character { id: text.to_owned(), found }),
            None => Ok(Self(Arc::from(text))),
        }
    }

    /// The id made of free text, such as a heading: lowercase words joined by dashes. `None` when no letter or digit
    /// is left.
    #[must_use]
    pub fn slug(text: &str) -> Option<Self> {
        let mut slug = String::with_capacity(text.len());
        for c in text.chars() {
            if c.is_alphanumeric() || (matches!(c, '.' | '_') && !slug.is_empty()) {
                slug.extend(c.to_lowercase());
            } else if !slug.ends_with('-') && !slug.is_empty() {
                slug.push('-');
            }
        }
        let end = slug.floor_char_boundary(64.min(slug.len()));
        Self::new(slug[..end].trim_end_matches(['-', '.', '_'])).ok()
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A file name of its own for this id: what is no plain ASCII is written `%XX`, what is long ends in a digest.
    #[must_use]
    pub fn file_name(&self) -> String {
        let mut name = String::with_capacity(self.0.len());
        for byte in self.0.bytes() {
            if byte.is_ascii_alphanumeric() || b"._-[],=+@".contains(&byte) {
                name.push(char::from(byte));
            } else {
                let _ = write!(name, "%{byte:02X}");
            }
        }
        if name.len() > 160 {
            name.truncate(140);
            name.push('~');
            name.push_str(&Digest::of(self.0.as_bytes()).short(16));
        }
        name
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

impl Borrow<str> for TaskId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl JsonSchema for TaskId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TaskId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": Limits::DEFAULT.id_bytes_max })
    }
}

impl<'de> Deserialize<'de> for TaskId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

/// The name of a run: a ULID, so that names sort by time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RunId(ulid::Ulid);

impl RunId {
    /// When the run began, by the clock of its machine: milliseconds after 1970.
    #[must_use]
    pub fn milliseconds(self) -> u64 {
        self.0.timestamp_ms()
    }

    /// The id of a run that begins `milliseconds` after 1970 with the given random bits.
    #[must_use]
    pub fn from_parts(milliseconds: u64, random: u128) -> Self {
        Self(ulid::Ulid::from_parts(milliseconds, random))
    }

    /// When the run was given its id, which is before it began.
    #[must_use]
    pub fn began(self) -> super::Timestamp {
        super::Timestamp(i64::try_from(self.0.timestamp_ms()).unwrap_or(i64::MAX))
    }

    /// Reads 26 characters of Crockford base 32, in either case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        ulid::Ulid::from_string(text).ok().map(Self)
    }
}

impl JsonSchema for RunId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RunId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9A-HJKMNP-TV-Z]{26}$" })
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// One try of one task in one run. Every call to an executor names it; starting it twice finds the first.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AttemptId {
    /// The run.
    pub run: RunId,
    /// The task.
    pub task: TaskId,
    /// Which try, from 1.
    pub number: u32,
}

impl AttemptId {
    /// The name that this attempt's files share: `<task>.<number>`.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{}.{}", self.task.file_name(), self.number)
    }

    /// Where the log of one of its streams stands in the folder of its run: `logs/<task>.<number>.out`, or `.err`.
    #[must_use]
    pub fn log_path(&self, run_dir: &Path, stream: Stream) -> PathBuf {
        let mut name = self.file_name();
        name.push_str(match stream {
            Stream::Out => ".out",
            Stream::Err => ".err",
        });
        run_dir.join(LOGS_FOLDER).join(name)
    }

    /// Where its `$SPORE_OUTPUT` stands in the folder of its run: `outputs/<task>.<number>`.
    #[must_use]
    pub fn output_path(&self, run_dir: &Path) -> PathBuf {
        run_dir.join(OUTPUTS_FOLDER).join(self.file_name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_cannot_leave_their_folder() {
        for bad in ["", ".", "..", "../x", "a/b", "a\\b", "a b", "-x", ".x", "a\0", "a\n", "$(x)"] {
            assert!(TaskId::new(bad).is_err(), "{bad:?}");
        }
        for good in ["build", "1.2.3", "FOUNDATION-1", "check[1,linux]", "Żółw"] {
            assert!(TaskId::new(good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn slugs_are_ids() {
        let slug = |text| TaskId::slug(text).map(|id| id.to_string());
        assert_eq!(slug("Build & Test"), Some("build-test".into()));
        assert_eq!(slug("🚀 Deploy v1.2!"), Some("deploy-v1.2".into()));
        assert_eq!(slug("…"), None);
    }

    #[test]
    fn file_names_are_safe_and_distinct() {
        let name = |text: &str| TaskId::new(text).expect("an id").file_name();
        assert_eq!(name("a:b"), "a%3Ab");
        assert_ne!(name(&"x".repeat(128)), name(&format!("{}y", "x".repeat(127))));
        assert!(name(&"ż".repeat(64)).len() <= 160);
    }
}
