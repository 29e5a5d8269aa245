//! The root: the folder whose spores belong together, and this machine's state in it.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use super::Error;
use crate::os;

/// Names the settings file of a folder.
pub(super) const SETTINGS_FILE: &str = "spore.toml";
/// Names the folder of this machine's state.
pub(super) const STATE_FOLDER: &str = ".spore";

/// A folder of spores, by its canonical path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    folder: PathBuf,
}

impl Root {
    /// The root for a spore file or a folder: the nearest folder upwards with `spore.toml` or `.spore/`; without one,
    /// the folder itself, or the file's own folder. Marks count when they belong to the folder's owner or the superuser.
    /// Whether a file is there does not matter, its folder must be.
    ///
    /// # Errors
    /// When the folder does not exist or may not be searched.
    pub fn find(start: &Path) -> Result<Self, Error> {
        let folder = if start.is_dir() { start } else { folder_of(start) };
        let folder = fs::canonicalize(folder).map_err(|source| Error::of_io(folder, "search", source))?;
        let owner = fs::metadata(&folder).map_err(|source| Error::of_io(&folder, "search", source))?.uid();
        let marked = folder.ancestors().find(|above| is_marked(above, owner));
        Ok(Self { folder: marked.unwrap_or(&folder).to_path_buf() })
    }

    /// Whether somebody made it a folder of spores: it has settings, or state.
    #[must_use]
    pub fn is_marked(&self) -> bool {
        fs::metadata(&self.folder).is_ok_and(|folder| is_marked(&self.folder, folder.uid()))
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// The path as people know it: relative to the root, `/` between names; in full when it lies elsewhere.
    #[must_use]
    pub fn display(&self, path: &Path) -> String {
        let whole = match (fs::canonicalize(folder_of(path)), path.file_name()) {
            (Ok(folder), Some(name)) => folder.join(name),
            _ => std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf()),
        };
        let Ok(inside) = whole.strip_prefix(&self.folder) else { return whole.display().to_string() };
        let names = inside.components().filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_string_lossy()),
            _ => None,
        });
        let names: Vec<_> = names.collect();
        if names.is_empty() { ".".into() } else { names.join("/") }
    }

    /// The file that [`Root::display`] wrote as `relative`.
    #[must_use]
    pub fn join(&self, relative: &str) -> PathBuf {
        self.folder.join(relative)
    }

    /// The folder of this machine's state; it may not be there yet.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.folder.join(STATE_FOLDER)
    }

    /// The folder of the runs' journals; it may not be there yet.
    #[must_use]
    pub fn runs(&self) -> PathBuf {
        self.state().join("runs")
    }

    /// Makes `.spore/` with `runs/` and a `.gitignore` of its own, so that no file of the user's is touched to hide it.
    /// Returns the folder of the runs.
    ///
    /// # Errors
    /// When it cannot be written, or a file is in the way.
    pub fn make_state(&self) -> Result<PathBuf, Error> {
        let (state, runs) = (self.state(), self.runs());
        if !runs.is_dir() {
            os::file::create_dir_all_synced(&runs).map_err(|source| Error::of_io(&runs, "make", source))?;
        }
        let ignore = state.join(".gitignore");
        if !ignore.exists() {
            match os::file::write_new(&ignore, b"*\n") {
                // Another Spore made it at the same time.
                Err(source) if source.kind() == std::io::ErrorKind::AlreadyExists => {}
                written => written.map_err(|source| Error::of_io(&ignore, "write", source))?,
            }
        }
        Ok(runs)
    }
}

/// Whether `folder` holds a mark that counts for what belongs to `owner`. A mark that somebody else put into a shared
/// folder above, such as `/tmp`, must not take over what lies below.
fn is_marked(folder: &Path, owner: u32) -> bool {
    let trusted = |metadata: &fs::Metadata| metadata.uid() == owner || metadata.uid() == 0;
    let settings = fs::metadata(folder.join(SETTINGS_FILE));
    let state = fs::metadata(folder.join(STATE_FOLDER));
    settings.is_ok_and(|file| file.is_file() && trusted(&file))
        || state.is_ok_and(|file| file.is_dir() && trusted(&file))
}

/// The folder that a path names something in.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
