//! The store: every object of the cluster, and what changed lately.
//!
//! One version counts all changes. Whoever watches keeps a place in the history and reads on from there, so nothing is missed
//! and nobody is waited for; who falls behind further than the history reaches is told so, and lists anew.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::sync::watch;

use super::{Kind, Object, Refusal, Selector};
use crate::model::Timestamp;
use crate::os::clock::Clock;
use crate::os::random;

/// What became of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// It is new.
    Added,
    /// It is another than before.
    Modified,
    /// It is gone.
    Deleted,
}

/// One change.
#[derive(Clone, Debug)]
pub struct Change {
    /// What happened.
    pub deed: Deed,
    /// The object as it is now, or was last.
    pub object: Arc<Object>,
    /// As it was before, where it was.
    pub before: Option<Arc<Object>>,
}

/// How an object is to be deleted.
#[derive(Clone, Debug, Default)]
pub struct Deletion {
    /// It must have this identity.
    pub uid: Option<String>,
    /// It must not have changed since this version.
    pub version: Option<String>,
    /// It is only marked, and somebody who sees to it has so many seconds to end it.
    pub grace_seconds: Option<u64>,
    /// Marks that keep it until somebody takes them off.
    pub finalizers: &'static [&'static str],
}

type Name = (Arc<str>, Arc<str>);

/// All objects. Cheap to share by reference; every call is atomic.
pub struct Store {
    clock: Arc<dyn Clock>,
    history_max: usize,
    state: Mutex<State>,
    /// The version of the last change of each kind.
    told: HashMap<Kind, watch::Sender<u64>>,
}

#[derive(Default)]
struct State {
    version: u64,
    objects: BTreeMap<Kind, BTreeMap<Name, Arc<Object>>>,
    history: HashMap<Kind, History>,
}

#[derive(Default)]
struct History {
    changes: VecDeque<Arc<Change>>,
    /// The version of the newest change that is forgotten.
    forgotten: u64,
}

impl Store {
    /// An empty store that remembers so many changes of each kind.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, history_max: usize) -> Self {
        let told = Kind::ALL.iter().map(|kind| (*kind, watch::Sender::new(0))).collect();
        Self { clock, history_max, state: Mutex::default(), told }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Now, as objects write it: whole seconds.
    #[must_use]
    pub fn now(&self) -> String {
        let milliseconds = self.clock.wall_milliseconds();
        Timestamp(milliseconds - milliseconds.rem_euclid(1_000)).to_string().replace(".000Z", "Z")
    }

    /// The version of the last change.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.state().version
    }

    /// Adds an object, which gets an identity, a moment and a version, and a name where it only has a beginning of one.
    ///
    /// # Errors
    /// When it has no name, or its name is taken.
    pub fn create(&self, kind: Kind, mut value: Value) -> Result<Arc<Object>, Refusal> {
        let mut state = self.state();
        let meta = &mut value["metadata"];
        if meta["name"].as_str().unwrap_or_default().is_empty() {
            let Some(prefix) = meta["generateName"].as_str().filter(|prefix| !prefix.is_empty()) else {
                let cause = ("metadata.name".to_owned(), "Required value: name or generateName is required".to_owned());
                return Err(Refusal::invalid(kind, "", &[cause]));
            };
            meta["name"] = format!("{prefix}{}", suffix()).into();
        }
        meta["uid"] = uid().into();
        meta["creationTimestamp"] = self.now().into();
        if !value["spec"].is_null() {
            value["metadata"]["generation"] = 1.into();
        }
        let key = key(&value);
        if state.of(kind).contains_key(&key) {
            return Err(Refusal::already_exists(kind, &key.1));
        }
        let object = state.seal(kind, &mut value);
        state.of(kind).insert(key, Arc::clone(&object));
        self.tell(&mut state, Change { deed: Deed::Added, object: Arc::clone(&object), before: None });
        Ok(object)
    }

    /// One object.
    #[must_use]
    pub fn get(&self, kind: Kind, namespace: &str, name: &str) -> Option<Arc<Object>> {
        self.state().of(kind).get(&(Arc::from(namespace), Arc::from(name))).cloned()
    }

    /// The objects of a kind that are meant, of one namespace or all, by name; and the version they are of.
    #[must_use]
    pub fn list(&self, kind: Kind, namespace: Option<&str>, selector: &Selector) -> (Vec<Arc<Object>>, u64) {
        let mut state = self.state();
        let version = state.version;
        let all = state.of(kind).values();
        let of_namespace = all.filter(|object| namespace.is_none_or(|namespace| *object.namespace == *namespace));
        let objects: Vec<Arc<Object>> = of_namespace.cloned().collect();
        drop(state);
        (objects.into_iter().filter(|object| selector.matches(object)).collect(), version)
    }

    /// How many objects of a kind there are.
    #[must_use]
    pub fn count(&self, kind: Kind) -> usize {
        self.state().of(kind).len()
    }

    /// Changes an object; what comes out as it was is no change. An object on its way out that nothing keeps any more goes.
    ///
    /// # Errors
    /// When it is not there, or `how` refuses; then nothing changes.
    pub fn change(
        &self,
        kind: Kind,
        namespace: &str,
        name: &str,
        how: impl FnOnce(&mut Value) -> Result<(), Refusal>,
    ) -> Result<Arc<Object>, Refusal> {
        let mut state = self.state();
        let before = state.of(kind).get(&(Arc::from(namespace), Arc::from(name))).cloned();
        let before = before.ok_or_else(|| Refusal::not_found(kind, name))?;
        let old = before.value();
        let mut value = old.clone();
        how(&mut value)?;
        for fixed in ["name", "namespace", "uid", "creationTimestamp", "resourceVersion", "generation"] {
            match old["metadata"].get(fixed) {
                Some(kept) => value["metadata"][fixed] = kept.clone(),
                None => drop(value["metadata"].as_object_mut().and_then(|meta| meta.remove(fixed))),
            }
        }
        if value == old {
            return Ok(before);
        }
        if value["spec"] != old["spec"] {
            value["metadata"]["generation"] = (old["metadata"]["generation"].as_u64().unwrap_or(0) + 1).into();
        }
        Ok(self.replace(&mut state, before, value))
    }

    /// Deletes an object, or marks it as one that is to go: with a grace, or while a finalizer keeps it. Returns it as it
    /// was left, or was last.
    ///
    /// # Errors
    /// When it is not there, or not as it must be.
    pub fn delete(&self, kind: Kind, namespace: &str, name: &str, deletion: &Deletion) -> Result<Arc<Object>, Refusal> {
        let mut state = self.state();
        let before = state.of(kind).get(&(Arc::from(namespace), Arc::from(name))).cloned();
        let before = before.ok_or_else(|| Refusal::not_found(kind, name))?;
        let wrong = |what: &str, wanted: &str, found: &str| {
            let because =
                format!("Precondition failed: {what} in precondition: {wanted}, {what} in object meta: {found}");
            Refusal::conflict(kind, name, &because)
        };
        if let Some(uid) = deletion.uid.as_deref().filter(|uid| *uid != &*before.uid) {
            return Err(wrong("UID", uid, &before.uid));
        }
        if let Some(version) = deletion.version.as_deref().filter(|version| *version != before.version.to_string()) {
            return Err(wrong("ResourceVersion", version, &before.version.to_string()));
        }
        let mut value = before.value();
        let grace = deletion.grace_seconds.unwrap_or(0);
        let meta = &mut value["metadata"];
        let sooner = meta["deletionGracePeriodSeconds"].as_u64().is_none_or(|seconds| grace < seconds);
        if meta["deletionTimestamp"].is_null() || sooner {
            let at = self.clock.wall_milliseconds() / 1_000 * 1_000 + i64::try_from(grace).unwrap_or(i64::MAX) * 1_000;
            meta["deletionTimestamp"] = Timestamp(at).to_string().replace(".000Z", "Z").into();
            meta["deletionGracePeriodSeconds"] = grace.into();
        }
        if !deletion.finalizers.is_empty() {
            let mut kept = meta["finalizers"].as_array().cloned().unwrap_or_default();
            for finalizer in deletion.finalizers {
                if !kept.iter().any(|other| other == finalizer) {
                    kept.push((*finalizer).into());
                }
            }
            meta["finalizers"] = kept.into();
        }
        if value == before.value() {
            return Ok(before);
        }
        Ok(self.replace(&mut state, before, value))
    }

    /// Follows the changes of a kind that come after the version `from`.
    ///
    /// # Errors
    /// When some of them are forgotten.
    pub fn changes(self: &Arc<Self>, kind: Kind, from: u64) -> Result<Changes, Refusal> {
        let mut state = self.state();
        let forgotten = state.history.entry(kind).or_default().forgotten;
        if from < forgotten {
            return Err(Refusal::expired(from, forgotten));
        }
        let told = self.told.get(&kind).map(watch::Sender::subscribe);
        let told = told.ok_or_else(|| Refusal::bad_request("the kind cannot be watched"))?;
        Ok(Changes { store: Arc::clone(self), kind, at: from, told })
    }

    /// Forgets all changes up to now, as a cluster does after a while: who watches from before lists anew.
    pub fn forget(&self) {
        let mut state = self.state();
        let version = state.version;
        for history in state.history.values_mut() {
            history.changes.clear();
            history.forgotten = version;
        }
    }

    fn replace(&self, state: &mut State, before: Arc<Object>, mut value: Value) -> Arc<Object> {
        let kind = before.kind;
        let object = state.seal(kind, &mut value);
        let meta = &value["metadata"];
        let is_kept = meta["finalizers"].as_array().is_some_and(|finalizers| !finalizers.is_empty());
        let has_time = meta["deletionGracePeriodSeconds"].as_u64().unwrap_or(0) > 0;
        let deed = if object.deleting && !is_kept && !has_time {
            state.of(kind).remove(&key(&value));
            Deed::Deleted
        } else {
            state.of(kind).insert(key(&value), Arc::clone(&object));
            Deed::Modified
        };
        self.tell(state, Change { deed, object: Arc::clone(&object), before: Some(before) });
        object
    }

    fn tell(&self, state: &mut State, change: Change) {
        let (kind, version) = (change.object.kind, change.object.version);
        let history = state.history.entry(kind).or_default();
        history.changes.push_back(Arc::new(change));
        if history.changes.len() > self.history_max
            && let Some(oldest) = history.changes.pop_front()
        {
            history.forgotten = oldest.object.version;
        }
        if let Some(told) = self.told.get(&kind) {
            told.send_replace(version);
        }
    }
}

impl State {
    fn of(&mut self, kind: Kind) -> &mut BTreeMap<Name, Arc<Object>> {
        self.objects.entry(kind).or_default()
    }

    /// Gives the object the next version.
    fn seal(&mut self, kind: Kind, value: &mut Value) -> Arc<Object> {
        self.version += 1;
        value["apiVersion"] = kind.api_version().into();
        value["kind"] = kind.resource().kind.into();
        value["metadata"]["resourceVersion"] = self.version.to_string().into();
        Arc::new(Object::new(kind, self.version, value))
    }
}

/// A place in the changes of a kind.
pub struct Changes {
    store: Arc<Store>,
    kind: Kind,
    at: u64,
    told: watch::Receiver<u64>,
}

impl Changes {
    /// The version up to which everything was handed out.
    #[must_use]
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Waits for changes and hands them out in order. May be cancelled without loss.
    ///
    /// # Errors
    /// When some of them are forgotten already.
    pub async fn next(&mut self) -> Result<Vec<Arc<Change>>, Refusal> {
        loop {
            self.told.mark_unchanged();
            let ready = self.ready()?;
            if !ready.is_empty() {
                return Ok(ready);
            }
            if self.told.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    /// The changes that are there now.
    fn ready(&mut self) -> Result<Vec<Arc<Change>>, Refusal> {
        let mut state = self.store.state();
        let version = state.version;
        let history = state.history.entry(self.kind).or_default();
        if self.at < history.forgotten {
            return Err(Refusal::expired(self.at, history.forgotten));
        }
        let start = history.changes.partition_point(|change| change.object.version <= self.at);
        let ready: Vec<_> = history.changes.range(start..).cloned().collect();
        self.at = version;
        Ok(ready)
    }
}

fn key(value: &Value) -> Name {
    let text = |name: &str| Arc::from(value["metadata"][name].as_str().unwrap_or_default());
    (text("namespace"), text("name"))
}

/// A random identity, in the form of a UUID of version 4.
fn uid() -> String {
    let bits = random::bits() & !(0xf << 76) & !(0b11 << 62) | (4 << 76) | (0b10 << 62);
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// Five characters that make no words, as Kubernetes appends them.
pub(super) fn suffix() -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut bits = random::bits();
    let mut text = String::new();
    for _ in 0..5 {
        let place = usize::try_from(bits % LETTERS.len() as u128).unwrap_or(0);
        text.push(char::from(LETTERS[place]));
        bits /= LETTERS.len() as u128;
    }
    text
}

/// An object with nothing but a name, for the parts of the cluster that make some.
#[must_use]
pub fn named(namespace: &str, name: &str) -> Value {
    match namespace {
        "" => json!({"metadata": {"name": name}}),
        namespace => json!({"metadata": {"name": name, "namespace": namespace}}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::clock::SystemClock;

    fn store() -> Arc<Store> {
        Arc::new(Store::new(Arc::new(SystemClock::new()), 3))
    }

    #[tokio::test]
    async fn whoever_watches_misses_nothing_or_is_told() {
        let store = store();
        let mut changes = store.changes(Kind::Pod, 0).expect("from the beginning");
        let made = store.create(Kind::Pod, named("default", "a")).expect("made");
        store.create(Kind::Secret, named("default", "s")).expect("made");
        let changed = store.change(Kind::Pod, "default", "a", |pod| {
            pod["status"] = json!({"phase": "Running"});
            Ok(())
        });
        assert_eq!(changed.expect("changed").uid, made.uid);
        let deeds = |changes: Vec<Arc<Change>>| changes.iter().map(|change| change.deed).collect::<Vec<_>>();
        assert_eq!(deeds(changes.next().await.expect("changes")), [Deed::Added, Deed::Modified]);
        assert_eq!(changes.at(), 3);
        store.delete(Kind::Pod, "default", "a", &Deletion::default()).expect("deleted");
        assert_eq!(deeds(changes.next().await.expect("changes")), [Deed::Deleted]);
        for name in ["b", "c", "d", "e"] {
            store.create(Kind::Pod, named("default", name)).expect("made");
        }
        assert_eq!(changes.next().await.expect_err("too late").code, 410);
    }

    #[test]
    fn what_is_marked_goes_when_nothing_keeps_it() {
        let store = store();
        let uid = store.create(Kind::Job, named("default", "a")).expect("made").uid.to_string();
        let wrong = Deletion { uid: Some("other".into()), ..Deletion::default() };
        assert_eq!(store.delete(Kind::Job, "default", "a", &wrong).expect_err("another one").reason, "Conflict");
        let kept = Deletion { uid: Some(uid), finalizers: &["foregroundDeletion"], ..Deletion::default() };
        assert!(store.delete(Kind::Job, "default", "a", &kept).expect("marked").deleting);
        assert!(store.get(Kind::Job, "default", "a").is_some());
        let freed = store.change(Kind::Job, "default", "a", |job| {
            job["metadata"]["finalizers"] = json!([]);
            Ok(())
        });
        assert!(freed.is_ok() && store.get(Kind::Job, "default", "a").is_none());
    }
}
