//! Keeping a survey for the next start. It is a cache: a lost or damaged one costs reading all files again, nothing else.
//!
//! The file is a mark with a version, then numbers (little-endian) and names with their lengths, then the SHA-256 of all
//! that. JSON would be four times the size and take ten times as long.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use super::known::{Folder, Known, Stamp};
use super::{Error, Survey};
use crate::model::Digest;
use crate::os;

/// What stands first. The number rises when what follows has another form.
const MARK: &[u8] = b"spore survey 1\n";
/// Bytes of a survey that is read back: more is none of ours.
const BYTES_MAX: u64 = 1 << 30;

impl Survey {
    /// Keeps the survey at `path`. What [`Survey::refresh`] has told since then is told again after a restart, so keep it
    /// when what was told is dealt with.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        let mut out = MARK.to_vec();
        number(&mut out, self.device);
        number(&mut out, self.outer.len() as u64);
        for (path, stamp) in &self.outer {
            name(&mut out, path.as_os_str());
            maybe(&mut out, stamp.as_ref(), put_stamp);
        }
        number(&mut out, self.folders.len() as u64);
        for (path, folder) in &self.folders {
            name(&mut out, path.as_os_str());
            put_folder(&mut out, folder);
        }
        out.extend(Digest::of(&out).to_bytes());
        os::file::write_over(path, &out).map_err(|source| Error::of_io(path, "write", source))
    }

    /// The survey that was kept at `path`; an empty one where there is none, or none that is whole.
    #[must_use]
    pub fn load(path: &Path) -> Self {
        let is_ours = fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() <= BYTES_MAX);
        let bytes = if is_ours { fs::read(path).unwrap_or_default() } else { Vec::new() };
        read_whole(&bytes).unwrap_or_default()
    }
}

fn read_whole(bytes: &[u8]) -> Option<Survey> {
    let (body, digest) = bytes.split_last_chunk::<32>()?;
    if Digest::of(body).to_bytes() != *digest {
        return None;
    }
    let mut rest = Rest(body.strip_prefix(MARK)?);
    let device = rest.number()?;
    let mut outer = Vec::new();
    for _ in 0..rest.number()? {
        let (path, mut stamp) = (PathBuf::from(rest.name()?), None);
        rest.maybe(&mut stamp, Rest::stamp)?;
        outer.push((path, stamp));
    }
    let mut folders = HashMap::new();
    for _ in 0..rest.number()? {
        let path = PathBuf::from(rest.name()?);
        folders.insert(path, rest.folder()?);
    }
    rest.0.is_empty().then(|| Survey { folders, outer, device, ..Survey::default() })
}

fn number(out: &mut Vec<u8>, number: u64) {
    out.extend(number.to_le_bytes());
}

fn name(out: &mut Vec<u8>, name: &OsStr) {
    number(out, name.len() as u64);
    out.extend(name.as_bytes());
}

fn maybe<T>(out: &mut Vec<u8>, value: Option<&T>, put: fn(&mut Vec<u8>, &T)) {
    out.push(u8::from(value.is_some()));
    if let Some(value) = value {
        put(out, value);
    }
}

fn put_stamp(out: &mut Vec<u8>, stamp: &Stamp) {
    let Stamp { bytes, modified, changed, inode } = *stamp;
    for value in [bytes, modified.cast_unsigned(), changed.cast_unsigned(), inode] {
        number(out, value);
    }
}

fn put_folder(out: &mut Vec<u8>, folder: &Folder) {
    number(out, folder.inode);
    maybe(out, folder.rules.as_ref(), put_stamp);
    number(out, folder.files.len() as u64);
    for (file, known) in &folder.files {
        name(out, file);
        put_stamp(out, &known.stamp);
        out.push(u8::from(known.is_sure));
        maybe(out, known.digest.as_ref(), |out, digest| out.extend(digest.to_bytes()));
    }
    for names in [&folder.folders, &folder.ignored] {
        number(out, names.len() as u64);
        for one in names {
            name(out, one);
        }
    }
}

/// What is not read yet.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*first)
    }

    fn number(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn flag(&mut self) -> Option<bool> {
        self.array().map(|[byte]| byte != 0)
    }

    fn name(&mut self) -> Option<OsString> {
        let length = usize::try_from(self.number()?).ok()?;
        let (name, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(OsString::from_vec(name.to_vec()))
    }

    fn names(&mut self) -> Option<HashSet<Box<OsStr>>> {
        let count = self.number()?;
        (0..count).map(|_| self.name().map(OsString::into_boxed_os_str)).collect()
    }

    /// Reads what may be there into `value`; `None` when what there is is not whole.
    fn maybe<T>(&mut self, value: &mut Option<T>, read: fn(&mut Self) -> Option<T>) -> Option<()> {
        if self.flag()? {
            *value = Some(read(self)?);
        }
        Some(())
    }

    fn stamp(&mut self) -> Option<Stamp> {
        Some(Stamp {
            bytes: self.number()?,
            modified: self.number()?.cast_signed(),
            changed: self.number()?.cast_signed(),
            inode: self.number()?,
        })
    }

    fn folder(&mut self) -> Option<Folder> {
        let (inode, mut rules) = (self.number()?, None);
        self.maybe(&mut rules, Self::stamp)?;
        let count = self.number()?;
        // As much room as is needed, and never more than the bytes that are there can fill.
        let room = usize::try_from(count).ok()?.min(self.0.len() / 50);
        let mut files = HashMap::with_capacity(room);
        for _ in 0..count {
            let (name, stamp, is_sure) = (self.name()?, self.stamp()?, self.flag()?);
            let mut digest = None;
            self.maybe(&mut digest, |rest| rest.array().map(Digest::from_bytes))?;
            files.insert(name.into_boxed_os_str(), Known { stamp, digest, is_sure, pass: 0 });
        }
        Some(Folder { inode, rules, files, folders: self.names()?, ignored: self.names()? })
    }
}
