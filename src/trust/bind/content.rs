//! What stands at a path: read once, bounded, links followed and named, and nothing opened that may never end.

use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::model::{Digest, Digester};

/// Bytes of one file that a spore's commands name.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// Bytes of a script that is looked into and shown; what is longer is bound, and not followed.
const TEXT_BYTES_MAX: usize = 1 << 20;
/// Folders of the system: what stands in them is its own affair, and changes with every update.
const SYSTEM: [&str; 11] =
    ["/bin", "/sbin", "/usr", "/lib", "/lib64", "/opt", "/nix", "/System", "/Library", "/dev", "/proc"];
/// Endings of names that scripts have.
const ENDINGS: [&str; 24] = [
    "sh", "bash", "zsh", "ksh", "fish", "py", "js", "mjs", "cjs", "ts", "rb", "pl", "pm", "php", "lua", "r", "awk",
    "sed", "jq", "sql", "mk", "ps1", "groovy", "tcl",
];

/// How a file is named, which decides whether it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// As something to run or to take orders from.
    ToRun,
    /// Somewhere else: it counts only if it is a script.
    InPassing,
}

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// A file.
    File {
        /// Its content.
        digest: Digest,
        /// How long it is.
        bytes: u64,
    },
    /// A file out of the root, by a link or by its path.
    Outside {
        /// Where it really is.
        target: String,
        /// Its content.
        digest: Digest,
        /// How long it is.
        bytes: u64,
    },
    /// A program of the system, by a link; its content is the system's affair.
    System {
        /// Where it is.
        target: String,
    },
    /// Nothing.
    Missing,
    /// Something that cannot be read.
    Unread {
        /// Why, as a fragment.
        because: String,
    },
    /// More than is read.
    TooLarge,
}

impl State {
    /// What goes into the digest of an approval.
    pub(super) fn identity(&self) -> String {
        match self {
            Self::File { digest, .. } => format!("file {digest}"),
            Self::Outside { target, digest, .. } => format!("outside {digest} {target}"),
            Self::System { target } => format!("system {target}"),
            Self::Missing => "missing".into(),
            Self::Unread { because } => format!("unread {because}"),
            Self::TooLarge => "too large".into(),
        }
    }
}

/// Whether `path` is in a folder of the system, for a root elsewhere.
pub(super) fn is_system(root: &Path, path: &Path) -> bool {
    !path.starts_with(root) && SYSTEM.iter().any(|folder| path.starts_with(folder))
}

/// Looks at what stands at `path`, and keeps the text of a script. What is named in passing and is no script is `Missing`.
pub(super) fn look(root: &Path, path: &Path, named: Named) -> (State, Option<String>) {
    match read(root, path, named) {
        Ok(found) => found,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            (State::Missing, None)
        }
        Err(error) => (State::Unread { because: error.kind().to_string() }, None),
    }
}

fn read(root: &Path, path: &Path, named: Named) -> io::Result<(State, Option<String>)> {
    let real = fs::canonicalize(path)?;
    // Opening a pipe would wait for its writer, so what it is must be known before.
    let metadata = fs::metadata(&real)?;
    if metadata.is_dir() {
        return Ok((State::Unread { because: "a folder".into() }, None));
    }
    if !metadata.is_file() {
        return Ok((State::Unread { because: "a pipe, a socket or a device".into() }, None));
    }
    if is_system(root, &real) {
        return Ok((State::System { target: real.display().to_string() }, None));
    }
    let mut file = File::open(&real)?;
    let mut beginning = [0; 2];
    let length = file.read(&mut beginning)?;
    if named == Named::InPassing && !is_script(path, &metadata, &beginning[..length]) {
        return Ok((State::Missing, None));
    }
    let Some((digest, bytes, text)) = content(file, &beginning[..length])? else { return Ok((State::TooLarge, None)) };
    let state = if real.starts_with(root) {
        State::File { digest, bytes }
    } else {
        State::Outside { target: real.display().to_string(), digest, bytes }
    };
    Ok((state, text))
}

type Content = (Digest, u64, Option<String>);

fn content(file: File, beginning: &[u8]) -> io::Result<Option<Content>> {
    let mut digester = Digester::default();
    let mut kept = beginning.to_vec();
    digester.update(beginning);
    let mut bytes = beginning.len() as u64;
    let mut file = file.take(FILE_BYTES_MAX + 1);
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        bytes += count as u64;
        digester.update(&buffer[..count]);
        if kept.len() <= TEXT_BYTES_MAX {
            kept.extend_from_slice(&buffer[..count]);
        }
    }
    if bytes > FILE_BYTES_MAX {
        return Ok(None);
    }
    let text = if kept.len() <= TEXT_BYTES_MAX { String::from_utf8(kept).ok() } else { None };
    Ok(Some((digester.finish(), bytes, text.filter(|text| !text.contains('\0')))))
}

fn is_script(path: &Path, metadata: &Metadata, beginning: &[u8]) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    metadata.permissions().mode() & 0o111 != 0 || beginning == b"#!" || ENDINGS.contains(&ending)
}
