//! What every controller does: follow its kind and what its objects own, and look at those that something happened to.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::admission::{Request, Verb, admit};
use super::super::{Change, Cluster, Deed, Deletion, Kind, Object, Refusal, Selector};
use super::Fact;
use super::deployments::Deployments;
use super::jobs::Jobs;
use super::queue::{Key, Queue};
use super::replicas::Replicas;
use super::tally::Member;

/// How jobs behave where a real cluster has fixed numbers.
#[derive(Clone, Copy, Debug)]
pub struct JobSettings {
    /// From the first failure of a job to its next pod; doubled with each.
    pub back_off: Duration,
    /// The longest of these.
    pub back_off_max: Duration,
}

impl Default for JobSettings {
    /// As a real one has them.
    fn default() -> Self {
        Self { back_off: Duration::from_secs(10), back_off_max: Duration::from_mins(10) }
    }
}

/// Looks after everything, until the cluster ends.
pub(in crate::sim::gke) async fn run(cluster: Arc<Cluster>) {
    tokio::select! {
        () = follow(&cluster, Jobs::default()) => {}
        () = follow(&cluster, Replicas::default()) => {}
        () = follow(&cluster, Deployments) => {}
        () = cluster.ended() => {}
    }
}

/// What an object owns, by identity.
pub(super) type Members = BTreeMap<Arc<str>, Member>;

/// One controller.
pub(super) trait Controller {
    /// Whose objects it looks after.
    const KIND: Kind;
    /// What these own.
    const OWNED: Kind;

    /// Brings the object and what it owns nearer to what is wanted.
    fn look(&mut self, cluster: &Cluster, object: &Arc<Object>, members: &mut Members, queue: &mut Queue);

    /// Something that an object owned is no more.
    fn lost(&mut self, _owner: &str, _member: &Member) {}

    /// An object is no more.
    fn gone(&mut self, _uid: &str) {}
}

struct Following<C> {
    controller: C,
    keys: HashMap<Arc<str>, Key>,
    families: HashMap<String, Members>,
    queue: Queue,
}

async fn follow<C: Controller>(cluster: &Arc<Cluster>, controller: C) {
    let mut following =
        Following { controller, keys: HashMap::new(), families: HashMap::new(), queue: Queue::default() };
    loop {
        let (objects, version) = cluster.store.list(C::KIND, None, &Selector::default());
        let (owned, owned_version) = cluster.store.list(C::OWNED, None, &Selector::default());
        following.families.clear();
        for object in objects {
            following.see(Deed::Added, &object);
        }
        for object in owned {
            following.see_owned(Deed::Added, &object);
        }
        let (Ok(mut changes), Ok(mut of_owned)) =
            (cluster.store.changes(C::KIND, version), cluster.store.changes(C::OWNED, owned_version))
        else {
            continue;
        };
        loop {
            following.work(cluster).await;
            let left = following.queue.next().map(|at| at.saturating_sub(cluster.clock.monotonic()));
            let changed: Result<Vec<Arc<Change>>, Refusal> = tokio::select! {
                changed = changes.next() => changed,
                changed = of_owned.next() => changed,
                () = tokio::time::sleep(left.unwrap_or_default()), if left.is_some() => Ok(Vec::new()),
            };
            // Some are forgotten: everything is looked at anew.
            let Ok(changed) = changed else { break };
            for change in changed {
                if change.object.kind == C::KIND {
                    following.see(change.deed, &change.object);
                } else {
                    following.see_owned(change.deed, &change.object);
                }
            }
        }
    }
}

impl<C: Controller> Following<C> {
    fn see(&mut self, deed: Deed, object: &Arc<Object>) {
        if deed == Deed::Deleted {
            self.keys.remove(&object.uid);
            self.families.remove(&*object.uid);
            self.controller.gone(&object.uid);
            return;
        }
        let key = (Arc::clone(&object.namespace), Arc::clone(&object.name));
        self.keys.insert(Arc::clone(&object.uid), key.clone());
        self.queue.push(key);
    }

    fn see_owned(&mut self, deed: Deed, object: &Arc<Object>) {
        for owner in &object.owners {
            let Some(key) = self.keys.get(owner.as_str()) else { continue };
            let members = self.families.entry(owner.clone()).or_default();
            if deed == Deed::Deleted {
                members.remove(&object.uid);
                self.controller.lost(owner, &Member::of(object));
            } else if members.get(&object.uid).is_none_or(|member| member.version < object.version) {
                members.insert(Arc::clone(&object.uid), Member::of(object));
            }
            self.queue.push(key.clone());
        }
    }

    async fn work(&mut self, cluster: &Cluster) {
        while let Some(key) = self.queue.pop(cluster.clock.monotonic()) {
            let Some(object) = cluster.store.get(C::KIND, &key.0, &key.1) else { continue };
            let members = self.families.entry(object.uid.to_string()).or_default();
            self.controller.look(cluster, &object, members, &mut self.queue);
            // A cluster has more to do than this.
            tokio::task::yield_now().await;
        }
    }
}

/// Makes an object that `owner` owns.
pub(super) fn make(cluster: &Cluster, kind: Kind, owner: &Object, mut value: Value) -> Result<Arc<Object>, Refusal> {
    value["metadata"]["namespace"] = (*owner.namespace).into();
    value["metadata"]["ownerReferences"] = json!([{
        "apiVersion": owner.kind.api_version(), "kind": owner.kind.resource().kind, "name": *owner.name,
        "uid": *owner.uid, "controller": true, "blockOwnerDeletion": true,
    }]);
    value["apiVersion"] = kind.api_version().into();
    value["kind"] = kind.resource().kind.into();
    if kind == Kind::Pod {
        value["status"] = json!({"phase": "Pending"});
    }
    let request = Request { kind, namespace: &owner.namespace, verb: Verb::Create, before: None };
    admit(cluster, &request, &mut value)?;
    cluster.store.create(kind, value)
}

/// Deletes a pod: at once where nothing of it runs.
pub(super) fn dismiss(cluster: &Cluster, member: &mut Member) {
    let grace = if member.has_machine && !member.is_over() { member.grace_seconds } else { 0 };
    let deletion = Deletion { uid: Some(member.uid.to_string()), grace_seconds: Some(grace), ..Deletion::default() };
    if let Ok(object) = cluster.store.delete(Kind::Pod, &member.namespace, &member.name, &deletion) {
        *member = Member::of(&object);
    }
}

/// Tells what happened to an object.
pub(super) fn tell(cluster: &Cluster, object: &Object, is_warning: bool, reason: &'static str, message: &str) {
    let component = match object.kind {
        Kind::Job => "job-controller",
        Kind::ReplicaSet => "replicaset-controller",
        _ => "deployment-controller",
    };
    let fact = Fact {
        kind: object.kind,
        namespace: &object.namespace,
        name: &object.name,
        uid: &object.uid,
        field: "",
        is_warning,
        reason,
        message,
        component,
        host: "",
    };
    cluster.events.tell(&cluster.store, &fact);
}
