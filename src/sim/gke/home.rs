//! The folder of a cluster that is served, and what clusters that were killed have left in theirs.
//!
//! A cluster that ends takes its containers and its folder with it. One that is killed can not; so the next that begins beside
//! it does: a folder that nobody holds is nobody's any more, and every container says in its environment whose it is.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::os::process::find_marked;
use crate::os::{file, random};

/// The variable that every container has: the folder of its cluster.
pub(super) const MARK: &str = "SPORE_SIM_CLUSTER";
/// What the names of folders begin with.
const PREFIX: &str = "sim-gke-";
/// The file that is locked for as long as the cluster lives.
const LOCK: &str = "lock";
/// How often it is looked again for processes that were started meanwhile.
const LOOKS_MAX: usize = 10;

/// The folder of a cluster, held until this is dropped.
#[derive(Debug)]
pub struct Home {
    path: PathBuf,
    _lock: File,
}

impl Home {
    /// Makes one in `above`, after ending and removing what killed clusters have left there.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn make(above: &Path) -> io::Result<Self> {
        file::create_private_dir_all(above)?;
        clear(above);
        let name = format!("{:016x}", random::bits() >> 64);
        // Nobody may find it before it is held.
        let (unseen, path) = (above.join(format!(".{PREFIX}{name}")), above.join(format!("{PREFIX}{name}")));
        file::create_private_dir_all(&unseen)?;
        let lock = file::private(&unseen.join(LOCK))?;
        lock.lock()?;
        file::rename(&unseen, &path)?;
        Ok(Self { path, _lock: lock })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Ends and removes what is nobody's.
fn clear(above: &Path) {
    for entry in std::fs::read_dir(above).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let ending = name.to_str().and_then(|name| name.strip_prefix(PREFIX)).unwrap_or_default();
        if ending.len() != 16 || !ending.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            continue;
        }
        let folder = entry.path();
        let Ok(lock) = file::open_unlinked(&folder.join(LOCK)) else { continue };
        if lock.try_lock().is_ok() {
            end(&folder);
            // What stays harms nobody.
            let _ = file::remove_tree(&folder);
        }
    }
}

/// Ends all processes of a cluster's containers.
fn end(folder: &Path) {
    for _ in 0..LOOKS_MAX {
        let found = find_marked(&[(MARK, folder.as_os_str())], &[]).unwrap_or_default();
        if found.is_empty() {
            return;
        }
        for marked in found {
            marked.identity.kill();
        }
    }
}
