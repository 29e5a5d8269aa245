//! Reading one authored file: bounded, never blocking, never out of the folder, and never changing it.

use std::fs::{self, File, Metadata};
use std::io::Read as _;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Component, Path, PathBuf};

use super::root::folder_of;
use super::{Error, Root};
use crate::model::{Limits, LineIndex, Position, Source};

/// Names of a folder that are looked at to find the one that was meant.
const NEIGHBOURS_MAX: usize = 10_000;

/// Reads the file at `path` (as the user wrote it: relative to the working folder, or absolute).
///
/// # Errors
/// When nothing is there, it is no regular file, may not be read, is larger than [`Limits::spore_bytes_max`], is not
/// UTF-8, or a link on the way leads out of the root.
pub fn read_source(root: &Root, path: &Path, limits: &Limits) -> Result<Source, Error> {
    let shown = root.display(path);
    let named = |error| rename(error, &shown);
    let real = fs::canonicalize(path).map_err(|source| named(missing(path, source)))?;
    if !real.starts_with(root.path()) && leaves(root, path) {
        return Err(Error::Outside { path: shown, target: real.display().to_string() });
    }
    // Opening a pipe would wait for its writer, so what it is must be known before.
    let io = |source| named(Error::of_io(path, "read", source));
    check_regular(&fs::metadata(&real).map_err(io)?, &shown, limits)?;
    let file = File::open(&real).map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
    check_regular(&metadata, &shown, limits)?;

    let bytes_max = limits.spore_bytes_max;
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0) + 1);
    file.take(bytes_max as u64 + 1).read_to_end(&mut bytes).map_err(io)?;
    source_of(shown, bytes, limits)
}

/// The file that people know as `path`, with these bytes.
pub(super) fn source_of(path: String, bytes: Vec<u8>, limits: &Limits) -> Result<Source, Error> {
    let bytes_max = limits.spore_bytes_max;
    if bytes.len() > bytes_max {
        return Err(Error::TooLarge { path, bytes: bytes.len() as u64, bytes_max });
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Source::new(path, text)),
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let position = end_of(&error.as_bytes()[..valid]);
            let lossy = String::from_utf8_lossy(error.as_bytes()).into();
            Err(Error::NotUtf8 { path, position, good_bytes: valid, lossy })
        }
    }
}

/// The position right after `valid`, which must be UTF-8.
fn end_of(valid: &[u8]) -> Position {
    let text = String::from_utf8_lossy(valid);
    LineIndex::new(&text).position(&text, u32::try_from(text.len()).unwrap_or(u32::MAX))
}

fn check_regular(metadata: &Metadata, shown: &str, limits: &Limits) -> Result<(), Error> {
    let (path, kind) = (shown.to_owned(), metadata.file_type());
    if kind.is_dir() {
        return Err(Error::Folder { path });
    }
    if !kind.is_file() {
        let what = if kind.is_fifo() {
            "a pipe"
        } else if kind.is_socket() {
            "a socket"
        } else {
            "a device"
        };
        return Err(Error::NotRegular { path, what });
    }
    if metadata.len() > limits.spore_bytes_max as u64 {
        return Err(Error::TooLarge { path, bytes: metadata.len(), bytes_max: limits.spore_bytes_max });
    }
    Ok(())
}

/// Whether the way along `path` enters the root and a link then leads out of it. A plain path elsewhere does not.
fn leaves(root: &Root, path: &Path) -> bool {
    let Ok(whole) = std::path::absolute(path) else { return true };
    let mut here = PathBuf::new();
    for part in whole.components() {
        if part == Component::ParentDir {
            here.pop();
            continue;
        }
        let inside = here.starts_with(root.path());
        let Ok(next) = fs::canonicalize(here.join(part)) else { return true };
        if inside && !next.starts_with(root.path()) {
            return true;
        }
        here = next;
    }
    false
}

/// The error for a path that could not be followed, with the name beside it that is nearest.
pub(super) fn missing(path: &Path, source: std::io::Error) -> Error {
    if source.kind() == std::io::ErrorKind::NotADirectory {
        return Error::NotFound { path: path.display().to_string(), nearest: None };
    }
    match Error::of_io(path, "read", source) {
        Error::NotFound { path: shown, .. } => Error::NotFound { nearest: nearest_neighbour(path), path: shown },
        other => other,
    }
}

fn nearest_neighbour(path: &Path) -> Option<String> {
    let wanted = path.file_name()?.to_str()?;
    let folder = folder_of(path);
    let names =
        fs::read_dir(folder).ok()?.take(NEIGHBOURS_MAX).filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let names: Vec<String> = names.collect();
    let nearest = nearest(wanted, names.iter().map(String::as_str))?;
    let beside = if path.parent() == Some(Path::new("")) { PathBuf::new() } else { folder.to_path_buf() };
    Some(beside.join(nearest).display().to_string())
}

/// The known name that `wanted` most likely stands for.
pub(super) fn nearest<'a>(wanted: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let scored = known.map(|name| (strsim::jaro_winkler(&wanted.to_lowercase(), &name.to_lowercase()), name));
    let best = scored.max_by(|one, other| one.0.total_cmp(&other.0))?;
    (best.0 > 0.82).then_some(best.1)
}

/// The same error, with the path as people know it.
fn rename(mut error: Error, shown: &str) -> Error {
    match &mut error {
        Error::NotFound { path, .. } | Error::Permission { path, .. } | Error::Io { path, .. } => {
            shown.clone_into(path);
        }
        _ => {}
    }
    error
}
