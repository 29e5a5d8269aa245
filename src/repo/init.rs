//! Making a folder ready for spores. Nothing is overwritten and nothing is committed; doing it twice changes nothing.

use std::fs;
use std::path::{Path, PathBuf};

use super::root::SETTINGS_FILE;
use super::{Error, git};
use crate::os;

const SETTINGS: &str = include_str!("init/spore.toml");
const FIRST_SPORE: &str = include_str!("init/hello.md");

/// What [`init`] found and made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitReport {
    /// The folder.
    pub folder: PathBuf,
    /// The top of its git repository, which may be above it.
    pub repository: PathBuf,
    /// Whether that repository was made.
    pub repository_made: bool,
    /// Files that were made, by name.
    pub made: Vec<&'static str>,
    /// Files that were there and were kept as they are.
    pub kept: Vec<&'static str>,
}

/// Makes `folder` ready: the folder itself, a git repository if it is in none, `spore.toml` and a first spore.
///
/// # Errors
/// When it cannot be written, or something is in the way.
pub fn init(folder: &Path) -> Result<InitReport, Error> {
    let io = |source| Error::of_io(folder, "make", source);
    if !folder.is_dir() {
        os::file::create_dir_all(folder).map_err(io)?;
    }
    let folder = fs::canonicalize(folder).map_err(io)?;
    let (repository, repository_made) = git::ensure_repository(&folder)?;
    let mut report = InitReport { folder, repository, repository_made, made: Vec::new(), kept: Vec::new() };
    for (name, text) in [(SETTINGS_FILE, SETTINGS), ("hello.md", FIRST_SPORE)] {
        let path = report.folder.join(name);
        match os::file::write_new(&path, text.as_bytes()) {
            Ok(()) => report.made.push(name),
            Err(source) if source.kind() == std::io::ErrorKind::AlreadyExists && path.is_file() => {
                report.kept.push(name);
            }
            Err(source) => return Err(Error::of_io(&path, "write", source)),
        }
    }
    Ok(report)
}
