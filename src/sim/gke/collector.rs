//! The collector: what is owned goes when its owners are gone, and what is in a namespace goes with it.
//!
//! In the background by itself; in the foreground an owner waits for what blocks it; as an orphan, what is owned forgets it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{Change, Cluster, Deed, Deletion, Kind, Object, Refusal, Selector};

const FOREGROUND: &str = "foregroundDeletion";
const ORPHAN: &str = "orphan";
const NAMESPACE: &str = "kubernetes";
/// Changes that wait to be looked at.
const CHANGES_MAX: usize = 4_096;
/// Seconds that a pod gets which says nothing of it.
const GRACE_DEFAULT: u64 = 30;

type Place = (Kind, Arc<str>, Arc<str>);

/// Who is owned by whom, as the changes tell it.
#[derive(Default)]
struct Owned {
    by_owner: HashMap<String, HashSet<Place>>,
    owners: HashMap<Place, Vec<String>>,
}

/// Collects as long as the cluster lasts.
pub(super) async fn run(cluster: Arc<Cluster>) {
    let (sender, mut changes) = mpsc::channel(CHANGES_MAX);
    let mut watches = JoinSet::new();
    for kind in Kind::ALL {
        watches.spawn(follow(Arc::clone(&cluster), *kind, sender.clone()));
    }
    let mut owned = Owned::default();
    loop {
        tokio::select! {
            change = changes.recv() => match change {
                Some(change) => collect(&cluster, &mut owned, &change),
                None => return,
            },
            () = cluster.ended() => return,
        }
    }
}

async fn follow(cluster: Arc<Cluster>, kind: Kind, sender: mpsc::Sender<Arc<Change>>) {
    loop {
        let (objects, version) = cluster.store.list(kind, None, &Selector::default());
        for object in objects {
            let change = Change { deed: Deed::Added, object, before: None };
            if sender.send(Arc::new(change)).await.is_err() {
                return;
            }
        }
        let Ok(mut changes) = cluster.store.changes(kind, version) else { continue };
        // Who fell behind begins anew.
        while let Ok(found) = changes.next().await {
            for change in found {
                if sender.send(change).await.is_err() {
                    return;
                }
            }
        }
    }
}

fn collect(cluster: &Cluster, owned: &mut Owned, change: &Change) {
    let object = &change.object;
    owned.note(object, change.deed == Deed::Deleted);
    if change.deed == Deed::Deleted {
        for place in owned.of(&object.uid) {
            let _ = release(cluster, &place);
        }
        for owner in &object.owners {
            let _ = finish(cluster, object, owner);
        }
    } else {
        if !object.owners.is_empty() && !object.deleting {
            let _ = release(cluster, &place(object));
        }
        if object.deleting {
            let _ = part(cluster, object);
        }
    }
    let home = cluster.store.get(Kind::Namespace, "", &object.namespace);
    if let Some(home) = home.filter(|home| home.deleting) {
        let _ = empty(cluster, &home);
    }
}

impl Owned {
    fn note(&mut self, object: &Object, is_gone: bool) {
        let place = place(object);
        let now = if is_gone { Vec::new() } else { object.owners.clone() };
        let was =
            if now.is_empty() { self.owners.remove(&place) } else { self.owners.insert(place.clone(), now.clone()) };
        for owner in was.into_iter().flatten() {
            if let Some(places) = self.by_owner.get_mut(&owner) {
                places.remove(&place);
                if places.is_empty() {
                    self.by_owner.remove(&owner);
                }
            }
        }
        for owner in now {
            self.by_owner.entry(owner).or_default().insert(place.clone());
        }
    }

    fn of(&self, uid: &str) -> Vec<Place> {
        self.by_owner.get(uid).into_iter().flatten().cloned().collect()
    }
}

fn place(object: &Object) -> Place {
    (object.kind, object.namespace.clone(), object.name.clone())
}

/// Whether an owner that is referred to is there. One of a kind that is not known here is taken to be.
fn is_there(cluster: &Cluster, namespace: &str, reference: &Value) -> bool {
    let text = |name: &str| reference[name].as_str().unwrap_or_default();
    let Some(kind) = Kind::of_object(text("apiVersion"), text("kind")) else { return true };
    let namespace = if kind.resource().namespaced { namespace } else { "" };
    cluster.store.get(kind, namespace, text("name")).is_some_and(|owner| *owner.uid == *text("uid"))
}

/// Deletes an object whose owners are all gone, or has it forget those that are.
fn release(cluster: &Cluster, place: &Place) -> Result<(), Refusal> {
    let (kind, namespace, name) = place;
    let Some(object) = cluster.store.get(*kind, namespace, name) else { return Ok(()) };
    let value = object.value();
    let references = value["metadata"]["ownerReferences"].as_array().cloned().unwrap_or_default();
    let kept: Vec<Value> =
        references.iter().filter(|reference| is_there(cluster, namespace, reference)).cloned().collect();
    if kept.len() == references.len() {
        return Ok(());
    }
    if kept.is_empty() {
        return delete(cluster, &object, &[]);
    }
    cluster.store.change(*kind, namespace, name, |value| {
        value["metadata"]["ownerReferences"] = kept.into();
        Ok(())
    })?;
    Ok(())
}

/// Deletes an object as one that nobody asked to be quick about.
fn delete(cluster: &Cluster, object: &Object, finalizers: &'static [&'static str]) -> Result<(), Refusal> {
    if object.deleting {
        return Ok(());
    }
    let value = object.value();
    let is_placed = value["spec"]["nodeName"].as_str().is_some_and(|name| !name.is_empty());
    let has_ended = matches!(value["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
    let grace = value["spec"]["terminationGracePeriodSeconds"].as_u64().unwrap_or(GRACE_DEFAULT);
    let deletion = Deletion {
        uid: Some(object.uid.to_string()),
        grace_seconds: (object.kind == Kind::Pod && is_placed && !has_ended).then_some(grace),
        finalizers,
        ..Deletion::default()
    };
    cluster.store.delete(object.kind, &object.namespace, &object.name, &deletion).map(drop)
}

/// What an object owns at this moment; the changes may tell of it only later.
fn owned_by(cluster: &Cluster, owner: &Object) -> Vec<Place> {
    let home = owner.kind.resource().namespaced.then_some(&*owner.namespace);
    let everything = Kind::ALL.iter().flat_map(|kind| cluster.store.list(*kind, home, &Selector::default()).0);
    everything
        .filter(|object| object.owners.iter().any(|uid| **uid == *owner.uid))
        .map(|object| place(&object))
        .collect()
}

/// Sees to what an object owns that is on its way out.
fn part(cluster: &Cluster, owner: &Object) -> Result<(), Refusal> {
    let value = owner.value();
    let finalizers = value["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
    if owner.kind == Kind::Namespace {
        return empty(cluster, owner);
    }
    if finalizers.iter().any(|finalizer| finalizer == ORPHAN) {
        for (kind, namespace, name) in owned_by(cluster, owner) {
            // One that is gone has nothing to forget.
            let _ = cluster.store.change(kind, &namespace, &name, |value| {
                if let Some(references) = value["metadata"]["ownerReferences"].as_array_mut() {
                    references.retain(|reference| reference["uid"] != *owner.uid);
                }
                Ok(())
            });
        }
        return unmark(cluster, owner, ORPHAN);
    }
    if !finalizers.iter().any(|finalizer| finalizer == FOREGROUND) {
        return Ok(());
    }
    let mut is_blocked = false;
    for (kind, namespace, name) in owned_by(cluster, owner) {
        let Some(object) = cluster.store.get(kind, &namespace, &name) else { continue };
        let value = object.value();
        let references = value["metadata"]["ownerReferences"].as_array().cloned().unwrap_or_default();
        let others = references.iter().filter(|reference| reference["uid"] != *owner.uid);
        if others.into_iter().any(|reference| is_there(cluster, &namespace, reference)) {
            continue;
        }
        let blocks = references
            .iter()
            .any(|reference| reference["uid"] == *owner.uid && reference["blockOwnerDeletion"] == true);
        let has_own = !owned_by(cluster, &object).is_empty();
        // Somebody may have been quicker.
        let _ = delete(cluster, &object, if has_own { &[FOREGROUND] } else { &[] });
        is_blocked |= blocks && cluster.store.get(kind, &namespace, &name).is_some();
    }
    if is_blocked { Ok(()) } else { unmark(cluster, owner, FOREGROUND) }
}

/// Lets an owner go that waited for `object`, which is gone.
fn finish(cluster: &Cluster, object: &Object, owner: &str) -> Result<(), Refusal> {
    let value = object.value();
    let references = value["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    for reference in references.filter(|reference| reference["uid"] == *owner) {
        let text = |name: &str| reference[name].as_str().unwrap_or_default();
        let Some(kind) = Kind::of_object(text("apiVersion"), text("kind")) else { continue };
        let namespace = if kind.resource().namespaced { &*object.namespace } else { "" };
        let found = cluster.store.get(kind, namespace, text("name"));
        if let Some(found) = found.filter(|found| found.deleting && *found.uid == *owner) {
            part(cluster, &found)?;
        }
    }
    Ok(())
}

fn unmark(cluster: &Cluster, object: &Object, finalizer: &str) -> Result<(), Refusal> {
    let left = cluster.store.change(object.kind, &object.namespace, &object.name, |value| {
        if let Some(finalizers) = value["metadata"]["finalizers"].as_array_mut() {
            finalizers.retain(|other| other != finalizer);
        }
        Ok(())
    });
    left.map(drop)
}

/// Deletes what is in a namespace; the last one takes the namespace along.
fn empty(cluster: &Cluster, home: &Object) -> Result<(), Refusal> {
    let mut is_empty = true;
    for kind in Kind::ALL.iter().filter(|kind| kind.resource().namespaced) {
        for object in cluster.store.list(*kind, Some(&home.name), &Selector::default()).0 {
            // Somebody may have been quicker.
            let _ = delete(cluster, &object, &[]);
            is_empty &= cluster.store.get(*kind, &home.name, &object.name).is_none();
        }
    }
    if is_empty { unmark(cluster, home, NAMESPACE) } else { Ok(()) }
}
