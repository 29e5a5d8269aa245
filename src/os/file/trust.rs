//! Whether a lock (`flock(2)`) keeps others away, by the kind of file system it is on.
//!
//! Among the processes of one machine a lock holds on every file system that has locks at all. A folder that other
//! machines see too is another matter, and nothing tells a program whether they do. So what is made for sharing is
//! trusted only where locks reach every machine and whoever loses one can no longer write.

use std::path::Path;

use rustix::fs::{FsWord, statfs};

/// What a lock in a folder is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// It keeps everybody away.
    Full,
    /// It may not.
    None {
        /// The kind of file system, as people call it.
        kind: &'static str,
        /// Why, as a fragment.
        because: &'static str,
    },
}

/// One kind of file system: the number that `statfs(2)` has for it, its name, and why its locks are not trusted.
type Kind = (u32, &'static str, &'static str);

const FUSE: u32 = 0x6573_5546;

/// The kinds whose locks are not trusted. What is not here is a disk or the memory of this machine, or a Ceph, GFS2 or
/// OCFS2 file system: those have locks for all machines, and cut off from the storage whoever loses them.
const UNTRUSTED: [Kind; 16] = [
    // flock(2): a byte-range lock on the server since Linux 2.6.12. nfs(5): `nolock` and `local_lock` keep it to the
    // machine, and a server that restarts or a lease that runs out gives it to somebody else.
    (0x6969, "NFS", "a server that restarts or a lease that runs out gives the lock away, unnoticed"),
    // flock(2): not told to the server up to Linux 5.4; mount.cifs(8): nor with `nobrl`.
    (0xFF53_4D42, "a Windows share", "the server may not hear of the lock, and gives it away with the connection"),
    (0xFE53_4D42, "a Windows share", "the server may not hear of the lock, and gives it away with the connection"),
    (0x517B, "a Windows share", "the server may not hear of the lock, and gives it away with the connection"),
    // Kernel, filesystems/afs: `flock=local` asks no server; a lock on the server runs out after five minutes.
    (0x5346_414F, "AFS", "the lock may not leave this machine, and runs out on the server"),
    (0x6B41_4653, "AFS", "the lock may not leave this machine, and runs out on the server"),
    // Its servers know no locks.
    (0x7375_7245, "Coda", "the lock does not leave this machine"),
    // QEMU's server grants every lock, so machine and guest both get it.
    (0x0102_1997, "9p, a folder of another machine", "its server may grant the same lock twice"),
    // mount.lustre(8): `localflock` keeps locks to the machine.
    (0x0BD0_0BD0, "Lustre", "the lock may not leave this machine"),
    // BeeGFS: `tuneUseGlobalFileLocks` is off unless somebody asks.
    (0x1983_0326, "BeeGFS", "the lock may not leave this machine"),
    // GPFS: the manual promises byte-range locks to all machines, and says nothing of flock.
    (0x4750_4653, "GPFS", "it is not known that the lock leaves this machine"),
    // The shared folders of virtual machines pass files on, and no locks.
    (0x786F_4256, "a shared folder of VirtualBox", "the lock does not leave this machine"),
    (0xBACB_ACBC, "a shared folder of VMware", "the lock does not leave this machine"),
    (0x7C7C_6673, "a shared folder of Parallels", "the lock does not leave this machine"),
    (0x564C, "NetWare", "the lock does not leave this machine"),
    // fuse(4), libfuse `flock`: the kernel keeps locks to the machine unless the program behind asks for them.
    (FUSE, "FUSE", "the lock may not leave this machine, and nothing says what is behind it"),
];

/// Kinds of FUSE, by `/proc/self/mountinfo`, that stand on a disk of this machine alone.
const LOCAL_FUSE: [&str; 2] = ["fuseblk", "fuse.fuse-overlayfs"];

/// What a lock in the folder at `path` is worth. One that cannot be looked at counts as trusted: opening it will say why.
#[must_use]
pub fn lock_trust(path: &Path) -> Trust {
    let Ok(found) = statfs(path) else { return Trust::Full };
    match trust_of(found.f_type) {
        Trust::None { .. } if is_local_fuse(path) => Trust::Full,
        trust => trust,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the numbers have 32 bits; some machines widen them with the sign"
)]
fn trust_of(number: FsWord) -> Trust {
    let kind = UNTRUSTED.iter().find(|(known, ..)| *known == number as u32);
    kind.map_or(Trust::Full, |(_, kind, because)| Trust::None { kind, because })
}

fn is_local_fuse(path: &Path) -> bool {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let device = rustix::fs::stat(path).map(|file| {
        let (major, minor) = (rustix::fs::major(file.st_dev), rustix::fs::minor(file.st_dev));
        format!("{major}:{minor}")
    });
    device.is_ok_and(|device| mounted_as(&mounts, &device).is_some_and(|kind| LOCAL_FUSE.contains(&kind)))
}

/// The file system type of a device: the word after the lone dash, whatever stands before it (`proc_pid_mountinfo(5)`).
fn mounted_as<'a>(mounts: &'a str, device: &str) -> Option<&'a str> {
    let line = mounts.lines().find(|line| line.split(' ').nth(2) == Some(device))?;
    line.split_once(" - ")?.1.split(' ').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind_of(number: FsWord) -> Option<&'static str> {
        match trust_of(number) {
            Trust::Full => None,
            Trust::None { kind, .. } => Some(kind),
        }
    }

    #[test]
    fn what_is_made_for_sharing_is_not_trusted_unless_its_locks_reach_everybody() {
        assert_eq!(kind_of(rustix::fs::NFS_SUPER_MAGIC), Some("NFS"));
        // Some machines have the number of CIFS as a negative one.
        assert_eq!(kind_of(FsWord::from(0xFF53_4D42_u32.cast_signed())), Some("a Windows share"));
        assert_eq!(kind_of(0xFE53_4D42), Some("a Windows share"));
        assert_eq!(kind_of(0x0102_1997), Some("9p, a folder of another machine"));
        assert_eq!(kind_of(0x6573_5546), Some("FUSE"));
        for (name, number) in [
            ("ext4", 0xEF53),
            ("xfs", 0x5846_5342),
            ("btrfs", 0x9123_683E),
            ("tmpfs", 0x0102_1994),
            ("overlay", 0x794C_7630),
            ("zfs", 0x2FC1_2FC1),
            ("f2fs", 0xF2F5_2010),
            ("bcachefs", 0xCA45_1A4E),
            ("ceph", 0x00C3_6400),
            ("gfs2", 0x0116_1970),
            ("ocfs2", 0x7461_636F),
        ] {
            assert_eq!(kind_of(number), None, "{name}");
        }
    }

    #[test]
    fn every_kind_is_there_once_with_a_reason_that_reads_on() {
        for (place, (number, kind, because)) in UNTRUSTED.iter().enumerate() {
            assert!(UNTRUSTED[..place].iter().all(|(other, ..)| other != number), "{kind} is there twice");
            assert!(because.contains(' ') && !because.ends_with('.'), "{kind}: {because}");
        }
    }

    #[test]
    fn what_is_behind_fuse_is_read_from_the_mounts() {
        let mounts = "36 35 0:44 / / rw,relatime shared:1 master:2 - fuse.fuse-overlayfs overlay rw\n\
                      37 36 8:1 / /mnt/a\\040b rw - fuseblk /dev/sda1 rw\n\
                      38 36 0:45 / /mnt/s rw - fuse.sshfs host: rw\n";
        assert_eq!(mounted_as(mounts, "0:44"), Some("fuse.fuse-overlayfs"));
        assert_eq!(mounted_as(mounts, "8:1"), Some("fuseblk"));
        assert_eq!(mounted_as(mounts, "0:45"), Some("fuse.sshfs"));
        assert_eq!(mounted_as(mounts, "0:4"), None);
        assert!(!LOCAL_FUSE.contains(&"fuse.sshfs"));
    }

    #[test]
    fn the_folder_of_the_tests_is_trusted_only_when_the_kernel_says_what_it_is() {
        let here = tempfile::tempdir().expect("a folder");
        let number = statfs(here.path()).expect("looked at").f_type;
        if !is_local_fuse(here.path()) {
            assert_eq!(lock_trust(here.path()), trust_of(number));
        }
        assert_eq!(lock_trust(&here.path().join("gone")), Trust::Full);
    }
}
