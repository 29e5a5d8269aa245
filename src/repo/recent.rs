//! Results and learnings that have come into the folder since a moment, by when their files were written here: what a pull has
//! brought is as new as what ran here.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{Error, Root, read_source};
use crate::model::{Limits, Source, Timestamp};
use crate::os;

/// Names the folder that remembers sessions, in the state folder.
const SESSIONS: &str = "sessions";
/// Files that are looked at.
const FILES_MAX: usize = 50_000;
/// Folders within one another.
const DEPTH_MAX: usize = 4;
/// Bytes of a page that is read.
const PAGE_BYTES_MAX: usize = 1 << 20;

/// The newest pages in `results/` and `learnings/` that were written after `since`, newest first, at most so many; and how many
/// more there are. What cannot be read is passed over.
#[must_use]
pub fn recent_pages(root: &Root, since: Option<Timestamp>, pages_max: usize) -> (Vec<Source>, usize) {
    let since = since.map_or(i64::MIN, |since| since.0);
    let mut found = Vec::new();
    for folder in ["results", "learnings"] {
        collect(&root.path().join(folder), DEPTH_MAX, &mut found);
    }
    found.retain(|(at, _)| *at > since);
    found.sort_unstable_by(|one, other| other.cmp(one));
    let more = found.len().saturating_sub(pages_max);
    let limits = Limits { spore_bytes_max: PAGE_BYTES_MAX, ..Limits::DEFAULT };
    let newest = found.into_iter().take(pages_max);
    (newest.filter_map(|(_, path)| read_source(root, &path, &limits).ok()).collect(), more)
}

/// The markdown files below `folder`, each with when it was written, in milliseconds.
fn collect(folder: &Path, depth: usize, found: &mut Vec<(i64, PathBuf)>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if found.len() >= FILES_MAX {
            return;
        }
        let path = entry.path();
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_dir() && depth > 0 {
            collect(&path, depth - 1, found);
        } else if metadata.is_file() && path.extension().is_some_and(|ending| ending == "md") {
            found.push((metadata.mtime() * 1000 + metadata.mtime_nsec() / 1_000_000, path));
        }
    }
}

/// When the last session of this agent began here; `None` when none is known.
#[must_use]
pub fn last_session(root: &Root, agent: &str) -> Option<Timestamp> {
    let text = fs::read_to_string(note(root, agent)).ok()?;
    text.trim().parse().ok().map(Timestamp)
}

/// Remembers that a session of this agent began.
///
/// # Errors
/// When it cannot be written.
pub fn remember_session(root: &Root, agent: &str, at: Timestamp) -> Result<(), Error> {
    let path = note(root, agent);
    let made = root.make_state().map(drop).and_then(|()| {
        let folder = root.state().join(SESSIONS);
        os::file::create_dir_all(&folder).map_err(|source| Error::of_io(&folder, "make", source))
    });
    made?;
    os::file::write_over(&path, format!("{}\n", at.0).as_bytes()).map_err(|source| Error::of_io(&path, "write", source))
}

/// Where that is remembered. A name from a command line must not leave the folder.
fn note(root: &Root, agent: &str) -> PathBuf {
    let plain: String = agent.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
    let cut = plain.get(..64).unwrap_or(&plain);
    root.state().join(SESSIONS).join(format!("{cut}.seen"))
}
