//! Jobs, replica sets and deployments, by the library alone: their pods are given a machine here.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::kubelet::tests::{Ground, sh};
use super::super::{Cluster, Kind, Object, Selector};
use super::tally::condition;

const PATIENCE: Duration = Duration::from_secs(20);

struct Controlled {
    ground: Ground,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Drop for Controlled {
    fn drop(&mut self) {
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

fn controlled() -> Controlled {
    let ground = super::super::kubelet::tests::ground();
    let tasks =
        vec![tokio::spawn(super::run(Arc::clone(&ground.cluster))), tokio::spawn(bind(Arc::clone(&ground.cluster)))];
    Controlled { ground, tasks }
}

/// Gives every pod a machine.
async fn bind(cluster: Arc<Cluster>) {
    let mut changes = cluster.store.changes(Kind::Pod, 0).expect("from the beginning");
    loop {
        for change in changes.next().await.expect("not forgotten") {
            let _ = cluster.store.change(Kind::Pod, &change.object.namespace, &change.object.name, |pod| {
                pod["spec"]["nodeName"] = "machine".into();
                Ok(())
            });
        }
    }
}

impl Controlled {
    fn make(&self, kind: Kind, name: &str, spec: &Value) {
        let object = json!({"metadata": {"name": name, "namespace": "default"}, "spec": spec});
        self.ground.cluster.store.create(kind, object).expect("made");
    }

    async fn until(&self, kind: Kind, name: &str, what: impl Fn(&Value) -> bool) -> Value {
        let store = &self.ground.cluster.store;
        let mut changes = store.changes(kind, store.version()).expect("followed");
        let mut last = Value::Null;
        let found = tokio::time::timeout(PATIENCE, async {
            loop {
                last = store.get(kind, "default", name).map(|object| object.value()).unwrap_or_default();
                if what(&last) {
                    return;
                }
                changes.next().await.expect("not forgotten");
            }
        });
        let found = found.await;
        assert!(found.is_ok(), "{name} never came so far: {last:#}");
        last
    }

    async fn job(&self, name: &str, end: &str) -> Value {
        self.until(Kind::Job, name, |job| condition(&job["status"], end) == Some("True")).await["status"].clone()
    }

    fn pods(&self) -> Vec<Arc<Object>> {
        self.ground.cluster.store.list(Kind::Pod, None, &Selector::default()).0
    }
}

fn job(script: &str) -> Value {
    let template = json!({"metadata": {}, "spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": [sh(script)]}});
    json!({"completions": 1, "parallelism": 1, "backoffLimit": 0, "template": template})
}

fn reason_of(status: &Value, name: &str) -> String {
    let mut listed = status["conditions"].as_array().expect("some").iter();
    listed.find(|one| one["type"] == name).expect("it holds")["reason"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn jobs_end_as_their_pods_do() {
    let cluster = controlled();
    cluster.make(Kind::Job, "good", &job("true"));
    let status = cluster.job("good", "Complete").await;
    assert_eq!((&status["succeeded"], &status["ready"]), (&json!(1), &json!(0)));
    assert!(status["active"].is_null() && status["startTime"].is_string() && status["completionTime"].is_string());
    let pod = cluster.pods().remove(0);
    assert!(pod.name.starts_with("good-") && pod.name.len() == "good-".len() + 5, "{}", pod.name);
    assert_eq!(pod.labels["batch.kubernetes.io/job-name"], "good");
    cluster.make(Kind::Job, "bad", &job("exit 1"));
    let status = cluster.job("bad", "Failed").await;
    assert_eq!((&status["failed"], reason_of(&status, "Failed").as_str()), (&json!(1), "BackoffLimitExceeded"));
    let mut late = job("sleep 1000");
    late["activeDeadlineSeconds"] = 1.into();
    cluster.make(Kind::Job, "late", &late);
    let status = cluster.job("late", "Failed").await;
    assert_eq!(reason_of(&status, "Failed"), "DeadlineExceeded");
    let mut again = job("exit 1");
    again["backoffLimit"] = 2.into();
    cluster.make(Kind::Job, "again", &again);
    assert_eq!(cluster.job("again", "Failed").await["failed"], 3);
    let mut ruled = job("exit 42");
    ruled["backoffLimit"] = 6.into();
    ruled["podFailurePolicy"] =
        json!({"rules": [{"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}}]});
    cluster.make(Kind::Job, "ruled", &ruled);
    assert_eq!(reason_of(&cluster.job("ruled", "Failed").await, "Failed"), "PodFailurePolicy");
}

#[tokio::test]
async fn indexed_jobs_do_each_index_once() {
    let cluster = controlled();
    let mut many = job("test $JOB_COMPLETION_INDEX != 2; test $HOSTNAME = many-$JOB_COMPLETION_INDEX");
    (many["completions"], many["parallelism"], many["completionMode"]) = (6.into(), 3.into(), "Indexed".into());
    many["backoffLimitPerIndex"] = 1.into();
    many.as_object_mut().expect("an object").remove("backoffLimit");
    cluster.make(Kind::Job, "many", &many);
    let status = cluster.job("many", "Failed").await;
    assert_eq!((&status["completedIndexes"], &status["failedIndexes"]), (&json!("0,1,3-5"), &json!("2")));
    assert_eq!(
        (&status["succeeded"], &status["failed"], reason_of(&status, "Failed").as_str()),
        (&json!(5), &json!(2), "FailedIndexes")
    );
}

#[tokio::test]
async fn suspended_jobs_wait_and_finished_ones_go() {
    let cluster = controlled();
    let mut spec = job("true");
    (spec["suspend"], spec["ttlSecondsAfterFinished"]) = (true.into(), 0.into());
    cluster.make(Kind::Job, "a", &spec);
    cluster.until(Kind::Job, "a", |job| condition(&job["status"], "Suspended") == Some("True")).await;
    assert!(cluster.pods().is_empty());
    let resume = cluster.ground.cluster.store.change(Kind::Job, "default", "a", |job| {
        job["spec"]["suspend"] = false.into();
        Ok(())
    });
    resume.expect("changed");
    cluster.until(Kind::Job, "a", Value::is_null).await;
}

#[tokio::test]
async fn deployments_roll_from_one_template_to_the_next() {
    let cluster = controlled();
    let spec = |script: &str| {
        json!({"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"restartPolicy": "Always", "terminationGracePeriodSeconds": 0, "containers": [sh(script)]}}})
    };
    cluster.make(Kind::Deployment, "web", &spec("sleep 1000"));
    let is_done = |value: &Value| {
        let (status, progress) = (&value["status"], value["status"]["conditions"].as_array());
        let progress = progress.and_then(|all| all.iter().find(|one| one["type"] == "Progressing")).cloned();
        status["availableReplicas"] == 3
            && status["replicas"] == 3
            && status["observedGeneration"] == value["metadata"]["generation"]
            && progress.is_some_and(|one| one["reason"] == "NewReplicaSetAvailable")
    };
    cluster.until(Kind::Deployment, "web", is_done).await;
    let change = cluster.ground.cluster.store.change(Kind::Deployment, "default", "web", |value| {
        value["spec"] = spec("sleep 2000");
        Ok(())
    });
    change.expect("changed");
    let value = cluster
        .until(Kind::Deployment, "web", |value| {
            is_done(value) && value["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "2"
        })
        .await;
    assert_eq!(value["status"]["updatedReplicas"], 3);
    let (sets, _) = cluster.ground.cluster.store.list(Kind::ReplicaSet, None, &Selector::default());
    let mut sizes: Vec<_> = sets.iter().map(|set| set.value()["spec"]["replicas"].as_u64()).collect();
    sizes.sort();
    assert_eq!(sizes, [Some(0), Some(3)]);
}
