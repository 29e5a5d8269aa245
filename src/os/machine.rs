//! What the machine says about itself: columns of a terminal, cores, limits.

use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use rustix::process::Resource;

/// Columns of the terminal behind a stream; `None` when it is none, or does not say.
pub fn columns(stream: &impl AsFd) -> Option<usize> {
    rustix::termios::tcgetwinsize(stream).ok().map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// The name of this machine.
#[must_use]
pub fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// How many things this process may do at a time.
#[must_use]
pub fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX))
}

/// The kernel and its release, such as `Linux 6.12.1`.
#[must_use]
pub fn kernel() -> String {
    let name = rustix::system::uname();
    format!("{} {}", name.sysname().to_string_lossy(), name.release().to_string_lossy())
}

/// How many files this process may have open, and how many it could allow itself; `None` is without limit.
#[must_use]
pub fn open_files_max() -> (Option<u64>, Option<u64>) {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    (limit.current, limit.maximum)
}

/// The folder of this process's control group in the hierarchy of version 2; `None` where there is no such hierarchy.
#[must_use]
pub fn control_group() -> Option<PathBuf> {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    control_group_in(&mounts, &groups)
}

/// Reads the mount of type `cgroup2` (`proc_pid_mountinfo(5)`) and the line `0::/path` (`cgroups(7)`).
fn control_group_in(mounts: &str, groups: &str) -> Option<PathBuf> {
    let mount =
        mounts.lines().find(|line| line.split_once(" - ").is_some_and(|(_, kind)| kind.starts_with("cgroup2 ")))?;
    let own = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    Some(Path::new(mount.split(' ').nth(4)?).join(own))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_control_group_is_found_beside_older_hierarchies() {
        let mounts = "30 24 0:26 / /sys/fs/cgroup ro - tmpfs tmpfs ro\n\
                      31 30 0:27 / /sys/fs/cgroup/unified rw shared:9 - cgroup2 cgroup2 rw\n\
                      32 30 0:28 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n";
        let groups = "4:pids:/x\n0::/user.slice/a b\n";
        assert_eq!(control_group_in(mounts, groups), Some("/sys/fs/cgroup/unified/user.slice/a b".into()));
        assert_eq!(control_group_in("", groups), None);
        assert_eq!(control_group_in(mounts, "4:pids:/x\n"), None);
    }
}
