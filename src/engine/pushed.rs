//! Which spores a push starts.

use std::path::Path;

use super::Error;
use crate::model::{Doing, Moved, News, Push, Triggers};
use crate::plan::is_taken;
use crate::repo::{self, Root};

/// Folders of the root whose files Spore wrote itself. They start nothing.
const WRITTEN_BACK: [&str; 2] = ["results/", "learnings/"];

/// A branch that moved, and what that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// The branch, without `refs/heads/`.
    pub branch: String,
    /// Where it points now.
    pub commit: String,
    /// The files that changed, by their paths in the repository, without what Spore wrote itself.
    pub paths: Vec<String>,
}

/// The branches that a letter tells of, for the spores of `root`. Tags, deleted branches, pushes of nothing but results, and
/// mere switches to another branch are none. A move that cannot be looked at is the error beside it.
///
/// # Errors
/// When the folder of the spores cannot be looked at.
pub fn read_push(root: &Root, news: &News) -> Result<(Vec<Pushed>, Vec<Error>), Error> {
    let (repository, refs) = match news {
        News::Push { repository, refs } | News::Commit { repository, refs, by: Doing::Commit | Doing::Merge } => {
            (repository, refs)
        }
        News::Commit { .. } | News::Session { .. } => return Ok((Vec::new(), Vec::new())),
    };
    let top = repo::hook_home(root.path()).ok().and_then(|home| home.top);
    let inside = top.and_then(|top| root.path().strip_prefix(top).ok().map(Path::to_path_buf)).unwrap_or_default();
    let own: Vec<String> =
        WRITTEN_BACK.iter().map(|folder| inside.join(folder).to_string_lossy().into_owned()).collect();
    let (mut pushed, mut unread) = (Vec::new(), Vec::new());
    for moved in refs {
        let Some(branch) = moved.branch() else { continue };
        match repo::moved_paths(Path::new(repository), moved) {
            Ok(paths) => pushed.extend(without_own(moved, branch, paths, &own)),
            Err(error) => unread.push(error.into()),
        }
    }
    Ok((pushed, unread))
}

/// What is left of a move when that which Spore wrote itself is taken away; `None` when it was nothing else.
fn without_own(moved: &Moved, branch: &str, mut paths: Vec<String>, own: &[String]) -> Option<Pushed> {
    let was_empty = paths.is_empty();
    paths.retain(|path| !own.iter().any(|folder| path.starts_with(folder.as_str())));
    let push = Pushed { branch: branch.to_owned(), commit: moved.new.clone(), paths };
    (was_empty || !push.paths.is_empty()).then_some(push)
}

/// The spores that a push starts, each once, with the first branch of it that does.
pub fn spores_of_push<'s, 'p, K>(
    pushed: &'p [Pushed],
    spores: impl IntoIterator<Item = (K, &'s Triggers)>,
) -> Vec<(K, &'p Pushed)> {
    let starts = |triggers: &Triggers| {
        let push = triggers.push.as_ref()?;
        pushed.iter().find(|one| is_started(push, one))
    };
    spores.into_iter().filter_map(|(key, triggers)| starts(triggers).map(|by| (key, by))).collect()
}

/// Whether a branch that moved is one that `on: push` asks for, with a change that it asks for.
fn is_started(push: &Push, pushed: &Pushed) -> bool {
    is_taken(&push.branches, &pushed.branch)
        && (push.paths.is_empty() || pushed.paths.iter().any(|path| is_taken(&push.paths, path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pushed(branch: &str, paths: &[&str]) -> Pushed {
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        Pushed { branch: branch.into(), commit: "1".repeat(40), paths }
    }

    fn on_push(branches: &[&str], paths: &[&str]) -> Triggers {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Triggers { push: Some(Push { branches: texts(branches), paths: texts(paths) }), ..Triggers::default() }
    }

    #[test]
    fn a_spore_starts_once_for_a_push_of_many_branches() {
        let push = [pushed("topic", &["data/x"]), pushed("main", &["data/x"]), pushed("release/1", &["data/y"])];
        let wanted = [
            on_push(&[], &[]),
            on_push(&["main", "release/**"], &["data/**"]),
            on_push(&["main"], &["src/**"]),
            on_push(&["!topic"], &[]),
            Triggers::default(),
        ];
        let started: Vec<(usize, &str)> = spores_of_push(&push, wanted.iter().enumerate())
            .into_iter()
            .map(|(at, by)| (at, by.branch.as_str()))
            .collect();
        assert_eq!(started, [(0, "topic"), (1, "main"), (3, "main")]);
    }

    #[test]
    fn what_spore_wrote_itself_starts_nothing() {
        let moved = Moved { name: "refs/heads/main".into(), old: "1".repeat(40), new: "2".repeat(40) };
        let left = |paths: &[&str]| {
            let paths = paths.iter().map(|path| (*path).to_owned()).collect();
            without_own(&moved, "main", paths, &["plans/results/".to_owned()]).map(|push| push.paths)
        };
        assert_eq!(left(&["plans/results/2026/11/x.md"]), None);
        assert_eq!(left(&["plans/results/2026/11/x.md", "results/a"]), Some(vec!["results/a".to_owned()]));
        assert_eq!(left(&[]), Some(Vec::new()), "an empty commit is a push too");
    }
}
