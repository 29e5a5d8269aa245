//! `spore.toml`: what a folder says about itself. All of it is optional, and what is unknown is an error, because a
//! misspelt setting that does nothing is found by nobody.

mod executors;
mod git;
mod limits;
mod text;
mod watch;

use std::fs;

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value;
use toml::Spanned;

pub use git::{GitSettings, Pull};
use text::Text;
pub use watch::WatchSettings;

use super::root::SETTINGS_FILE;
use super::source::nearest;
use super::{Author, Error, Root};
use crate::model::Limits;

/// Bytes of `spore.toml`.
const BYTES_MAX: u64 = 1 << 20;
/// Every key and section, to find the one that was meant.
const KEYS: [&str; 27] = [
    "executors",
    "commit",
    "trust",
    "defaults",
    "limits",
    "git",
    "watch",
    "jobs",
    "author",
    "name",
    "email",
    "remote",
    "push",
    "pull",
    "settle",
    "reconcile",
    "depth_max",
    "committed_only",
    "poll",
    "spore_bytes_max",
    "log_head_bytes_max",
    "log_tail_bytes_max",
    "output_bytes_max",
    "artifacts_max",
    "attempts_max",
    "grace",
    "template_fuel",
];
/// What `trust` may say. The last one changes nothing, because a folder can only ask for less than its owner allows.
const TRUST: [&str; 3] = ["signed", "approve", "open"];

/// The settings of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// When commits travel.
    pub git: GitSettings,
    /// How the folder is watched.
    pub watch: WatchSettings,
    /// For each executor, what its settings are where a spore does not say otherwise.
    pub executors: IndexMap<String, IndexMap<String, Value>>,
    /// The limits, completed by Spore's own.
    pub limits: Limits,
}

impl Default for Project {
    fn default() -> Self {
        Self {
            commit: None,
            trust: None,
            jobs: None,
            author: None,
            git: GitSettings::default(),
            watch: WatchSettings::default(),
            executors: IndexMap::new(),
            limits: Limits::DEFAULT,
        }
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
            return Err(Text("").wrong(0, &format!("the file has more than {BYTES_MAX} bytes"), None));
        }
        Self::parse(&fs::read_to_string(&path).map_err(io)?)
    }

    fn parse(text: &str) -> Result<Self, Error> {
        let authored: Authored = toml::from_str(text).map_err(|error| not_understood(text, &error))?;
        let text = Text(text);
        let mut limits = Limits::DEFAULT;
        authored.limits.apply(&mut limits, text)?;
        let trust = authored.trust;
        if let Some(other) = trust.as_ref().filter(|trust| !TRUST.contains(&trust.get_ref().as_str())) {
            let message = format!("`trust` cannot be `{}`", other.get_ref());
            return Err(text.wrong(other.span().start, &message, Some("`\"signed\"` or `\"approve\"`".into())));
        }
        let jobs = text.number("jobs", authored.defaults.jobs, 1, u64::from(limits.jobs_max))?;
        let mut git = authored.git;
        Ok(Self {
            commit: authored.commit,
            trust: trust.map(Spanned::into_inner),
            jobs: jobs.map(|jobs| u32::try_from(jobs).unwrap_or(u32::MAX)),
            author: git.author.take().map(Author::from),
            git: git.read(text)?,
            watch: authored.watch.read(text, limits.jobs_max)?,
            executors: executors::read(authored.executors, text)?,
            limits,
        })
    }
}

fn not_understood(text: &str, error: &toml::de::Error) -> Error {
    let span = error.span().unwrap_or_default();
    let written = text.get(span.clone()).unwrap_or_default().trim_matches('"');
    let unknown = error.message().starts_with("unknown field");
    let hint = if unknown { nearest(written, KEYS.into_iter()) } else { None };
    Text(text).wrong(span.start, error.message(), hint.map(|name| format!("did you mean `{name}`?")))
}

/// The file as it is written.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Authored {
    commit: Option<bool>,
    trust: Option<Spanned<String>>,
    defaults: AuthoredDefaults,
    limits: limits::Authored,
    git: git::Authored,
    watch: watch::Authored,
    executors: executors::Authored,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AuthoredDefaults {
    jobs: Option<Spanned<u64>>,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
        let nothing = Project::parse("").expect("understood");
        assert_eq!((nothing.commit, nothing.trust), (None, None));
        assert_eq!((nothing.git, nothing.watch), (GitSettings::default(), WatchSettings::default()));
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

    #[test]
    fn reads_when_commits_travel_and_how_the_folder_is_watched() {
        let read = |text: &str| Project::parse(text).expect("understood");
        let git = |text: &str| read(&format!("[git]\n{text}\n")).git;
        assert_eq!(git("push = true").push.as_deref(), Some("origin"));
        assert_eq!(git("push = true\nremote = \"hub\"").push.as_deref(), Some("hub"));
        assert_eq!(git("push = \"a/b-c.d\"").push.as_deref(), Some("a/b-c.d"));
        assert_eq!(git("push = false").push, None);
        assert_eq!(git("pull = \"before-run\"").pull, Pull::BeforeRun);
        assert_eq!(git("pull = \"5m\"").pull, Pull::Every(Duration::from_mins(5)));
        assert_eq!(git("pull = false").pull, Pull::Never);
        for wrong in [
            "push = 1",
            "push = \"--upload-pack=x\"",
            "push = \"https://example.org/x\"",
            "push = \"../x\"",
            "push = \"/x\"",
            "push = \"\"",
            "remote = \"-x\"",
            "pull = true",
            "pull = \"often\"",
            "pull = \"1ms\"",
        ] {
            let (line, column, _, hint) = refused(&format!("[git]\n{wrong}\n"));
            assert_eq!(
                (line, column),
                (2, u32::try_from(wrong.find('=').expect("one") + 3).expect("small")),
                "{wrong}"
            );
            assert!(hint.is_some(), "{wrong}");
        }
        let watch = |text: &str| read(&format!("[watch]\n{text}\n")).watch;
        let all =
            "settle = \"50ms\"\nreconcile = \"5m\"\njobs = 8\ndepth_max = 0\ncommitted_only = true\npoll = \"1s\"";
        let wanted = WatchSettings {
            settle: Duration::from_millis(50),
            reconcile: Duration::from_mins(5),
            jobs: Some(8),
            depth_max: 0,
            committed_only: true,
            poll: Some(Duration::from_secs(1)),
        };
        assert_eq!(watch(all), wanted);
        assert_eq!(watch("poll = true").poll, Some(Duration::from_secs(2)));
        assert_eq!(watch("poll = false").poll, None);
        for wrong in
            ["settle = \"2m\"", "reconcile = \"0s\"", "jobs = 0", "jobs = 100000", "depth_max = 101", "poll = 3"]
        {
            assert_eq!(refused(&format!("[watch]\n{wrong}\n")).0, 2, "{wrong}");
        }
        assert_eq!(refused("[watch]\nsetle = \"1s\"").3.as_deref(), Some("did you mean `settle`?"));
    }

    #[test]
    fn a_folder_names_the_trust_it_asks_for() {
        for word in ["signed", "approve", "open"] {
            let project = Project::parse(&format!("trust = \"{word}\"")).expect("understood");
            assert_eq!(project.trust.as_deref(), Some(word));
        }
        let (line, column, message, hint) = refused("trust = \"everybody\"");
        assert_eq!((line, column, message.as_str()), (1, 9, "`trust` cannot be `everybody`"));
        assert_eq!(hint.as_deref(), Some("`\"signed\"` or `\"approve\"`"));
    }

    #[test]
    fn what_init_writes_is_right_when_its_marks_are_taken_away() {
        let written = include_str!("init/spore.toml");
        let is_setting =
            |line: &&str| line.starts_with('[') || line.split_once(" = ").is_some_and(|(key, _)| KEYS.contains(&key));
        let settings: Vec<&str> =
            written.lines().map(|line| line.trim_start_matches("# ")).filter(is_setting).collect();
        let words: Vec<&str> = settings.iter().flat_map(|line| line.split(['[', '.', ']', ' '])).collect();
        for key in KEYS {
            assert!(words.contains(&key), "`{key}` is not in it");
        }
        Project::parse(&settings.join("\n")).expect("understood");
        assert_eq!(Project::parse(written).expect("understood").commit, Some(true));
    }
}
