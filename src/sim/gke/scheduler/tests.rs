//! The scheduler, the autoscaler and what happens to nodes, on a cluster without an API and without processes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::os::clock::Clock;
use crate::sim::gke::{Cluster, Kind, Machinery, Object, Selector, Settings, console};

/// A clock that the test sets.
#[derive(Default)]
struct Hand(AtomicU64);

impl Clock for Hand {
    fn wall_milliseconds(&self) -> i64 {
        i64::try_from(self.monotonic().as_millis()).unwrap_or(0)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// Tokio's paused clock and ours go together.
async fn pass(clock: &Hand, time: Duration) {
    clock.0.fetch_add(u64::try_from(time.as_millis()).expect("short"), Ordering::SeqCst);
    tokio::time::advance(time).await;
}

fn cluster(machinery: Machinery) -> (Arc<Cluster>, Arc<Hand>) {
    let clock = Arc::new(Hand::default());
    let cluster = Arc::new(Cluster::like(
        Arc::clone(&clock) as Arc<dyn Clock>,
        "/nowhere".into(),
        Settings { machinery, ..Settings::default() },
    ));
    let operated = Arc::clone(&cluster);
    tokio::spawn(async move { operated.operate().await });
    (cluster, clock)
}

fn pod(name: &str, spec: &Value) -> Value {
    let mut pod = json!({
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "busybox"}]},
    });
    for (key, value) in spec.as_object().into_iter().flatten() {
        pod["spec"][key] = value.clone();
    }
    pod
}

fn see(cluster: &Cluster, name: &str) -> Value {
    cluster.store.get(Kind::Pod, "default", name).expect("the pod").value()
}

fn nodes(cluster: &Cluster) -> Vec<Arc<Object>> {
    cluster.store.list(Kind::Node, None, &Selector::default()).0
}

fn events(cluster: &Cluster, reason: &str) -> Vec<String> {
    let events = cluster.store.list(Kind::Event, None, &Selector::default()).0;
    let events = events.iter().map(|event| event.value()).filter(|event| event["reason"] == reason);
    events.map(|event| event["message"].as_str().unwrap_or_default().to_owned()).collect()
}

/// Lets everybody do what there is to do.
async fn settle(cluster: &Cluster) {
    let mut version = u64::MAX;
    while version != cluster.store.version() {
        version = cluster.store.version();
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
    }
}

fn condition<'a>(object: &'a Value, kind: &str) -> &'a Value {
    let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
    conditions.into_iter().find(|condition| condition["type"] == kind).unwrap_or(&Value::Null)
}

#[tokio::test(start_paused = true)]
async fn a_pod_waits_for_its_node_and_the_node_goes_when_it_is_empty() {
    let machinery = Machinery { provisioning: Duration::from_secs(70), ..Machinery::default() };
    let (cluster, clock) = cluster(machinery);
    cluster.make(Kind::Pod, pod("a", &json!({}))).expect("admitted");
    settle(&cluster).await;
    let waiting = see(&cluster, "a");
    assert_eq!(condition(&waiting, "PodScheduled")["reason"], "Unschedulable", "{waiting}");
    assert_eq!(condition(&waiting, "PodScheduled")["message"], "no nodes available to schedule pods");
    assert_eq!((events(&cluster, "FailedScheduling").len(), events(&cluster, "TriggeredScaleUp").len()), (1, 1));
    pass(&clock, Duration::from_secs(71)).await;
    settle(&cluster).await;
    let bound = see(&cluster, "a");
    let node = nodes(&cluster).first().expect("a node").value();
    assert_eq!(bound["spec"]["nodeName"], node["metadata"]["name"], "{bound}");
    assert_eq!(condition(&bound, "PodScheduled")["status"], "True");
    assert_eq!(condition(&node, "Ready")["status"], "True");
    assert_eq!(node["metadata"]["labels"]["node.kubernetes.io/instance-type"], "e2-standard-2");
    let ended = cluster.store.change(Kind::Pod, "default", "a", |pod| {
        pod["status"]["phase"] = "Succeeded".into();
        Ok(())
    });
    ended.expect("ended");
    settle(&cluster).await;
    pass(&clock, Duration::from_secs(500)).await;
    settle(&cluster).await;
    assert_eq!(nodes(&cluster).len(), 1, "it is kept for a while");
    pass(&clock, Duration::from_secs(101)).await;
    settle(&cluster).await;
    assert!(nodes(&cluster).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_fits_nowhere_is_told_why() {
    let (cluster, _) = cluster(Machinery { autopilot: false, nodes: 2, ..Machinery::default() });
    settle(&cluster).await;
    let large = json!({"containers": [{"name": "main", "image": "x", "resources": {"requests": {"cpu": "10", "memory": "64Gi"}}}]});
    cluster.make(Kind::Pod, pod("large", &large)).expect("admitted");
    cluster
        .make(Kind::Pod, pod("spot", &json!({"nodeSelector": {"cloud.google.com/gke-spot": "true"}})))
        .expect("admitted");
    cluster.make(Kind::Pod, pod("small", &json!({}))).expect("admitted");
    settle(&cluster).await;
    let message = |name: &str| condition(&see(&cluster, name), "PodScheduled")["message"].clone();
    assert_eq!(
        message("large"),
        "0/3 nodes are available: 3 Insufficient cpu, 3 Insufficient memory. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."
    );
    assert!(message("spot").as_str().expect("told").contains("3 node(s) didn't match Pod's node affinity/selector"));
    assert!(see(&cluster, "small")["spec"]["nodeName"].is_string());
    assert_eq!(events(&cluster, "NotTriggerScaleUp").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn thousands_of_pods_are_bound_at_once_and_never_onto_too_little() {
    let (cluster, _) = cluster(Machinery::default());
    for number in 0..1_000 {
        let spot = json!({"nodeSelector": {"cloud.google.com/gke-spot": "true"}});
        let spec = if number % 3 == 0 { spot } else { json!({}) };
        cluster.make(Kind::Pod, pod(&format!("p-{number}"), &spec)).expect("admitted");
    }
    settle(&cluster).await;
    let report = crate::sim::gke::metrics::report(&cluster);
    assert_eq!((report.unscheduled, report.pods.get("Pending")), (0, Some(&1_000)));
    for node in &report.nodes {
        assert!(node.cpu_milli_requested <= node.cpu_milli_allocatable, "{node:?}");
    }
    let spots = report.nodes.iter().filter(|node| node.spot).map(|node| node.pods).sum::<u64>();
    assert_eq!(spots, 334);
    assert!(report.cpu_milli_requested * 100 > report.cpu_milli_allocatable * 90, "a tenth at most stays empty");
    assert!((report.dollars_an_hour - (0.1 + 0.032_165_6 * (666.0 + 334.0 * 0.3))).abs() < 1e-6);
    let text = crate::sim::gke::metrics::text(&cluster);
    assert!(text.contains("spore_sim_pods{phase=\"Pending\"} 1000\n"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn machines_are_taken_away_and_pods_say_so() {
    let (cluster, clock) = cluster(Machinery::default());
    let ask = |path: &str, query: &str| {
        console::answer(&cluster, &axum::http::Method::POST, path, query, b"").expect("a path of ours")
    };
    for name in ["a", "b"] {
        let spec = json!({"nodeSelector": {"cloud.google.com/gke-spot": "true"}});
        cluster.make(Kind::Pod, pod(name, &spec)).expect("admitted");
        settle(&cluster).await;
        let node = see(&cluster, name)["spec"]["nodeName"].as_str().expect("bound").to_owned();
        cluster
            .store
            .change(Kind::Pod, "default", name, |pod| {
                pod["status"]["phase"] = "Running".into();
                pod["status"]["containerStatuses"] =
                    json!([{"name": "main", "ready": true, "state": {"running": {"startedAt": "x"}}}]);
                Ok(())
            })
            .expect("running");
        if name == "a" {
            assert_eq!(ask("/sim/preempt", "").expect("preempted")["node"], *node);
            settle(&cluster).await;
            let gone = see(&cluster, name);
            assert_eq!((&gone["status"]["phase"], &gone["status"]["reason"]), (&json!("Failed"), &json!("Terminated")));
            assert_eq!(condition(&gone, "DisruptionTarget")["reason"], "TerminationByKubelet");
            assert_eq!(gone["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"], 143);
            assert!(nodes(&cluster).is_empty());
            assert_eq!(ask("/sim/preempt", "").expect_err("there is none").code, 404);
        } else {
            ask("/sim/vanish", &format!("node={node}&seconds=40")).expect("vanished");
            settle(&cluster).await;
            let lost = see(&cluster, name);
            assert!(!lost["metadata"]["deletionTimestamp"].is_null());
            assert_eq!(condition(&nodes(&cluster)[0].value(), "Ready")["status"], "Unknown");
            pass(&clock, Duration::from_secs(41)).await;
            settle(&cluster).await;
            assert!(cluster.store.get(Kind::Pod, "default", name).is_none());
        }
    }
    assert!(ask("/sim/vanish", "").is_err() && ask("/sim/x", "").is_err());
    assert!(console::answer(&cluster, &axum::http::Method::GET, "/api/v1", "", b"").is_none());
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_moves_pods_but_those_that_must_stay() {
    let (cluster, _) = cluster(Machinery::default());
    let mut stays = pod("stays", &json!({}));
    stays["metadata"]["annotations"]["cluster-autoscaler.kubernetes.io/safe-to-evict"] = "false".into();
    cluster.make(Kind::Pod, stays).expect("admitted");
    cluster.make(Kind::Pod, pod("moves", &json!({}))).expect("admitted");
    settle(&cluster).await;
    let name = nodes(&cluster)[0].name.to_string();
    let on = ["stays", "moves"].map(|pod| see(&cluster, pod)["spec"]["nodeName"] == *name);
    assert_eq!(on, [true, true], "both fit on one");
    let query = format!("node={name}");
    console::answer(&cluster, &axum::http::Method::POST, "/sim/upgrade", &query, b"").expect("ours").expect("upgraded");
    settle(&cluster).await;
    let moves = see(&cluster, "moves");
    assert_eq!(moves["metadata"]["deletionGracePeriodSeconds"], 30);
    assert_eq!(condition(&moves, "DisruptionTarget")["reason"], "EvictionByEvictionAPI");
    assert!(see(&cluster, "stays")["metadata"]["deletionTimestamp"].is_null());
    cluster.make(Kind::Pod, pod("new", &json!({}))).expect("admitted");
    settle(&cluster).await;
    assert_ne!(see(&cluster, "new")["spec"]["nodeName"], *name, "nothing new comes");
    for pod in ["stays", "moves"] {
        cluster.store.delete(Kind::Pod, "default", pod, &crate::sim::gke::Deletion::default()).expect("gone");
    }
    settle(&cluster).await;
    assert!(cluster.store.get(Kind::Node, "", &name).is_none(), "it goes when it is empty");
}
