//! Who a process is: its number and when it started, because numbers are used again.

use std::fmt;

use rustix::process::{Pid, Signal, getpid, kill_process};

/// One process, and never a later one with the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    pid: i32,
    /// Clock ticks from boot to its start; 0 where the system does not say.
    start_ticks: u64,
}

impl Identity {
    /// This process.
    #[must_use]
    pub fn me() -> Self {
        let pid = getpid().as_raw_nonzero().get();
        Self { pid, start_ticks: start_ticks(pid).unwrap_or(0) }
    }

    /// Reads what [`fmt::Display`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (pid, start_ticks) = text.split_once('@')?;
        Some(Self { pid: pid.parse().ok().filter(|pid| *pid > 0)?, start_ticks: start_ticks.parse().ok()? })
    }

    /// Whether it still runs.
    #[must_use]
    pub fn is_alive(self) -> bool {
        start_ticks(self.pid).is_some_and(|ticks| ticks == self.start_ticks)
    }

    /// Asks it to end. Does nothing when it already has.
    pub fn terminate(self) {
        if let (true, Some(pid)) = (self.is_alive(), Pid::from_raw(self.pid)) {
            // It may end between the look and the signal; then there is nothing left to ask.
            let _ = kill_process(pid, Signal::TERM);
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.pid, self.start_ticks)
    }
}

/// Field 22 of `/proc/<pid>/stat`, counted after the name, which may hold spaces and parentheses (`proc_pid_stat(5)`).
fn start_ticks(pid: i32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let after_name = &stat[stat.rfind(')')? + 1..];
    after_name.split_ascii_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive_and_a_namesake_is_not() {
        let me = Identity::me();
        assert!(me.is_alive());
        assert_eq!(Identity::parse(&me.to_string()), Some(me));
        assert!(!Identity { start_ticks: me.start_ticks + 1, ..me }.is_alive());
        assert_eq!(Identity::parse("-1@5"), None);
    }
}
