//! `spore.toml`: what a folder says about itself. All of it is optional, and what is unknown is an error, because a
//! misspelt setting that does nothing is found by nobody.

use std::fs;

use serde::Deserialize;

use super::root::SETTINGS_FILE;
use super::source::nearest;
use super::{Author, Error, Root};
use crate::model::{Limits, LineIndex, parse_duration};

/// Bytes of `spore.toml`.
const BYTES_MAX: u64 = 1 << 20;
/// Every key and section, to find the one that was meant.
const KEYS: [&str; 16] = [
    "commit",
    "defaults",
    "limits",
    "git",
    "jobs",
    "author",
    "name",
    "email",
    "spore_bytes_max",
    "log_head_bytes_max",
    "log_tail_bytes_max",
    "output_bytes_max",
    "artifacts_max",
    "attempts_max",
    "grace",
    "template_fuel",
];

/// The settings of a folder.
#[derive(Clone, Debug)]
pub struct Project {
    /// Whether results are committed when the command does not say; `None` where the folder does not say either, and
    /// they are only written.
    pub commit: Option<bool>,
    /// What the folder asks for: `signed`, `approve` or `open`. It can only narrow what the owner of the machine has
    /// decided, so `open` has no effect and deserves a warning.
    pub trust: Option<String>,
    /// Attempts at a time when the command does not say.
    pub jobs: Option<u32>,
    /// Who commits are by where git's settings name nobody.
    pub author: Option<Author>,
    /// The limits, completed by Spore's own.
    pub limits: Limits,
}

impl Default for Project {
    fn default() -> Self {
        Self { commit: None, trust: None, jobs: None, author: None, limits: Limits::DEFAULT }
    }
}

impl Project {
    /// Reads `spore.toml` of the root; without one, nothing is set.
    ///
    /// # Errors
    /// When it cannot be read or understood; the place and the nearest known name are in the error.
    pub fn load(root: &Root) -> Result<Self, Error> {
        let path = root.path().join(SETTINGS_FILE);
        let io = |source| Error::of_io(&path, "read", source);
        let metadata = match fs::metadata(&path) {
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            metadata => metadata.map_err(io)?,
        };
        if !metadata.is_file() {
            return Err(Error::InTheWay { path: path.display().to_string() });
        }
        if metadata.len() > BYTES_MAX {
            let position = LineIndex::new("").position("", 0);
            let message = format!("the file has more than {BYTES_MAX} bytes");
            return Err(Error::Project { path: SETTINGS_FILE.into(), position, message, hint: None });
        }
        Self::parse(&fs::read_to_string(&path).map_err(io)?)
    }

    fn parse(text: &str) -> Result<Self, Error> {
        let authored: Authored = toml::from_str(text).map_err(|error| {
            let span = error.span().unwrap_or_default();
            let written = text.get(span.clone()).unwrap_or_default().trim_matches('"');
            let unknown = error.message().starts_with("unknown field");
            let hint = if unknown { nearest(written, KEYS.into_iter()) } else { None };
            wrong(text, span.start, error.message(), hint.map(|name| format!("did you mean `{name}`?")))
        })?;
        let mut limits = Limits::DEFAULT;
        authored.limits.apply(&mut limits, text)?;
        let jobs = authored.defaults.jobs;
        if let Some(jobs) = jobs.as_ref().filter(|jobs| !(1..=limits.jobs_max).contains(jobs.get_ref())) {
            return Err(out_of_range(text, jobs.span().start, "jobs", u64::from(limits.jobs_max)));
        }
        let author = authored.git.author.map(|author| Author { name: author.name, email: author.email });
        Ok(Self {
            commit: authored.commit,
            trust: authored.trust,
            jobs: jobs.map(toml::Spanned::into_inner),
            author,
            limits,
        })
    }
}

fn wrong(text: &str, offset: usize, message: &str, hint: Option<String>) -> Error {
    let position = LineIndex::new(text).position(text, u32::try_from(offset).unwrap_or(u32::MAX));
    Error::Project { path: SETTINGS_FILE.into(), position, message: message.to_owned(), hint }
}

fn out_of_range(text: &str, offset: usize, name: &str, most: u64) -> Error {
    wrong(text, offset, &format!("`{name}` is out of range"), Some(format!("a number from 1 to {most}")))
}

/// The file as it is written.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Authored {
    commit: Option<bool>,
    trust: Option<String>,
    defaults: AuthoredDefaults,
    limits: AuthoredLimits,
    git: AuthoredGit,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AuthoredDefaults {
    jobs: Option<toml::Spanned<u32>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AuthoredGit {
    author: Option<AuthoredAuthor>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AuthoredAuthor {
    name: String,
    email: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AuthoredLimits {
    spore_bytes_max: Option<toml::Spanned<u64>>,
    log_head_bytes_max: Option<toml::Spanned<u64>>,
    log_tail_bytes_max: Option<toml::Spanned<u64>>,
    output_bytes_max: Option<toml::Spanned<u64>>,
    artifacts_max: Option<toml::Spanned<u64>>,
    attempts_max: Option<toml::Spanned<u64>>,
    template_fuel: Option<toml::Spanned<u64>>,
    grace: Option<toml::Spanned<String>>,
}

impl AuthoredLimits {
    /// Sets what is written, each within what still makes sense on one machine.
    fn apply(self, limits: &mut Limits, text: &str) -> Result<(), Error> {
        let within = |name: &str, written: Option<toml::Spanned<u64>>, most: u64| match written {
            Some(number) if !(1..=most).contains(number.get_ref()) => {
                Err(out_of_range(text, number.span().start, name, most))
            }
            number => Ok(number.map(toml::Spanned::into_inner)),
        };
        let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        if let Some(number) = within("spore_bytes_max", self.spore_bytes_max, 1 << 30)? {
            limits.spore_bytes_max = size(number);
        }
        if let Some(number) = within("log_head_bytes_max", self.log_head_bytes_max, 1 << 40)? {
            limits.log_head_bytes_max = number;
        }
        if let Some(number) = within("log_tail_bytes_max", self.log_tail_bytes_max, 1 << 30)? {
            limits.log_tail_bytes_max = number;
        }
        if let Some(number) = within("output_bytes_max", self.output_bytes_max, 1 << 30)? {
            limits.output_bytes_max = number;
        }
        if let Some(number) = within("artifacts_max", self.artifacts_max, 1_000_000)? {
            limits.artifacts_max = size(number);
        }
        if let Some(number) = within("attempts_max", self.attempts_max, 100_000)? {
            limits.attempts_max = u32::try_from(number).unwrap_or(u32::MAX);
        }
        if let Some(number) = within("template_fuel", self.template_fuel, 1_000_000_000)? {
            limits.template_fuel = number;
        }
        if let Some(grace) = self.grace {
            let parsed = parse_duration(grace.get_ref());
            let wrong = |bad| wrong(text, grace.span().start, &format!("`grace`: {bad}"), Some("such as `10s`".into()));
            limits.grace = parsed.map_err(wrong)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> (u32, u32, String, Option<String>) {
        let Err(Error::Project { position, message, hint, .. }) = Project::parse(text) else {
            panic!("taken: {text}");
        };
        (position.line, position.column, message, hint)
    }

    #[test]
    fn reads_every_setting() {
        let text = "commit = true\n[defaults]\njobs = 3\n[git.author]\nname = \"A\"\nemail = \"a@b\"\n\
                    [limits]\nspore_bytes_max = 10\ngrace = \"2s\"\n";
        let project = Project::parse(text).expect("understood");
        assert_eq!(project.commit, Some(true));
        assert_eq!(project.jobs, Some(3));
        assert_eq!(project.author, Some(Author { name: "A".into(), email: "a@b".into() }));
        assert_eq!(project.limits.spore_bytes_max, 10);
        assert_eq!(project.limits.grace.as_secs(), 2);
        assert_eq!(Project::parse("").expect("understood").commit, None);
    }

    #[test]
    fn names_place_and_nearest_key() {
        let (line, column, message, hint) = refused("# x\ncomit = true\n");
        assert_eq!((line, column), (2, 1));
        assert!(message.contains("unknown field `comit`"), "{message}");
        assert_eq!(hint.as_deref(), Some("did you mean `commit`?"));
        assert_eq!(refused("[limits]\nlog_head_byte_max = 1").3.as_deref(), Some("did you mean `log_head_bytes_max`?"));
        assert_eq!(refused("[defaults]\njobs = 0").0, 2);
        assert_eq!(refused("[limits]\ngrace = \"soon\"").0, 2);
        assert_eq!(refused("commit = \"yes\"").0, 1);
        assert_eq!(refused("a = [").0, 1);
        assert_eq!(refused("[git.author]\nname = \"x\"").3, None);
    }
}
