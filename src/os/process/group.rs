//! A process group: all that a command has started and that has not deliberately left it.

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

use super::stat::Stat;

/// A process group, by the id of the process that led it.
///
/// The id stays taken while a process of the group exists, even when its leader is gone. Who has once seen the group
/// empty must not signal it again: from then on the id may name somebody else.
#[derive(Clone, Copy, Debug)]
pub struct Group(Pid);

/// A process of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its process id.
    pub pid: i32,
    /// The name of its program, shortened by the kernel to 15 bytes.
    pub name: String,
    /// Whether it has ended and only waits to be collected by its parent.
    pub is_zombie: bool,
}

impl Group {
    pub(super) fn of_leader(pid: i32) -> std::io::Result<Self> {
        Pid::from_raw(pid).map(Self).ok_or_else(|| std::io::Error::other("the process has no id"))
    }

    /// The id, which is also the process id of the leader.
    #[must_use]
    pub fn id(self) -> i32 {
        self.0.as_raw_nonzero().get()
    }

    /// Asks every member to end, and wakes those that are stopped so that they can.
    pub fn terminate(self) {
        // A failure means that nobody is left, which is what was wanted.
        let _ = kill_process_group(self.0, Signal::TERM);
        let _ = kill_process_group(self.0, Signal::CONT);
    }

    /// Ends every member, stopped or not.
    pub fn kill(self) {
        let _ = kill_process_group(self.0, Signal::KILL);
    }

    /// Whether the group has a member, ended ones that nobody collected included.
    #[must_use]
    pub fn exists(self) -> bool {
        test_kill_process_group(self.0) != Err(rustix::io::Errno::SRCH)
    }

    /// The members, as `/proc` tells; empty where there is no `/proc`. It reads every process of the machine, so it is
    /// for the rare cases only.
    #[must_use]
    pub fn members(self) -> Vec<Member> {
        let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
        entries
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
            .filter_map(|pid| {
                let Stat { name, is_zombie, group, .. } = Stat::of(pid)?;
                (group == self.id()).then_some(Member { pid, name, is_zombie })
            })
            .collect()
    }

    /// Whether the group has a member that has not ended. Where `/proc` cannot tell, whether it has one at all.
    #[must_use]
    pub fn is_alive(self) -> bool {
        if !self.exists() {
            return false;
        }
        let members = self.members();
        members.is_empty() || members.iter().any(|member| !member.is_zombie)
    }
}
