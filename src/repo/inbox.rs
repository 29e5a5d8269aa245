//! The inbox of a folder: letters of other processes to its watcher, one file each.
//!
//! A letter appears whole, by a rename, under a name that sorts by time. Who posts it may be killed right after. Letters that
//! tell of commits are durable as well; those of sessions are not, because an agent gives its hooks so little time: they
//! survive the end of any process, and one that a power cut has torn is set aside.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Error, Root};
use crate::model::{Letter, News, RunId, Timestamp};
use crate::os;
use crate::os::clock::{Clock as _, SystemClock};

/// The folder of the letters in the state folder.
const INBOX: &str = "inbox";
/// The folder in it for what is no letter.
const DAMAGED: &str = "damaged";
/// Bytes of one letter.
const LETTER_BYTES_MAX: u64 = 4 << 20;
/// From how old on a letter that nobody has finished is nobody's any more.
const UNFINISHED_MAX: Duration = Duration::from_hours(1);
/// Letters that are read at a time.
const LETTERS_MAX: usize = 10_000;

/// The folder that letters arrive in; it may not be there yet.
#[must_use]
pub fn inbox(root: &Root) -> PathBuf {
    root.state().join(INBOX)
}

/// Makes the folder of the letters, where it is not there yet, and returns it.
///
/// # Errors
/// When it cannot be made.
pub fn make_inbox(root: &Root) -> Result<PathBuf, Error> {
    let folder = inbox(root);
    if !folder.is_dir() {
        root.make_state()?;
        os::file::create_dir_all(&folder).map_err(|source| Error::of_io(&folder, "make", source))?;
    }
    Ok(folder)
}

/// Posts a letter. When this returns, the watcher finds it whatever becomes of this process.
///
/// # Errors
/// When it cannot be written.
pub fn post_letter(root: &Root, letter: &Letter) -> Result<PathBuf, Error> {
    let folder = make_inbox(root)?;
    let at = u64::try_from(letter.at.0).unwrap_or(0);
    let path = folder.join(format!("{}.json", RunId::from_parts(at, os::random::bits())));
    let failed = |source: io::Error| Error::of_io(&path, "write", source);
    let mut text = serde_json::to_vec(letter).map_err(|error| failed(error.into()))?;
    text.push(b'\n');
    let written = match letter.news {
        News::Session { .. } => write_unsynced(&path, &text),
        News::Push { .. } | News::Commit { .. } => os::file::write_new(&path, &text),
    };
    written.map_err(failed)?;
    Ok(path)
}

/// Puts a new file at `path`, whole or not at all, without waiting for the disk.
fn write_unsynced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    let written = os::file::create_new(&temporary).and_then(|mut file| file.write_all(bytes));
    let placed = written.and_then(|()| os::file::rename_new(&temporary, path));
    if placed.is_err() {
        // Why it failed is told; that it cannot be taken away either says nothing new.
        let _ = os::file::remove(&temporary);
    }
    placed
}

/// A file of the inbox, and the letter in it.
pub type Arrived = (PathBuf, Result<Letter, Error>);

/// The letters in the inbox, by time, at most ten thousand of them. What is no letter is set aside in `damaged/`, and told
/// once. Letters stay until they are discarded.
///
/// # Errors
/// When the inbox is there and cannot be read.
pub fn read_letters(root: &Root) -> Result<Vec<Arrived>, Error> {
    let folder = inbox(root);
    let failed = |source| Error::of_io(&folder, "read", source);
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        let hidden = path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
        if path.extension().is_some_and(|ending| ending == "tmp") {
            remove_if_old(&path);
        }
        if !hidden && path.extension().is_some_and(|ending| ending == "json") {
            paths.push(path);
        }
    }
    paths.sort();
    paths.truncate(LETTERS_MAX);
    let mut letters = Vec::with_capacity(paths.len());
    for path in paths {
        match read(&path) {
            Ok(letter) => letters.push((path, Ok(letter))),
            // Another one took it meanwhile.
            Err(Error::NotFound { .. }) => {}
            Err(error) => letters.push((set_aside(&path), Err(error))),
        }
    }
    Ok(letters)
}

/// Removes a letter whose writer was killed before it was whole.
fn remove_if_old(path: &Path) {
    let now = Timestamp(SystemClock::new().wall_milliseconds());
    let written = fs::symlink_metadata(path).map(|found| Timestamp(found.mtime().saturating_mul(1000)));
    if written.is_ok_and(|written| now.since(written) > UNFINISHED_MAX) {
        // Another reader may have been faster.
        let _ = os::file::remove(path);
    }
}

fn read(path: &Path) -> Result<Letter, Error> {
    let io = |source| Error::of_io(path, "read", source);
    let is_file = fs::symlink_metadata(path).map_err(io)?.is_file();
    let damaged = |because: String| Error::NoLetter { path: path.display().to_string(), because };
    if !is_file {
        return Err(damaged("it is no file".into()));
    }
    let mut text = Vec::new();
    fs::File::open(path).map_err(io)?.take(LETTER_BYTES_MAX + 1).read_to_end(&mut text).map_err(io)?;
    if text.len() as u64 > LETTER_BYTES_MAX {
        return Err(damaged(format!("it has more than {LETTER_BYTES_MAX} bytes")));
    }
    serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))
}

/// Puts what is no letter where it is looked at no more. Returns where it is now.
fn set_aside(path: &Path) -> PathBuf {
    let Some((folder, name)) = path.parent().zip(path.file_name()) else { return path.to_path_buf() };
    let damaged = folder.join(DAMAGED);
    let aside = damaged.join(name);
    let moved = os::file::create_dir_all(&damaged).and_then(|()| os::file::rename(path, &aside));
    if moved.is_ok() { aside } else { path.to_path_buf() }
}

/// Takes a letter out of the inbox, when all that it calls for is on disk. One that is gone already is no error.
///
/// # Errors
/// When it cannot be removed.
pub fn discard_letter(path: &Path) -> Result<(), Error> {
    match os::file::remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::of_io(path, "remove", error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SessionMoment;

    #[test]
    fn letters_come_in_order_and_what_is_none_is_set_aside() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = Root::find(folder.path()).expect("a root");
        assert!(read_letters(&root).expect("no inbox is no error").is_empty());
        let letter = |at| Letter {
            at: Timestamp(at),
            news: News::Session {
                moment: SessionMoment::End,
                agent: "claude".into(),
                session: None,
                event: serde_json::Value::Null,
            },
        };
        let push = Letter { at: Timestamp(2_000), news: News::Push { repository: "/x.git".into(), refs: Vec::new() } };
        post_letter(&root, &letter(3_000)).expect("posted");
        let first = post_letter(&root, &letter(1_000)).expect("posted");
        post_letter(&root, &push).expect("posted");
        let inbox = inbox(&root);
        os::file::write_new(&inbox.join("0.json"), b"{\"at\": 1, \"news\": \"pu").expect("written");
        os::file::create_dir(&inbox.join("00.json")).expect("made");
        os::file::write_new(&inbox.join("half.tmp"), b"{").expect("written");
        os::file::write_new(&inbox.join("old.tmp"), b"{").expect("written");
        let hours_ago = std::time::UNIX_EPOCH + Duration::from_hours(1);
        os::file::read_write(&inbox.join("old.tmp")).and_then(|file| file.set_modified(hours_ago)).expect("set");
        let letters = read_letters(&root).expect("read");
        let read = |letters: &[(PathBuf, Result<Letter, Error>)]| {
            letters.iter().map(|(_, letter)| letter.as_ref().ok().map(|letter| letter.at.0)).collect::<Vec<_>>()
        };
        assert_eq!(read(&letters), [None, None, Some(1_000), Some(2_000), Some(3_000)]);
        assert!(letters[0].0.ends_with("damaged/0.json") && letters[0].0.is_file());
        assert!(inbox.join("half.tmp").exists() && !inbox.join("old.tmp").exists());
        discard_letter(&first).expect("discarded");
        discard_letter(&first).expect("it is gone already");
        assert_eq!(read(&read_letters(&root).expect("read")), [Some(2_000), Some(3_000)]);
    }
}
