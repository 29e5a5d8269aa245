//! The section `[git]`: who commits are by, and when they travel.

use std::time::Duration;

use serde::Deserialize;
use toml::{Spanned, Value};

use super::Text;
use crate::repo::{Author, Error};

/// The shortest and the longest time from one pull to the next.
const PULL_EVERY: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(24 * 7);

/// When commits travel to other repositories and from there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitSettings {
    /// The name of the remote that is pulled from.
    pub remote: String,
    /// The name of the remote that the current branch is pushed to after each commit of Spore's; `None` for never.
    pub push: Option<String>,
    /// When the current branch is brought up to the remote's.
    pub pull: Pull,
}

/// When to pull.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pull {
    /// Never.
    #[default]
    Never,
    /// Before each run.
    BeforeRun,
    /// Whenever so much time has passed.
    Every(Duration),
}

impl Default for GitSettings {
    fn default() -> Self {
        Self { remote: "origin".into(), push: None, pull: Pull::Never }
    }
}

/// The section as it is written.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Authored {
    pub(super) author: Option<AuthoredAuthor>,
    remote: Option<Spanned<String>>,
    push: Option<Spanned<Value>>,
    pull: Option<Spanned<Value>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuthoredAuthor {
    name: String,
    email: String,
}

impl From<AuthoredAuthor> for Author {
    fn from(author: AuthoredAuthor) -> Self {
        Self { name: author.name, email: author.email }
    }
}

impl Authored {
    /// What the section means.
    pub(super) fn read(self, text: Text<'_>) -> Result<GitSettings, Error> {
        let mut settings = GitSettings::default();
        if let Some(remote) = self.remote {
            settings.remote = remote_name(text, "remote", remote.get_ref(), remote.span().start)?;
        }
        settings.push = match self.push.map(|push| (push.span().start, push.into_inner())) {
            None | Some((_, Value::Boolean(false))) => None,
            Some((_, Value::Boolean(true))) => Some(settings.remote.clone()),
            Some((at, Value::String(name))) => Some(remote_name(text, "push", &name, at)?),
            Some((at, _)) => return Err(text.wrong(at, "`push` is no remote", Some(PUSH_HINT.into()))),
        };
        settings.pull = match self.pull.map(|pull| (pull.span().start, pull.into_inner())) {
            None | Some((_, Value::Boolean(false))) => Pull::Never,
            Some((_, Value::String(word))) if word == "before-run" => Pull::BeforeRun,
            Some((at, Value::String(every))) if every.starts_with(|first: char| first.is_ascii_digit()) => {
                Pull::Every(text.duration_within("pull", &every, at, PULL_EVERY)?)
            }
            Some((at, _)) => return Err(text.wrong(at, "`pull` is no time to pull", Some(PULL_HINT.into()))),
        };
        Ok(settings)
    }
}

const PUSH_HINT: &str = "`true`, `false`, or the name of a remote such as `\"origin\"`";
const PULL_HINT: &str = "`false`, `\"before-run\"`, or how often, such as `\"5m\"`";

/// A remote by its name. A URL or a path is refused: where commits go is for the owner's git settings to say, not for a
/// file of the folder.
fn remote_name(text: Text<'_>, key: &str, name: &str, at: usize) -> Result<String, Error> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    let begins_well = name.starts_with(|first: char| first.is_ascii_alphanumeric());
    if begins_well && name.chars().all(plain) && !name.contains("..") && !name.ends_with('/') {
        return Ok(name.to_owned());
    }
    let hint = "a name that `git remote` shows; `git remote add NAME URL` makes one";
    Err(text.wrong(at, &format!("`{key}` is no name of a remote"), Some(hint.into())))
}
