//! The hooks of a git repository: one script each, with what stood there before kept beside it and called by it.

use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::Error;
use crate::model::{HookState, Installed};
use crate::os::file;

/// What the second line of every script of ours begins with.
const SIGN: &str = "# Installed by Spore";
/// What is added to the name of a hook that was there before.
const BEFORE: &str = ".before-spore";
/// Bytes of a hook that is looked at.
const HOOK_BYTES_MAX: u64 = 64 << 10;

/// The hooks of a repository with files, each with its script.
pub const GIT_HOOKS: [(&str, &str); 5] = [
    ("pre-commit", include_str!("../../hooks/pre-commit")),
    ("post-commit", include_str!("../../hooks/post-commit")),
    ("post-merge", include_str!("../../hooks/post-merge")),
    ("post-checkout", include_str!("../../hooks/post-checkout")),
    ("post-receive", include_str!("../../hooks/post-receive")),
];
/// Those of a bare repository.
pub const BARE_HOOKS: [(&str, &str); 1] = [("post-receive", include_str!("../../hooks/post-receive"))];

/// Where a hook stands, and where what was there before is kept.
fn places(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
    (folder.join(name), folder.join(format!("{name}{BEFORE}")))
}

/// Whether something has this name, also a link to nowhere.
fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Whether the hook at `path` is one of ours; `None` when there is none.
fn is_ours(path: &Path) -> Result<Option<bool>, Error> {
    let metadata = match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(is_there(path).then_some(false)),
        metadata => metadata.map_err(Error::io("read", path))?,
    };
    if !metadata.is_file() || metadata.len() > HOOK_BYTES_MAX {
        return Ok(Some(false));
    }
    let bytes = fs::read(path).map_err(Error::io("read", path))?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(Some(text.lines().nth(1).is_some_and(|line| line.starts_with(SIGN))))
}

/// Says of each hook whether it is installed in `folder`.
///
/// # Errors
/// When it cannot be looked at.
pub fn git_state(folder: &Path, hooks: &[(&str, &str)]) -> Result<Vec<Installed>, Error> {
    let of = |(name, _): &(&str, &str)| {
        let (hook, before) = places(folder, name);
        let state = if is_ours(&hook)? == Some(true) { HookState::Installed } else { HookState::Absent };
        let before = (state == HookState::Installed && is_there(&before)).then(|| before.display().to_string());
        Ok(Installed { name: (*name).to_owned(), state, before })
    };
    hooks.iter().map(of).collect()
}

/// Installs the hooks in `folder`. What stands there is kept beside them and called by them. Doing it twice changes nothing.
///
/// # Errors
/// When it cannot be written, or one was kept before and somebody has put another in its place since; then none is changed.
pub fn install_git(folder: &Path, hooks: &[(&str, &str)]) -> Result<Vec<Installed>, Error> {
    for (name, _) in hooks {
        let (hook, before) = places(folder, name);
        if is_ours(&hook)? == Some(false) && is_there(&before) {
            return Err(Error::TwoBefore { hook, before });
        }
    }
    file::create_dir_all(folder).map_err(Error::io("make", folder))?;
    let mut installed = Vec::new();
    for (name, script) in hooks {
        let (hook, before) = places(folder, name);
        let state = match is_ours(&hook)? {
            Some(true) if fs::read(&hook).is_ok_and(|bytes| bytes == script.as_bytes()) => HookState::Kept,
            found => {
                if found == Some(false) {
                    file::rename(&hook, &before).map_err(Error::io("rename", &hook))?;
                }
                let all = Permissions::from_mode(0o755);
                file::write_over_as(&hook, script.as_bytes(), all).map_err(Error::io("write", &hook))?;
                HookState::Made
            }
        };
        let before = is_there(&before).then(|| before.display().to_string());
        installed.push(Installed { name: (*name).to_owned(), state, before });
    }
    Ok(installed)
}

/// Takes the hooks out of `folder` and puts back what stood there before. A hook that is not ours stays as it is.
///
/// # Errors
/// When it cannot be written.
pub fn uninstall_git(folder: &Path, hooks: &[(&str, &str)]) -> Result<Vec<Installed>, Error> {
    let mut removed = Vec::new();
    for (name, _) in hooks {
        let (hook, before) = places(folder, name);
        let kept = is_there(&before);
        let state = match is_ours(&hook)? {
            Some(true) if kept => {
                file::rename(&before, &hook).map_err(Error::io("rename", &before))?;
                HookState::Removed
            }
            Some(true) => {
                file::remove(&hook).map_err(Error::io("remove", &hook))?;
                HookState::Removed
            }
            // Whoever took ours away wanted the one before, or none.
            _ => HookState::Absent,
        };
        let left = (state == HookState::Absent && kept).then(|| before.display().to_string());
        removed.push(Installed { name: (*name).to_owned(), state, before: left });
    }
    Ok(removed)
}
