//! The settings file of a coding agent, and the scripts for agents that Spore does not know.

use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::settings::{self, EVENTS};
use super::{Error, with_hooks, without_hooks};
use crate::model::{HookState, Installed};
use crate::os::file;

/// A coding agent whose settings Spore knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agent {
    /// Claude Code.
    Claude,
    /// Qwen Code.
    Qwen,
}

impl Agent {
    /// What it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::Qwen => "qwen",
        }
    }

    /// Its settings file, below a project or a home.
    #[must_use]
    pub fn settings(self) -> &'static str {
        match self {
            Self::Claude => ".claude/settings.json",
            Self::Qwen => ".qwen/settings.json",
        }
    }

    /// How many of the units in which its settings give a time limit make a second.
    pub(super) fn ticks_per_second(self) -> u32 {
        match self {
            Self::Claude => 1,
            Self::Qwen => 1_000,
        }
    }
}

/// The scripts for any agent.
const SCRIPTS: [(&str, &str); 3] = [
    ("session-start.sh", include_str!("../../hooks/session-start.sh")),
    ("session-end.sh", include_str!("../../hooks/session-end.sh")),
    ("user-prompt.sh", include_str!("../../hooks/user-prompt.sh")),
];

/// What a settings file holds; `None` when there is none.
fn read(path: &Path) -> Result<Option<String>, Error> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        read => read.map(Some).map_err(Error::io("read", path)),
    }
}

/// Writes a settings file where it really stands, with the permissions it has.
fn write(path: &Path, text: &str) -> Result<(), Error> {
    let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let written = match fs::metadata(&real) {
        Ok(metadata) => file::write_over_as(&real, text.as_bytes(), metadata.permissions()),
        Err(_) => file::write_over(&real, text.as_bytes()),
    };
    written.map_err(Error::io("write", path))
}

fn make_folder_of(path: &Path) -> Result<(), Error> {
    let folder = path.parent().unwrap_or(path);
    file::create_dir_all(folder).map_err(Error::io("make", folder))
}

fn states(events: &[&'static str], there: HookState, else_: HookState) -> Vec<Installed> {
    let of = |name: &'static str| if events.contains(&name) { there } else { else_ };
    EVENTS.map(|(name, ..)| Installed { name: name.to_owned(), state: of(name), before: None }).to_vec()
}

/// Says which hooks are in the settings at `path`.
///
/// # Errors
/// When they cannot be read or understood.
pub fn agent_state(path: &Path) -> Result<Vec<Installed>, Error> {
    let present = read(path)?.map_or(Ok(Vec::new()), |text| settings::events_of(&text, path))?;
    Ok(states(&present, HookState::Installed, HookState::Absent))
}

/// Puts the hooks of `agent` into the settings at `path`. What was there is remembered in `memory`, so that it can be put back to
/// the byte. Doing it twice changes nothing.
///
/// # Errors
/// When the settings cannot be read, understood or written; then they are as they were.
pub fn install_agent(agent: Agent, path: &Path, memory: &Path) -> Result<Vec<Installed>, Error> {
    let found = read(path)?;
    let (text, added) = with_hooks(found.as_deref().unwrap_or("{}\n"), agent, path)?;
    if !added.is_empty() {
        if added.len() == EVENTS.len() {
            make_folder_of(memory)?;
            let before = found.unwrap_or_default();
            file::write_over(memory, before.as_bytes()).map_err(Error::io("write", memory))?;
        }
        make_folder_of(path)?;
        write(path, &text)?;
    }
    Ok(states(&added, HookState::Made, HookState::Kept))
}

/// Takes the hooks out of the settings at `path`. Where nothing else has changed since they were installed, what was there before
/// is put back as it was; else what is not ours stays as it is now.
///
/// # Errors
/// As [`install_agent`].
pub fn uninstall_agent(agent: Agent, path: &Path, memory: &Path) -> Result<Vec<Installed>, Error> {
    let Some(found) = read(path)? else { return Ok(states(&[], HookState::Removed, HookState::Absent)) };
    let (mut text, removed) = without_hooks(&found, path)?;
    if !removed.is_empty() {
        let before = read(memory).ok().flatten();
        let was_none = before.as_deref() == Some("");
        let base = if was_none { Some("{}\n") } else { before.as_deref() };
        let unchanged = base.is_some_and(|base| with_hooks(base, agent, path).is_ok_and(|(with, _)| with == found));
        if unchanged && was_none {
            file::remove(path).map_err(Error::io("remove", path))?;
            // A folder that was made for this one file goes with it; one with anything else in it cannot.
            let _ = path.parent().map(file::remove_empty_dir);
        } else {
            if unchanged {
                text = before.unwrap_or(text);
            }
            write(path, &text)?;
        }
    }
    // What is remembered is of no use any more, whether or not it was of use now.
    let _ = file::remove(memory);
    Ok(states(&removed, HookState::Removed, HookState::Absent))
}

/// Writes the scripts for any agent into `folder`. Returns where they are.
///
/// # Errors
/// When they cannot be written.
pub fn install_generic(folder: &Path) -> Result<Vec<(PathBuf, Installed)>, Error> {
    file::create_dir_all(folder).map_err(Error::io("make", folder))?;
    let mut made = Vec::new();
    for (name, script) in SCRIPTS {
        let path = folder.join(name);
        let state = if fs::read(&path).is_ok_and(|bytes| bytes == script.as_bytes()) {
            HookState::Kept
        } else {
            let all = Permissions::from_mode(0o755);
            file::write_over_as(&path, script.as_bytes(), all).map_err(Error::io("write", &path))?;
            HookState::Made
        };
        made.push((path, Installed { name: name.to_owned(), state, before: None }));
    }
    Ok(made)
}

/// Removes the scripts for any agent.
///
/// # Errors
/// When they cannot be removed.
pub fn uninstall_generic(folder: &Path) -> Result<Vec<Installed>, Error> {
    let mut removed = Vec::new();
    for (name, _) in SCRIPTS {
        let path = folder.join(name);
        let state = match file::remove(&path) {
            Ok(()) => HookState::Removed,
            Err(error) if error.kind() == ErrorKind::NotFound => HookState::Absent,
            Err(error) => return Err(Error::io("remove", &path)(error)),
        };
        removed.push(Installed { name: name.to_owned(), state, before: None });
    }
    Ok(removed)
}
