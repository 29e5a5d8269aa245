//! The cluster as the scheduler sees it: nodes, what is on them, and the pods that wait.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::reading;
use crate::sim::gke::packing::{Amounts, MachineId, Pool, Wish};
use crate::sim::gke::{Change, Deed, Object};

/// The queue: greater priority first, then who came first.
pub(super) type Turn = (Reverse<i64>, u64, Arc<str>);

/// A pod that waits for a node.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) namespace: Arc<str>,
    pub(super) name: Arc<str>,
    pub(super) uid: Arc<str>,
    pub(super) wish: Wish,
    /// What it was last told, where it was told that there is no room.
    pub(super) told: Option<String>,
}

/// A node.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) id: MachineId,
    /// Pods on it that have not ended.
    pub(super) pods: u32,
    /// Since when there are none.
    pub(super) empty_since: Option<Duration>,
    /// It goes as soon as it is empty.
    pub(super) retiring: bool,
    /// What of it matters here, to see whether that changed.
    facts: String,
}

/// A node with nothing on it.
#[derive(Clone, Debug)]
pub(in crate::sim::gke) struct Idle {
    pub(in crate::sim::gke) name: Arc<str>,
    pub(in crate::sim::gke) since: Duration,
    /// It goes at once.
    pub(in crate::sim::gke) retiring: bool,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Picture {
    pub(super) pool: Pool,
    pub(super) nodes: BTreeMap<Arc<str>, Seen>,
    names: HashMap<MachineId, Arc<str>>,
    /// By uid: the node that a pod is on, and what it takes there.
    bound: HashMap<Arc<str>, (Arc<str>, Amounts)>,
    pub(super) waiting: BTreeMap<Turn, Waiting>,
    turns: HashMap<Arc<str>, Turn>,
}

impl Picture {
    /// The name of a machine.
    pub(super) fn name(&self, id: MachineId) -> Option<Arc<str>> {
        self.names.get(&id).cloned()
    }

    /// The nodes with nothing on them.
    pub(super) fn idle(&self) -> Vec<Idle> {
        let idle = self.nodes.iter().filter_map(|(name, seen)| {
            Some(Idle { name: Arc::clone(name), since: seen.empty_since?, retiring: seen.retiring })
        });
        idle.collect()
    }

    /// Lets no more pods come onto a node.
    pub(super) fn close(&mut self, name: &str) {
        if let Some(seen) = self.nodes.get(name) {
            self.pool.set_open(seen.id, false);
        }
    }

    /// Takes note of a changed pod.
    pub(super) fn pod(&mut self, change: &Change, now: Duration) {
        let pod = &change.object;
        if change.deed == Deed::Deleted {
            self.forget(&pod.uid, now);
            return;
        }
        // Thousands of these come; only few of them are of interest, and those are told by their text.
        let may_have_ended = pod.json.contains(r#""phase":"Succeeded""#) || pod.json.contains(r#""phase":"Failed""#);
        if self.bound.contains_key(&pod.uid) && !may_have_ended {
            return;
        }
        self.read(pod, now);
    }

    fn read(&mut self, pod: &Object, now: Duration) {
        let value = pod.value();
        let has_ended = matches!(value["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
        let node = value["spec"]["nodeName"].as_str().filter(|name| !name.is_empty());
        let is_gated = value["spec"]["schedulingGates"].as_array().is_some_and(|gates| !gates.is_empty());
        if has_ended || (node.is_none() && (pod.deleting || is_gated)) {
            self.forget(&pod.uid, now);
            return;
        }
        if let Some(node) = node {
            if !self.bound.contains_key(&pod.uid) {
                self.unqueue(&pod.uid);
                self.bind(&pod.uid, &Arc::from(node), reading::requests(&value["spec"]));
            }
            return;
        }
        let wish = reading::wish(&value);
        if let Some(known) = self.turns.get(&pod.uid).and_then(|turn| self.waiting.get_mut(turn)) {
            known.wish = wish;
            return;
        }
        let turn = (Reverse(value["spec"]["priority"].as_i64().unwrap_or(0)), pod.version, Arc::clone(&pod.uid));
        let waiting = Waiting {
            namespace: Arc::clone(&pod.namespace),
            name: Arc::clone(&pod.name),
            uid: Arc::clone(&pod.uid),
            wish,
            told: None,
        };
        self.turns.insert(Arc::clone(&pod.uid), turn.clone());
        self.waiting.insert(turn, waiting);
    }

    /// Takes note that a pod is on a node, unless that is known.
    pub(super) fn bind(&mut self, uid: &Arc<str>, node: &Arc<str>, amounts: Amounts) {
        if let Some(seen) = self.nodes.get_mut(node) {
            self.pool.take(seen.id, &amounts);
        }
        self.assume(uid, node, amounts);
    }

    /// Takes note that a pod is on a node, where the pool knows it already.
    pub(super) fn assume(&mut self, uid: &Arc<str>, node: &Arc<str>, amounts: Amounts) {
        if let Some(seen) = self.nodes.get_mut(node) {
            seen.pods += 1;
            seen.empty_since = None;
        }
        self.bound.insert(Arc::clone(uid), (Arc::clone(node), amounts));
    }

    /// Takes a pod off the queue.
    pub(super) fn unqueue(&mut self, uid: &Arc<str>) -> Option<Waiting> {
        self.turns.remove(uid).and_then(|turn| self.waiting.remove(&turn))
    }

    /// Takes note that a pod is gone, or has ended.
    pub(super) fn forget(&mut self, uid: &Arc<str>, now: Duration) {
        self.unqueue(uid);
        let Some((node, amounts)) = self.bound.remove(uid) else { return };
        let Some(seen) = self.nodes.get_mut(&node) else { return };
        self.pool.give(seen.id, &amounts);
        seen.pods = seen.pods.saturating_sub(1);
        if seen.pods == 0 {
            seen.empty_since = Some(now);
        }
    }

    /// Takes note of a changed node.
    pub(super) fn node(&mut self, change: &Change, now: Duration) {
        let node = &change.object;
        if change.deed == Deed::Deleted {
            if let Some(seen) = self.nodes.remove(&node.name) {
                self.names.remove(&seen.id);
                self.pool.remove(seen.id);
            }
            return;
        }
        let value = node.value();
        let retiring = !value["metadata"]["annotations"][RETIRING].is_null();
        let facts =
            [&value["metadata"]["labels"], &value["spec"], &value["status"]["allocatable"]].map(ToString::to_string);
        let facts = facts.concat();
        if let Some(seen) = self.nodes.get_mut(&node.name)
            && seen.facts == facts
        {
            seen.retiring = retiring;
            return;
        }
        let (whole, group, own, open) = reading::node(&value);
        let before = self.nodes.remove(&node.name);
        if let Some(seen) = &before {
            self.names.remove(&seen.id);
            self.pool.remove(seen.id);
        }
        let id = self.pool.add(&group, own, whole, open && !node.deleting);
        let here = self.bound.values().filter(|(on, _)| *on == node.name);
        let mut pods = 0;
        for (_, amounts) in here {
            self.pool.take(id, amounts);
            pods += 1;
        }
        let empty_since = before.map_or((pods == 0).then_some(now), |seen| seen.empty_since);
        self.names.insert(id, Arc::clone(&node.name));
        self.nodes.insert(Arc::clone(&node.name), Seen { id, pods, empty_since, retiring, facts });
    }
}

/// The mark of a node that goes as soon as it is empty.
pub(in crate::sim::gke) const RETIRING: &str = "sim.spore.dev/retiring";
