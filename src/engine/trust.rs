//! Trust: whether what a spore says may be done here, by what the owner of the machine has decided. The judgement comes
//! before anything else: until it allows a spore, no secret of it is looked up, and nothing of it is started anywhere.

mod guard;
mod review;

use std::path::Path;

pub use guard::Guard;
pub(super) use review::three_commands;
pub use review::{Review, approve, decide, is_undecided, list_trust, review, revoke, wants_decision};

use super::Opened;
use crate::model::{Digest, Limits, Source, Timestamp};
use crate::repo::{self, Brought, Project, Root, Signers, Verified};
use crate::trust::{self, Bound, Mode, Reference, Settings, State};
use crate::{os, parse};

/// Whether a spore may run.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// It may.
    Allowed {
        /// By what.
        how: How,
        /// What must stay as it is until its commands start.
        guard: Guard,
    },
    /// Not yet: somebody can allow it.
    Pending {
        /// Why, as a fragment.
        because: String,
        /// What to type.
        hint: Option<String>,
    },
    /// It may not, as things are.
    Refused {
        /// Why, as a fragment.
        because: String,
        /// What to do.
        hint: Option<String>,
    },
}

/// What allows a spore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum How {
    /// Everything in its folder may run.
    Open,
    /// The commits that brought it are signed.
    Signed {
        /// By whom, each once.
        by: Vec<String>,
    },
    /// A person approved it; and where both are asked for, it is signed too.
    Approved {
        /// When.
        at: Timestamp,
    },
}

/// What is asked of a spore in a folder: more than one thing where the folder narrows what its owner has decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// That its commit is signed.
    pub signed: bool,
    /// That a person approved it.
    pub approved: bool,
}

impl Asked {
    /// What `mode` asks, and what the folder asks on top of it. A folder can only ask for more.
    #[must_use]
    pub fn of(mode: Mode, project: &Project) -> Self {
        let folder = project.trust.as_deref().and_then(Mode::parse);
        let asks = |wanted| mode == wanted || folder == Some(wanted);
        Self { signed: asks(Mode::Signed), approved: asks(Mode::Approve) }
    }
}

/// What deserves a warning about the settings of a folder: it asks for what only the owner of the machine can give.
#[must_use]
pub fn widening(project: &Project) -> Option<String> {
    let is_wide = project.trust.as_deref() == Some(Mode::Open.word());
    is_wide.then(|| {
        "`trust = \"open\"` in spore.toml has no effect: what may run is decided outside of the folder".to_owned()
    })
}

/// Whether the spore may run that was opened, as it was read then.
#[must_use]
pub fn judge(settings: &Settings, opened: &Opened) -> Verdict {
    judge_source(settings, &opened.root, &opened.project, &opened.source)
}

fn judge_source(settings: &Settings, folder: &Root, project: &Project, source: &Source) -> Verdict {
    let root = folder.path();
    if let Err(error) = settings.check_root(root) {
        return refused(&error);
    }
    let file = folder.join(&source.path);
    if !settings.is_listed(root)
        && let Some(verdict) = of_another_user(root, &file)
    {
        return verdict;
    }
    let mode = settings.mode_of(root).unwrap_or_default();
    let asked = Asked::of(mode, project);
    if !asked.signed && !asked.approved {
        return Verdict::Allowed { how: How::Open, guard: Guard::none() };
    }
    let bound = bind(folder, source, &project.limits);
    if let Some(because) = &bound.refused {
        let hint = Some("have its commands name fewer or smaller files".to_owned());
        return Verdict::Refused { because: because.clone(), hint };
    }
    let mut how = How::Open;
    if asked.signed {
        match signed(settings, folder, source, &bound) {
            Ok(by) => how = How::Signed { by },
            Err(verdict) => return verdict,
        }
    }
    if asked.approved {
        match approved(settings, folder, &source.path, bound.digest) {
            Ok(at) => how = How::Approved { at },
            Err(verdict) => return verdict,
        }
    }
    let since = if asked.approved { "it was approved" } else { "its signature was looked at" };
    Verdict::Allowed { how, guard: Guard::new(root, bound.held(), since, &source.path) }
}

/// What an approval of a file would be bound to: all spores in it, whichever is to run.
fn bind(root: &Root, source: &Source, limits: &Limits) -> Bound {
    trust::bind(root.path(), source.digest, &parse::parse(source, limits).spores)
}

/// As git refuses to read a repository of another user: who owns the folder decides what runs in it.
fn of_another_user(root: &Path, file: &Path) -> Option<Verdict> {
    let mut there = [root, file].into_iter().filter(|path| path.exists());
    let foreign = there.find_map(|path| Some((path, trust::owned_by_me(path).err()?)));
    foreign.map(|(path, owner)| Verdict::Refused {
        because: format!("`{}` belongs to another user (number {owner})", path.display()),
        hint: Some(format!(
            "if you trust who it is: `spore trust --mode approve {}`",
            os::shell_word(&root.display().to_string())
        )),
    })
}

fn refused(error: &trust::Error) -> Verdict {
    Verdict::Refused { because: error.to_string(), hint: error.hint() }
}

fn approved(settings: &Settings, root: &Root, path: &str, digest: Digest) -> Result<Timestamp, Verdict> {
    let approvals = settings.approvals(root.path()).map_err(|error| refused(&error))?;
    if let Some(approval) = approvals.find(digest) {
        return Ok(approval.at);
    }
    let because = match approvals.last_of(path) {
        Some(before) => {
            format!("it, or a file that its commands name, has changed since it was approved ({})", before.at)
        }
        None => "nobody has approved it".to_owned(),
    };
    Err(Verdict::Pending { because, hint: Some(format!("look at it and approve it: {}", command(path))) })
}

/// `` `spore trust FILE` ``
fn command(path: &str) -> String {
    let separator = if path.starts_with('-') { "-- " } else { "" };
    format!("`spore trust {separator}{}`", os::shell_word(path))
}

/// Everything that runs must have come by a signed commit: the spore, and the files that its commands name.
fn signed(settings: &Settings, root: &Root, source: &Source, bound: &Bound) -> Result<Vec<String>, Verdict> {
    let (keys, gpg) = match settings.signers(root.path()) {
        Ok(signers) => signers,
        Err(error @ trust::Error::NoSigners) => {
            return Err(Verdict::Pending { because: "nobody is allowed to sign it".into(), hint: error.hint() });
        }
        Err(error) => return Err(refused(&error)),
    };
    let signers = Signers { ssh: &keys, gpg };
    let mut by = Vec::new();
    let mut look = |path: &str, bytes: &[u8]| {
        let signer = signer_of(settings, root, path, bytes, signers)?;
        if !by.contains(&signer) {
            by.push(signer);
        }
        Ok(())
    };
    look(&source.path, source.text.as_bytes())?;
    for reference in &bound.references {
        match &reference.state {
            State::File { digest, .. } => look(&reference.path, &read_again(root, reference, *digest)?)?,
            State::Missing | State::System { .. } => {}
            State::Outside { .. } | State::Unread { .. } | State::TooLarge => {
                return Err(unsigned(
                    &reference.path,
                    "no commit can hold it: it leads out of the folder or is no plain file",
                    None,
                ));
            }
        }
    }
    Ok(by)
}

/// The bytes of a file whose digest is known already.
fn read_again(root: &Root, reference: &Reference, digest: Digest) -> Result<Vec<u8>, Verdict> {
    let bytes = std::fs::read(root.join(&reference.path)).ok().filter(|bytes| Digest::of(bytes) == digest);
    bytes.ok_or_else(|| unsigned(&reference.path, "it is just being changed", None))
}

fn signer_of(
    settings: &Settings,
    root: &Root,
    path: &str,
    bytes: &[u8],
    signers: Signers<'_>,
) -> Result<String, Verdict> {
    let commit = match repo::bringing(&root.join(path), bytes) {
        Brought::By(commit) => commit,
        Brought::Not { because, hint } => return Err(unsigned(path, &because, hint)),
    };
    if let Some(signer) = settings.known_signer(root.path(), &commit) {
        return Ok(signer);
    }
    match repo::verify_commit(root.path(), &commit, signers) {
        Verified::By(signer) => {
            settings.know_signer(root.path(), &commit, &signer);
            Ok(signer)
        }
        Verified::Not(because) => {
            let short = &commit[..commit.len().min(10)];
            Err(unsigned(path, &format!("the commit {short} brought it, and {because}"), None))
        }
    }
}

fn unsigned(path: &str, because: &str, hint: Option<String>) -> Verdict {
    let hint = hint.or_else(|| Some("have an allowed signer commit it: `git commit -S`".to_owned()));
    Verdict::Pending { because: format!("`{path}`: {because}"), hint }
}
