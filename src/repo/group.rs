//! Concurrency groups: runs of one group never overlap. A group is a locked file in `.spore/groups`, so it is free again
//! the moment its holder ends, however it ends.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};

use super::{Error, Root};
use crate::model::{Digest, RunId};
use crate::os;
use crate::os::identity::Identity;

/// The right to run, held until dropped.
#[derive(Debug)]
pub struct Turn {
    _file: File,
}

/// Who holds a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its run.
    pub run: Option<RunId>,
    /// Its engine.
    pub engine: Option<Identity>,
}

/// What came of asking for a turn.
#[derive(Debug)]
pub enum Entry {
    /// It is ours.
    Mine(Turn),
    /// Somebody has it.
    Taken(Holder),
}

/// Asks for the turn of `group` for `run`, without waiting.
///
/// # Errors
/// When the lock's file cannot be made or written.
pub fn enter_group(root: &Root, group: &str, run: RunId) -> Result<Entry, Error> {
    let folder = root.state().join("groups");
    os::file::create_dir_all(&folder).map_err(|source| Error::of_io(&folder, "make", source))?;
    let path = folder.join(Digest::of(group.as_bytes()).short(32));
    let failed = |source| Error::of_io(&path, "lock", source);
    let mut file = os::file::read_write(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {
            let text = format!("{run} {} {group}\n", Identity::me());
            file.set_len(0)
                .and_then(|()| file.rewind())
                .and_then(|()| file.write_all(text.as_bytes()))
                .map_err(failed)?;
            Ok(Entry::Mine(Turn { _file: file }))
        }
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            file.read_to_string(&mut text).map_err(failed)?;
            let mut words = text.split(' ');
            let run = words.next().and_then(RunId::parse);
            Ok(Entry::Taken(Holder { run, engine: words.next().and_then(Identity::parse) }))
        }
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_has_one_holder_at_a_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = Root::find(folder.path()).expect("a root");
        root.make_state().expect("a state folder");
        let (first, second) = (RunId::from_parts(1, 1), RunId::from_parts(2, 2));
        let Entry::Mine(turn) = enter_group(&root, "deploy", first).expect("asked") else { panic!("it is free") };
        let taken = enter_group(&root, "deploy", second).expect("asked");
        assert!(
            matches!(taken, Entry::Taken(holder) if holder.run == Some(first) && holder.engine == Some(Identity::me()))
        );
        assert!(matches!(enter_group(&root, "other", second), Ok(Entry::Mine(_))));
        drop(turn);
        assert!(matches!(enter_group(&root, "deploy", second), Ok(Entry::Mine(_))));
    }
}
