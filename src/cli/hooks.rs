//! `spore hooks`: installing them, taking them out, and looking at them.

use std::path::PathBuf;

use super::args::{Caller, Format, HooksCommand, HooksTarget};
use super::exit::Exit;
use super::failure::Failure;
use super::screen::{self, Screen};
use crate::engine::{self, Deed, Hooked, Scope, Surroundings};
use crate::hooks::Agent;
use crate::render;

/// Does what is wished, and says what became of it.
pub(super) fn hooks(what: HooksCommand, screen: &Screen) -> Result<Exit, Failure> {
    let around = surroundings();
    let (report, format) = match what {
        HooksCommand::Status { dir, output } => (engine::hooks_status(&dir, &around)?, output.format),
        HooksCommand::Install(target) => change(Deed::Install, &target, &around)?,
        HooksCommand::Uninstall(target) => change(Deed::Uninstall, &target, &around)?,
    };
    screen::print(&match format {
        Format::Json => render::json(&report),
        Format::Text => render::hooks_text(&report, screen.out),
    })?;
    Ok(Exit::Success)
}

fn change(
    deed: Deed,
    target: &HooksTarget,
    around: &Surroundings,
) -> Result<(render::report::HooksReport, Format), Failure> {
    let for_git = target.caller == Caller::Git;
    let for_agent = matches!(target.caller, Caller::Claude | Caller::Qwen);
    if target.bare && !for_git || (target.user || target.project) && !for_agent {
        return Err(Failure::Usage {
            message: "these options do not go together".to_owned(),
            hint: "`--bare` is for git, `--user` and `--project` are for agents".to_owned(),
        });
    }
    let scope = if target.user { Scope::User } else { Scope::Project };
    let whose = match target.caller {
        Caller::Git if target.bare => Hooked::Bare(target.into.clone()),
        Caller::Git => Hooked::Git,
        Caller::Claude => Hooked::Agent(Agent::Claude, scope),
        Caller::Qwen => Hooked::Agent(Agent::Qwen, scope),
        Caller::Generic => Hooked::Generic,
    };
    Ok((engine::change_hooks(deed, &whose, &target.dir, around)?, target.output.format))
}

fn surroundings() -> Surroundings {
    let path = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    Surroundings {
        home: path("HOME"),
        config: path("XDG_CONFIG_HOME"),
        claude: path("CLAUDE_CONFIG_DIR"),
        path: std::env::var_os("PATH"),
    }
}
