//! The git repository around the folder: what keeps results from being committed.

use std::path::Path;
use std::time::Duration;

use super::Ground;
use crate::model::format_duration;
use crate::os::process::find_opener;
use crate::render::count;
use crate::render::report::{Finding, Level};
use crate::repo::{Head, Outlook, git_outlook};

/// A lock on the index that is older was most likely left behind.
const LOCK_AGE_MAX: Duration = Duration::from_mins(1);

/// What is to be said of git.
pub(super) fn findings(ground: &Ground<'_>) -> Vec<Finding> {
    let commits = ground.project.commit == Some(true);
    // Where nothing is committed, nothing keeps anything from it.
    let concern = if commits { Level::Warning } else { Level::Note };
    match git_outlook(&ground.root, ground.now) {
        Outlook::None if commits => vec![
            Finding::new(Level::Warning, "repository", "none, and `spore.toml` says that results are committed")
                .advise("spore init", "makes one"),
        ],
        Outlook::None => vec![Finding::new(Level::Note, "repository", "none; results are written and not committed")],
        Outlook::Foreign => {
            let top = ground.root.path().display();
            vec![
                Finding::new(concern, "repository", "it belongs to another user, so git refuses to work with it")
                    .advise(format!("git config --global --add safe.directory {top}"), "if you trust who owns it"),
            ]
        }
        Outlook::Broken(why) => vec![Finding::unknown("repository", why)],
        Outlook::Bare => vec![
            Finding::new(concern, "repository", "it is bare: results cannot be committed")
                .advise("git clone", "makes a place to work in"),
        ],
        Outlook::Usable { top, linked, head, under_way, index_lock, author, ignores_state, uncommitted } => {
            let what = if linked { "worktree" } else { "repository" };
            let commit = if commits { "results are committed" } else { "results are written and not committed" };
            let mut findings = vec![
                Finding::new(Level::Fine, what, format!("{}; {commit}", top.display())),
                head_finding(&head, concern),
            ];
            findings.extend(under_way.map(|what| {
                Finding::new(
                    concern,
                    "progress",
                    format!("{what} is in progress; results wait uncommitted until its end"),
                )
                .advise("git status", "says how to finish it")
            }));
            findings.extend(index_lock.map(|(lock, age)| lock_finding(&lock, age)));
            findings.push(match author {
                Some((name, email)) => Finding::new(Level::Fine, "author", format!("{name} <{email}>")),
                None => author_finding(ground),
            });
            findings.push(if ignores_state {
                Finding::new(Level::Fine, "ignored", "`.spore`, this machine's state")
            } else if ground.root.state().is_dir() {
                Finding::new(Level::Warning, "ignored", "git does not pass over `.spore`, this machine's state")
                    .advise("echo '*' > .spore/.gitignore", "has it do so")
            } else {
                Finding::new(Level::Fine, "ignored", "`.spore` will be, when it is made")
            });
            findings.push(match uncommitted {
                None => Finding::unknown("results", "git does not say which are committed"),
                Some(0) => Finding::new(Level::Fine, "results", "none is uncommitted"),
                Some(number) => {
                    let text = format!("{} not committed", count(number, "result"));
                    let level = if commits { Level::Warning } else { Level::Note };
                    Finding::new(level, "results", text).advise("git add results", "and a commit keep them")
                }
            });
            findings
        }
    }
}

fn head_finding(head: &Head, concern: Level) -> Finding {
    match head {
        Head::Branch { name, unborn: false } => Finding::new(Level::Fine, "branch", name),
        Head::Branch { name, unborn: true } => {
            Finding::new(Level::Fine, "branch", format!("{name}, without a commit yet"))
        }
        Head::Detached => Finding::new(concern, "branch", "none: HEAD is detached, and a commit there is easily lost")
            .advise("git switch BRANCH", "goes back to one"),
        Head::Unknown(why) => Finding::unknown("branch", why),
    }
}

fn lock_finding(lock: &Path, age: Duration) -> Finding {
    let shown = lock.display();
    let since = format_duration(age);
    match find_opener(lock) {
        Some((pid, program)) => {
            Finding::new(Level::Note, "index", format!("locked for {since} by process {pid} ({program})"))
        }
        None if age > LOCK_AGE_MAX => {
            let text = format!("locked for {since}, and no process has the lock open: a git that died has left it");
            Finding::new(Level::Warning, "index", text).advise(format!("rm {shown}"), "if no git is at work here")
        }
        None => Finding::new(Level::Note, "index", format!("locked for {since}; a git is at work")),
    }
}

fn author_finding(ground: &Ground<'_>) -> Finding {
    match &ground.project.author {
        Some(author) => {
            Finding::new(Level::Fine, "author", format!("{} <{}>, by `spore.toml`", author.name, author.email))
        }
        None => Finding::new(Level::Note, "author", "git has no name and address for commits; they are by Spore")
            .advise("git config user.name NAME", "and `git config user.email ADDRESS` set them"),
    }
}
