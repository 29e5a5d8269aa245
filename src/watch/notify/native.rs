//! The system's own watcher, one watch for each folder. Folders below are watched by who finds them, so that those nobody
//! wants cost nothing; the watcher's own recursion would watch them all, and miss files in new ones besides.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind, RenameMode};
use notify::{ErrorKind, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use crate::watch::mailbox::Mailbox;
use crate::watch::notice::Refused;
use crate::watch::settle::Sign;

/// EMFILE and ENFILE, the same on every Unix.
const NO_DESCRIPTORS: [i32; 2] = [24, 23];

/// Why one folder is not watched.
#[derive(Debug)]
pub(in crate::watch) enum Failure {
    /// It is gone, or nobody may look into it: a matter of this folder alone.
    Folder,
    /// No other folder will be watched either.
    All(Refused),
}

/// A watcher that puts what it sees into the mailbox, until it is dropped.
#[derive(Debug)]
pub(in crate::watch) struct Native(RecommendedWatcher);

impl Native {
    pub(in crate::watch) fn start(mailbox: &Arc<Mailbox>) -> Result<Self, Refused> {
        let mailbox = Arc::clone(mailbox);
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| match event {
            Ok(event) if event.need_rescan() => mailbox.lose(),
            Ok(event) => {
                if let Some(sign) = sign_of(event.kind) {
                    event.paths.iter().for_each(|path| mailbox.put(path, sign));
                }
            }
            // It may stand for any change.
            Err(_) => mailbox.lose(),
        });
        watcher.map(Self).map_err(|error| match refused(&error) {
            Failure::All(refused) => refused,
            Failure::Folder => Refused::Other(error.to_string()),
        })
    }

    pub(in crate::watch) fn watch(&mut self, folder: &Path) -> Result<(), Failure> {
        self.0.watch(folder, RecursiveMode::NonRecursive).map_err(|error| refused(&error))
    }
}

fn sign_of(kind: EventKind) -> Option<Sign> {
    match kind {
        EventKind::Create(CreateKind::Folder) => Some(Sign::MadeFolder),
        EventKind::Create(_) | EventKind::Modify(ModifyKind::Data(_) | ModifyKind::Any | ModifyKind::Other) => {
            Some(Sign::Written)
        }
        // Both ends of a rename are told one by one as well.
        EventKind::Modify(ModifyKind::Name(RenameMode::Both)) | EventKind::Other => None,
        EventKind::Modify(ModifyKind::Name(RenameMode::From)) | EventKind::Remove(_) => Some(Sign::Went),
        EventKind::Modify(ModifyKind::Name(_)) => Some(Sign::Came),
        EventKind::Modify(ModifyKind::Metadata(_)) | EventKind::Any => Some(Sign::Touched),
        // Reading makes events too, our own reading first of all.
        EventKind::Access(kind) => (kind == AccessKind::Close(AccessMode::Write)).then_some(Sign::Closed),
    }
}

fn refused(error: &notify::Error) -> Failure {
    match &error.kind {
        ErrorKind::MaxFilesWatch => Failure::All(Refused::watches()),
        ErrorKind::PathNotFound | ErrorKind::WatchNotFound => Failure::Folder,
        ErrorKind::Io(error) => match error.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory | std::io::ErrorKind::PermissionDenied => {
                Failure::Folder
            }
            _ if error.raw_os_error().is_some_and(|number| NO_DESCRIPTORS.contains(&number)) => {
                // One number stands for two limits: the process's own is met by any other file, too.
                let own = File::open("/").is_err();
                Failure::All(if own { Refused::OpenFiles } else { Refused::watchers() })
            }
            _ => Failure::All(Refused::Other(error.to_string())),
        },
        _ => Failure::All(Refused::Other(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_told_from_what_is_wrong_with_one_folder() {
        let of = |error: notify::Error| refused(&error);
        let io = |number| notify::Error::io(std::io::Error::from_raw_os_error(number));
        assert!(matches!(of(notify::Error::new(ErrorKind::MaxFilesWatch)), Failure::All(Refused::Watches(_))));
        assert!(matches!(of(io(24)), Failure::All(Refused::Watchers(_))));
        assert!(matches!(of(io(13)), Failure::Folder));
        assert!(matches!(of(notify::Error::path_not_found()), Failure::Folder));
        assert!(matches!(of(io(38)), Failure::All(Refused::Other(_))));
    }
}
