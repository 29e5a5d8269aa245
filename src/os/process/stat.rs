//! What the kernel says of a process in one line.

/// The parts of `/proc/<pid>/stat` (`proc_pid_stat(5)`) that are asked for here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::os) struct Stat {
    /// The name of its program, shortened by the kernel to 15 bytes.
    pub(in crate::os) name: String,
    /// Whether it has ended and only waits to be collected by its parent.
    pub(in crate::os) is_zombie: bool,
    /// Whether it was stopped, as by Ctrl-Z, and waits to be told to go on.
    pub(in crate::os) is_stopped: bool,
    /// Its process group.
    pub(in crate::os) group: i32,
    /// Clock ticks from boot to its start.
    pub(in crate::os) start_ticks: u64,
}

impl Stat {
    /// Of the process with this number; `None` when there is none, or the system has no `/proc`.
    pub(in crate::os) fn of(pid: i32) -> Option<Self> {
        let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
        Self::parse(&String::from_utf8_lossy(&stat))
    }

    /// Reads `pid (name) state ppid pgrp …`; the name may hold spaces and parentheses.
    fn parse(stat: &str) -> Option<Self> {
        let (open, close) = (stat.find('(')?, stat.rfind(')')?);
        let mut fields = stat.get(close + 1..)?.split_ascii_whitespace();
        let state = fields.next()?;
        let group = fields.nth(1)?.parse().ok()?;
        // Field 22; the group is field 5.
        let start_ticks = fields.nth(16)?.parse().ok()?;
        let name = stat.get(open + 1..close)?.to_owned();
        Some(Self {
            name,
            is_zombie: matches!(state, "Z" | "X"),
            is_stopped: matches!(state, "T" | "t"),
            group,
            start_ticks,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_parentheses_do_not_confuse() {
        let line = "7 (a) b (c)) Z 1 42 43 0 -1 4194304 100 0 0 0 0 0 0 0 20 0 1 0 1490175 3133440";
        let stat =
            Stat { name: "a) b (c)".into(), is_zombie: true, is_stopped: false, group: 42, start_ticks: 1_490_175 };
        assert_eq!(Stat::parse(line), Some(stat));
        assert_eq!(Stat::parse("garbage"), None);
    }
}
