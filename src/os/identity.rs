//! Who a process is: its number, when it started and since which start of the machine, because numbers are used again.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, getpid, kill_process, pidfd_open, pidfd_send_signal};

use super::clock;
use super::process::Stat;

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

    /// The process that has this number now; `None` when there is none, or it has ended and was not collected yet.
    #[must_use]
    pub fn of(pid: i32) -> Option<Self> {
        Some(Self { pid, start_ticks: start_ticks(pid)?, boot: Boot::current() })
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

    /// For how long it has been running; `None` when it no longer does.
    #[must_use]
    pub fn age(self) -> Option<Duration> {
        let started = Duration::from_millis(self.start_ticks * 1000 / rustix::param::clock_ticks_per_second().max(1));
        self.is_alive().then(|| clock::since_boot().saturating_sub(started))
    }

    /// Whether it runs no further until it is told to go on, as after Ctrl-Z.
    #[must_use]
    pub fn is_stopped(self) -> bool {
        self.is_alive() && Stat::of(self.pid).is_some_and(|stat| stat.is_stopped)
    }

    /// Asks it to end. Does nothing when it already has.
    pub fn terminate(self) {
        self.signal(Signal::TERM);
    }

    /// Ends it. Does nothing when it already has.
    pub fn kill(self) {
        self.signal(Signal::KILL);
    }

    fn signal(self, signal: Signal) {
        let Some(pid) = Pid::from_raw(self.pid) else { return };
        // What is held open stays this process: one that gets its number after the look is not hit.
        let held = pidfd_open(pid, PidfdFlags::empty());
        if !self.is_alive() {
            return;
        }
        // It may end between the look and the signal; then there is nothing left to ask.
        let _ = match held {
            Ok(held) => pidfd_send_signal(held, signal),
            Err(_) => kill_process(pid, signal),
        };
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}@{:032x}", self.pid, self.start_ticks, self.boot.0)
    }
}

/// When a process started; `None` for one that has ended and only waits to be collected.
fn start_ticks(pid: i32) -> Option<u64> {
    Stat::of(pid).filter(|stat| !stat.is_zombie).map(|stat| stat.start_ticks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive_and_a_namesake_is_not() {
        let me = Identity::me();
        assert!(me.is_alive());
        assert_eq!(Identity::of(me.pid), Some(me));
        assert!(me.age().is_some_and(|age| age < clock::since_boot()));
        assert_eq!(Identity::parse(&me.to_string()), Some(me));
        assert!(!Identity { start_ticks: me.start_ticks + 1, ..me }.is_alive());
        assert!(!Identity { boot: Boot(me.boot.0 ^ 1), ..me }.is_alive());
        assert_eq!(Identity::parse("-1@5@0"), None);
        assert_eq!(Identity::parse("7@5"), None);
    }
}
