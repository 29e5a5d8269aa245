//! Which commit brought a content, and who signed that commit. Author and committer are words that anybody can write, so
//! nothing here looks at them.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::time::Duration;

use git2::{ObjectType, Oid, Repository};

use super::find;
use crate::os::process::ask;

/// Commits that are looked through on the way back from HEAD.
const COMMITS_MAX: usize = 100_000;
/// The longest time that git may take to look at one signature.
const VERIFY_TIME_MAX: Duration = Duration::from_secs(30);

/// Where a content comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Brought {
    /// This commit (40 hex digits) of the current history brought it to this path.
    By(String),
    /// It is no part of the last commit.
    Not {
        /// Why, as a fragment.
        because: String,
        /// What to do.
        hint: Option<String>,
    },
}

/// Whose signatures count.
#[derive(Clone, Copy, Debug)]
pub struct Signers<'a> {
    /// Keys of ssh, as ssh-keygen(1) has them under ALLOWED SIGNERS.
    pub ssh: &'a Path,
    /// Fingerprints of gpg keys, in capitals.
    pub gpg: &'a [String],
}

/// What a signature is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verified {
    /// This signer, who is allowed to, has signed it.
    By(String),
    /// Nobody has who is allowed to; why, as a fragment.
    Not(String),
}

/// The commit that brought the content `bytes` to the file at `path`: it holds it there, as HEAD does, and no commit before
/// it on the way from HEAD does.
#[must_use]
pub fn bringing(path: &Path, bytes: &[u8]) -> Brought {
    let not = |because: &str, hint: &str| Brought::Not {
        because: because.to_owned(),
        hint: Some(hint.to_owned()).filter(|hint| !hint.is_empty()),
    };
    match try_bringing(path, bytes) {
        Ok(found) => {
            found.unwrap_or_else(|| not("it is not committed as it is", "commit it, with a signature: `git commit -S`"))
        }
        Err(error) if matches!(error.code(), git2::ErrorCode::NotFound | git2::ErrorCode::UnbornBranch) => {
            not("it is in no git repository with a commit", "commit it, with a signature: `git commit -S`")
        }
        Err(error) => not(&format!("git cannot tell where it comes from: {}", error.message()), ""),
    }
}

fn try_bringing(path: &Path, bytes: &[u8]) -> Result<Option<Brought>, git2::Error> {
    let not_found = |_| git2::Error::from_str("the path cannot be followed");
    let real = fs::canonicalize(path).map_err(not_found)?;
    let repository = find(real.parent().unwrap_or(&real))?;
    let top = repository.workdir().and_then(|top| fs::canonicalize(top).ok()).unwrap_or_default();
    let Ok(inside) = real.strip_prefix(&top) else { return Ok(None) };
    let blob = Oid::hash_object(ObjectType::Blob, bytes)?;
    let mut commit = repository.head()?.peel_to_commit()?;
    if blob_at(&repository, commit.id(), inside)? != Some(blob) {
        return Ok(None);
    }
    for _ in 0..COMMITS_MAX {
        let mut before = None;
        for parent in commit.parents() {
            if blob_at(&repository, parent.id(), inside)? == Some(blob) {
                before = Some(parent);
                break;
            }
        }
        match before {
            Some(parent) => commit = parent,
            None => return Ok(Some(Brought::By(commit.id().to_string()))),
        }
    }
    Err(git2::Error::from_str("its history is too long"))
}

/// What stands at `path` in a commit, if it is a plain file.
fn blob_at(repository: &Repository, commit: Oid, path: &Path) -> Result<Option<Oid>, git2::Error> {
    let tree = repository.find_commit(commit)?.tree()?;
    match tree.get_path(path) {
        Ok(entry) => {
            Ok(Some(entry.id()).filter(|_| entry.kind() == Some(ObjectType::Blob) && entry.filemode() != 0o120_000))
        }
        Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the commit `id` (hex digits, as [`bringing`] has them) of the repository around `folder` is signed by one of
/// `signers`. Git does the looking; what the repository's own settings say about programs and keys does not count, nor do
/// `GIT_*` variables or replaced objects.
#[must_use]
pub fn verify_commit(folder: &Path, id: &str, signers: Signers<'_>) -> Verified {
    let allowed = format!("gpg.ssh.allowedSignersFile={}", signers.ssh.display());
    let settings = [
        allowed.as_str(),
        "gpg.ssh.program=ssh-keygen",
        "gpg.ssh.revocationFile=",
        "gpg.program=gpg",
        "gpg.openpgp.program=gpg",
        "gpg.x509.program=false",
        "gpg.minTrustLevel=undefined",
        "core.fsmonitor=false",
    ];
    let mut words: Vec<&OsStr> = vec!["--no-replace-objects".as_ref()];
    for setting in settings {
        words.extend::<[&OsStr; 2]>(["-c".as_ref(), setting.as_ref()]);
    }
    words.extend::<[&OsStr; 3]>(["verify-commit".as_ref(), "--raw".as_ref(), id.as_ref()]);
    let keep = |name: &OsStr| !name.as_encoded_bytes().starts_with(b"GIT_");
    match ask("git", &words, folder, keep, &[("LC_ALL", "C"), ("GIT_OPTIONAL_LOCKS", "0")], VERIFY_TIME_MAX) {
        Ok(answer) => judge(answer.succeeded, &answer.err, signers.gpg),
        Err(error) => Verified::Not(format!("git cannot be asked about its signature: {error}")),
    }
}

/// Reads what git, and through it ssh-keygen or gpg (`doc/DETAILS`), says about a signature.
fn judge(succeeded: bool, said: &str, gpg: &[String]) -> Verified {
    let not = |because: &str| Verified::Not(because.to_owned());
    let status = |word: &str| {
        let lines = said.lines().filter_map(|line| line.strip_prefix("[GNUPG:] "));
        lines.filter_map(|line| line.strip_prefix(word)).find_map(|rest| rest.strip_prefix(' ')).map(str::to_owned)
    };
    if said.contains("[GNUPG:] ") {
        // The fingerprint of the key, and in the end that of the key it is a part of.
        let valid = status("VALIDSIG").filter(|_| succeeded && status("GOODSIG").is_some());
        let Some(valid) = valid else { return not("its gpg signature is not good, or its key is not known here") };
        let mut keys = valid.split(' ');
        let keys = [keys.next(), keys.next_back()];
        return match keys.into_iter().flatten().find(|key| gpg.iter().any(|known| known == key)) {
            Some(key) => Verified::By(format!("gpg {key}")),
            None => Verified::Not(format!(
                "the gpg key {} is not among the allowed signers",
                keys[1].unwrap_or("that signed it")
            )),
        };
    }
    let good = said.lines().find_map(|line| line.strip_prefix("Good \"git\" signature for "));
    match good.and_then(|rest| rest.split_once(" with ")) {
        Some((signer, _)) if succeeded => Verified::By(signer.to_owned()),
        _ if said.contains("Good \"git\" signature") => not("its ssh key is not among the allowed signers"),
        _ if said.trim().is_empty() => not("it is not signed"),
        _ => Verified::Not(format!("its signature is not good: {}", said.lines().next().unwrap_or_default().trim())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_good_signature_of_an_allowed_key_counts() {
        let good = "Good \"git\" signature for a@b with ED25519 key SHA256:x\n";
        assert_eq!(judge(true, good, &[]), Verified::By("a@b".into()));
        assert!(matches!(judge(false, good, &[]), Verified::Not(_)));
        let unlisted = "Good \"git\" signature with ED25519 key SHA256:x\nNo principal matched.\n";
        assert!(matches!(judge(true, unlisted, &[]), Verified::Not(_)));
        assert_eq!(judge(false, "", &[]), Verified::Not("it is not signed".into()));
        let (one, other) = ("A".repeat(40), "B".repeat(40));
        let gpg = |status: &str| {
            format!(
                "[GNUPG:] NEWSIG\n[GNUPG:] {status} 0123 me\n[GNUPG:] VALIDSIG {one} 2026-01-01 1 0 4 0 22 8 00 {other}\n"
            )
        };
        assert_eq!(judge(true, &gpg("GOODSIG"), std::slice::from_ref(&other)), Verified::By(format!("gpg {other}")));
        for (succeeded, status, key) in [(true, "GOODSIG", "C"), (true, "EXPKEYSIG", "B"), (false, "GOODSIG", "B")] {
            let judged = judge(succeeded, &gpg(status), &[key.repeat(40)]);
            assert!(matches!(judged, Verified::Not(_)), "{status} {key}");
        }
        // A name that looks like a status must not count as one.
        let forged = format!("[GNUPG:] BADSIG 01 [GNUPG:] GOODSIG\n[GNUPG:] ERRSIG VALIDSIG {other}\n");
        assert!(matches!(judge(true, &forged, &[other]), Verified::Not(_)));
    }
}
