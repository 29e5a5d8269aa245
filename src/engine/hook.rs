//! What a hook does: it puts a letter into the inbox of the folder it is about, and starts somebody to read it where no watcher
//! is. It decides nothing, because whoever called it waits.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::open::{Checked, check_source};
use super::{Error, World};
use crate::model::{Doing, Letter, Limits, Moved, News, SessionMoment, Spore, Timestamp};
use crate::os::process::start_apart;
use crate::render::Page;
use crate::repo::{self, HookHome, Project, Root};
use crate::{os, parse, render};

/// Names the file that a watcher without a terminal prints to, in the state folder.
const LOG: &str = "hook.log";
/// Bytes from which on that file begins anew; what it held is kept beside it.
const LOG_BYTES_MAX: u64 = 1 << 20;
/// Refs of one push that are told of.
const REFS_MAX: usize = 10_000;
/// Bytes of an event that are told as they are.
const EVENT_BYTES_MAX: usize = 64 << 10;
/// Bytes of a field that is kept of a larger event.
const FIELD_BYTES_MAX: usize = 1 << 10;
/// Pages that are looked at for the digest at the beginning of a session.
const PAGES_MAX: usize = 30;

/// The hooks of git that tell of what has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GitHook {
    /// Somebody pushed here.
    PostReceive,
    /// Somebody merged or pulled here.
    PostMerge,
    /// Somebody committed here.
    PostCommit,
    /// Somebody switched to another commit here.
    PostCheckout,
}

/// Where git called a hook, and what it said.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The folder it runs in.
    pub folder: &'a Path,
    /// `GIT_DIR`, as git sets it.
    pub git_dir: Option<&'a Path>,
    /// `GIT_INDEX_FILE`, as git sets it.
    pub index: Option<&'a Path>,
    /// The arguments of the hook.
    pub arguments: &'a [String],
    /// Its standard input, as far as it was read.
    pub input: &'a [u8],
}

/// Posts what a hook of git has to tell. Returns the folder whose watcher should hear of it; `None` when there is nothing to
/// tell, or no folder of spores is meant.
///
/// # Errors
/// When the repository cannot be looked at, or the letter not be written.
pub fn hear_git(world: &World, hook: GitHook, call: Call<'_>) -> Result<Option<Root>, Error> {
    let home = repo::calling_home(call.folder, call.git_dir)?;
    let Some(root) = served(&home)? else { return Ok(None) };
    let repository = home.repository.display().to_string();
    let commit = |by, before| -> Result<Option<News>, Error> {
        let refs: Vec<Moved> = repo::latest_move(&home, before)?.into_iter().collect();
        Ok((!refs.is_empty()).then(|| News::Commit { repository: repository.clone(), by, refs }))
    };
    let argument = |at: usize| call.arguments.get(at).map(String::as_str);
    let news = match hook {
        GitHook::PostReceive => {
            let text = String::from_utf8_lossy(call.input);
            let refs: Vec<Moved> = text.lines().filter_map(Moved::parse).take(REFS_MAX).collect();
            (!refs.is_empty()).then(|| News::Push { repository: repository.clone(), refs })
        }
        GitHook::PostCommit => commit(Doing::Commit, None)?,
        // A squash merge has not committed anything yet.
        GitHook::PostMerge if argument(0) == Some("1") => None,
        GitHook::PostMerge => commit(Doing::Merge, Some("ORIG_HEAD"))?,
        // Only files were checked out, or nobody is there to look at what has changed: the next watcher looks at all anyway.
        GitHook::PostCheckout if argument(2) != Some("1") || !repo::is_under_watch(&root) => None,
        GitHook::PostCheckout => {
            Some(News::Commit { repository: repository.clone(), by: Doing::Checkout, refs: Vec::new() })
        }
    };
    let Some(news) = news else { return Ok(None) };
    repo::post_letter(&root, &Letter { at: world.now(), news })?;
    Ok(Some(root))
}

/// The folder of spores that a repository serves, where it is one.
fn served(home: &HookHome) -> Result<Option<Root>, Error> {
    let folder = match (&home.top, &home.serves) {
        (Some(top), None) => top.clone(),
        (Some(top), Some(folder)) => top.join(folder),
        (None, Some(folder)) => PathBuf::from(folder),
        (None, None) => return Ok(None),
    };
    let root = Root::find(&folder)?;
    Ok(root.is_marked().then_some(root))
}

/// Says everything that is wrong with the spores that are about to be committed, as they are staged.
///
/// # Errors
/// When the repository or its index cannot be read.
pub fn check_staged(call: Call<'_>) -> Result<Vec<Checked>, Error> {
    let home = repo::calling_home(call.folder, call.git_dir)?;
    let Some(root) = served(&home)? else { return Ok(Vec::new()) };
    let project = Project::load(&root)?;
    // Git names the index from the folder that it runs the hook in.
    let index = call.index.map(|index| call.folder.join(index));
    let staged = repo::staged_files(&root, &home, index.as_deref(), &project.limits)?;
    let authored =
        staged.into_iter().filter(|one| !["results/", "learnings/"].iter().any(|own| one.path.starts_with(own)));
    Ok(authored
        .map(|one| match one.source {
            Ok(source) => check_source(source, &project),
            Err(error) => Checked::unreadable(one.path, error),
        })
        .collect())
}

/// Posts a moment of a session. The folder is the nearest of spores to one of `folders`, or to where the event says that the
/// session is. Returns it; `None` when none of them is one.
///
/// # Errors
/// When the letter cannot be written.
pub fn hear_session(
    world: &World,
    moment: SessionMoment,
    agent: &str,
    input: &[u8],
    folders: &[PathBuf],
    is_quiet: bool,
) -> Result<Option<Root>, Error> {
    let event = serde_json::from_slice::<Value>(input).unwrap_or(Value::Null);
    let text = |name: &str| event.get(name).and_then(Value::as_str).map(str::to_owned);
    let said = text("cwd").map(PathBuf::from);
    let mut roots = folders.iter().chain(&said).filter_map(|folder| Root::find(folder).ok());
    let Some(root) = roots.find(Root::is_marked) else { return Ok(None) };
    if !is_quiet {
        let session = text("session_id").filter(|id| id.len() <= FIELD_BYTES_MAX);
        let news = News::Session { moment, agent: agent.to_owned(), session, event: bounded(event) };
        repo::post_letter(&root, &Letter { at: world.now(), news })?;
    }
    Ok(Some(root))
}

/// An event of at most [`EVENT_BYTES_MAX`]: of a larger one, the short fields.
fn bounded(event: Value) -> Value {
    let is_short = |value: &Value| value.to_string().len() <= FIELD_BYTES_MAX;
    match event {
        event if event.to_string().len() <= EVENT_BYTES_MAX => event,
        Value::Object(fields) => fields.into_iter().filter(|(_, value)| is_short(value)).take(60).collect(),
        _ => Value::Null,
    }
}

/// Sees to it that somebody reads the inbox: the watcher that runs, or else one that is started for just that and goes on by
/// itself.
///
/// # Errors
/// When it cannot be started; the letters wait for the next watcher then.
pub fn wake(root: &Root) -> Result<(), Error> {
    if repo::is_under_watch(root) {
        return Ok(());
    }
    let path = root.state().join(LOG);
    let io = |source| Error::from(repo::Error::of_io(&path, "write", source));
    if std::fs::metadata(&path).is_ok_and(|log| log.len() > LOG_BYTES_MAX) {
        os::file::rename(&path, &path.with_extension("log.old")).map_err(io)?;
    }
    let log = os::file::append(&path).map_err(io)?;
    let program = std::env::current_exe().map_err(io)?;
    let words = [OsStr::new("hook"), OsStr::new("one-shot"), root.path().as_os_str()];
    start_apart(&program, &words, root.path(), &log).map_err(io)
}

/// What has happened in the folder since the last session of this agent began, for the agent to read; empty when nothing has.
/// From now on that is known to it.
///
/// # Errors
/// When the folder cannot be read.
pub fn session_digest(root: &Root, agent: &str, now: Timestamp) -> Result<String, Error> {
    let since = repo::last_session(root, agent);
    let (pages, more) = repo::recent_pages(root, since, PAGES_MAX);
    let limits = Limits::DEFAULT;
    let read: Vec<(&str, Spore)> = pages
        .iter()
        .filter_map(|page| Some((page.path.as_str(), parse::parse(page, &limits).spores.into_iter().next()?)))
        .collect();
    let pages: Vec<Page<'_>> = read.iter().map(|(path, spore)| Page { path, spore }).collect();
    let text = render::session_digest(&pages, more, since);
    repo::remember_session(root, agent, now)?;
    Ok(text)
}
