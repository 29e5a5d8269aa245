//! Paths that stand only in a container, and where they are on this machine.

use std::path::{Path, PathBuf};

/// Where the mounts of a container are.
#[derive(Clone, Debug, Default)]
pub(super) struct Paths(Vec<(String, PathBuf)>);

impl Paths {
    /// What stands at `inside` is at `real`.
    pub(super) fn add(&mut self, inside: &str, real: PathBuf) {
        let inside = inside.trim_end_matches('/');
        if !inside.is_empty() {
            self.0.push((inside.to_owned(), real));
            // The longest first, because mounts stand within mounts.
            self.0.sort_by_key(|(inside, _)| std::cmp::Reverse(inside.len()));
        }
    }

    /// Each, the outer ones first.
    pub(super) fn outer_first(&self) -> impl Iterator<Item = (&str, &Path)> {
        self.0.iter().rev().map(|(inside, real)| (inside.as_str(), real.as_path()))
    }

    /// The mount within which `inside` stands, and where.
    pub(super) fn around(&self, inside: &str) -> Option<PathBuf> {
        self.0.iter().find_map(|(outer, real)| {
            let rest = inside.strip_prefix(outer.as_str())?.strip_prefix('/')?;
            Some(real.join(rest))
        })
    }

    /// The text with the real path wherever one of a mount stands by itself, or as the beginning of a longer one.
    pub(super) fn translate(&self, text: &str) -> String {
        if !self.0.iter().any(|(inside, _)| text.contains(inside.as_str())) {
            return text.to_owned();
        }
        let mut done = String::with_capacity(text.len());
        let mut before = None;
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let begins = before.is_none_or(|c: char| !is_of_path(c) && !matches!(c, '}' | ')' | '/'));
            let found = self.0.iter().filter(|_| begins).find_map(|(inside, real)| {
                let behind = rest.strip_prefix(inside.as_str())?;
                behind.chars().next().is_none_or(|c| c == '/' || !is_of_path(c)).then_some((behind, inside, real))
            });
            if let Some((behind, inside, real)) = found {
                done.push_str(&real.to_string_lossy());
                before = inside.chars().last();
                rest = behind;
            } else {
                done.push(first);
                before = Some(first);
                rest = &rest[first.len_utf8()..];
            }
        }
        done
    }
}

fn is_of_path(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '~' | '+')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_found_where_a_path_begins() {
        let mut paths = Paths::default();
        paths.add("/workspace/", "/real/w".into());
        paths.add("/workspace/a.txt", "/real/files/a".into());
        paths.add("/dev/termination-log", "/real/t".into());
        for (text, expected) in [
            ("/workspace", "/real/w"),
            ("cd /workspace/x && cat '/workspace/a.txt'", "cd /real/w/x && cat '/real/files/a'"),
            ("A=/workspace:/workspace/b", "A=/real/w:/real/w/b"),
            (
                "/workspaces /workspace-2 x/workspace ${X}/workspace",
                "/workspaces /workspace-2 x/workspace ${X}/workspace",
            ),
            ("echo 1 > /dev/termination-log; cat </workspace/a.txtx", "echo 1 > /real/t; cat </real/w/a.txtx"),
            ("ä /workspace ö", "ä /real/w ö"),
            ("", ""),
        ] {
            assert_eq!(paths.translate(text), expected, "{text}");
        }
        assert_eq!(paths.around("/workspace/x/y"), Some("/real/w/x/y".into()));
        assert_eq!(paths.around("/workspace"), None);
    }
}
