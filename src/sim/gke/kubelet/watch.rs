//! Sees which pods have come to a machine, and which are to go.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::super::{Cluster, Deed, Kind, Object, Selector};
use super::pod::{self, Seen};
use super::shared::Pod;

/// Sees to all pods, until the cluster ends: then every container does.
pub(in crate::sim::gke) async fn run(cluster: Arc<Cluster>) {
    let kubelet = &cluster.kubelet;
    let mut watch = Watch { cluster: Arc::clone(&cluster), seen: HashMap::new(), tasks: JoinSet::new() };
    tokio::select! {
        () = kubelet.leftovers.run() => {}
        () = kubelet.memory.run() => {}
        () = watch.run() => {}
        () = cluster.ended() => {}
    }
}

struct Watch {
    cluster: Arc<Cluster>,
    seen: HashMap<Arc<str>, watch::Sender<Seen>>,
    tasks: JoinSet<()>,
}

impl Watch {
    async fn run(&mut self) {
        loop {
            let (pods, version) = self.cluster.store.list(Kind::Pod, None, &Selector::default());
            let uids: std::collections::HashSet<_> = pods.iter().map(|object| Arc::clone(&object.uid)).collect();
            let gone: Vec<_> = self.seen.keys().filter(|uid| !uids.contains(*uid)).cloned().collect();
            for uid in gone {
                self.lose(&uid);
            }
            for object in pods {
                self.see(object);
            }
            let Ok(mut changes) = self.cluster.store.changes(Kind::Pod, version) else { continue };
            loop {
                tokio::select! {
                    changed = changes.next() => {
                        // Some are forgotten: all pods are looked at anew.
                        let Ok(changed) = changed else { break };
                        for change in changed {
                            match change.deed {
                                Deed::Deleted => self.lose(&change.object.uid),
                                Deed::Added | Deed::Modified => self.see(Arc::clone(&change.object)),
                            }
                        }
                    }
                    Some(_) = self.tasks.join_next() => {}
                }
            }
        }
    }

    fn see(&mut self, object: Arc<Object>) {
        let cluster = &self.cluster;
        if let Some(seen) = self.seen.get(&object.uid) {
            let is_deleting = object.deleting;
            let pod = cluster.kubelet.pod(&object.uid);
            seen.send_replace(Seen { object, is_gone: false });
            if let Some(pod) = pod.filter(|pod| is_deleting && pod.is_over.load(Ordering::SeqCst)) {
                pod::remove(cluster, &pod);
            }
            return;
        }
        let value = object.value();
        let has_node = value["spec"]["nodeName"].as_str().is_some_and(|node| !node.is_empty());
        if !has_node || matches!(value["status"]["phase"].as_str(), Some("Failed" | "Succeeded")) {
            return;
        }
        let folder = cluster.folder.join("pods").join(&*object.uid);
        let pod = Arc::new(Pod::new(&object, folder, cluster.kubelet.address(), cluster.store.now()));
        cluster.kubelet.pods().insert(Arc::clone(&object.uid), Arc::clone(&pod));
        let (seen, sees) = watch::channel(Seen { object, is_gone: false });
        self.seen.insert(Arc::clone(&pod.uid), seen);
        self.tasks.spawn(pod::live(Arc::clone(cluster), pod, sees));
    }

    fn lose(&mut self, uid: &Arc<str>) {
        let Some(seen) = self.seen.remove(uid) else { return };
        seen.send_modify(|seen| seen.is_gone = true);
        if let Some(pod) = self.cluster.kubelet.pod(uid).filter(|pod| pod.is_over.load(Ordering::SeqCst)) {
            pod::forget(&self.cluster, &pod);
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // The tasks end the groups of their containers when they are dropped; who has left them is found by the mark.
        self.tasks = JoinSet::new();
        let pods: Vec<_> = self.cluster.kubelet.pods().values().cloned().collect();
        let ids = pods.iter().flat_map(|pod| {
            let slots = pod.slots();
            slots.iter().filter_map(|slot| Some(slot.id.strip_prefix("containerd://")?.into())).collect::<Vec<_>>()
        });
        let marks = ids.collect();
        self.cluster.kubelet.leftovers.end_all(&marks);
    }
}
