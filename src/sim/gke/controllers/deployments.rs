//! Deployments: one replica set per version of the template, the newest growing while the others shrink.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::kubelet::set_condition;
use super::super::store::suffix;
use super::super::{Cluster, Deletion, Kind, Object};
use super::queue::Queue;
use super::replicas::count;
use super::run::{Controller, Members, make, tell};
use super::tally::Member;
use crate::model::Digest;

const REVISION: &str = "deployment.kubernetes.io/revision";
const HASH: &str = "pod-template-hash";

/// The controller of deployments.
pub(super) struct Deployments;

/// A replica set of a deployment.
struct Set {
    object: Arc<Object>,
    value: Value,
}

impl Set {
    fn number(&self, of: &str, name: &str) -> u64 {
        self.value[of][name].as_u64().unwrap_or(0)
    }
    fn wanted(&self) -> u64 {
        self.number("spec", "replicas")
    }
    fn available(&self) -> u64 {
        self.number("status", "availableReplicas").min(self.wanted())
    }
    fn revision(&self) -> u64 {
        self.value["metadata"]["annotations"][REVISION].as_str().and_then(|text| text.parse().ok()).unwrap_or(0)
    }
}

impl Controller for Deployments {
    const KIND: Kind = Kind::Deployment;
    const OWNED: Kind = Kind::ReplicaSet;

    fn look(&mut self, cluster: &Cluster, object: &Arc<Object>, members: &mut Members, _queue: &mut Queue) {
        let deployment = object.value();
        if object.deleting {
            return;
        }
        let mut sets: Vec<Set> = members
            .values()
            .filter(|member| !member.is_deleting)
            .map(|member| Set { object: Arc::clone(&member.object), value: member.object.value() })
            .collect();
        sets.sort_by_key(Set::revision);
        let hash = hash_of(&deployment);
        let newest = match sets.iter().position(|set| set.object.labels.get(HASH) == Some(&hash)) {
            Some(at) => sets.remove(at),
            None if deployment["spec"]["paused"] == true => {
                write(cluster, object, &deployment, None, &sets);
                return;
            }
            None => match begin(cluster, object, &deployment, &hash) {
                Some(set) => {
                    members.insert(Arc::clone(&set.object.uid), Member::of(&set.object));
                    set
                }
                None => return,
            },
        };
        let revision = sets.last().map_or(1, |set| set.revision() + 1).max(newest.revision());
        let mut changed = Vec::new();
        let (of_newest, of_others) = targets(&deployment, &newest, &sets);
        changed.extend(set_replicas(cluster, object, &newest, of_newest, Some(revision)));
        for (set, wanted) in sets.iter().zip(of_others) {
            changed.extend(set_replicas(cluster, object, set, wanted, None));
        }
        for set in changed {
            members.insert(Arc::clone(&set.uid), Member::of(&set));
        }
        let kept = usize::try_from(deployment["spec"]["revisionHistoryLimit"].as_u64().unwrap_or(10)).unwrap_or(10);
        let empty: Vec<_> =
            sets.iter().filter(|set| set.wanted() == 0 && set.number("status", "replicas") == 0).collect();
        for set in empty.iter().take(empty.len().saturating_sub(kept)) {
            let deletion = Deletion { uid: Some(set.object.uid.to_string()), ..Deletion::default() };
            // Somebody else was faster.
            let _ = cluster.store.delete(Kind::ReplicaSet, &object.namespace, &set.object.name, &deletion);
        }
        write(cluster, object, &deployment, Some((&newest, revision)), &sets);
    }
}

/// How many pods each set is to have now: the newest, and the others, oldest first.
fn targets(deployment: &Value, newest: &Set, others: &[Set]) -> (u64, Vec<u64>) {
    let spec = &deployment["spec"];
    let wanted = spec["replicas"].as_u64().unwrap_or(1);
    let old: u64 = others.iter().map(Set::wanted).sum();
    if spec["strategy"]["type"] == "Recreate" {
        let left: u64 = others.iter().map(|set| set.number("status", "replicas")).sum();
        return (if old + left == 0 { wanted } else { newest.wanted().min(wanted) }, vec![0; others.len()]);
    }
    let rolling = &spec["strategy"]["rollingUpdate"];
    let surge = part(&rolling["maxSurge"], wanted, true);
    let mut missing = part(&rolling["maxUnavailable"], wanted, false);
    if surge == 0 && missing == 0 {
        missing = 1;
    }
    let room = (wanted + surge).saturating_sub(newest.wanted() + old);
    let of_newest = if newest.wanted() > wanted { wanted } else { wanted.min(newest.wanted() + room) };
    // Old pods go as far as enough others are there; those that are not there are not missed.
    let available: u64 = newest.available() + others.iter().map(Set::available).sum::<u64>();
    let least = wanted.saturating_sub(missing);
    let mut spare = available.saturating_sub(least);
    let of_others = others.iter().map(|set| {
        let unavailable = set.wanted() - set.available();
        let taken = spare.min(set.available());
        spare -= taken;
        set.wanted() - unavailable - taken
    });
    (of_newest, of_others.collect())
}

/// A number, or a part of `whole` in percent; a quarter when nothing is said.
fn part(value: &Value, whole: u64, rounds_up: bool) -> u64 {
    let percent = match value {
        Value::Number(number) => return number.as_u64().unwrap_or(0),
        Value::String(text) => text.trim_end_matches('%').parse().unwrap_or(25),
        _ => 25,
    };
    if rounds_up { (whole * percent).div_ceil(100) } else { whole * percent / 100 }
}

fn hash_of(deployment: &Value) -> String {
    Digest::of(deployment["spec"]["template"].to_string().as_bytes()).short(10)
}

fn begin(cluster: &Cluster, object: &Object, deployment: &Value, hash: &str) -> Option<Set> {
    let mut template = deployment["spec"]["template"].clone();
    template["metadata"]["labels"][HASH] = hash.into();
    let mut selector = deployment["spec"]["selector"].clone();
    selector["matchLabels"][HASH] = hash.into();
    let name = format!("{}-{hash}", object.name);
    let set = json!({
        "metadata": {"name": name, "labels": template["metadata"]["labels"]},
        "spec": {"replicas": 0, "selector": selector, "template": template},
        "status": {"replicas": 0},
    });
    let made = make(cluster, Kind::ReplicaSet, object, set.clone()).or_else(|_| {
        // Somebody else's has that name.
        let mut other = set;
        other["metadata"]["name"] = format!("{name}-{}", suffix()).into();
        make(cluster, Kind::ReplicaSet, object, other)
    });
    match made {
        Ok(object) => Some(Set { value: object.value(), object }),
        Err(refusal) => {
            tell(cluster, object, true, "ReplicaSetCreateError", &refusal.message);
            None
        }
    }
}

fn set_replicas(
    cluster: &Cluster,
    deployment: &Object,
    set: &Set,
    wanted: u64,
    revision: Option<u64>,
) -> Option<Arc<Object>> {
    let revision = revision.unwrap_or(set.revision());
    if set.wanted() == wanted && set.revision() == revision {
        return None;
    }
    let changed = cluster.store.change(Kind::ReplicaSet, &set.object.namespace, &set.object.name, |value| {
        value["spec"]["replicas"] = wanted.into();
        value["metadata"]["annotations"][REVISION] = revision.to_string().into();
        Ok(())
    });
    let way = if set.wanted() < wanted { "up" } else { "down" };
    if set.wanted() != wanted {
        let message = format!("Scaled {way} replica set {} from {} to {wanted}", set.object.name, set.wanted());
        tell(cluster, deployment, false, "ScalingReplicaSet", &message);
    }
    changed.ok()
}

fn write(cluster: &Cluster, object: &Object, deployment: &Value, newest: Option<(&Set, u64)>, others: &[Set]) {
    let now = cluster.store.now();
    let wanted = deployment["spec"]["replicas"].as_u64().unwrap_or(1);
    let sum = |name: &str| -> u64 {
        newest.iter().map(|(set, _)| set.number("status", name)).sum::<u64>()
            + others.iter().map(|set| set.number("status", name)).sum::<u64>()
    };
    let (all, ready, available) = (sum("replicas"), sum("readyReplicas"), sum("availableReplicas"));
    let updated = newest.map_or(0, |(set, _)| set.number("status", "replicas"));
    let missing = part(&deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"], wanted, false);
    let is_available = available + missing >= wanted;
    let is_done = updated == wanted && all == wanted && available == wanted;
    let set_name = newest.map_or_else(String::new, |(set, _)| set.object.name.to_string());
    let number = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
    // One that is deleted meanwhile needs no status.
    let _ = cluster.store.change(Kind::Deployment, &object.namespace, &object.name, |value| {
        if let Some((_, revision)) = newest {
            value["metadata"]["annotations"][REVISION] = revision.to_string().into();
        }
        let generation = value["metadata"]["generation"].clone();
        let status = &mut value["status"];
        if !status.is_object() {
            *status = json!({});
        }
        status["observedGeneration"] = generation;
        for (name, value) in [
            ("replicas", all),
            ("updatedReplicas", updated),
            ("readyReplicas", ready),
            ("availableReplicas", available),
            ("unavailableReplicas", wanted.max(all).saturating_sub(available)),
        ] {
            count(status, name, number(value));
        }
        let (holds, reason, message) = if is_available {
            ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
        } else {
            ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
        };
        set_condition(status, "Available", holds, reason, message, &now);
        let (reason, message) = if is_done {
            ("NewReplicaSetAvailable", format!("ReplicaSet \"{set_name}\" has successfully progressed."))
        } else {
            ("ReplicaSetUpdated", format!("ReplicaSet \"{set_name}\" is progressing."))
        };
        set_condition(status, "Progressing", "True", reason, &message, &now);
        Ok(())
    });
}
