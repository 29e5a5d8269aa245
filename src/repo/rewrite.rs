//! Changing an author's file in place: only where its front matter asks for it, and only while it is what was read.

use std::fs;

use super::{Error, Root};
use crate::model::{Digest, Source};
use crate::os;

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rewrite {
    /// The file holds the new text.
    Done,
    /// The file is no longer what was read, and stays as it is.
    Changed,
}

/// Puts `text` in the place of what was read as `source`, whole or not at all, with the file's permissions. A link stays
/// a link: what it leads to is changed.
///
/// # Errors
/// When the file or its folder cannot be written, or a link leads out of the root.
pub fn rewrite_source(root: &Root, source: &Source, text: &str) -> Result<Rewrite, Error> {
    let path = root.join(&source.path);
    let failed = |error| Error::of_io(&path, "tick off", error);
    let real = match fs::canonicalize(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Rewrite::Changed),
        real => real.map_err(failed)?,
    };
    if !real.starts_with(root.path()) {
        return Err(Error::Outside { path: source.path.clone(), target: real.display().to_string() });
    }
    let metadata = fs::metadata(&real).map_err(failed)?;
    // Replacing a file that its owner has locked would get around the lock.
    if metadata.permissions().readonly() {
        return Err(failed(std::io::ErrorKind::PermissionDenied.into()));
    }
    let bytes = if metadata.is_file() { fs::read(&real).map_err(failed)? } else { Vec::new() };
    if bytes == text.as_bytes() {
        // Another engine has done it, and died before it could say so.
        return Ok(Rewrite::Done);
    }
    if Digest::of(&bytes) != source.digest {
        return Ok(Rewrite::Changed);
    }
    os::file::write_over_as(&real, text.as_bytes(), metadata.permissions()).map_err(failed)?;
    Ok(Rewrite::Done)
}
