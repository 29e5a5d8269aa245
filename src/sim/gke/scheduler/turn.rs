//! The loop: see what changed, put pods onto nodes, have nodes made, let nodes go.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::picture::{Picture, Turn, Waiting};
use super::writing;
use crate::sim::gke::autoscaler::Autoscaler;
use crate::sim::gke::packing::Wish;
use crate::sim::gke::{Change, Changes, Cluster, Deed, Kind, Refusal, Selector};

/// Writes after which others get their turn.
const WRITES_AT_ONCE: usize = 64;
/// Wishes without room that are remembered within one turn, so that a thousand equal pods are tried once.
const REFUSED_MAX: usize = 16;

/// Schedules pods for as long as the cluster lives.
pub(in crate::sim::gke) async fn run(cluster: Arc<Cluster>) {
    let mut autoscaler = Autoscaler::default();
    autoscaler.begin(&cluster);
    // Who falls behind further than changes are remembered looks at everything anew.
    while look(&cluster, &mut autoscaler).await.is_err() {}
}

async fn look(cluster: &Arc<Cluster>, autoscaler: &mut Autoscaler) -> Result<(), Refusal> {
    let mut picture = Picture::default();
    let mut nodes = follow(cluster, Kind::Node, |change, now| picture.node(change, now))?;
    let mut pods = follow(cluster, Kind::Pod, |change, now| picture.pod(change, now))?;
    loop {
        turn(cluster, &mut picture, autoscaler).await;
        let now = cluster.clock.monotonic();
        let wait = autoscaler.due(cluster, &picture.idle()).map(|due| due.saturating_sub(now));
        tokio::select! {
            changed = pods.next() => {
                let now = cluster.clock.monotonic();
                changed?.iter().for_each(|change| picture.pod(change, now));
            }
            changed = nodes.next() => {
                let now = cluster.clock.monotonic();
                changed?.iter().for_each(|change| picture.node(change, now));
            }
            () = tokio::time::sleep(wait.unwrap_or(Duration::MAX)) => {}
        }
    }
}

/// Shows all objects of a kind, and then what changes.
fn follow(cluster: &Arc<Cluster>, kind: Kind, mut show: impl FnMut(&Change, Duration)) -> Result<Changes, Refusal> {
    let (objects, version) = cluster.store.list(kind, None, &Selector::default());
    let now = cluster.clock.monotonic();
    for object in objects {
        show(&Change { deed: Deed::Added, object, before: None }, now);
    }
    cluster.store.changes(kind, version)
}

/// Does all that is to be done now.
async fn turn(cluster: &Arc<Cluster>, picture: &mut Picture, autoscaler: &mut Autoscaler) {
    let now = cluster.clock.monotonic();
    for node in autoscaler.arrivals(cluster) {
        picture.node(&Change { deed: Deed::Added, object: node, before: None }, now);
    }
    for name in Autoscaler::leaving(cluster, &picture.idle()) {
        Autoscaler::retire(cluster, &name);
        picture.close(&name);
    }
    if picture.waiting.is_empty() {
        return;
    }
    let mut placed = Vec::new();
    let mut without = place(picture, &mut placed);
    let needs = without.iter().map(|(_, pod)| (Arc::clone(&pod.uid), pod.wish.amounts, &pod.wish.taste));
    let scale = autoscaler.order(cluster, picture.pool.len(), &needs.collect::<Vec<_>>());
    let arrived = autoscaler.arrivals(cluster);
    if !arrived.is_empty() {
        for node in arrived {
            picture.node(&Change { deed: Deed::Added, object: node, before: None }, now);
        }
        without = place(picture, &mut placed);
    }
    let taken = cluster.clock.monotonic().saturating_sub(now);
    cluster.plant.counters.packed(placed.len() + without.len(), taken);
    for (written, (pod, node)) in placed.into_iter().enumerate() {
        if writing::bind(cluster, &pod, &node).is_err() {
            picture.forget(&pod.uid, cluster.clock.monotonic());
        }
        if written % WRITES_AT_ONCE == WRITES_AT_ONCE - 1 {
            tokio::task::yield_now().await;
        }
    }
    tell(cluster, picture, without, &scale).await;
}

/// Puts as many waiting pods onto nodes as fit; returns the others.
fn place(picture: &mut Picture, placed: &mut Vec<(Waiting, Arc<str>)>) -> Vec<(Turn, Waiting)> {
    let mut refused: Vec<Wish> = Vec::new();
    let mut without = Vec::new();
    for (turn, pod) in picture.waiting.clone() {
        let is_refused = refused.contains(&pod.wish);
        let machine = if is_refused { None } else { picture.pool.place(&pod.wish) };
        if let Some(node) = machine.and_then(|id| picture.name(id)) {
            picture.unqueue(&pod.uid);
            picture.assume(&pod.uid, &node, pod.wish.amounts);
            placed.push((pod, node));
            continue;
        }
        if !is_refused && refused.len() < REFUSED_MAX {
            refused.push(pod.wish.clone());
        }
        without.push((turn, pod));
    }
    without
}

/// Tells pods without room so, each once, and again when the reason is another and no node is under way for it.
async fn tell(
    cluster: &Arc<Cluster>,
    picture: &mut Picture,
    without: Vec<(Turn, Waiting)>,
    scale: &BTreeMap<Arc<str>, Result<String, String>>,
) {
    let mut known: Vec<(Wish, String)> = Vec::new();
    let mut written = 0;
    for (turn, pod) in without {
        let Some(scale) = scale.get(&pod.uid) else { continue };
        if pod.told.is_some() && scale.is_ok() {
            continue;
        }
        let message = known.iter().find(|(wish, _)| *wish == pod.wish).map(|(_, message)| message.clone());
        let message = message.unwrap_or_else(|| {
            let message = sentence(picture, &pod.wish);
            if known.len() < REFUSED_MAX {
                known.push((pod.wish.clone(), message.clone()));
            }
            message
        });
        if pod.told.as_ref() == Some(&message) {
            continue;
        }
        writing::tell(cluster, &pod, &message, scale);
        if let Some(waiting) = picture.waiting.get_mut(&turn) {
            waiting.told = Some(message);
        }
        written += 1;
        if written % WRITES_AT_ONCE == 0 {
            tokio::task::yield_now().await;
        }
    }
}

/// Why there is no room, as the scheduler words it.
fn sentence(picture: &Picture, wish: &Wish) -> String {
    let count = picture.pool.len();
    if count == 0 {
        return "no nodes available to schedule pods".into();
    }
    let obstacles = picture.pool.obstacles(wish);
    let mut reasons: Vec<String> = obstacles.iter().map(|(reason, nodes)| format!("{nodes} {reason}")).collect();
    reasons.sort();
    format!(
        "0/{count} nodes are available: {}. preemption: 0/{count} nodes are available: {count} Preemption is not helpful for scheduling.",
        reasons.join(", ")
    )
}
