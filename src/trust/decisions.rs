//! `trust.toml`: what the owner has decided about folders.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::settings::Decision;

/// The file as it is written.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Written {
    folder: Vec<Folder>,
}

#[derive(Serialize, Deserialize)]
struct Folder {
    path: PathBuf,
    #[serde(flatten)]
    decision: Decision,
}

/// Reads the file.
pub(super) fn read(text: &str) -> Result<BTreeMap<PathBuf, Decision>, String> {
    let written: Written = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    Ok(written.folder.into_iter().map(|folder| (folder.path, folder.decision)).collect())
}

/// The text of the file.
pub(super) fn write(decisions: &BTreeMap<PathBuf, Decision>) -> Result<String, String> {
    let folder = decisions.iter().map(|(path, decision)| Folder { path: path.clone(), decision: decision.clone() });
    let text = toml::to_string(&Written { folder: folder.collect() }).map_err(|error| error.to_string())?;
    Ok(format!("# What may run in which folder. `spore trust --mode MODE FOLDER` changes it.\n\n{text}"))
}
