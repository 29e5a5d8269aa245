//! Installing hooks: which files are meant, and that the folder is one whose hooks count.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::Error;
use crate::hooks::{self, Agent, BARE_HOOKS, GIT_HOOKS};
use crate::model::{HookState, Installed};
use crate::os::process::{Found, find_program};
use crate::render::report::{CallerHooks, HooksReport};
use crate::repo::{self, HookHome, Root};

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Install.
    Install,
    /// Take out.
    Uninstall,
    /// Look.
    Look,
}

/// Whose hooks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hooked {
    /// Those of a repository with files.
    Git,
    /// Those of a bare one, and the folder in which pushed spores run.
    Bare(Option<PathBuf>),
    /// Those of an agent, for this folder or for its user.
    Agent(Agent, Scope),
    /// Scripts for any agent.
    Generic,
}

/// For whom an agent's hooks are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Whoever works in the folder.
    Project,
    /// The user, in every folder.
    User,
}

/// What of this process's surroundings counts: the home, where settings are, and where programs are looked for.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// `HOME`.
    pub home: Option<PathBuf>,
    /// `XDG_CONFIG_HOME`.
    pub config: Option<PathBuf>,
    /// `CLAUDE_CONFIG_DIR`.
    pub claude: Option<PathBuf>,
    /// `PATH`.
    pub path: Option<OsString>,
}

/// Does what is wished with the hooks of `whose`, for `folder`.
///
/// # Errors
/// When they cannot be installed there; what was there is as it was.
pub fn change_hooks(deed: Deed, whose: &Hooked, folder: &Path, around: &Surroundings) -> Result<HooksReport, Error> {
    let mut report = HooksReport { folder: folder.display().to_string(), callers: Vec::new(), remarks: Vec::new() };
    match whose {
        Hooked::Git => git(deed, folder, &mut report)?,
        Hooked::Bare(into) => bare(deed, folder, into.as_deref(), &mut report)?,
        Hooked::Agent(agent, scope) => {
            let caller = of_agent(deed, *agent, *scope, folder, around)?;
            report.callers.push(caller);
        }
        Hooked::Generic => generic(deed, folder, &mut report)?,
    }
    let here = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
    let is_found = |path: &OsString| matches!(find_program("spore".as_ref(), path, &here), Found::Program(_));
    if deed == Deed::Install && !around.path.as_ref().is_some_and(is_found) {
        report.remarks.push("the hooks call `spore`, and it is not on your path".to_owned());
    }
    Ok(report)
}

/// Looks at every hook that is known of `folder`.
///
/// # Errors
/// When one of them cannot be looked at.
pub fn hooks_status(folder: &Path, around: &Surroundings) -> Result<HooksReport, Error> {
    let mut report = HooksReport { folder: folder.display().to_string(), callers: Vec::new(), remarks: Vec::new() };
    match repo::hook_home(folder) {
        Ok(home) if home.top.is_some() => git(Deed::Look, folder, &mut report)?,
        Ok(_) => bare(Deed::Look, folder, None, &mut report)?,
        Err(error) => report.remarks.push(error.to_string()),
    }
    for agent in [Agent::Claude, Agent::Qwen] {
        for scope in [Scope::Project, Scope::User] {
            match of_agent(Deed::Look, agent, scope, folder, around) {
                Ok(caller) => report.callers.push(caller),
                Err(error) => report.remarks.push(error.to_string()),
            }
        }
    }
    Ok(report)
}

fn carry_out(deed: Deed, folder: &Path, hooks: &[(&str, &str)]) -> Result<Vec<Installed>, hooks::Error> {
    match deed {
        Deed::Install => hooks::install_git(folder, hooks),
        Deed::Uninstall => hooks::uninstall_git(folder, hooks),
        Deed::Look => hooks::git_state(folder, hooks),
    }
}

fn git(deed: Deed, folder: &Path, report: &mut HooksReport) -> Result<(), Error> {
    let home = own_home(deed, folder)?;
    let Some(top) = &home.top else {
        return Err(refused("this repository is bare", "say so: `spore hooks install git --bare`"));
    };
    if deed == Deed::Install {
        let root = Root::find(folder)?;
        root.make_state()?;
        let served = (root.path() != top).then(|| {
            // A folder that lies around the repository, as around a submodule, is named in full.
            root.path().strip_prefix(top).unwrap_or(root.path()).to_string_lossy().into_owned()
        });
        repo::remember_served(&home.repository, served.as_deref())?;
    }
    let hooks = carry_out(deed, &home.hooks, &GIT_HOOKS)?;
    if deed == Deed::Uninstall {
        repo::remember_served(&home.repository, None)?;
    }
    report.callers.push(caller("git", "repository", &home.hooks, hooks));
    Ok(())
}

/// The place of a repository's hooks, if they are its own.
fn own_home(deed: Deed, folder: &Path) -> Result<HookHome, Error> {
    let home = repo::hook_home(folder)?;
    if home.shared && deed != Deed::Look {
        let because =
            format!("`core.hooksPath` of your own settings has all repositories share `{}`", home.hooks.display());
        return Err(refused(&because, "give this one its own: `git config core.hooksPath .git/hooks`"));
    }
    Ok(home)
}

fn bare(deed: Deed, folder: &Path, into: Option<&Path>, report: &mut HooksReport) -> Result<(), Error> {
    let home = own_home(deed, folder)?;
    if home.top.is_some() {
        return Err(refused("this repository is not bare", "leave `--bare` out"));
    }
    if deed == Deed::Install {
        let known = home.serves.as_ref().map(PathBuf::from);
        let place = into.map(Path::to_path_buf).or(known).unwrap_or_else(|| home.repository.join("spore"));
        let is_empty = std::fs::read_dir(&place).map_or(true, |mut entries| entries.next().is_none());
        if is_empty {
            repo::clone_local(&home.repository, &place)?;
        }
        let root = Root::find(&place)?;
        root.make_state()?;
        let place = root.path().to_string_lossy().into_owned();
        repo::remember_served(&home.repository, Some(&place))?;
        report.remarks.push(format!("pushed spores run in `{place}`"));
    }
    let hooks = carry_out(deed, &home.hooks, &BARE_HOOKS)?;
    if deed == Deed::Uninstall {
        repo::remember_served(&home.repository, None)?;
        report.remarks.extend(home.serves.map(|place| format!("`{place}` stays as it is")));
    }
    report.callers.push(caller("git", "bare", &home.hooks, hooks));
    Ok(())
}

fn of_agent(
    deed: Deed,
    agent: Agent,
    scope: Scope,
    folder: &Path,
    around: &Surroundings,
) -> Result<CallerHooks, Error> {
    let no_home = || refused("`HOME` is not set", "set it, or install the hooks with `--project`");
    let (settings, memory, word) = match scope {
        Scope::Project => {
            let root = Root::find(folder)?;
            if deed == Deed::Install {
                root.make_state()?;
            }
            (root.path().join(agent.settings()), root.state(), "project")
        }
        Scope::User => {
            let home = around.home.clone().ok_or_else(no_home)?;
            let config = around.config.clone().unwrap_or_else(|| home.join(".config"));
            let own = around.claude.as_ref().filter(|_| agent == Agent::Claude);
            let settings = own.map_or_else(|| home.join(agent.settings()), |own| own.join("settings.json"));
            (settings, config.join("spore"), "user")
        }
    };
    let memory = memory.join("hooks").join(format!("{}.json", agent.name()));
    let hooks = match deed {
        Deed::Install => hooks::install_agent(agent, &settings, &memory)?,
        Deed::Uninstall => hooks::uninstall_agent(agent, &settings, &memory)?,
        Deed::Look => hooks::agent_state(&settings)?,
    };
    Ok(caller(agent.name(), word, &settings, hooks))
}

fn generic(deed: Deed, folder: &Path, report: &mut HooksReport) -> Result<(), Error> {
    let root = Root::find(folder)?;
    let place = root.state().join("hooks");
    let hooks = if deed == Deed::Uninstall {
        hooks::uninstall_generic(&place)?
    } else {
        root.make_state()?;
        let made = hooks::install_generic(&place)?;
        for (path, _) in &made {
            report
                .remarks
                .push(format!("have your agent call `{}`, with the event as JSON on its input", path.display()));
        }
        made.into_iter().map(|(_, hook)| hook).collect()
    };
    report.callers.push(caller("generic", "project", &place, hooks));
    Ok(())
}

fn caller(caller: &str, scope: &str, path: &Path, hooks: Vec<Installed>) -> CallerHooks {
    let is_installed =
        hooks.iter().any(|hook| matches!(hook.state, HookState::Installed | HookState::Made | HookState::Kept));
    CallerHooks {
        caller: caller.to_owned(),
        scope: scope.to_owned(),
        path: path.display().to_string(),
        is_installed,
        hooks,
    }
}

fn refused(because: &str, hint: &str) -> Error {
    Error::NoHooks { because: because.to_owned(), hint: hint.to_owned() }
}
