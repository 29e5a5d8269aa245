//! Replica sets: so many equal pods, whatever becomes of each.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::{Cluster, Kind, Object};
use super::queue::Queue;
use super::run::{Controller, Members, dismiss, make, tell};
use super::tally::Member;

/// The controller of replica sets.
#[derive(Default)]
pub(super) struct Replicas {
    refused: u32,
}

impl Controller for Replicas {
    const KIND: Kind = Kind::ReplicaSet;
    const OWNED: Kind = Kind::Pod;

    fn look(&mut self, cluster: &Cluster, object: &Arc<Object>, members: &mut Members, queue: &mut Queue) {
        if object.deleting {
            return;
        }
        let set = object.value();
        let wanted = usize::try_from(set["spec"]["replicas"].as_u64().unwrap_or(1)).unwrap_or(0);
        let mut active: Vec<(u32, Arc<str>)> = members
            .values()
            .filter(|member| member.is_active())
            .map(|member| (rank(member), Arc::clone(&member.uid)))
            .collect();
        // Those that are missed least go first.
        active.sort();
        for (_, uid) in active.iter().take(active.len().saturating_sub(wanted)) {
            let Some(member) = members.get_mut(uid) else { continue };
            let name = Arc::clone(&member.name);
            dismiss(cluster, member);
            tell(cluster, object, false, "SuccessfulDelete", &format!("Deleted pod: {name}"));
        }
        for _ in active.len()..wanted {
            let template = &set["spec"]["template"];
            let mut pod = json!({"metadata": template["metadata"].clone(), "spec": template["spec"].clone()});
            pod["metadata"]["generateName"] = format!("{}-", object.name).into();
            match make(cluster, Kind::Pod, object, pod) {
                Ok(pod) => {
                    self.refused = 0;
                    tell(cluster, object, false, "SuccessfulCreate", &format!("Created pod: {}", pod.name));
                    members.insert(Arc::clone(&pod.uid), Member::of(&pod));
                }
                Err(refusal) => {
                    tell(cluster, object, true, "FailedCreate", &format!("Error creating: {}", refusal.message));
                    let settings = &cluster.settings.jobs;
                    let delay = settings.back_off.saturating_mul(2_u32.saturating_pow(self.refused));
                    self.refused += 1;
                    let at = cluster.clock.monotonic() + delay.min(settings.back_off_max);
                    queue.push_at(at, (Arc::clone(&object.namespace), Arc::clone(&object.name)));
                    break;
                }
            }
        }
        write(cluster, object, members);
    }
}

/// How much a pod would be missed.
fn rank(member: &Member) -> u32 {
    u32::from(member.has_machine) + u32::from(member.phase == "Running") + u32::from(member.is_ready)
}

fn write(cluster: &Cluster, object: &Object, members: &Members) {
    let active = || members.values().filter(|member| member.is_active());
    let (all, ready) = (active().count(), active().filter(|member| member.is_ready).count());
    // One that is deleted meanwhile needs no status.
    let _ = cluster.store.change(Kind::ReplicaSet, &object.namespace, &object.name, |set| {
        let generation = set["metadata"]["generation"].clone();
        let status = &mut set["status"];
        if !status.is_object() {
            *status = json!({});
        }
        status["replicas"] = all.into();
        status["fullyLabeledReplicas"] = all.into();
        count(status, "readyReplicas", ready);
        count(status, "availableReplicas", ready);
        status["observedGeneration"] = generation;
        Ok(())
    });
}

/// Writes a number that is left out when it is none.
pub(super) fn count(status: &mut Value, name: &str, number: usize) {
    match (number, status.as_object_mut()) {
        (0, Some(status)) => drop(status.remove(name)),
        (number, _) => status[name] = number.into(),
    }
}
