//! What git's hooks have to know of a repository: where it is, where its hooks lie, and which folder of spores it serves.

use std::path::{Path, PathBuf};

use git2::{Config, ConfigLevel, Oid, Repository};

use super::{find, git_error};
use crate::model::Moved;
use crate::repo::Error;

/// The setting that names the folder of spores that a repository serves.
const FOLDER_SETTING: &str = "spore.folder";

/// Where a repository keeps its hooks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookHome {
    /// The folder of the hooks; it may not be there yet.
    pub hooks: PathBuf,
    /// Whether it is shared with other repositories, because the user's or the machine's settings of git name it.
    pub shared: bool,
    /// The folder of git itself, which worktrees of one repository have in common.
    pub repository: PathBuf,
    /// The folder of git that belongs to this working tree alone.
    pub own: PathBuf,
    /// The top of the files; none in a bare repository.
    pub top: Option<PathBuf>,
    /// The folder of spores that it serves, where that was said: in a bare repository in full, else below the top.
    pub serves: Option<String>,
}

/// Looks where the repository at `folder` keeps its hooks, whatever the environment says.
///
/// # Errors
/// When there is none, or it cannot be opened.
pub fn hook_home(folder: &Path) -> Result<HookHome, Error> {
    let repository = find(folder).map_err(|error| git_error(folder, &error))?;
    home_of(&repository).map_err(|error| git_error(folder, &error))
}

/// As [`hook_home`], for a hook: git runs it in `folder` and may name the repository in `GIT_DIR`.
///
/// # Errors
/// As [`hook_home`].
pub fn calling_home(folder: &Path, git_dir: Option<&Path>) -> Result<HookHome, Error> {
    let Some(git_dir) = git_dir else { return hook_home(folder) };
    let whole = folder.join(git_dir);
    let repository = Repository::open(&whole).map_err(|error| git_error(&whole, &error))?;
    home_of(&repository).map_err(|error| git_error(&whole, &error))
}

fn home_of(repository: &Repository) -> Result<HookHome, git2::Error> {
    let canonical = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let top = repository.workdir().map(canonical);
    let config = repository.config()?;
    // Git takes a relative path from where it runs the hooks.
    let base = top.clone().unwrap_or_else(|| canonical(repository.path()));
    let (hooks, shared) = match hooks_path(&config)? {
        Some((path, shared)) => (base.join(path), shared),
        None => (canonical(repository.commondir()).join("hooks"), false),
    };
    Ok(HookHome {
        hooks,
        shared,
        repository: canonical(repository.commondir()),
        own: canonical(repository.path()),
        serves: config.get_string(FOLDER_SETTING).ok().filter(|folder| !folder.is_empty()),
        top,
    })
}

/// `core.hooksPath`, and whether other repositories have it too.
fn hooks_path(config: &Config) -> Result<Option<(PathBuf, bool)>, git2::Error> {
    let Ok(path) = config.get_path("core.hooksPath") else { return Ok(None) };
    let mut shared = true;
    config.entries(Some("^core\\.hookspath$"))?.for_each(|entry| {
        if matches!(entry.level(), ConfigLevel::Local | ConfigLevel::Worktree | ConfigLevel::App) {
            shared = false;
        }
    })?;
    Ok(Some((path, shared)))
}

/// Remembers in a repository's settings which folder of spores it serves, or forgets it.
///
/// # Errors
/// When its settings cannot be written.
pub fn remember_served(repository: &Path, folder: Option<&str>) -> Result<(), Error> {
    let written = Repository::open(repository).and_then(|repository| repository.config()).and_then(|config| {
        let mut local = config.open_level(ConfigLevel::Local)?;
        match folder {
            Some(folder) => local.set_str(FOLDER_SETTING, folder),
            None if local.get_entry(FOLDER_SETTING).is_ok() => local.remove(FOLDER_SETTING),
            None => Ok(()),
        }
    });
    written.map_err(|error| git_error(repository, &error))
}

/// Clones the repository at `from` to `to`, which is not there yet or empty. Its branch is that of `from`, with or without a
/// commit.
///
/// # Errors
/// When git cannot.
pub fn clone_local(from: &Path, to: &Path) -> Result<(), Error> {
    let address = from
        .to_str()
        .ok_or_else(|| Error::Git { path: from.display().to_string(), message: "its path is not UTF-8".into() })?;
    let cloned = Repository::clone(address, to).and_then(|clone| {
        // Of an empty repository libgit2 takes no branch along, and the first push would go by the clone.
        let original = Repository::open(from)?;
        let head = original.find_reference("HEAD")?;
        match head.symbolic_target() {
            Ok(Some(branch)) if clone.is_empty()? => clone.set_head(branch),
            _ => Ok(()),
        }
    });
    cloned.map_err(|error| git_error(from, &error))
}

/// The branch that HEAD is on and where it points, as something that has moved there from its commit before. None when HEAD
/// is on no branch, or on one without a commit.
///
/// # Errors
/// When the repository cannot be opened.
pub fn latest_move(home: &HookHome, before: Option<&str>) -> Result<Option<Moved>, Error> {
    let place = home.top.as_deref().unwrap_or(&home.repository);
    let repository = find(place).map_err(|error| git_error(place, &error))?;
    let head = match repository.head() {
        Ok(head) if head.is_branch() => head,
        _ => return Ok(None),
    };
    let (Ok(name), Some(new)) = (head.name(), head.target()) else { return Ok(None) };
    let name = name.to_owned();
    let logged = || repository.reflog(&name).ok().and_then(|log| log.get(0).map(|entry| entry.id_old()));
    let parent = || repository.find_commit(new).ok().and_then(|commit| commit.parent_id(0).ok());
    let stated = before.and_then(|before| repository.revparse_single(before).ok()).map(|commit| commit.id());
    let old = stated.or_else(logged).or_else(parent).unwrap_or(Oid::ZERO_SHA1);
    Ok(Some(Moved { name, old: old.to_string(), new: new.to_string() }))
}
