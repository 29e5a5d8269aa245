//! Who a process is: its number, when it started and since which start of the machine, because numbers are used again.

use std::fmt;
use std::sync::OnceLock;

use rustix::process::{Pid, Signal, getpid, kill_process};

/// One process, and never a later one with the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    pid: i32,
    /// Clock ticks from boot to its start; 0 where the system does not say.
    start_ticks: u64,
    boot: Boot,
}

/// One start of the machine, by the number that the kernel has for it; 0 where it says none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Boot(u128);

impl Boot {
    /// Since when this machine runs.
    #[must_use]
    pub fn current() -> Self {
        static CURRENT: OnceLock<Boot> = OnceLock::new();
        *CURRENT.get_or_init(|| {
            let text = match std::env::var("SPORE_BOOT_ID") {
                // So that a test can have the machine restarted without doing it.
                Ok(text) if cfg!(debug_assertions) => text,
                _ => std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default(),
            };
            Self(u128::from_str_radix(&text.trim().replace('-', ""), 16).unwrap_or(0))
        })
    }
}

impl Identity {
    /// This process.
    #[must_use]
    pub fn me() -> Self {
        let pid = getpid().as_raw_nonzero().get();
        Self { pid, start_ticks: start_ticks(pid).unwrap_or(0), boot: Boot::current() }
    }

    /// Reads what [`fmt::Display`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (pid, rest) = text.split_once('@')?;
        let (start_ticks, boot) = rest.split_once('@')?;
        Some(Self {
            pid: pid.parse().ok().filter(|pid| *pid > 0)?,
            start_ticks: start_ticks.parse().ok()?,
            boot: Boot(u128::from_str_radix(boot, 16).ok()?),
        })
    }

    /// Its number.
    #[must_use]
    pub fn pid(self) -> i32 {
        self.pid
    }

    /// The start of the machine that it belongs to.
    #[must_use]
    pub fn boot(self) -> Boot {
        self.boot
    }

    /// Whether it still runs.
    #[must_use]
    pub fn is_alive(self) -> bool {
        self.boot == Boot::current() && start_ticks(self.pid).is_some_and(|ticks| ticks == self.start_ticks)
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
        write!(f, "{}@{}@{:032x}", self.pid, self.start_ticks, self.boot.0)
    }
}

/// Field 22 of `/proc/<pid>/stat`, counted after the name, which may hold spaces and parentheses (`proc_pid_stat(5)`).
/// `None` for a process that has ended and only waits to be collected.
fn start_ticks(pid: i32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat[stat.rfind(')')? + 1..].split_ascii_whitespace();
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
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
        assert!(!Identity { boot: Boot(me.boot.0 ^ 1), ..me }.is_alive());
        assert_eq!(Identity::parse("-1@5@0"), None);
        assert_eq!(Identity::parse("7@5"), None);
    }
}
