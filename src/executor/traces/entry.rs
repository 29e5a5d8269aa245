//! What is known of one attempt: who listens, whether it was asked to end, and how it ended.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::executor::{Observation, Report, Reports};
use crate::model::{AttemptEnd, AttemptId, Stream};

/// Takes a lock whose holder may have panicked: what it guards is whole at every moment.
pub(in crate::executor) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How urgently an attempt was asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::executor) enum Urgency {
    /// Not at all.
    None,
    /// With its grace.
    Polite,
    /// At once.
    Now,
}

/// One attempt that was started here.
#[derive(Debug)]
pub(in crate::executor) struct Entry {
    pub(in crate::executor) id: AttemptId,
    run_dir: PathBuf,
    state: Mutex<State>,
    urgency: AtomicU8,
}

#[derive(Debug, Default)]
struct State {
    listeners: Vec<Reports>,
    is_started: bool,
    end: Option<Box<AttemptEnd>>,
}

impl Entry {
    pub(in crate::executor) fn new(id: AttemptId, run_dir: PathBuf) -> Self {
        Self { id, run_dir, state: Mutex::default(), urgency: AtomicU8::new(0) }
    }

    /// Adds a listener and tells it what it has missed. One that listens already is told nothing twice.
    pub(in crate::executor) fn listen(&self, reports: Reports) {
        let mut state = lock(&self.state);
        if state.listeners.iter().any(|listener| listener.same_channel(&reports)) {
            return;
        }
        // A listener that is gone wants nothing more; that is no failure here.
        if state.is_started {
            let _ = reports.send(Report::Started { attempt: self.id.clone() });
        }
        match &state.end {
            Some(end) => {
                let _ = reports.send(Report::Ended { attempt: self.id.clone(), end: end.clone() });
            }
            None => state.listeners.push(reports),
        }
    }

    pub(in crate::executor) fn tell_started(&self) {
        let mut state = lock(&self.state);
        if std::mem::replace(&mut state.is_started, true) {
            return;
        }
        for listener in &state.listeners {
            let _ = listener.send(Report::Started { attempt: self.id.clone() });
        }
    }

    pub(in crate::executor) fn tell_line(&self, stream: Stream, text: &str) {
        for listener in &lock(&self.state).listeners {
            let _ = listener.send(Report::Line { attempt: self.id.clone(), stream, text: text.to_owned() });
        }
    }

    /// Tells the end, once.
    pub(in crate::executor) fn tell_end(&self, end: AttemptEnd) {
        let mut state = lock(&self.state);
        if state.end.is_some() {
            return;
        }
        let end = Box::new(end);
        // Nothing follows the end, so the listeners are let go: a channel closes when its last sender does.
        for listener in std::mem::take(&mut state.listeners) {
            let _ = listener.send(Report::Ended { attempt: self.id.clone(), end: end.clone() });
        }
        state.end = Some(end);
    }

    pub(in crate::executor) fn observation(&self) -> Observation {
        lock(&self.state).end.clone().map_or(Observation::Running, Observation::Ended)
    }

    /// Asks it to end; a later, less urgent wish changes nothing.
    pub(in crate::executor) fn ask(&self, urgency: Urgency) {
        self.urgency.fetch_max(urgency as u8, Ordering::SeqCst);
    }

    /// How urgently it was asked so far.
    pub(in crate::executor) fn urgency(&self) -> Urgency {
        match self.urgency.load(Ordering::SeqCst) {
            0 => Urgency::None,
            1 => Urgency::Polite,
            _ => Urgency::Now,
        }
    }

    /// Where the log of one of its streams is.
    pub(in crate::executor) fn log_path(&self, stream: Stream) -> PathBuf {
        self.id.log_path(&self.run_dir, stream)
    }
}
