//! Standard input from a stranger, who may never write, never end, or write without end.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::clock::{Clock, SystemClock};

/// Bytes read at a time.
const READ_BYTES: usize = 64 << 10;
/// How many times the patience the whole may take.
const WHOLE: u32 = 5;

/// What was read.
#[derive(Debug, Default)]
pub struct Input {
    /// The first bytes.
    pub bytes: Vec<u8>,
    /// Whether that is all of it, up to its end.
    pub is_whole: bool,
}

/// Reads standard input: at most `bytes_max` bytes, waiting for more at most for `patience`, and five times that in all. What
/// comes beyond the bytes is read and dropped, so that who writes is not broken off. A terminal, and an input that is closed,
/// hold nothing.
#[must_use]
pub fn read_input(bytes_max: usize, patience: Duration) -> Input {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        return Input { bytes: Vec::new(), is_whole: true };
    }
    let clock = SystemClock::new();
    let mut input = Input::default();
    let mut buffer = vec![0; READ_BYTES];
    let mut dropped = false;
    while let Some(left) = (patience * WHOLE).checked_sub(clock.monotonic()) {
        let wait = left.min(patience);
        let wait = Timespec {
            tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(wait.subsec_nanos()),
        };
        match poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&wait)) {
            Ok(0) => return input,
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => return input,
        }
        match rustix::io::read(&stdin, &mut buffer) {
            Ok(0) => {
                input.is_whole = !dropped;
                return input;
            }
            Ok(count) => {
                let room = bytes_max.saturating_sub(input.bytes.len()).min(count);
                input.bytes.extend_from_slice(&buffer[..room]);
                dropped |= room < count;
            }
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
            Err(_) => return input,
        }
    }
    input
}
