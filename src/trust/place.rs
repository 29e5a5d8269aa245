//! Where the owner's settings are, and whether they are the owner's alone.

use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::Error;
use crate::model::Digest;
use crate::os;

/// Bytes of one file of settings.
const BYTES_MAX: u64 = 256 << 20;

/// The folder of the settings. It may not be there yet.
#[derive(Clone, Debug)]
pub(super) struct Place {
    folder: PathBuf,
}

impl Place {
    /// `$XDG_CONFIG_HOME/spore`, else `~/.config/spore`. A relative `XDG_CONFIG_HOME` does not count, as its standard says.
    pub(super) fn find() -> Result<Self, Error> {
        let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let above = variable("XDG_CONFIG_HOME").or_else(|| Some(variable("HOME")?.join(".config")));
        Self::at(above.ok_or(Error::NoHome)?.join("spore"))
    }

    /// This folder.
    pub(super) fn at(folder: PathBuf) -> Result<Self, Error> {
        let place = Self { folder };
        place.check()?;
        Ok(place)
    }

    fn check(&self) -> Result<(), Error> {
        match fs::metadata(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            looked => check(&self.folder, &looked.map_err(|source| self.io("look at", &self.folder, source))?),
        }
    }

    /// The folder itself.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file `name` in it.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The file about the folder `root`, which is named after its path.
    pub(super) fn file_about(&self, root: &Path, ending: &str) -> PathBuf {
        let key = Digest::of(root.as_os_str().as_encoded_bytes()).short(32);
        self.folder.join(format!("{key}.{ending}"))
    }

    /// That the settings are not in reach of what they decide about.
    pub(super) fn check_outside(&self, root: &Path) -> Result<(), Error> {
        // Its parts that are not there yet can be no links.
        let there = self.folder.ancestors().find_map(|above| Some((above, fs::canonicalize(above).ok()?)));
        let real = there.map(|(above, real)| match self.folder.strip_prefix(above) {
            Ok(rest) => real.join(rest),
            Err(_) => real,
        });
        if real.is_some_and(|real| real.starts_with(root)) || self.folder.starts_with(root) {
            return Err(Error::Inside { settings: self.folder.clone(), root: root.to_path_buf() });
        }
        Ok(())
    }

    /// Reads a file; `None` when it is not there. What is checked is what is read.
    pub(super) fn read(&self, path: &Path) -> Result<Option<String>, Error> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(|source| self.io("read", path, source))?,
        };
        let metadata = file.metadata().map_err(|source| self.io("read", path, source))?;
        check(path, &metadata)?;
        let mut text = String::new();
        file.take(BYTES_MAX).read_to_string(&mut text).map_err(|source| self.io("read", path, source))?;
        Ok(Some(text))
    }

    /// Writes a file, whole or not at all.
    pub(super) fn write(&self, path: &Path, text: &str) -> Result<(), Error> {
        use std::os::unix::fs::PermissionsExt as _;
        let written = os::file::write_over_as(path, text.as_bytes(), fs::Permissions::from_mode(0o600));
        written.map_err(|source| self.io("write", path, source))
    }

    /// Keeps other processes from changing anything until what is returned is dropped.
    pub(super) fn lock(&self) -> Result<File, Error> {
        os::file::create_private_dir_all(&self.folder).map_err(|source| self.io("make", &self.folder, source))?;
        self.check()?;
        let path = self.file("lock");
        let lock = os::file::private(&path).map_err(|source| self.io("open", &path, source))?;
        lock.lock().map_err(|source| self.io("lock", &path, source))?;
        Ok(lock)
    }

    #[expect(clippy::unused_self, reason = "reads as what it is: an error of this place")]
    fn io(&self, action: &'static str, path: &Path, source: io::Error) -> Error {
        Error::Io { action, path: path.to_path_buf(), source }
    }
}

/// That it belongs to who this process acts for, and that nobody else may write it.
fn check(path: &Path, metadata: &Metadata) -> Result<(), Error> {
    if metadata.uid() != os::user::me() {
        return Err(Error::Foreign { path: path.to_path_buf(), owner: metadata.uid() });
    }
    if os::user::others_may_write(metadata) {
        return Err(Error::Writable { path: path.to_path_buf() });
    }
    Ok(())
}

/// Whether what stands at `path` belongs to this user, as git means it with `safe.directory`: to who became the superuser
/// by `sudo`, too. `Err` holds the user it belongs to; what cannot be looked at belongs to nobody known.
///
/// # Errors
/// When it is another user's.
pub fn owned_by_me(path: &Path) -> Result<(), u32> {
    let owner = fs::metadata(path).map_or(u32::MAX, |metadata| metadata.uid());
    if owner == os::user::me() || Some(owner) == os::user::before_sudo() { Ok(()) } else { Err(owner) }
}
