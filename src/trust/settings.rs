//! What the owner of the machine has decided, as this process has read it.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::place::Place;
use super::{Approval, Approvals, Error, decisions};
use crate::model::{Digest, Timestamp};

/// What may run in a folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Everything.
    Open,
    /// What came by a commit that an allowed signer has signed.
    Signed,
    /// What a person approved.
    #[default]
    Approve,
}

impl Mode {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Signed => "signed",
            Self::Approve => "approve",
        }
    }

    /// The mode of a word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Open, Self::Signed, Self::Approve].into_iter().find(|mode| mode.word() == word)
    }
}

/// What was decided about a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// What may run.
    pub mode: Mode,
    /// When it was decided.
    pub decided: Timestamp,
    /// The file of allowed signers that was read then; Spore keeps a copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signers: Option<PathBuf>,
    /// Fingerprints of the gpg keys whose signatures count, 40 or 64 hex digits in capitals.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gpg: Vec<String>,
}

/// A file by its version: as long as this is the same, so is its content.
type Stamp = (u64, u64, u64, i64, i64);

/// The owner's settings. Decisions are read once; approvals are read again when they have changed.
#[derive(Debug)]
pub struct Settings {
    place: Place,
    decisions: BTreeMap<PathBuf, Decision>,
    /// What the command line says, for this process alone.
    said: HashMap<PathBuf, Mode>,
    approvals: Mutex<HashMap<PathBuf, (Stamp, Arc<Approvals>)>>,
    /// Signers of commits, by root and commit: asking git takes a process each.
    signed: Mutex<HashMap<(PathBuf, String), String>>,
}

const DECISIONS: &str = "trust.toml";

impl Settings {
    /// Reads the settings; without any, nothing is decided.
    ///
    /// # Errors
    /// When they are not this user's alone, or cannot be read.
    pub fn load() -> Result<Self, Error> {
        Self::of(Place::find()?)
    }

    /// Reads the settings that stand in `folder`, wherever this user's own are.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn at(folder: &Path) -> Result<Self, Error> {
        Self::of(Place::at(folder.to_path_buf())?)
    }

    fn of(place: Place) -> Result<Self, Error> {
        let decisions = read_decisions(&place)?;
        Ok(Self { place, decisions, said: HashMap::new(), approvals: Mutex::default(), signed: Mutex::default() })
    }

    /// The folder they are in; it may not be there yet.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.place.folder()
    }

    /// That these settings may decide about `root`: they do not lie inside of it.
    ///
    /// # Errors
    /// When they do.
    pub fn check_root(&self, root: &Path) -> Result<(), Error> {
        self.place.check_outside(root)
    }

    /// What was decided about the canonical folder `root`, or said for this process; `None` when nothing was.
    #[must_use]
    pub fn mode_of(&self, root: &Path) -> Option<Mode> {
        self.said.get(root).copied().or_else(|| self.decision(root).map(|decision| decision.mode))
    }

    /// What was decided about the canonical folder `root`.
    #[must_use]
    pub fn decision(&self, root: &Path) -> Option<&Decision> {
        self.decisions.get(root)
    }

    /// Everything that was decided, by folder.
    pub fn decisions(&self) -> impl Iterator<Item = (&Path, &Decision)> {
        self.decisions.iter().map(|(path, decision)| (path.as_path(), decision))
    }

    /// Whether the owner has spoken about `root` itself, so that it may be another user's.
    #[must_use]
    pub fn is_listed(&self, root: &Path) -> bool {
        self.decisions.contains_key(root)
    }

    /// Decides about `root` for this process alone.
    pub fn say(&mut self, root: &Path, mode: Mode) {
        self.said.insert(root.to_path_buf(), mode);
    }

    /// Decides about the canonical folder `root`, for good. For `signed`, `signers` names the file of allowed signers, or
    /// those that were allowed before stay.
    ///
    /// # Errors
    /// When nobody may sign, the file cannot be read, or the settings cannot be written.
    pub fn decide(&mut self, root: &Path, mode: Mode, signers: Option<&Path>, at: Timestamp) -> Result<(), Error> {
        self.check_root(root)?;
        if root.to_str().is_none() {
            return Err(Error::NotUtf8(root.to_path_buf()));
        }
        let lock = self.place.lock()?;
        // Another process may have decided about another folder meanwhile.
        let mut decisions = read_decisions(&self.place)?;
        let before = decisions.remove(root);
        let mut decision = Decision { mode, decided: at, signers: None, gpg: Vec::new() };
        match (signers, before) {
            (Some(file), _) => self.keep_signers(root, file, &mut decision)?,
            (None, Some(before)) => (decision.signers, decision.gpg) = (before.signers, before.gpg),
            (None, None) => {}
        }
        if mode == Mode::Signed && decision.signers.is_none() {
            return Err(Error::NoSigners);
        }
        decisions.insert(root.to_path_buf(), decision);
        let path = self.place.file(DECISIONS);
        let text = decisions::write(&decisions).map_err(|message| Error::Unreadable { path: path.clone(), message })?;
        self.place.write(&path, &text)?;
        drop(lock);
        self.decisions = decisions;
        self.said.remove(root);
        self.signed.lock().unwrap_or_else(PoisonError::into_inner).clear();
        Ok(())
    }

    /// Copies the signers' keys: what the file becomes later must not decide, least of all when it lies in the folder.
    fn keep_signers(&self, root: &Path, file: &Path, decision: &mut Decision) -> Result<(), Error> {
        let io = |source| Error::Io { action: "read", path: file.to_path_buf(), source };
        let text = fs::read_to_string(file).map_err(io)?;
        let mut ssh = String::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            match line.strip_prefix("gpg ") {
                None => {
                    ssh.push_str(line);
                    ssh.push('\n');
                }
                Some(key) => decision.gpg.push(fingerprint(key).ok_or_else(|| {
                    let message = format!("`{key}` is no fingerprint of a gpg key, which has 40 hex digits");
                    Error::Unreadable { path: file.to_path_buf(), message }
                })?),
            }
        }
        if ssh.is_empty() && decision.gpg.is_empty() {
            return Err(Error::Unreadable { path: file.to_path_buf(), message: "it names nobody".into() });
        }
        self.place.write(&self.signers_of(root), &ssh)?;
        decision.signers = Some(std::path::absolute(file).map_err(io)?);
        Ok(())
    }

    fn signers_of(&self, root: &Path) -> PathBuf {
        self.place.file_about(root, "signers")
    }

    /// The file of ssh keys whose signatures count in `root`, and the fingerprints of the gpg keys.
    ///
    /// # Errors
    /// When nobody was allowed to sign, or the file may be somebody else's.
    pub fn signers(&self, root: &Path) -> Result<(PathBuf, &[String]), Error> {
        let decision = self.decision(root).filter(|decision| decision.signers.is_some()).ok_or(Error::NoSigners)?;
        let path = self.signers_of(root);
        // Reading it here is for its owner and permissions; git reads it itself.
        self.place.read(&path)?.ok_or(Error::NoSigners)?;
        Ok((path, &decision.gpg))
    }

    /// The signer of `commit`, whose signature was found good before, by the same signers.
    #[must_use]
    pub fn known_signer(&self, root: &Path, commit: &str) -> Option<String> {
        let known = self.signed.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&(root.to_path_buf(), commit.to_owned())).cloned()
    }

    /// Keeps in mind that the signature of `commit` is good.
    pub fn know_signer(&self, root: &Path, commit: &str, signer: &str) {
        let mut known = self.signed.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert((root.to_path_buf(), commit.to_owned()), signer.to_owned());
    }

    /// What was approved in `root`.
    ///
    /// # Errors
    /// When it is not this user's alone, or cannot be read.
    pub fn approvals(&self, root: &Path) -> Result<Arc<Approvals>, Error> {
        let path = self.approvals_of(root);
        let stamp = stamp(&path);
        let mut known = self.approvals.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, approvals)) = known.get(root).filter(|(before, _)| stamp == Some(*before)) {
            return Ok(Arc::clone(approvals));
        }
        let approvals = Arc::new(self.read_approvals(&path)?);
        if let Some(stamp) = stamp {
            known.insert(root.to_path_buf(), (stamp, Arc::clone(&approvals)));
        }
        Ok(approvals)
    }

    /// Adds approvals.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn approve(&self, root: &Path, more: Vec<Approval>) -> Result<(), Error> {
        self.change(root, |approvals| approvals.add(more))
    }

    /// Takes approvals back: those `wanted` says. Returns how many.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn revoke(&self, root: &Path, wanted: impl Fn(&Approval) -> bool) -> Result<Vec<Digest>, Error> {
        let mut gone = Vec::new();
        self.change(root, |approvals| gone = approvals.remove(wanted))?;
        Ok(gone)
    }

    fn change(&self, root: &Path, change: impl FnOnce(&mut Approvals)) -> Result<(), Error> {
        self.check_root(root)?;
        let _lock = self.place.lock()?;
        let path = self.approvals_of(root);
        let mut approvals = self.read_approvals(&path)?;
        change(&mut approvals);
        self.place.write(&path, &approvals.text(root))
    }

    fn approvals_of(&self, root: &Path) -> PathBuf {
        self.place.file_about(root, "approvals")
    }

    fn read_approvals(&self, path: &Path) -> Result<Approvals, Error> {
        let text = self.place.read(path)?.unwrap_or_default();
        Approvals::parse(&text).map_err(|message| Error::Unreadable { path: path.to_path_buf(), message })
    }
}

fn read_decisions(place: &Place) -> Result<BTreeMap<PathBuf, Decision>, Error> {
    let path = place.file(DECISIONS);
    let text = place.read(&path)?.unwrap_or_default();
    decisions::read(&text).map_err(|message| Error::Unreadable { path, message })
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    // Every change is a new file by a rename, so its number and times tell it from the one before. Who may write it
    // changes the time of the change as well, and with it comes a new look at that.
    Some((metadata.dev(), metadata.ino(), metadata.len(), metadata.ctime(), metadata.ctime_nsec()))
}

/// A fingerprint without spaces, in capitals.
fn fingerprint(text: &str) -> Option<String> {
    let text: String = text.split('#').next()?.chars().filter(|c| !c.is_whitespace()).collect();
    let is_one = matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_one.then(|| text.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_have_their_words_and_nothing_decided_asks_for_approval() {
        for mode in [Mode::Open, Mode::Signed, Mode::Approve] {
            assert_eq!(Mode::parse(mode.word()), Some(mode));
        }
        assert_eq!((Mode::parse("Open"), Mode::default()), (None, Mode::Approve));
    }

    #[test]
    fn fingerprints_are_read_as_gpg_prints_them() {
        let spaced = "0123 4567 89ab cdef 0123  4567 89AB CDEF 0123 4567  # me";
        assert_eq!(fingerprint(spaced).as_deref(), Some("0123456789ABCDEF0123456789ABCDEF01234567"));
        assert_eq!(fingerprint("0123456789ABCDEF"), None, "a short one can be forged");
    }
}
