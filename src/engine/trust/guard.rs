//! Holding on to what was judged: the files that a spore's commands name must be the same when an attempt starts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::command;
use crate::run;
use crate::trust::Held;

/// Made from a judgement that allows a spore. It costs nothing where the commands name no files.
#[derive(Clone, Debug)]
pub struct Guard(Option<Arc<Watched>>);

#[derive(Debug)]
struct Watched {
    root: PathBuf,
    held: Held,
    /// Since when they must be the same, in words.
    since: &'static str,
    path: String,
    /// Why nothing may start at all.
    never: Option<String>,
}

impl Guard {
    /// For a spore that may run whatever becomes of its files.
    #[must_use]
    pub(super) fn none() -> Self {
        Self(None)
    }

    pub(super) fn new(root: &Path, held: Held, since: &'static str, path: &str) -> Self {
        Self(Some(Arc::new(Watched { root: root.to_path_buf(), held, since, path: path.to_owned(), never: None })))
    }

    /// For a run that goes on to the end of what has begun, and starts nothing else.
    #[must_use]
    pub(in crate::engine) fn never(path: &str, because: String) -> Self {
        let held = Held::default();
        let watched = Watched { root: PathBuf::new(), held, since: "", path: path.to_owned(), never: Some(because) };
        Self(Some(Arc::new(watched)))
    }

    /// Whether the files that the commands name are still those that were judged. They are read again for it.
    ///
    /// # Errors
    /// What has changed and what to type, in one sentence.
    pub fn still_holds(&self) -> Result<(), String> {
        let Some(watched) = &self.0 else { return Ok(()) };
        if let Some(because) = &watched.never {
            return Err(format!("it may not run any more: {because}; allow it again: {}", command(&watched.path)));
        }
        watched.held.check(&watched.root).map_err(|changed| {
            format!(
                "{changed} since {}; if the spore makes it itself, name it under `artifacts`, else look at it and allow \
                 it again: {}",
                watched.since,
                command(&watched.path)
            )
        })
    }
}

impl run::Guard for Guard {
    fn still_holds(&self) -> Result<(), String> {
        Self::still_holds(self)
    }
}
