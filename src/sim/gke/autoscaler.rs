//! Has nodes made for pods that fit on none, and lets nodes go on which nothing has been for a while.
//!
//! On Autopilot nobody orders machines: they follow from what pods ask for. What a pod's node selector says becomes the labels
//! and the taints of the node that is made for it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::packing::{Amounts, Family, Shape, Taste, buy};
use super::scheduler::{Idle, belonging, condition};
use super::{Cluster, Deletion, Kind, Object, quantity};
use crate::model::Digest;
use crate::sim::gke::store::suffix;

const REGION: &str = "us-central1";
const ZONES: [&str; 3] = ["us-central1-a", "us-central1-b", "us-central1-f"];
const ZONE: &str = "topology.kubernetes.io/zone";
/// Nodes of a Standard cluster that says nothing of them.
const STANDARD_NODES: usize = 3;
/// Their shape, and that of nodes that are there from the beginning.
const STANDARD_SHAPE: &str = "e2-standard-4";
const VERSION: &str = "v1.33.4-gke.1000000";

/// The nodes under way, and whom they are for.
#[derive(Debug, Default)]
pub(super) struct Autoscaler {
    coming: Vec<Coming>,
    /// By uid: what the pod was told.
    awaited: HashMap<Arc<str>, String>,
    made: usize,
}

#[derive(Debug)]
struct Coming {
    at: Duration,
    node: Value,
    pods: Vec<Arc<str>>,
}

/// What nodes made for a pod are like.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Order {
    family: Family,
    spot: bool,
    zone: Option<String>,
    labels: BTreeMap<String, String>,
    taints: BTreeMap<String, String>,
}

impl Autoscaler {
    /// Makes the nodes that are there from the beginning.
    pub(super) fn begin(&mut self, cluster: &Cluster) {
        let settings = &cluster.plant.machinery;
        let count = if settings.autopilot { settings.nodes } else { settings.nodes.max(STANDARD_NODES) };
        let there = cluster.store.count(Kind::Node);
        let shapes = Family::General.shapes();
        let Some(shape) = shapes.iter().find(|shape| shape.name() == STANDARD_SHAPE) else { return };
        let order = Order::plain();
        for _ in there..count {
            let node = self.node(cluster, &order, shape);
            drop(cluster.store.create(Kind::Node, node));
        }
    }

    /// When something is to be done next.
    pub(super) fn due(&self, cluster: &Cluster, idle: &[Idle]) -> Option<Duration> {
        let settings = &cluster.plant.machinery;
        let leaving = idle.iter().map(|node| node.since + settings.scale_down);
        let spare = idle.len() > settings.nodes && settings.autopilot;
        self.coming.iter().map(|coming| coming.at).chain(leaving.filter(|_| spare)).min()
    }

    /// The nodes whose time has come, made.
    pub(super) fn arrivals(&mut self, cluster: &Cluster) -> Vec<Arc<Object>> {
        let now = cluster.clock.monotonic();
        let (here, coming) = std::mem::take(&mut self.coming).into_iter().partition(|coming| coming.at <= now);
        self.coming = coming;
        let here: Vec<Coming> = here;
        let mut nodes = Vec::new();
        for mut coming in here {
            for pod in &coming.pods {
                self.awaited.remove(pod);
            }
            let at = cluster.store.now();
            for (kind, status, reason, message) in CONDITIONS {
                let new = json!({
                    "type": kind, "status": status, "reason": reason, "message": message, "lastHeartbeatTime": at,
                });
                condition(&mut coming.node, &at, new);
            }
            nodes.extend(cluster.store.create(Kind::Node, coming.node));
        }
        nodes
    }

    /// The nodes that are to go now.
    pub(super) fn leaving(cluster: &Cluster, idle: &[Idle]) -> Vec<Arc<str>> {
        let (settings, now) = (&cluster.plant.machinery, cluster.clock.monotonic());
        let spare = if settings.autopilot { cluster.store.count(Kind::Node).saturating_sub(settings.nodes) } else { 0 };
        let due = idle.iter().filter(|node| !node.retiring && node.since + settings.scale_down <= now);
        let retiring = idle.iter().filter(|node| node.retiring);
        retiring.chain(due.take(spare)).map(|node| Arc::clone(&node.name)).collect()
    }

    /// Lets a node go.
    pub(super) fn retire(cluster: &Cluster, name: &str) {
        // It may be gone already: whoever asked for that has what they wanted.
        drop(cluster.store.delete(Kind::Node, "", name, &Deletion::default()));
    }

    /// Has nodes made for these pods: their uids and what they need. Returns, for each, that nodes are under way, or why not.
    pub(super) fn order(
        &mut self,
        cluster: &Cluster,
        there: usize,
        pods: &[(Arc<str>, Amounts, &Taste)],
    ) -> BTreeMap<Arc<str>, Result<String, String>> {
        let settings = &cluster.plant.machinery;
        let mut answers = BTreeMap::new();
        let mut orders: BTreeMap<Order, Vec<(Arc<str>, Amounts)>> = BTreeMap::new();
        let refuse = |reason: &str| Err(format!("pod didn't trigger scale-up: 1 {reason}"));
        for (uid, amounts, taste) in pods {
            if let Some(told) = self.awaited.get(uid) {
                answers.insert(Arc::clone(uid), Ok(told.clone()));
                continue;
            }
            match Order::of(taste).filter(|_| settings.autopilot) {
                Some(order) => orders.entry(order).or_default().push((Arc::clone(uid), *amounts)),
                None if settings.autopilot => {
                    let refusal = refuse("node(s) didn't match Pod's node affinity/selector");
                    answers.insert(Arc::clone(uid), refusal);
                }
                None => drop(answers.insert(Arc::clone(uid), refuse("max node group size reached"))),
            }
        }
        for (order, pods) in orders {
            let amounts: Vec<Amounts> = pods.iter().map(|(_, amounts)| *amounts).collect();
            let most = settings.nodes_max.saturating_sub(there + self.coming.len());
            let (bought, left) = buy(&amounts, order.family, most);
            for pod in left {
                answers.insert(Arc::clone(&pods[pod].0), refuse("max cluster size reached"));
            }
            let at = cluster.clock.monotonic() + settings.provisioning;
            let pool = order.pool();
            let told = format!(
                "pod triggered scale-up: [{{https://www.googleapis.com/compute/v1/projects/spore-sim/zones/{}/instanceGroups/gk3-spore-sim-{pool}-grp 0->{} (max: {})}}]",
                order.zone.as_deref().unwrap_or(ZONES[0]),
                bought.len(),
                settings.nodes_max
            );
            for machine in bought {
                let node = self.node(cluster, &order, &machine.shape);
                let pods: Vec<Arc<str>> = machine.pods.iter().map(|pod| Arc::clone(&pods[*pod].0)).collect();
                for pod in &pods {
                    self.awaited.insert(Arc::clone(pod), told.clone());
                    answers.insert(Arc::clone(pod), Ok(told.clone()));
                }
                self.coming.push(Coming { at, node, pods });
            }
        }
        answers
    }

    /// A node as it is first written.
    fn node(&mut self, cluster: &Cluster, order: &Order, shape: &Shape) -> Value {
        let zone = order.zone.clone().unwrap_or_else(|| ZONES[self.made % ZONES.len()].into());
        self.made += 1;
        let number = self.made;
        let pool = order.pool();
        let kind = if cluster.plant.machinery.autopilot { "gk3" } else { "gke" };
        let name = format!("{kind}-spore-sim-{pool}-{}", suffix());
        let mut labels = order.labels.clone();
        let family = shape.series.split('-').next().unwrap_or_default();
        for (label, value) in [
            ("kubernetes.io/hostname", name.as_str()),
            ("node.kubernetes.io/instance-type", &shape.name()),
            ("beta.kubernetes.io/instance-type", &shape.name()),
            ("cloud.google.com/machine-family", family),
            ("cloud.google.com/gke-nodepool", &pool),
            ("topology.kubernetes.io/region", REGION),
            (ZONE, &zone),
        ] {
            labels.insert(label.into(), value.into());
        }
        let taints =
            order.taints.iter().map(|(key, value)| json!({"key": key, "value": value, "effect": "NoSchedule"}));
        let taints: Vec<Value> = taints.collect();
        let address = format!("10.128.{}.{}", number / 250 % 250, number % 250 + 2);
        let mut node = json!({
            "metadata": {"name": name, "labels": labels, "annotations": {
                "container.googleapis.com/instance_id": format!("{}", 1_000_000_000_000_000_000_u64 + number as u64),
            }},
            "spec": {
                "podCIDR": format!("10.{}.{}.0/24", 4 + number / 250, number % 250),
                "providerID": format!("gce://spore-sim/{zone}/{name}"),
            },
            "status": {
                "capacity": list(&shape.capacity()), "allocatable": list(&shape.room()), "conditions": [],
                "addresses": [
                    {"type": "InternalIP", "address": address},
                    {"type": "Hostname", "address": name},
                ],
                "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
                "nodeInfo": {
                    "architecture": order.labels.get("kubernetes.io/arch"), "operatingSystem": "linux",
                    "osImage": "Container-Optimized OS from Google", "kernelVersion": "6.6.97+",
                    "containerRuntimeVersion": "containerd://2.0.6", "kubeletVersion": VERSION,
                    "kubeProxyVersion": VERSION, "machineID": format!("{number:032x}"),
                    "systemUUID": format!("{number:032x}"), "bootID": format!("{number:032x}"),
                },
            },
        });
        if !taints.is_empty() {
            node["spec"]["taints"] = taints.into();
        }
        node
    }
}

/// What a node says of itself when all is well: condition, status, reason, message.
const CONDITIONS: [(&str, &str, &str, &str); 4] = [
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
];

impl Order {
    fn plain() -> Self {
        let labels = [
            ("kubernetes.io/os", "linux"),
            ("kubernetes.io/arch", "amd64"),
            ("cloud.google.com/gke-provisioning", "standard"),
        ];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Self { family: Family::General, spot: false, zone: None, labels, taints: BTreeMap::new() }
    }

    /// The nodes that a pod of this taste asks for; `None` when there are no such.
    fn of(taste: &Taste) -> Option<Self> {
        let (family, spot) = belonging(&taste.selector);
        let mut order = Self { family: family?, spot, ..Self::plain() };
        if spot {
            order.labels.insert("cloud.google.com/gke-provisioning".into(), "spot".into());
            order.labels.insert("cloud.google.com/gke-spot".into(), "true".into());
            order.taints.insert("cloud.google.com/gke-spot".into(), "true".into());
        }
        for (name, value) in &taste.selector {
            match name.as_str() {
                "kubernetes.io/os" if value == "linux" => {}
                "kubernetes.io/arch" => drop(order.labels.insert(name.clone(), value.clone())),
                ZONE if value.starts_with(REGION) => order.zone = Some(value.clone()),
                "topology.kubernetes.io/region" if value == REGION => {}
                "cloud.google.com/gke-spot" | "cloud.google.com/gke-provisioning" => {
                    order.labels.get(name).filter(|made| *made == value)?;
                }
                "cloud.google.com/gke-accelerator" => {
                    order.labels.insert(name.clone(), value.clone());
                    order.taints.insert("nvidia.com/gpu".into(), "present".into());
                }
                "cloud.google.com/compute-class" => {
                    order.labels.insert(name.clone(), value.clone());
                    if !value.starts_with("autopilot") && value != "general-purpose" {
                        order.taints.insert(name.clone(), value.clone());
                    }
                }
                // Workload separation: a label of one's own, which the pod also tolerates as a taint.
                _ => {
                    let tolerates = |key: Option<&str>| key == Some(name.as_str());
                    taste.tolerations.iter().find(|toleration| tolerates(toleration.key.as_deref()))?;
                    order.labels.insert(name.clone(), value.clone());
                    order.taints.insert(name.clone(), value.clone());
                }
            }
        }
        // What was asked for in other words may still not be met.
        let mut labels = order.labels.clone();
        labels.insert(ZONE.into(), order.zone.clone().unwrap_or_else(|| ZONES[0].into()));
        let suits = taste.affinity.is_empty() || taste.affinity.iter().any(|terms| terms.match_labels(&labels));
        suits.then_some(order)
    }

    /// The name of the nodes' pool: the same for nodes that are alike.
    fn pool(&self) -> String {
        let text = format!("{:?}{:?}{:?}", self.family, self.labels, self.taints);
        format!("nap-{}", Digest::of(text.as_bytes()).short(8))
    }
}

/// As a list of resources.
fn list(amounts: &Amounts) -> Value {
    let mib = |mib: u32| quantity::bytes(u64::from(mib) << 20);
    let mut list = json!({
        "cpu": quantity::cpu(u64::from(amounts.cpu_milli)), "memory": mib(amounts.memory_mib),
        "ephemeral-storage": mib(amounts.ephemeral_mib), "pods": amounts.pods.to_string(),
    });
    if amounts.gpus > 0 {
        list["nvidia.com/gpu"] = amounts.gpus.to_string().into();
    }
    list
}
