//! Looking at files and folders, and telling what is different.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, DirEntry, Metadata};
use std::io::{self, ErrorKind, Read as _};
use std::mem;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::known::{Folder, Known, Stamp};
use super::{Arrival, Changes, Error, Gone, Ignored, RootState, Survey, shown, wanted};
use crate::model::{Digest, Limits};
use crate::os;
use crate::os::clock::{Clock as _, SystemClock};
use crate::repo::Root;

/// One look at the files.
pub(super) struct Look<'a> {
    root: &'a Root,
    limits: &'a Limits,
    still: Duration,
    clock: SystemClock,
    enter: &'a mut dyn FnMut(&Path, bool),
    pub(super) changes: Changes,
}

impl<'a> Look<'a> {
    pub(super) fn new(
        root: &'a Root,
        limits: &'a Limits,
        still: Duration,
        enter: &'a mut dyn FnMut(&Path, bool),
    ) -> Self {
        Self { root, limits, still, clock: SystemClock::new(), enter, changes: Changes::default() }
    }

    /// Nanoseconds since 1970.
    fn now(&self) -> i64 {
        self.clock.wall_milliseconds().saturating_mul(1_000_000)
    }

    fn gone(&mut self, folder: &Path, name: &OsStr, known: &Known) {
        if let Some(digest) = known.digest {
            self.changes.gone.push(Gone { path: shown(folder, name), digest });
        }
    }
}

/// A file that is looked at.
struct Found<'a> {
    /// The path of its folder from the root.
    folder: &'a Path,
    name: &'a OsStr,
    metadata: &'a Metadata,
}

impl Survey {
    /// Looks whether the rules outside the surveyed folders have changed: those of the repository, and of folders above.
    pub(super) fn look_at_outer_rules(&mut self, root: &Root) -> bool {
        let is_new = self.outer.is_empty();
        if !is_new && self.outer.iter().all(|(path, stamp)| stamp_of_rules(path) == *stamp) {
            return false;
        }
        let rules = Ignored::in_folder(root.path());
        let mut paths: Vec<PathBuf> = Vec::new();
        // A repository may come and go around the root.
        let top = rules.repository().map(|(top, own)| {
            paths.push(own);
            top.to_path_buf()
        });
        for above in root.path().ancestors() {
            paths.push(above.join(".git"));
            if top.as_deref() == Some(above) {
                break;
            }
            if top.is_some() {
                paths.extend(above.parent().map(|above| above.join(wanted::IGNORE_FILE)));
            }
        }
        let stamped = paths.into_iter().map(|path| {
            let stamp = stamp_of_rules(&path);
            (path, stamp)
        });
        self.outer = stamped.collect();
        self.rules = Some(rules);
        !is_new
    }

    fn is_ignored(&mut self, root: &Root, path: &Path) -> bool {
        self.rules.get_or_insert_with(|| Ignored::in_folder(root.path())).contains(path)
    }

    /// Looks at the folder and all below it. `are_rules_new`: git has to be asked again what it ignores.
    pub(super) fn walk(&mut self, look: &mut Look<'_>, folder: PathBuf, are_rules_new: bool) {
        let mut left = vec![(folder, are_rules_new)];
        while let Some((folder, are_rules_new)) = left.pop() {
            self.visit(look, &folder, are_rules_new, &mut left);
        }
    }

    fn visit(&mut self, look: &mut Look<'_>, path: &Path, rules_new: bool, left: &mut Vec<(PathBuf, bool)>) {
        let full = look.root.path().join(path);
        let is_root = path.as_os_str().is_empty();
        let own = match fs::symlink_metadata(&full) {
            Ok(own) if own.is_dir() => own,
            Ok(_) => return self.lose_folder(look, path),
            Err(error) if is_missing(&error) => return self.lose_folder(look, path),
            Err(error) => return self.tell(look, &full, Error::of_io(&full, "read", error)),
        };
        let known = self.folders.get(path).map(|known| known.inode);
        if is_root {
            if known.is_some() && (known != Some(own.ino()) || self.device != own.dev()) {
                look.changes.root = RootState::Replaced;
            }
            self.device = own.dev();
        }
        (look.enter)(&full, known != Some(own.ino()));
        let entries = match fs::read_dir(&full) {
            Ok(entries) => entries,
            Err(error) if is_missing(&error) => return self.lose_folder(look, path),
            // What was there is still there, as far as anybody knows.
            Err(error) => return self.tell(look, &full, Error::of_io(&full, "read", error)),
        };
        self.told.remove(&full);
        let mut folder = self.folders.remove(path).unwrap_or_default();
        folder.inode = own.ino();
        let rules = stamp_of_rules(&full.join(wanted::IGNORE_FILE));
        let rules_new = rules_new || rules != folder.rules;
        if rules != folder.rules && known.is_some() {
            self.rules = None;
        }
        folder.rules = rules;
        let (mut ignored, mut folders) = (mem::take(&mut folder.ignored), mem::take(&mut folder.folders));
        if rules_new {
            ignored.clear();
        }
        for entry in entries {
            match entry {
                Ok(entry) => {
                    let mut visit = Visit { path, full: &full, folder: &mut folder, ignored: &mut ignored, rules_new };
                    if self.take_entry(look, &mut visit, &entry) {
                        folders.remove(&*entry.file_name());
                        left.push((path.join(entry.file_name()), rules_new));
                    }
                }
                Err(error) => self.tell(look, &full, Error::of_io(&full, "read", error)),
            }
        }
        self.drop_unseen(look, path, &mut folder);
        self.folders.insert(path.to_path_buf(), folder);
        for name in folders {
            self.lose_folder(look, &path.join(&*name));
        }
    }

    /// Takes one entry of a folder; whether it is a wanted folder itself.
    fn take_entry(&mut self, look: &mut Look<'_>, visit: &mut Visit<'_>, entry: &DirEntry) -> bool {
        let name = entry.file_name();
        let Ok(kind) = entry.file_type() else { return false };
        if kind.is_dir() {
            let is_top = visit.path.as_os_str().is_empty();
            if !wanted::is_folder(&name, is_top) {
                return false;
            }
            if let Some(name) = visit.ignored.take(&*name) {
                visit.folder.ignored.insert(name);
                return false;
            }
            let is_known = !visit.rules_new && self.folders.contains_key(&visit.path.join(&name));
            if !is_known && self.is_ignored(look.root, &visit.full.join(&name)) {
                visit.folder.ignored.insert(name.into());
                return false;
            }
            visit.folder.folders.insert(name.into());
            return true;
        }
        if !wanted::is_authored(&name) {
            return false;
        }
        if let Some(name) = visit.ignored.take(&*name) {
            visit.folder.ignored.insert(name);
            return false;
        }
        // Gone between the listing and this: as if it had not been listed.
        let Ok(metadata) = entry.metadata() else { return false };
        let found = Found { folder: visit.path, name: &name, metadata: &metadata };
        self.take_file(look, visit.folder, &found, visit.rules_new);
        false
    }

    /// Takes a file with a wanted name into its folder, and tells what is different about it.
    fn take_file(&mut self, look: &mut Look<'_>, folder: &mut Folder, found: &Found<'_>, rules_new: bool) {
        let pass = self.pass;
        let stamp = Stamp::of(found.metadata);
        let known = folder.files.get_mut(found.name);
        let before = known.as_deref().and_then(|known| known.digest);
        let is_known = known.is_some();
        if let Some(known) = known {
            known.pass = pass;
            if !rules_new && known.stamp == stamp && known.is_sure {
                return;
            }
        }
        let file = look.root.path().join(found.folder).join(found.name);
        if (!is_known || rules_new) && self.is_ignored(look.root, &file) {
            folder.ignored.insert(found.name.into());
            if let Some(known) = folder.files.remove(found.name) {
                look.gone(found.folder, found.name, &known);
            }
            return;
        }
        if folder.files.get(found.name).is_some_and(|known| known.stamp == stamp && known.is_sure) {
            return;
        }
        if found.metadata.is_file() && stamp.is_younger(look.still, look.now()) {
            look.changes.unsettled.push(file);
            return;
        }
        let known = match read(&file, found.metadata, look, &mut self.buffer) {
            Ok(known) => {
                if !self.told.is_empty() {
                    self.told.remove(&file);
                }
                Known { pass, ..known }
            }
            Err(Error::NotFound { .. }) => {
                if let Some(known) = folder.files.remove(found.name) {
                    look.gone(found.folder, found.name, &known);
                }
                return;
            }
            Err(error) => {
                self.tell(look, &file, error);
                if let Some(known) = folder.files.get(found.name) {
                    look.gone(found.folder, found.name, known);
                }
                Known { stamp, digest: None, is_sure: !stamp.is_unsure(look.now()), pass }
            }
        };
        if let Some(digest) = known.digest.filter(|digest| before != Some(*digest)) {
            look.changes.arrived.push(Arrival { path: shown(found.folder, found.name), file, digest, before });
        }
        folder.files.insert(found.name.into(), known);
    }

    /// Looks at one path from the root, whatever is there now.
    pub(super) fn look_at(&mut self, look: &mut Look<'_>, path: &Path) {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return self.walk(look, PathBuf::new(), false);
        };
        if !self.folders.contains_key(parent) {
            // Whether the folders on the way are wanted is for them to say, from the first that is not known.
            let unknown = parent.ancestors().take_while(|above| !self.folders.contains_key(*above)).last();
            return self.look_at(look, unknown.unwrap_or(parent));
        }
        if name == wanted::IGNORE_FILE {
            return self.walk(look, parent.to_path_buf(), false);
        }
        let full = look.root.path().join(path);
        match fs::symlink_metadata(&full) {
            Ok(metadata) if metadata.is_dir() => self.look_at_folder(look, parent, name, &full),
            Ok(metadata) => {
                self.lose_folder_of(look, parent, name);
                if wanted::is_authored(name) {
                    let Some(mut folder) = self.folders.remove(parent) else { return };
                    if !folder.ignored.contains(name) {
                        self.take_file(look, &mut folder, &Found { folder: parent, name, metadata: &metadata }, false);
                    }
                    self.folders.insert(parent.to_path_buf(), folder);
                }
            }
            // With the root, what is in it is only missing.
            Err(error) if is_missing(&error) && !look.root.path().is_dir() => self.lose_folder(look, Path::new("")),
            Err(error) if is_missing(&error) => {
                self.lose_folder_of(look, parent, name);
                self.lose_file(look, parent, name);
            }
            Err(error) => self.tell(look, &full, Error::of_io(&full, "read", error)),
        }
    }

    fn look_at_folder(&mut self, look: &mut Look<'_>, parent: &Path, name: &OsStr, full: &Path) {
        if !wanted::is_folder(name, parent.as_os_str().is_empty()) {
            return;
        }
        let is_known = self.folders.contains_key(&parent.join(name));
        let is_ignored = !is_known && self.is_ignored(look.root, full);
        self.lose_file(look, parent, name);
        let Some(folder) = self.folders.get_mut(parent) else { return };
        if is_ignored {
            folder.ignored.insert(name.into());
        } else {
            folder.folders.insert(name.into());
            self.walk(look, parent.join(name), false);
        }
    }

    fn lose_file(&mut self, look: &mut Look<'_>, parent: &Path, name: &OsStr) {
        let Some(folder) = self.folders.get_mut(parent) else { return };
        folder.ignored.remove(name);
        if let Some(known) = folder.files.remove(name) {
            look.gone(parent, name, &known);
        }
        if !self.told.is_empty() {
            self.told.remove(&look.root.path().join(parent).join(name));
        }
    }

    fn lose_folder_of(&mut self, look: &mut Look<'_>, parent: &Path, name: &OsStr) {
        let was_there = self.folders.get_mut(parent).is_some_and(|folder| folder.folders.remove(name));
        if was_there {
            self.lose_folder(look, &parent.join(name));
        }
    }

    /// Everything in the folder is gone. The root is only missing.
    fn lose_folder(&mut self, look: &mut Look<'_>, path: &Path) {
        if path.as_os_str().is_empty() {
            look.changes.root = RootState::Missing;
            return;
        }
        let lost = self.folders.extract_if(|folder, _| folder.starts_with(path));
        for (path, folder) in lost {
            folder.files.iter().for_each(|(name, known)| look.gone(&path, name, known));
        }
    }

    fn drop_unseen(&mut self, look: &mut Look<'_>, path: &Path, folder: &mut Folder) {
        let pass = self.pass;
        folder.files.retain(|name, known| {
            if known.pass != pass {
                look.gone(path, name, known);
            }
            known.pass == pass
        });
        if folder.files.capacity() > 64 && folder.files.len() < folder.files.capacity() / 4 {
            folder.files.shrink_to_fit();
        }
    }

    fn tell(&mut self, look: &mut Look<'_>, path: &Path, error: Error) {
        if self.told.insert(path.to_path_buf()) {
            look.changes.errors.push(error);
        }
    }
}

/// A folder while its entries are looked at.
struct Visit<'a> {
    path: &'a Path,
    full: &'a Path,
    folder: &'a mut Folder,
    /// What git said to ignore when last asked.
    ignored: &'a mut HashSet<Box<OsStr>>,
    rules_new: bool,
}

/// The content of a file that was `listed`, and its stamp when it was opened.
fn read(file: &Path, listed: &Metadata, look: &Look<'_>, buffer: &mut Vec<u8>) -> Result<Known, Error> {
    let irregular = |what| Error::NotRegular { path: look.root.display(file), what };
    let failed = |error| Error::of_io(file, "read", error);
    if listed.is_symlink() {
        return Err(irregular("a link"));
    }
    if !listed.is_file() {
        return Err(irregular("a pipe, a socket or a device"));
    }
    let opened = match os::file::open_unlinked(file) {
        Err(error) if os::file::is_link_loop(&error) => return Err(irregular("a link")),
        opened => opened.map_err(failed)?,
    };
    let metadata = opened.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(irregular("a pipe, a socket or a device"));
    }
    let bytes_max = look.limits.spore_bytes_max;
    let too_large = |bytes| Error::TooLarge { path: look.root.display(file), bytes, bytes_max };
    if metadata.len() > bytes_max as u64 {
        return Err(too_large(metadata.len()));
    }
    let now = look.now();
    buffer.clear();
    opened.take(bytes_max as u64 + 1).read_to_end(buffer).map_err(failed)?;
    if buffer.len() > bytes_max {
        return Err(too_large(buffer.len() as u64));
    }
    let digest = Digest::of(buffer);
    // A large file must not be paid for by all that come after it.
    buffer.shrink_to(64 << 10);
    let stamp = Stamp::of(&metadata);
    Ok(Known { stamp, digest: Some(digest), is_sure: !stamp.is_unsure(now), pass: 0 })
}

/// The stamp of a file that says what git ignores. Of a repository only which one it is: it changes with every commit.
fn stamp_of_rules(path: &Path) -> Option<Stamp> {
    let found = fs::metadata(path).ok()?;
    Some(if path.ends_with(".git") { Stamp::only_inode(&found) } else { Stamp::of(&found) })
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}
