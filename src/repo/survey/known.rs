//! What a survey remembers of a file and of a folder.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use crate::model::Digest;

/// From the change of a file until a change after it surely has another stamp. Kernels tell time in steps of 1 to 10 ms.
const STEP: Duration = Duration::from_millis(20);
/// The same where a file system keeps whole seconds, and only even ones.
const COARSE_STEP: Duration = Duration::from_millis(2_100);

/// What the system says of a file without reading it. Two contents with one stamp are as good as impossible, once the
/// change is some milliseconds old.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) bytes: u64,
    /// Nanoseconds since 1970. Whoever writes may set it to anything.
    pub(super) modified: i64,
    /// Nanoseconds since 1970, of the last change to content, name or permissions. Nobody can set it.
    pub(super) changed: i64,
    pub(super) inode: u64,
}

impl Stamp {
    pub(super) fn of(found: &Metadata) -> Self {
        let nanoseconds = |seconds: i64, rest: i64| seconds.saturating_mul(1_000_000_000).saturating_add(rest);
        Self {
            bytes: found.len(),
            modified: nanoseconds(found.mtime(), found.mtime_nsec()),
            changed: nanoseconds(found.ctime(), found.ctime_nsec()),
            inode: found.ino(),
        }
    }

    /// Only which file it is, for those that change all the time.
    pub(super) fn only_inode(found: &Metadata) -> Self {
        Self { inode: found.ino(), ..Self::default() }
    }

    /// Whether it was changed less than `age` before `now` (nanoseconds since 1970). A change in the future is an old one
    /// that was made before the clock was set back, or nobody would ever be done waiting.
    pub(super) fn is_younger(&self, age: Duration, now: i64) -> bool {
        let age = nanoseconds(age);
        age > 0 && self.changed > now.saturating_sub(age) && self.changed <= now.saturating_add(age)
    }

    /// Whether a content read at `now` may have been changed again without another stamp. In the future nothing is sure.
    pub(super) fn is_unsure(&self, now: i64) -> bool {
        let is_coarse = self.changed % 1_000_000_000 == 0 && self.modified % 1_000_000_000 == 0;
        let step = if is_coarse { COARSE_STEP } else { STEP };
        self.changed > now.saturating_sub(nanoseconds(step))
    }
}

fn nanoseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// A file: 88 bytes with its entry, and its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) stamp: Stamp,
    /// `None` where it could not be read.
    pub(super) digest: Option<Digest>,
    /// Whether the stamp tells the content; otherwise it is read again.
    pub(super) is_sure: bool,
    /// The number of the walk that saw it last.
    pub(super) pass: u32,
}

/// A wanted folder.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Folder {
    pub(super) inode: u64,
    /// The stamp of the rules in it of what git ignores.
    pub(super) rules: Option<Stamp>,
    pub(super) files: HashMap<Box<OsStr>, Known>,
    /// The wanted folders in it.
    pub(super) folders: HashSet<Box<OsStr>>,
    /// Files and folders in it that would be wanted, did git not ignore them. Asking git takes longer than reading.
    pub(super) ignored: HashSet<Box<OsStr>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_stamp_is_unsure_and_a_coarse_one_for_longer() {
        let stamp = |changed| Stamp { bytes: 1, modified: changed, changed, inode: 1 };
        let second = 1_000_000_000;
        assert!(stamp(5 * second + 1).is_unsure(5 * second + 10_000_000));
        assert!(!stamp(5 * second + 1).is_unsure(5 * second + 30_000_000));
        assert!(stamp(5 * second).is_unsure(7 * second) && !stamp(5 * second).is_unsure(8 * second));
        assert!(stamp(9 * second + 1).is_unsure(5 * second), "the clock went back");
        assert!(!stamp(5 * second).is_younger(Duration::ZERO, 5 * second));
        let still = Duration::from_secs(2);
        assert!(stamp(5 * second).is_younger(still, 6 * second) && stamp(6 * second).is_younger(still, 5 * second));
        assert!(!stamp(5 * second).is_younger(still, 7 * second) && !stamp(9 * second).is_younger(still, 5 * second));
    }
}
