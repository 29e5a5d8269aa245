//! What people approved in one folder, kept as lines of JSON: one approval each, after a line that names the folder.
//!
//! The file is written anew for every change, under a lock, so that what is no longer needed goes by itself: the text of a
//! spore stays only with the newest approval of its path, to show the next version as a difference.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::model::{Digest, Timestamp};

/// A script as it was when it was approved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script {
    /// Its path.
    pub path: String,
    /// Its text, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// What a person approved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The spore and all that it is bound to.
    pub digest: Digest,
    /// Where the spore stood.
    pub path: String,
    /// When.
    pub at: Timestamp,
    /// The spore's text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The scripts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scripts: Vec<Script>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    folder: String,
}

/// All approvals of one folder, oldest first, each digest once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Approvals(Vec<Approval>);

impl Approvals {
    /// Reads the file. A line that is not understood is an error: an approval that was taken back must not come back.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let lines = text.lines().enumerate().skip(1);
        let approvals =
            lines.map(|(at, line)| serde_json::from_str(line).map_err(|error| format!("line {}: {error}", at + 1)));
        Ok(Self(approvals.collect::<Result<_, _>>()?))
    }

    /// The text of the file.
    pub(super) fn text(&self, root: &Path) -> String {
        let header = serde_json::to_string(&Header { folder: root.display().to_string() });
        let lines = self.0.iter().map(serde_json::to_string);
        let lines = std::iter::once(header).chain(lines);
        // Strings, numbers and lists of them always become JSON.
        lines.flatten().map(|line| line + "\n").collect()
    }

    pub(super) fn add(&mut self, more: Vec<Approval>) {
        for approval in more {
            self.0.retain(|known| known.digest != approval.digest);
            self.0.push(approval);
        }
        let mut newest = BTreeSet::new();
        for approval in self.0.iter_mut().rev() {
            if !newest.insert(approval.path.clone()) {
                approval.text = None;
                approval.scripts.clear();
            }
        }
    }

    pub(super) fn remove(&mut self, wanted: impl Fn(&Approval) -> bool) -> Vec<Digest> {
        let gone = self.0.iter().filter(|approval| wanted(approval)).map(|approval| approval.digest).collect();
        self.0.retain(|approval| !wanted(approval));
        gone
    }

    /// The approval of exactly this.
    #[must_use]
    pub fn find(&self, digest: Digest) -> Option<&Approval> {
        self.0.iter().find(|approval| approval.digest == digest)
    }

    /// The newest approval of what stood at `path`.
    #[must_use]
    pub fn last_of(&self, path: &str) -> Option<&Approval> {
        self.0.iter().rev().find(|approval| approval.path == path)
    }

    /// All of them, oldest first.
    #[must_use]
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Approval> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn approval(path: &str, text: &str) -> Approval {
        let scripts = vec![Script { path: "x.sh".into(), text: Some("echo".into()) }];
        let digest = Digest::of(text.as_bytes());
        Approval { digest, path: path.into(), at: Timestamp(7), text: Some(text.into()), scripts }
    }

    #[test]
    fn only_the_newest_of_a_path_keeps_its_text_and_all_count() {
        let mut approvals = Approvals::default();
        approvals.add(vec![approval("a", "1"), approval("b", "2")]);
        approvals.add(vec![approval("a", "3"), approval("b", "2")]);
        let again = Approvals::parse(&approvals.text(Path::new("/x"))).expect("understood");
        assert_eq!(again, approvals);
        let texts: Vec<_> = again.iter().map(|approval| (approval.path.as_str(), approval.text.as_deref())).collect();
        assert_eq!(texts, [("a", None), ("a", Some("3")), ("b", Some("2"))]);
        assert!(again.find(Digest::of(b"1")).is_some() && again.last_of("a").is_some_and(|last| last.text.is_some()));
        assert_eq!(approvals.remove(|approval| approval.path == "a").len(), 2);
        assert!(approvals.find(Digest::of(b"1")).is_none());
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        assert_eq!(Approvals::parse("").expect("empty"), Approvals::default());
        let mut approvals = Approvals::default();
        approvals.add(vec![approval("a", "1")]);
        let text = approvals.text(Path::new("/x"));
        assert!(Approvals::parse(&text[..text.len() - 5]).expect_err("torn").starts_with("line 2: "));
    }
}
