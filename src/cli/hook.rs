//! `spore hook`: what the installed hooks call. Whoever calls waits, so it is quick; and but for the check before a commit it never
//! fails, because a commit, a push or a session is worth more than what Spore makes of it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;

use super::exit::Exit;
use super::failure::Failure;
use super::inspect;
use super::screen::{self, Screen};
use crate::engine::{self, Call, Error, GitHook, World};
use crate::model::SessionMoment;
use crate::os;
use crate::repo::Root;

/// Bytes of a push's refs, and of a session's event, that are read.
const INPUT_BYTES_MAX: usize = 4 << 20;
/// How long the caller may take to say more.
const PATIENCE: Duration = Duration::from_millis(200);
/// While one of these is set, hooks start nothing: in commands of a run, and in Spore's own pushes.
const QUIET: [&str; 2] = ["SPORE_RUN", "SPORE_NO_HOOKS"];
/// Where agents say which folder their session is about.
const SESSION_FOLDERS: [&str; 2] = ["CLAUDE_PROJECT_DIR", "QWEN_PROJECT_DIR"];

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum HookEvent {
    /// Somebody pushed to this repository; its standard input is git's.
    PostReceive,
    /// A merge or pull has ended.
    PostMerge,
    /// A commit was made.
    PostCommit,
    /// Another commit or branch was checked out.
    PostCheckout,
    /// A commit is about to be made: the staged spores are checked.
    PreCommit,
    /// A coding agent's session begins; its standard input is the event as JSON.
    SessionStart,
    /// A coding agent's session ends.
    SessionEnd,
    /// The user of a coding agent sent a prompt.
    UserPrompt,
    /// Read the inbox of a folder that nobody watches.
    #[value(hide = true)]
    OneShot,
}

/// Carries a hook out.
pub(super) fn hook(event: HookEvent, agent: &str, arguments: &[String], screen: &Screen) -> Exit {
    let heard = match event {
        HookEvent::PreCommit => return pre_commit(arguments, screen),
        HookEvent::OneShot => return one_shot(arguments),
        HookEvent::PostReceive => git(GitHook::PostReceive, arguments),
        HookEvent::PostMerge => git(GitHook::PostMerge, arguments),
        HookEvent::PostCommit => git(GitHook::PostCommit, arguments),
        HookEvent::PostCheckout => git(GitHook::PostCheckout, arguments),
        HookEvent::SessionStart => session(SessionMoment::Start, agent),
        HookEvent::SessionEnd => session(SessionMoment::End, agent),
        HookEvent::UserPrompt => session(SessionMoment::Prompt, agent),
    };
    if let Err(error) = heard {
        say(&error.to_string());
    }
    Exit::Success
}

/// One line for whoever looks at what hooks print.
fn say(text: &str) {
    let line = crate::render::clean(text).into_owned();
    screen::complain(&format!("spore: {line}\n"));
}

fn git(hook: GitHook, arguments: &[String]) -> Result<(), Error> {
    if is_quiet() {
        return Ok(());
    }
    let input = match hook {
        GitHook::PostReceive => os::read_input(INPUT_BYTES_MAX, PATIENCE),
        _ => os::Input { bytes: Vec::new(), is_whole: true },
    };
    if !input.is_whole {
        say("this push is told of as far as git has said in time what it brings");
    }
    let place = Place::here();
    let heard = engine::hear_git(&World::here(), hook, place.call(arguments, &input.bytes))?;
    heard.map_or(Ok(()), |root| engine::wake(&root))
}

fn session(moment: SessionMoment, agent: &str) -> Result<(), Error> {
    let input = os::read_input(INPUT_BYTES_MAX, PATIENCE);
    let mut folders: Vec<PathBuf> = SESSION_FOLDERS.iter().filter_map(std::env::var_os).map(PathBuf::from).collect();
    folders.push(PathBuf::from("."));
    let world = World::here();
    let quiet = is_quiet();
    let Some(root) = engine::hear_session(&world, moment, agent, &input.bytes, &folders, quiet)? else { return Ok(()) };
    if moment == SessionMoment::Start {
        print_digest(&root, agent, &world);
    }
    if quiet { Ok(()) } else { engine::wake(&root) }
}

/// Tells a beginning session what has happened: as text, or in the form that the agent puts into its context.
fn print_digest(root: &Root, agent: &str, world: &World) {
    let text = match engine::session_digest(root, agent, world.now()) {
        Ok(text) => text,
        Err(error) => return say(&error.to_string()),
    };
    if text.is_empty() {
        return;
    }
    let shown = if agent == "qwen" {
        let told = serde_json::json!({"hookEventName": "SessionStart", "additionalContext": text});
        format!("{}\n", serde_json::json!({"hookSpecificOutput": told}))
    } else {
        text
    };
    if let Err(error) = screen::print(&shown) {
        say(&error.to_string());
    }
}

/// Checks the staged spores, and keeps the commit from being made when anything is an error.
fn pre_commit(arguments: &[String], screen: &Screen) -> Exit {
    let place = Place::here();
    let said = match engine::check_staged(place.call(arguments, &[])) {
        Ok(checked) => inspect::said_of(checked),
        Err(error) => {
            let failure = Failure::from(error);
            screen::complain(&failure.text(screen.err));
            return failure.exit();
        }
    };
    if !inspect::has_errors(&said) {
        return Exit::Success;
    }
    screen::complain(&inspect::said_text(&said, screen.err));
    say("nothing is committed; mend what is staged, or leave the check out with `git commit --no-verify`");
    Exit::Spore
}

/// Becomes a watcher that reads the inbox and ends, apart from who called the hook.
fn one_shot(arguments: &[String]) -> Exit {
    let folder = arguments.first().map_or(".", String::as_str);
    let words = [OsStr::new("watch"), OsStr::new("--once"), OsStr::new(folder)];
    let error = match std::env::current_exe() {
        Ok(program) => os::process::go_apart(&program, &words),
        Err(error) => error,
    };
    say(&format!("cannot start a watcher: {error}"));
    Exit::Unavailable
}

fn is_quiet() -> bool {
    QUIET.iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// Where this process was called.
struct Place {
    folder: PathBuf,
    git_dir: Option<PathBuf>,
    index: Option<PathBuf>,
}

impl Place {
    fn here() -> Self {
        let path = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let folder = std::env::current_dir().unwrap_or_else(|_| Path::new(".").to_path_buf());
        Self { folder, git_dir: path("GIT_DIR"), index: path("GIT_INDEX_FILE") }
    }

    fn call<'a>(&'a self, arguments: &'a [String], input: &'a [u8]) -> Call<'a> {
        Call { folder: &self.folder, git_dir: self.git_dir.as_deref(), index: self.index.as_deref(), arguments, input }
    }
}
