//! Pods as processes, by the library alone: a store, a kubelet, and pods that are given a machine here.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::super::{Cluster, Deletion, JobSettings, Kind, KubeletSettings, Settings};
use super::logs::LogLimits;
use crate::os::clock::SystemClock;

/// For how long a test waits for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// A cluster with a kubelet and nothing else.
pub(in crate::sim::gke) struct Ground {
    pub(in crate::sim::gke) cluster: Arc<Cluster>,
    _folder: TempDir,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Ground {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One, begun.
pub(in crate::sim::gke) fn ground() -> Ground {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = KubeletSettings {
        back_off: Duration::from_millis(20),
        back_off_max: Duration::from_millis(40),
        logs: LogLimits { file_bytes_max: 10 << 20, files_max: 5 },
    };
    let jobs = JobSettings { back_off: Duration::from_millis(10), back_off_max: Duration::from_millis(20) };
    let settings = Settings { kubelet: settings, jobs, ..Settings::default() };
    let cluster = Cluster::like(Arc::new(SystemClock::new()), folder.path().to_path_buf(), settings);
    let cluster = Arc::new(cluster);
    let task = tokio::spawn(super::run(Arc::clone(&cluster)));
    Ground { cluster, _folder: folder, task }
}

impl Ground {
    /// Makes a pod that has a machine.
    pub(in crate::sim::gke) fn pod(&self, name: &str, spec: Value) {
        let mut spec = spec;
        spec["nodeName"] = "machine".into();
        let pod = json!({"metadata": {"name": name, "namespace": "default", "labels": {"a": "b"}}, "spec": spec, "status": {"phase": "Pending"}});
        self.cluster.store.create(Kind::Pod, pod).expect("made");
    }

    /// Waits until the pod is as it should be; `None` means that it is no more.
    pub(in crate::sim::gke) async fn until(&self, name: &str, what: impl Fn(Option<&Value>) -> bool) -> Value {
        let mut changes = self.cluster.store.changes(Kind::Pod, self.cluster.store.version()).expect("followed");
        let mut last = Value::Null;
        let found = tokio::time::timeout(PATIENCE, async {
            loop {
                let pod = self.cluster.store.get(Kind::Pod, "default", name).map(|pod| pod.value());
                if what(pod.as_ref()) {
                    return pod.unwrap_or_default();
                }
                last = pod.unwrap_or_default();
                changes.next().await.expect("not forgotten");
            }
        });
        let found = found.await;
        found.unwrap_or_else(|_| panic!("{name} never came so far: {last:#}"))
    }

    pub(in crate::sim::gke) async fn phase(&self, name: &str, phase: &str) -> Value {
        self.until(name, |pod| pod.is_some_and(|pod| pod["status"]["phase"] == phase)).await
    }

    fn said(&self, name: &str, container: &str) -> String {
        let uid = self.cluster.store.get(Kind::Pod, "default", name).expect("there").uid.to_string();
        let log = self.cluster.kubelet.pod(&uid).expect("known").log(container, false).expect("a log");
        let mut reading = log.read();
        let all = std::iter::from_fn(|| reading.next().expect("read")).flat_map(|said| said.bytes);
        String::from_utf8_lossy(&all.collect::<Vec<u8>>()).into_owned()
    }
}

pub(in crate::sim::gke) fn sh(script: &str) -> Value {
    json!({"name": "c", "image": "busybox", "command": ["/bin/sh", "-e", "-c", script]})
}

fn never(containers: &[Value]) -> Value {
    json!({"restartPolicy": "Never", "terminationGracePeriodSeconds": 30, "containers": containers})
}

fn ended(pod: &Value, at: usize) -> &Value {
    &pod["status"]["containerStatuses"][at]["state"]["terminated"]
}

#[tokio::test]
async fn a_pod_ends_with_what_its_containers_say() {
    let ground = ground();
    let mut container = sh("echo out; echo err >&2; printf words > /dev/termination-log; exit 3");
    container["name"] = "bad".into();
    ground.pod("a", never(&[sh("exit 0"), container, json!({"name": "none", "image": "x", "command": ["no-such"]})]));
    let pod = ground.phase("a", "Failed").await;
    assert_eq!((&ended(&pod, 0)["exitCode"], &ended(&pod, 0)["reason"]), (&json!(0), &json!("Completed")));
    assert_eq!((&ended(&pod, 1)["exitCode"], &ended(&pod, 1)["reason"]), (&json!(3), &json!("Error")));
    assert_eq!(ended(&pod, 1)["message"], "words");
    assert_eq!((&ended(&pod, 2)["exitCode"], &ended(&pod, 2)["reason"]), (&json!(128), &json!("StartError")));
    let message = ended(&pod, 2)["message"].as_str().expect("words");
    assert!(message.contains("exec: \"no-such\": executable file not found in $PATH"), "{message}");
    let said = ground.said("a", "bad");
    assert!(said.contains("out\n") && said.contains("err\n"), "{said}");
    ground.pod("b", never(&[sh("kill -9 $$$$")]));
    assert_eq!(ended(&ground.phase("b", "Failed").await, 0)["exitCode"], 137);
    ground.pod("c", never(&[sh("true")]));
    let pod = ground.phase("c", "Succeeded").await;
    let ready = pod["status"]["conditions"].as_array().expect("some").iter().find(|one| one["type"] == "Ready");
    assert_eq!(ready.expect("one")["reason"], "PodCompleted");
}

#[tokio::test]
async fn mounts_and_variables_are_where_the_pod_wants_them() {
    let ground = ground();
    let mut container = sh(
        "cat a.txt /conf/key; echo \"$SECRET $NAME $BOTH $(pwd)\"; echo made > /workspace/made; cat made; echo \"$1\"",
    );
    container["args"] = json!(["sh", "$(NAME):/workspace/x"]);
    container["workingDir"] = "/workspace/deep/er".into();
    container["command"][3] = format!("cd /workspace; {}", container["command"][3].as_str().expect("text")).into();
    container["volumeMounts"] = json!([
        {"name": "space", "mountPath": "/workspace"}, {"name": "files", "mountPath": "/workspace/a.txt", "subPath": "a.txt"},
        {"name": "secret", "mountPath": "/conf"},
    ]);
    container["env"] = json!([
        {"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "s", "key": "key"}}},
        {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "BOTH", "value": "$(NAME)-$(SECRET)"},
    ]);
    let mut spec = never(&[container]);
    spec["volumes"] = json!([
        {"name": "space", "emptyDir": {}}, {"name": "files", "configMap": {"name": "files"}},
        {"name": "secret", "secret": {"secretName": "s"}},
    ]);
    ground.pod("a", spec);
    // What it asks for comes late.
    let make = |kind, value| drop(ground.cluster.store.create(kind, value).expect("made"));
    make(Kind::ConfigMap, json!({"metadata": {"name": "files", "namespace": "default"}, "data": {"a.txt": "file\n"}}));
    make(Kind::Secret, json!({"metadata": {"name": "s", "namespace": "default"}, "data": {"key": "aHVzaAo="}}));
    ground.phase("a", "Succeeded").await;
    let said = ground.said("a", "c");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[..3], ["file", "hush", "hush"], "{said}");
    assert!(lines[3].starts_with(" a a-hush") && said.contains("volumes/space\nmade\n"), "{said}");
    assert!(said.lines().last().expect("some").ends_with("volumes/space/x"), "{said}");
}

#[tokio::test]
async fn init_containers_come_first_and_failures_begin_again() {
    let ground = ground();
    let mount = json!([{"name": "v", "mountPath": "/shared"}]);
    let (mut first, mut main) =
        (sh("echo first > /shared/f"), sh("cat /shared/f; test -e /shared/again || { touch /shared/again; exit 1; }"));
    (first["name"], first["volumeMounts"], main["volumeMounts"]) = ("init".into(), mount.clone(), mount);
    ground.pod("a", json!({"restartPolicy": "OnFailure", "initContainers": [first], "containers": [main], "volumes": [{"name": "v", "emptyDir": {}}]}));
    let pod = ground.phase("a", "Succeeded").await;
    let status = &pod["status"]["containerStatuses"][0];
    assert_eq!((&status["restartCount"], &status["lastState"]["terminated"]["exitCode"]), (&json!(1), &json!(1)));
    assert_eq!(ground.said("a", "c"), "first\n");
    ground.pod("b", json!({"restartPolicy": "Always", "containers": [sh("exit 7")]}));
    ground
        .until("b", |pod| {
            pod.is_some_and(|pod| {
                pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "CrashLoopBackOff"
            })
        })
        .await;
    ground.pod("c", never(&[json!({"name": "c", "image": "Not A Name"})]));
    ground
        .until("c", |pod| {
            pod.is_some_and(|pod| {
                pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "InvalidImageName"
            })
        })
        .await;
}

#[tokio::test]
async fn a_deleted_pod_is_gone_when_its_processes_are() {
    let ground = ground();
    let folder = tempfile::tempdir().expect("a folder");
    let pids = folder.path().join("pids");
    let script = format!(
        "trap '' TERM; setsid sleep 1000 & echo $! > {0}; echo $$$$ >> {0}; while :; do sleep 1000; done",
        pids.display()
    );
    ground.pod("a", never(&[sh(&script)]));
    ground.phase("a", "Running").await;
    let written = || std::fs::read_to_string(&pids).is_ok_and(|text| text.lines().count() == 2);
    let deadline = tokio::time::timeout(PATIENCE, async {
        while !written() {
            tokio::task::yield_now().await;
        }
    });
    deadline.await.expect("both have begun");
    let deletion = Deletion { grace_seconds: Some(1), ..Deletion::default() };
    ground.cluster.store.delete(Kind::Pod, "default", "a", &deletion).expect("marked");
    ground.until("a", |pod| pod.is_none()).await;
    for pid in std::fs::read_to_string(&pids).expect("read").lines() {
        let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        assert!(state.is_empty() || state.contains(") Z "), "{state}");
    }
}

#[tokio::test]
async fn time_and_memory_are_bounded() {
    let ground = ground();
    let mut spec = never(&[sh("sleep 1000")]);
    (spec["activeDeadlineSeconds"], spec["terminationGracePeriodSeconds"]) = (1.into(), 1.into());
    ground.pod("a", spec);
    let pod = ground.phase("a", "Failed").await;
    assert_eq!(pod["status"]["reason"], "DeadlineExceeded");
    let mut container = sh("x=$(head -c 60000000 /dev/zero | tr '\\0' x); sleep 1000; echo $x");
    container["resources"] = json!({"limits": {"memory": "20Mi"}});
    ground.pod("b", never(&[container]));
    let pod = ground.phase("b", "Failed").await;
    assert_eq!((&ended(&pod, 0)["exitCode"], &ended(&pod, 0)["reason"]), (&json!(137), &json!("OOMKilled")));
}

#[tokio::test]
async fn a_hundred_short_pods_are_written_once_or_twice_each() {
    let ground = ground();
    for number in 0..100 {
        ground.pod(&format!("p{number}"), never(&[sh("echo $$$$")]));
    }
    for number in 0..100 {
        ground.phase(&format!("p{number}"), "Succeeded").await;
    }
    let mut changes = ground.cluster.store.changes(Kind::Pod, 0).expect("all are remembered");
    let count = changes.next().await.expect("some").len();
    assert!(count <= 300, "{count} changes: made, perhaps seen running, ended");
}
