//! What the pods of the cluster share, and what others may ask of them: their logs, and to start programs beside them.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Notify;

use super::super::Object;
use super::leftovers::Leftovers;
use super::memory::Memory;
use super::status::{Slot, State, quality};
use super::{Log, LogLimits, Place};

/// How the kubelet behaves where a real one has fixed numbers.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// From the second crash of a container to its next start; doubled with each.
    pub back_off: Duration,
    /// The longest of these.
    pub back_off_max: Duration,
    /// What is kept of what each container says.
    pub logs: LogLimits,
}

impl Default for Settings {
    /// As a real one has them.
    fn default() -> Self {
        Self {
            back_off: Duration::from_secs(10),
            back_off_max: Duration::from_mins(5),
            logs: LogLimits { file_bytes_max: 10 << 20, files_max: 5 },
        }
    }
}

/// The kubelet's part of a cluster.
pub(in crate::sim::gke) struct Kubelet {
    pub(super) settings: Settings,
    pub(super) leftovers: Leftovers,
    pub(super) memory: Memory,
    pods: Mutex<HashMap<Arc<str>, Arc<Pod>>>,
    addresses: AtomicU32,
    /// Where the API is, once it is somewhere.
    pub(in crate::sim::gke) server: OnceLock<SocketAddr>,
}

impl Kubelet {
    /// One without pods.
    pub(in crate::sim::gke) fn new(settings: Settings) -> Self {
        Self {
            settings,
            leftovers: Leftovers::default(),
            memory: Memory::default(),
            pods: Mutex::default(),
            addresses: AtomicU32::new(2),
            server: OnceLock::new(),
        }
    }

    pub(super) fn pods(&self) -> MutexGuard<'_, HashMap<Arc<str>, Arc<Pod>>> {
        self.pods.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The pod with this identity, if it has come to a machine.
    pub(in crate::sim::gke) fn pod(&self, uid: &str) -> Option<Arc<Pod>> {
        self.pods().get(uid).cloned()
    }

    /// An address for one pod, which leads nowhere.
    pub(super) fn address(&self) -> String {
        let [_, high, middle, low] = self.addresses.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        format!("10.{}.{middle}.{low}", 4 + (high & 0x3f))
    }
}

/// For how long a container may say goodbye where its pod does not say.
const GRACE: Duration = Duration::from_secs(30);

/// A pod that has come to a machine.
pub(in crate::sim::gke) struct Pod {
    pub(super) uid: Arc<str>,
    pub(super) namespace: Arc<str>,
    pub(super) name: Arc<str>,
    /// Its JSON as it came: as text, because thousands of trees take much memory.
    json: Arc<str>,
    /// What is asked of it more than once.
    pub(super) wants: Wants,
    pub(super) folder: PathBuf,
    pub(super) address: String,
    /// When it came, as statuses write it.
    pub(super) started: String,
    pub(super) slots: Mutex<Vec<Slot>>,
    /// A status has to be written.
    pub(super) dirty: Notify,
    /// The version of the object as it was written last by its own task.
    pub(super) written: AtomicU64,
    /// Whether its task is over.
    pub(super) is_over: AtomicBool,
}

/// What a pod wants.
pub(in crate::sim::gke) struct Wants {
    /// `Always`, `OnFailure` or `Never`.
    pub(super) policy: String,
    /// The machine it has come to.
    pub(super) host: String,
    /// For how long its containers may say goodbye.
    pub(super) grace: Duration,
    /// How long it may be there.
    pub(super) allowed: Option<Duration>,
    pub(super) quality: &'static str,
}

impl Wants {
    fn of(pod: &Value) -> Self {
        let spec = &pod["spec"];
        let seconds = |name: &str| spec[name].as_u64().map(Duration::from_secs);
        Self {
            policy: spec["restartPolicy"].as_str().unwrap_or("Always").to_owned(),
            host: spec["nodeName"].as_str().unwrap_or_default().to_owned(),
            grace: seconds("terminationGracePeriodSeconds").unwrap_or(GRACE),
            allowed: seconds("activeDeadlineSeconds"),
            quality: quality(pod),
        }
    }
}

impl Pod {
    pub(super) fn new(object: &Object, folder: PathBuf, address: String, started: String) -> Self {
        let value = object.value();
        let slots = ["initContainers", "containers"].map(|field| {
            let listed = value["spec"][field].as_array().cloned().unwrap_or_default();
            listed.into_iter().map(move |container| Slot::new(container, field == "initContainers"))
        });
        let slots = Mutex::new(slots.into_iter().flatten().collect());
        Self {
            uid: Arc::clone(&object.uid),
            namespace: Arc::clone(&object.namespace),
            name: Arc::clone(&object.name),
            json: Arc::clone(&object.json),
            wants: Wants::of(&value),
            folder,
            address,
            started,
            slots,
            dirty: Notify::new(),
            written: AtomicU64::new(object.version),
            is_over: AtomicBool::new(false),
        }
    }

    /// Its JSON as it came, as a tree.
    pub(super) fn value(&self) -> Value {
        // It was written from a tree.
        serde_json::from_str(&self.json).unwrap_or_default()
    }

    pub(super) fn slots(&self) -> MutexGuard<'_, Vec<Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is known of a container, and has it written.
    pub(super) fn set(&self, slot: usize, how: impl FnOnce(&mut Slot)) {
        if let Some(slot) = self.slots().get_mut(slot) {
            how(slot);
        }
        self.dirty.notify_one();
    }

    /// The log of a container: of its last start, or of the one before.
    pub(in crate::sim::gke) fn log(&self, container: &str, previous: bool) -> Option<Arc<Log>> {
        let slots = self.slots();
        let slot = slots.iter().find(|slot| slot.name == container)?;
        if previous { slot.previous_log.clone() } else { slot.log.clone() }
    }

    /// Why a container has not started, in one word.
    pub(in crate::sim::gke) fn waits_for(&self, container: &str) -> &'static str {
        let slots = self.slots();
        match slots.iter().find(|slot| slot.name == container).map(|slot| &slot.state) {
            Some(State::Waiting { reason, .. }) => reason,
            _ => "ContainerCreating",
        }
    }

    /// Where a program beside a running container would stand.
    pub(in crate::sim::gke) fn place(&self, container: &str) -> Option<Arc<Place>> {
        let slots = self.slots();
        let slot = slots.iter().find(|slot| slot.name == container)?;
        slot.place.clone().filter(|_| slot.is_running())
    }
}
