//! What has to be looked at, each once however often it was called for, now or at a moment to come.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// An object of a known kind: namespace and name.
pub(super) type Key = (Arc<str>, Arc<str>);

/// What has to be looked at.
#[derive(Default)]
pub(super) struct Queue {
    ready: VecDeque<Key>,
    is_ready: std::collections::HashSet<Key>,
    later: BTreeSet<(Duration, Key)>,
    moments: HashMap<Key, Duration>,
}

impl Queue {
    /// It has to be looked at.
    pub(super) fn push(&mut self, key: Key) {
        if self.is_ready.insert(key.clone()) {
            self.ready.push_back(key);
        }
    }

    /// It has to be looked at when the clock shows that; an earlier moment holds.
    pub(super) fn push_at(&mut self, at: Duration, key: Key) {
        if let Some(known) = self.moments.get(&key) {
            if *known <= at {
                return;
            }
            self.later.remove(&(*known, key.clone()));
        }
        self.moments.insert(key.clone(), at);
        self.later.insert((at, key));
    }

    /// The next one.
    pub(super) fn pop(&mut self, now: Duration) -> Option<Key> {
        while let Some((at, key)) = self.later.first().filter(|(at, _)| *at <= now).cloned() {
            self.later.remove(&(at, key.clone()));
            self.moments.remove(&key);
            self.push(key);
        }
        let key = self.ready.pop_front()?;
        self.is_ready.remove(&key);
        Some(key)
    }

    /// The moment of the next one to come.
    pub(super) fn next(&self) -> Option<Duration> {
        self.later.first().map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_comes_once_and_not_before_its_time() {
        let key = |name: &str| (Arc::from("default"), Arc::from(name));
        let mut queue = Queue::default();
        queue.push(key("a"));
        queue.push(key("a"));
        queue.push_at(Duration::from_secs(9), key("b"));
        queue.push_at(Duration::from_secs(5), key("b"));
        queue.push_at(Duration::from_secs(7), key("b"));
        assert_eq!(queue.pop(Duration::ZERO), Some(key("a")));
        assert_eq!(queue.pop(Duration::from_secs(4)), None);
        assert_eq!(queue.next(), Some(Duration::from_secs(5)));
        assert_eq!(queue.pop(Duration::from_secs(6)), Some(key("b")));
        assert_eq!((queue.pop(Duration::from_mins(1)), queue.next()), (None, None));
    }
}
