//! Secrets: looked up when a run begins, from the engine's environment or from a file, and never written anywhere.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use super::{Error, Root};
use crate::model::{Secret, SecretRef};

/// Bytes of a secret's file, at most: more does not fit into an environment variable (Linux takes 128 KiB).
const SECRET_BYTES_MAX: u64 = 128 << 10;

/// Why a secret is not there.
#[derive(Debug, thiserror::Error)]
pub enum NoSecret {
    /// The variable is not set, or empty.
    #[error("the secret `{0}` is not set")]
    Unset(String),
    /// The file cannot be read.
    #[error("the secret `{name}` cannot be read: {source}")]
    File {
        /// The secret.
        name: String,
        /// Why.
        source: Error,
    },
}

impl NoSecret {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unset(name) => Some(format!(
                "set it for this run (`{name}=… spore run …`), or name a file: `{{secret: {name}, file: PATH}}`"
            )),
            Self::File { source, .. } => source.hint(),
        }
    }
}

/// The value of a secret.
///
/// # Errors
/// When it is nowhere to be found.
pub fn find_secret(root: &Root, wanted: &SecretRef) -> Result<Secret, NoSecret> {
    let value = match &wanted.file {
        None => std::env::var(&wanted.name).unwrap_or_default(),
        Some(file) => {
            let path = root.join(file);
            let text = read_bounded(&path).map_err(|source| NoSecret::File {
                name: wanted.name.clone(),
                source: Error::of_io(&path, "read", source),
            })?;
            let line = text.strip_suffix('\n').unwrap_or(&text);
            line.strip_suffix('\r').unwrap_or(line).to_owned()
        }
    };
    if value.is_empty() {
        return Err(NoSecret::Unset(wanted.name.clone()));
    }
    Ok(Secret { name: wanted.name.clone(), value })
}

/// The text of a file, or of a pipe, that ends soon enough to be a secret.
fn read_bounded(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(SECRET_BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > SECRET_BYTES_MAX {
        let message = format!("it has more than {SECRET_BYTES_MAX} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(text)
}
