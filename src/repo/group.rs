//! Concurrency groups: runs of one group never overlap. A group is a locked file in `.spore/groups`, so it is free again
//! the moment its holder ends, however it ends.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::PathBuf;

use super::{Error, Root};
use crate::model::{Digest, RunId};
use crate::os;
use crate::os::identity::Identity;

/// The right to run, held until dropped.
#[derive(Debug)]
pub struct Turn {
    file: File,
}

impl Turn {
    /// Gives it back because the run is over. When it is only dropped, commands of the run may still be running.
    pub fn end(self) {
        // The text is only looked at to find out what still runs; the lock goes in any case.
        let _ = self.file.set_len(0);
    }
}

/// Who holds a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its run.
    pub run: Option<RunId>,
    /// Its engine; none when that is gone, and its commands are not.
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

/// Asks for the turn of `group` for `run`, without waiting. The group of an engine that died is free, unless commands of
/// its run are still running, which `goes_on` says.
///
/// # Errors
/// When the lock's file cannot be made or written.
pub fn enter_group(root: &Root, group: &str, run: RunId, goes_on: impl FnOnce(RunId) -> bool) -> Result<Entry, Error> {
    let folder = root.state().join("groups");
    os::file::create_dir_all(&folder).map_err(|source| Error::of_io(&folder, "make", source))?;
    let path = folder.join(Digest::of(group.as_bytes()).short(32));
    let failed = |source| Error::of_io(&path, "lock", source);
    let mut file = os::file::read_write(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {
            let before = holder(&mut file).map_err(failed)?;
            if let Some(before) = before.run.filter(|before| *before != run && goes_on(*before)) {
                return Ok(Entry::Taken(Holder { run: Some(before), engine: None }));
            }
            let text = format!("{run} {} {group}\n", Identity::me());
            file.set_len(0)
                .and_then(|()| file.rewind())
                .and_then(|()| file.write_all(text.as_bytes()))
                .map_err(failed)?;
            Ok(Entry::Mine(Turn { file }))
        }
        Err(TryLockError::WouldBlock) => Ok(Entry::Taken(holder(&mut file).map_err(failed)?)),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// A group that some run has had or has, as its file tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What authors call it; empty when its last run has given it back.
    pub name: String,
    /// The file whose lock is the group.
    pub lock: PathBuf,
    /// Who is written into it. Whether they still have it, only the lock tells.
    pub holder: Holder,
}

/// The groups that runs of the folder have had, without touching their locks.
///
/// # Errors
/// When the folder of the groups cannot be read.
pub fn list_groups(root: &Root) -> Result<Vec<Group>, Error> {
    let folder = root.state().join("groups");
    let failed = |source| Error::of_io(&folder, "read", source);
    let entries = match std::fs::read_dir(&folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let mut groups = Vec::new();
    for entry in entries {
        let lock = entry.map_err(failed)?.path();
        // One that cannot be read must not hide the others.
        let text = std::fs::read_to_string(&lock).unwrap_or_default();
        let mut words = text.trim_end().splitn(3, ' ');
        let run = words.next().and_then(RunId::parse);
        let engine = words.next().and_then(Identity::parse);
        groups.push(Group { name: words.next().unwrap_or_default().to_owned(), lock, holder: Holder { run, engine } });
    }
    groups.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(groups)
}

/// Who is written into the lock's file.
fn holder(file: &mut File) -> std::io::Result<Holder> {
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    let mut words = text.split(' ');
    let run = words.next().and_then(RunId::parse);
    Ok(Holder { run, engine: words.next().and_then(Identity::parse) })
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
        let enter = |group, run, goes_on: bool| enter_group(&root, group, run, |_| goes_on).expect("asked");
        let Entry::Mine(turn) = enter("deploy", first, true) else { panic!("it is free") };
        let taken = enter("deploy", second, false);
        assert!(
            matches!(taken, Entry::Taken(holder) if holder.run == Some(first) && holder.engine == Some(Identity::me()))
        );
        let other = enter("other", second, true);
        assert!(matches!(other, Entry::Mine(_)));
        let listed = list_groups(&root).expect("listed");
        let names: Vec<_> = listed.iter().map(|group| (group.name.as_str(), group.holder.run)).collect();
        assert_eq!(names, [("deploy", Some(first)), ("other", Some(second))]);
        drop(turn);
        let left = enter("deploy", second, true);
        assert!(matches!(left, Entry::Taken(holder) if holder.run == Some(first) && holder.engine.is_none()));
        let Entry::Mine(turn) = enter("deploy", first, true) else { panic!("it is its own") };
        turn.end();
        assert!(matches!(enter("deploy", second, true), Entry::Mine(_)), "the run is over");
    }
}
