//! A letter: what a hook tells the watcher of a folder, by putting one small file into its inbox.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{SessionMoment, Timestamp};

/// What a hook has to tell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Letter {
    /// When it was written.
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub news: News,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "news", rename_all = "snake_case")]
pub enum News {
    /// Somebody pushed into a repository of this machine.
    Push {
        /// Its git folder, in full.
        repository: String,
        /// What moved.
        refs: Vec<Moved>,
    },
    /// Somebody committed, merged or switched in a working folder.
    Commit {
        /// The git folder, in full.
        repository: String,
        /// Which of the three.
        by: Doing,
        /// The branch that moved, at most one. None when HEAD is on no branch, or nothing moved.
        refs: Vec<Moved>,
    },
    /// A coding agent's session.
    Session {
        /// Which moment of it.
        moment: SessionMoment,
        /// Which agent: `claude`, `qwen`, or what the command line says.
        agent: String,
        /// What the agent calls its session.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<String>,
        /// The event as the agent told it; of one that is too large, its short fields.
        event: Value,
    },
}

/// What a person did in a working folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Doing {
    /// Made a commit.
    Commit,
    /// Merged or pulled.
    Merge,
    /// Switched to another commit or branch: files changed, and no commit is new.
    Checkout,
}

/// A ref that points elsewhere now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// In full: `refs/heads/main`.
    pub name: String,
    /// Where it pointed, in hex; all zeros when it is new.
    pub old: String,
    /// Where it points now, in hex; all zeros when it is gone.
    pub new: String,
}

impl Moved {
    /// The branch that it is, unless it is a tag, another ref, or gone.
    #[must_use]
    pub fn branch(&self) -> Option<&str> {
        self.name.strip_prefix("refs/heads/").filter(|_| !is_zero(&self.new))
    }

    /// One line as git gives it to `post-receive`: old, new and name.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.trim_end_matches(['\r', '\n']).splitn(3, ' ');
        let (old, new, name) = (words.next()?, words.next()?, words.next()?);
        let fits = is_commit(old) && is_commit(new) && name.starts_with("refs/") && !name.contains(char::is_control);
        fits.then(|| Self { name: name.to_owned(), old: old.to_owned(), new: new.to_owned() })
    }
}

/// Whether a commit's id stands for none.
#[must_use]
pub fn is_zero(commit: &str) -> bool {
    !commit.is_empty() && commit.bytes().all(|digit| digit == b'0')
}

/// Whether a text is the id of a commit: 40 hex digits, or 64.
fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|digit| digit.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_git_would_say_is_read() {
        let (a, b, zero) = ("a".repeat(40), "b".repeat(64), "0".repeat(40));
        let branch = |line: &str| Moved::parse(line).and_then(|moved| moved.branch().map(str::to_owned));
        assert_eq!(branch(&format!("{a} {b} refs/heads/feature/x y\n")).as_deref(), Some("feature/x y"));
        assert_eq!(branch(&format!("{zero} {a} refs/heads/--upload-pack=x")).as_deref(), Some("--upload-pack=x"));
        assert_eq!(branch(&format!("{a} {zero} refs/heads/gone")), None);
        assert_eq!(branch(&format!("{a} {b} refs/tags/v1")), None);
        for line in ["", "a b c", &format!("{a} {b}"), &format!("{a} --x refs/heads/y"), &format!("{a} {b} HEAD")] {
            assert_eq!(Moved::parse(line), None, "{line}");
        }
    }

    #[test]
    fn a_letter_is_read_as_it_was_written() {
        let moved = Moved { name: "refs/heads/main".into(), old: "0".repeat(40), new: "1".repeat(40) };
        let news = [
            News::Push { repository: "/srv/a.git".into(), refs: vec![moved.clone()] },
            News::Commit { repository: "/srv/a/.git".into(), by: Doing::Merge, refs: vec![moved] },
            News::Session {
                moment: SessionMoment::End,
                agent: "claude".into(),
                session: Some("s".into()),
                event: serde_json::json!({"reason": "exit"}),
            },
        ];
        for news in news {
            let letter = Letter { at: Timestamp(1), news };
            let text = serde_json::to_string(&letter).expect("it is JSON");
            assert_eq!(serde_json::from_str::<Letter>(&text).expect("read"), letter, "{text}");
        }
    }
}
