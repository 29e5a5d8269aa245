//! One simulated cluster: what all its parts share.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::autopilot::{Machinery, Plant};
use super::controllers::Events;
use super::kubelet::Kubelet;
use super::{JobSettings, Kind, KubeletSettings, Store, collector, controllers, kubelet};
use crate::os::clock::Clock;

/// Changes of each kind that are remembered for who watches.
const HISTORY_MAX: usize = 5_000;

/// A cluster. Its parts hold it by [`Arc`] and meet only in its store.
pub struct Cluster {
    /// Every object.
    pub(super) store: Arc<Store>,
    /// Where time comes from.
    pub(super) clock: Arc<dyn Clock>,
    /// Where the files of containers are, and their logs.
    pub(super) folder: PathBuf,
    /// What it was told to be like.
    pub(super) settings: Settings,
    /// What runs.
    pub(super) kubelet: Kubelet,
    /// What happened.
    pub(super) events: Events,
    /// What its machines are like, and what goes wrong.
    pub(super) plant: Plant,
    /// Whether it is to end.
    ending: watch::Sender<bool>,
}

/// What a cluster is like.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// What nobody may do.
    pub denied: Vec<Denied>,
    /// How its kubelets behave.
    pub kubelet: KubeletSettings,
    /// How its jobs behave.
    pub jobs: JobSettings,
    /// Its machines, and what goes wrong.
    pub machinery: Machinery,
}

/// Something that nobody may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// The verb, as the API calls it, or `*`.
    pub verb: String,
    /// The resource, as paths name it (`jobs`, `pods/log`), or `*`.
    pub resource: String,
}

impl Cluster {
    /// An empty cluster whose containers keep their files in `folder`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, folder: PathBuf) -> Self {
        Self::like(clock, folder, Settings::default())
    }

    /// An empty cluster that is as `settings` say.
    #[must_use]
    pub fn like(clock: Arc<dyn Clock>, folder: PathBuf, settings: Settings) -> Self {
        let store = Arc::new(Store::new(Arc::clone(&clock), HISTORY_MAX));
        let (kubelet, events) = (Kubelet::new(settings.kubelet), Events::default());
        let plant = Plant::new(settings.machinery.clone());
        Self { store, clock, folder, settings, kubelet, events, plant, ending: watch::Sender::new(false) }
    }

    /// Every object.
    #[must_use]
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Where the files of containers are, and their logs.
    #[must_use]
    pub fn folder(&self) -> &std::path::Path {
        &self.folder
    }

    /// Has all parts end.
    pub fn end(&self) {
        self.ending.send_replace(true);
    }

    /// Waits until the cluster is to end.
    pub async fn ended(&self) {
        // The sender is in `self`, so there is nothing to fail.
        let _ = self.ending.subscribe().wait_for(|ending| *ending).await;
    }

    /// Whether somebody is kept from doing this. `resource` is as paths name it.
    pub(super) fn denies(&self, verb: &str, resource: &str) -> bool {
        let fits = |rule: &str, asked: &str| rule == "*" || rule == asked;
        self.settings.denied.iter().any(|denied| fits(&denied.verb, verb) && fits(&denied.resource, resource))
    }

    /// Starts everything that makes a store into a cluster; it ends with the set, or on its own when the cluster does.
    pub(super) fn start(self: &Arc<Self>) -> JoinSet<()> {
        for namespace in ["default", "kube-system", "kube-public", "kube-node-lease"] {
            self.found_namespace(namespace);
        }
        let mut parts = JoinSet::new();
        parts.spawn(collector::run(Arc::clone(self)));
        parts.spawn(controllers::run(Arc::clone(self)));
        parts.spawn(kubelet::run(Arc::clone(self)));
        let operated = Arc::clone(self);
        parts.spawn(async move {
            tokio::select! {
                () = operated.operate() => {}
                () = operated.ended() => {}
            }
        });
        parts
    }

    fn found_namespace(&self, name: &str) {
        let mut namespace = super::named("", name);
        furnish(&mut namespace);
        // One that is there already is as it should be.
        let _ = self.store.create(Kind::Namespace, namespace);
        self.furnish_namespace(name);
    }

    /// Gives a namespace what it has from the beginning.
    pub(super) fn furnish_namespace(&self, name: &str) {
        let _ = self.store.create(Kind::ServiceAccount, super::named(name, "default"));
    }
}

/// Fills in what every namespace says of itself.
pub(super) fn furnish(namespace: &mut serde_json::Value) {
    let name = namespace["metadata"]["name"].clone();
    namespace["metadata"]["labels"]["kubernetes.io/metadata.name"] = name;
    namespace["spec"] = serde_json::json!({"finalizers": ["kubernetes"]});
    namespace["status"] = serde_json::json!({"phase": "Active"});
}

impl std::str::FromStr for Denied {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some((verb, resource)) if !verb.is_empty() && !resource.is_empty() => {
                Ok(Self { verb: verb.to_owned(), resource: resource.to_owned() })
            }
            _ => Err("write it as VERB:RESOURCE, such as create:jobs".to_owned()),
        }
    }
}
