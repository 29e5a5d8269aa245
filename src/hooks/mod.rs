//! Hooks: what git and coding agents call when something happens. They are installed beside what is there already, and taken out
//! again so that nothing is left. This room knows files and their forms; which folder is meant is for who calls it.

mod agent;
mod error;
mod git;
mod json;
mod settings;

pub use agent::{Agent, agent_state, install_agent, install_generic, uninstall_agent, uninstall_generic};
pub use error::Error;
pub use git::{BARE_HOOKS, GIT_HOOKS, git_state, install_git, uninstall_git};
pub use settings::{EVENTS, with_hooks, without_hooks};
