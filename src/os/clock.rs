//! The clocks: wall time for records, monotonic time for waiting.

use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Where time comes from. The tests bring their own.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970.
    fn wall_milliseconds(&self) -> i64;
    /// Time since some fixed moment; never goes back.
    fn monotonic(&self) -> Duration;
}

/// The machine's clocks.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time begins now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the clock of the house")]
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock of the house")]
    fn wall_milliseconds(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX).saturating_add(offset())
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
}

/// The file with the milliseconds by which a test has set the clock of this process. Only debug builds look.
static OFFSET_FILE: LazyLock<Option<PathBuf>> =
    LazyLock::new(|| std::env::var_os("SPORE_CLOCK_OFFSET_FILE").filter(|_| cfg!(debug_assertions)).map(PathBuf::from));

fn offset() -> i64 {
    let text = OFFSET_FILE.as_ref().and_then(|file| std::fs::read_to_string(file).ok());
    text.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

/// For how long the machine has been running, also while it slept.
#[must_use]
pub fn since_boot() -> Duration {
    Duration::try_from(rustix::time::clock_gettime(rustix::time::ClockId::Boottime)).unwrap_or_default()
}

/// The name of this machine's time zone; `None` where it has none that could be named.
#[must_use]
pub fn time_zone() -> Option<String> {
    jiff::tz::TimeZone::try_system().ok()?.iana_name().map(str::to_owned)
}
