//! What authored files a root holds, by content: which are new, which are gone, and which were only touched.
//!
//! A file is read when its stamp (size, times, inode) is not the one that is remembered. As in git's index, a stamp that
//! was young when the file was read is not believed: a second change within one step of the kernel's clock would leave it
//! as it is. What git ignores is asked once for each path, because libgit2 takes longer for that than a disk for the file.

mod known;
mod store;
mod walk;

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use known::{Folder, Stamp};
use walk::Look;

use super::git::Ignored;
use super::{Error, Root, wanted};
use crate::model::{Digest, Limits};

/// A content that came to a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The path as [`Root::display`] writes it.
    pub path: String,
    /// The file.
    pub file: PathBuf,
    /// What it holds now.
    pub digest: Digest,
    /// What it held before; `None` where it was not there, or could not be read.
    pub before: Option<Digest>,
}

/// A file that is no longer there, or no longer wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    /// The path as [`Root::display`] writes it.
    pub path: String,
    /// What it held.
    pub digest: Digest,
}

/// Whether the root is still what it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RootState {
    /// It is, or it is seen for the first time.
    #[default]
    Same,
    /// Another folder has its place, or another file system is mounted there. What is in it now was surveyed.
    Replaced,
    /// It is gone. Nothing is reported as gone with it: a disk may come back.
    Missing,
}

/// What a look at the files has found to be different.
#[derive(Debug, Default)]
pub struct Changes {
    /// Contents that came, in the order they were found.
    pub arrived: Vec<Arrival>,
    /// Files that went. A file whose content changed is not among them.
    pub gone: Vec<Gone>,
    /// Files that differ but changed a moment ago, so that somebody may still be writing: look again when they stood still.
    pub unsettled: Vec<PathBuf>,
    /// What could not be looked at, or is no file. Each is told once, until it can be looked at.
    pub errors: Vec<Error>,
    /// Whether the root is still what it was.
    pub root: RootState,
}

impl Changes {
    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { arrived, gone, unsettled, errors, root } = self;
        arrived.is_empty() && gone.is_empty() && unsettled.is_empty() && errors.is_empty() && *root == RootState::Same
    }
}

/// The authored files of a root and their contents, as they were when it was last looked.
///
/// Wanted are the files that [`super::find_spores`] finds, without those whose names editors give to unfinished ones.
/// Links are never followed.
#[derive(Default)]
pub struct Survey {
    /// By the path from the root; the root itself by the empty path.
    folders: HashMap<PathBuf, Folder>,
    /// Files outside the surveyed folders that say what git ignores, with their stamps.
    outer: Vec<(PathBuf, Option<Stamp>)>,
    /// Git's answers; opened when first needed, and anew when the rules have changed.
    rules: Option<Ignored>,
    /// Paths whose errors have been told.
    told: HashSet<PathBuf>,
    /// The file system of the root.
    device: u64,
    /// How many walks there were.
    pass: u32,
    /// What files are read into.
    buffer: Vec<u8>,
}

impl fmt::Debug for Survey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Survey").field("folders", &self.folders).field("outer", &self.outer).finish_non_exhaustive()
    }
}

impl Survey {
    /// A survey of a folder that nobody has looked at.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Looks at the whole root.
    ///
    /// A file changed less than `still` ago is only named as unsettled, with [`Duration::ZERO`] it is taken as it is.
    /// `enter` hears of each wanted folder before it is read, with whether the survey did not know it: who watches it from
    /// then on misses nothing.
    pub fn refresh(
        &mut self,
        root: &Root,
        limits: &Limits,
        still: Duration,
        enter: &mut dyn FnMut(&Path, bool),
    ) -> Changes {
        let mut look = Look::new(root, limits, still, enter);
        self.pass = self.pass.wrapping_add(1);
        let are_rules_new = self.look_at_outer_rules(root);
        self.walk(&mut look, PathBuf::new(), are_rules_new);
        look.changes
    }

    /// As [`Survey::refresh`], but looks only at these files, and folders with all in them. Paths are those below
    /// [`Root::path`]; others are passed over.
    pub fn refresh_paths<'a>(
        &mut self,
        root: &Root,
        limits: &Limits,
        still: Duration,
        paths: impl IntoIterator<Item = &'a Path>,
        enter: &mut dyn FnMut(&Path, bool),
    ) -> Changes {
        let mut look = Look::new(root, limits, still, enter);
        self.pass = self.pass.wrapping_add(1);
        if self.outer.is_empty() {
            self.look_at_outer_rules(root);
        }
        for path in paths {
            if let Ok(inside) = path.strip_prefix(root.path()) {
                self.look_at(&mut look, inside);
            }
        }
        look.changes
    }

    /// How many files are known, read or not.
    #[must_use]
    pub fn len(&self) -> usize {
        self.folders.values().map(|folder| folder.files.len()).sum()
    }

    /// Whether no file is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.folders.values().all(|folder| folder.files.is_empty())
    }

    /// How many files there are with each of these contents.
    #[must_use]
    pub fn count(&self, digests: impl IntoIterator<Item = Digest>) -> HashMap<Digest, usize> {
        let mut counts: HashMap<Digest, usize> = digests.into_iter().map(|digest| (digest, 0)).collect();
        if counts.is_empty() {
            return counts;
        }
        let digests = self.folders.values().flat_map(|folder| folder.files.values()).filter_map(|known| known.digest);
        for digest in digests {
            if let Some(count) = counts.get_mut(&digest) {
                *count += 1;
            }
        }
        counts
    }

    /// All files whose content is known, with the path as [`Root::display`] writes it, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (String, Digest)> + '_ {
        self.folders.iter().flat_map(|(path, folder)| {
            folder.files.iter().filter_map(|(name, known)| Some((shown(path, name), known.digest?)))
        })
    }

    /// The content of the file at `path`, written as [`Root::display`] does.
    #[must_use]
    pub fn digest_of(&self, path: &str) -> Option<Digest> {
        let path = Path::new(path);
        self.folders.get(path.parent()?)?.files.get(path.file_name()?)?.digest
    }
}

/// The path from the root as people know it.
fn shown(folder: &Path, name: &OsStr) -> String {
    if folder.as_os_str().is_empty() {
        name.to_string_lossy().into_owned()
    } else {
        format!("{}/{}", folder.to_string_lossy(), name.to_string_lossy())
    }
}
