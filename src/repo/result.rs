//! Writing result spores: new files with unique names, so that no two writers ever meet.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::root::folder_of;
use super::{Error, Root};
use crate::model::{RunId, Timestamp};
use crate::os;

/// The folder of the results.
const FOLDER: &str = "results";
/// Bytes of a spore's name that go into a file name; with the run id and the folders it stays far below 255.
const NAME_BYTES_MAX: usize = 80;

/// The page that an engine before this one has written for `run`, taken as it is, because a second one would not be the
/// same; `None` when there is none. What that engine left half written is removed, and nobody else's.
///
/// # Errors
/// When a folder on the way leads elsewhere.
pub fn find_result(root: &Root, spore_id: &str, run: RunId, started: Timestamp) -> Result<Option<PathBuf>, Error> {
    let (folder, name) = place(root, spore_id, run, started);
    check_inside(root, &folder)?;
    let is_half_written = |left: &str| os::file::is_temporary(left, &name);
    let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
    for left in entries.filter(|entry| entry.file_name().to_str().is_some_and(is_half_written)) {
        // One that stays is hidden, and in nobody's way.
        let _ = os::file::remove(&left.path());
    }
    let path = folder.join(name);
    if !fs::read_to_string(&path).is_ok_and(|page| names(&page, run)) {
        return Ok(None);
    }
    // Its name may not be on disk yet, and what is recorded must be.
    os::file::sync_dir(&folder).map_err(|source| Error::of_io(&folder, "sync", source))?;
    Ok(Some(path))
}

/// Whether the front matter of `page` names `run`.
fn names(page: &str, run: RunId) -> bool {
    let mut front = page.strip_prefix("---\n").unwrap_or_default().lines().take_while(|line| *line != "---");
    front.any(|line| line == format!("run: \"{run}\""))
}

/// The folder and the name of a result.
fn place(root: &Root, spore_id: &str, run: RunId, started: Timestamp) -> (PathBuf, String) {
    let day = started.to_string();
    let (year, month) = (day.get(..4).unwrap_or("0000"), day.get(5..7).unwrap_or("00"));
    (root.path().join(FOLDER).join(year).join(month), format!("{}-{run}.md", file_safe(spore_id)))
}

/// Puts `page` at `results/<yyyy>/<mm>/<spore>-<run id>.md` (the month in UTC, by `started`), durable. Never replaces a
/// file; writing the same page again finds the first. Returns the path.
///
/// # Errors
/// When the folder is read-only, full or leads elsewhere, or another file has the name. The journal still has everything.
pub fn write_result(root: &Root, spore_id: &str, run: RunId, started: Timestamp, page: &str) -> Result<PathBuf, Error> {
    let (folder, name) = place(root, spore_id, run, started);
    let mut above: Vec<&Path> = folder.ancestors().take_while(|above| *above != root.path()).collect();
    above.reverse();
    for folder in above {
        check_inside(root, folder)?;
        let is_new = !folder.is_dir();
        os::file::create_dir_all(folder)
            .and_then(|()| if is_new { os::file::sync_dir(folder_of(folder)) } else { Ok(()) })
            .map_err(|source| Error::of_io(folder, "make", source))?;
    }
    let path = folder.join(name);
    match os::file::write_new(&path, page.as_bytes()) {
        Err(source) if source.kind() == io::ErrorKind::AlreadyExists && holds(&path, page) => Ok(path),
        Err(source) => Err(Error::of_io(&path, "write", source)),
        Ok(()) => Ok(path),
    }
}

/// Bytes of a template, at most.
const TEMPLATE_BYTES_MAX: u64 = 1 << 20;

/// The folder's own page template, `templates/<name>` of the root; `None` when it has none.
///
/// # Errors
/// When it is there but cannot be read, is no file of text, or is too large.
pub fn read_template(root: &Root, name: &str) -> Result<Option<String>, Error> {
    let path = root.path().join("templates").join(name);
    let failed = |source| Error::of_io(&path, "read", source);
    let file = match fs::File::open(&path) {
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(failed(source)),
        Ok(file) => file,
    };
    let mut text = String::new();
    io::Read::read_to_string(&mut io::Read::take(file, TEMPLATE_BYTES_MAX + 1), &mut text).map_err(failed)?;
    if text.len() as u64 > TEMPLATE_BYTES_MAX {
        let message = format!("it has more than {TEMPLATE_BYTES_MAX} bytes");
        return Err(failed(io::Error::new(io::ErrorKind::FileTooLarge, message)));
    }
    Ok(Some(text))
}

/// Refuses a link out of the root, before anything is made behind it.
fn check_inside(root: &Root, folder: &Path) -> Result<(), Error> {
    match fs::canonicalize(folder) {
        Ok(real) if real.starts_with(root.path()) => Ok(()),
        Ok(real) => Err(Error::Outside { path: root.display(folder), target: real.display().to_string() }),
        Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(Error::of_io(folder, "make", source)),
    }
}

fn holds(path: &Path, page: &str) -> bool {
    fs::read(path).is_ok_and(|bytes| bytes == page.as_bytes())
}

/// The spore's name as a part of a file name: letters, digits and `. _ -`; nothing hidden, nothing that leads elsewhere.
fn file_safe(spore_id: &str) -> String {
    let id = spore_id.trim_end_matches(".md").trim_end_matches(".markdown");
    let id = id.trim_end_matches(".yaml").trim_end_matches(".yml");
    let mut name = String::new();
    for c in id.chars() {
        let c = if c.is_alphanumeric() || c == '_' || (c == '.' && !name.ends_with('.')) { c } else { '-' };
        if !(c == '-' && name.ends_with('-')) {
            name.push(c);
        }
    }
    let name = name.trim_matches(['.', '-']);
    let name = name[..name.floor_char_boundary(NAME_BYTES_MAX)].trim_end_matches(['.', '-']);
    if name.is_empty() { "spore".into() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_their_folder() {
        assert_eq!(file_safe("nightly-report"), "nightly-report");
        assert_eq!(file_safe("docs/plans/x.md"), "docs-plans-x");
        assert_eq!(file_safe("../../etc/passwd"), "etc-passwd");
        assert_eq!(file_safe("a\0b\nc  d"), "a-b-c-d");
        assert_eq!(file_safe("🚀"), "spore");
        assert_eq!(file_safe(".."), "spore");
        assert_eq!(file_safe("żółw"), "żółw");
        assert!(file_safe(&"ż".repeat(500)).len() <= NAME_BYTES_MAX);
    }
}
