//! Waiting for descriptors and for the end of children, in a process of one thread.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::event::{Timespec, epoll};

/// Events taken from the kernel at a time.
const EVENTS_AT_A_TIME: usize = 64;

/// A set of descriptors, each with a number by which its owner knows it.
pub struct Poll {
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
}

impl std::fmt::Debug for Poll {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Poll({:?})", self.epoll)
    }
}

impl Poll {
    /// An empty set.
    ///
    /// # Errors
    /// When the kernel has no descriptor left.
    pub fn new() -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        Ok(Self { epoll, events: Vec::with_capacity(EVENTS_AT_A_TIME) })
    }

    /// Watches for something to read, or the end. A descriptor leaves the set when it is closed.
    ///
    /// # Errors
    /// When the kernel watches no more.
    pub fn watch(&self, descriptor: impl AsFd, number: u64) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, descriptor, epoll::EventData::new_u64(number), epoll::EventFlags::IN)?)
    }

    /// Watches a descriptor of the set for room to write as well, or no longer.
    ///
    /// # Errors
    /// When the descriptor is not in the set.
    pub fn watch_room(&self, descriptor: impl AsFd, number: u64, wanted: bool) -> io::Result<()> {
        let mut flags = epoll::EventFlags::IN;
        flags.set(epoll::EventFlags::OUT, wanted);
        Ok(epoll::modify(&self.epoll, descriptor, epoll::EventData::new_u64(number), flags)?)
    }

    /// Waits, at most for so long, and gives the numbers of the descriptors that have something.
    ///
    /// # Errors
    /// What the kernel says of the set itself.
    pub fn wait(&mut self, most: Option<Duration>) -> io::Result<impl Iterator<Item = u64> + '_> {
        let most = most.map(|most| Timespec {
            tv_sec: i64::try_from(most.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(most.subsec_nanos()),
        });
        self.events.clear();
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut self.events), most.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(self.events.iter().map(|event| event.data.u64()))
    }
}

/// Hears of ended children, by a descriptor.
#[derive(Debug)]
pub struct ChildSignals(SignalFd);

impl ChildSignals {
    /// Blocks every signal for this process, which so is deaf to all but `kill -9`, and hears of its children's ends here.
    ///
    /// # Errors
    /// When the kernel has no descriptor left.
    pub fn only() -> io::Result<Self> {
        SigSet::all().thread_block()?;
        let mut wanted = SigSet::empty();
        wanted.add(Signal::SIGCHLD);
        Ok(Self(SignalFd::with_flags(&wanted, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?))
    }

    /// The descriptor to watch.
    #[must_use]
    pub fn descriptor(&self) -> impl AsFd + '_ {
        &self.0
    }

    /// Forgets what it has heard so far.
    pub fn clear(&mut self) {
        // Signals of one kind are not queued: there is one at most.
        let _ = self.0.read_signal();
    }
}
