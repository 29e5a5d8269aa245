//! What a cluster does to a command that is not the command's fault, and what waits for it to pass.

use std::time::Duration;

use serde_json::json;
use spore::model::{Outcome, Stream};

use super::cluster::{Cluster, ground_in, until};
use crate::executor::ground::{Ground, exit};

fn go(on: &Ground<'_>) -> std::path::PathBuf {
    let go = on.root.join("go");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &go, rustix::fs::FileType::Fifo, mode, 0).expect("a fifo");
    go
}

async fn let_go(go: std::path::PathBuf) {
    let written = tokio::task::spawn_blocking(move || {
        spore::os::file::append(&go).and_then(|mut file| std::io::Write::write_all(&mut file, b"x\n"))
    });
    written.await.expect("joined").expect("written");
}

fn pod(cluster: &Cluster, namespace: &str) -> String {
    let mut name = String::new();
    until(|| {
        name = cluster.kubectl(&["get", "pods", "-n", namespace, "-o", "jsonpath={.items[*].metadata.name}"]);
        !name.is_empty()
    });
    name
}

#[tokio::test]
async fn an_outage_fails_nothing() {
    let cluster = Cluster::serve("outage", &[]);
    let gke = cluster.gke();
    let on = ground_in(&cluster, &gke, "outage");
    let mut started = on.start(on.sh("echo one; read x <go; echo two; exit 5"));
    let go = go(&on);
    started.line("one").await;
    cluster.ask("faults", &json!([{"kind": "down", "seconds": 3.0}, {"kind": "cut-log", "times": 1}]));
    let_go(go).await;
    assert_eq!(started.see_end().await.outcome, exit(5));
    assert_eq!(on.text(Stream::Out).await, "one\ntwo\n");
}

#[tokio::test]
async fn a_cluster_that_forgot_the_past_is_asked_anew() {
    let cluster = Cluster::serve("forgot", &[]);
    let gke = cluster.gke();
    let on = ground_in(&cluster, &gke, "forgot");
    let mut started = on.start(on.sh("echo one; read x <go; exit 5"));
    let go = go(&on);
    started.line("one").await;
    cluster.ask("faults", &json!([{"kind": "gone", "times": 2, "path": "/pods"}]));
    cluster.ask("forget", &json!({}));
    let_go(go).await;
    assert_eq!(started.see_end().await.outcome, exit(5));
}

#[tokio::test]
async fn an_eviction_is_the_clusters_doing() {
    let cluster = Cluster::serve("eviction", &[]);
    let gke = cluster.gke();
    let on = ground_in(&cluster, &gke, "eviction");
    let mut attempt = on.sh("echo one; sleep 300");
    attempt.grace = Duration::from_secs(1);
    let mut started = on.start(attempt);
    started.line("one").await;
    let pod = pod(&cluster, "eviction");
    cluster.ask(&format!("evict?namespace=eviction&pod={pod}"), &json!({}));
    let outcome = started.see_end().await.outcome;
    assert!(matches!(&outcome, Outcome::Lost { stage } if stage.contains("taken away")), "{outcome}");
}

#[tokio::test]
async fn what_has_no_place_waits_and_says_why() {
    let cluster = Cluster::serve("no-place", &["--standard", "--nodes", "1"]);
    let gke = cluster.gke();
    let on = ground_in(&cluster, &gke, "no-place");
    let mut attempt = on.sh("true");
    let mut with = (*attempt.with).clone();
    with.insert("cpu".into(), json!("900"));
    with.insert("schedule_timeout".into(), json!("1s"));
    attempt.with = std::sync::Arc::new(with);
    let mut started = on.start(attempt);
    let end = started.see_end().await;
    let Outcome::NotStarted { reason, permanent: false } = end.outcome else { panic!("{}", end.outcome) };
    assert!(reason.contains("has no place for its pod within 1 s: Unschedulable"), "{reason}");
    assert!(started.lines.iter().any(|line| line.contains("Unschedulable")), "{:?}", started.lines);
    assert_eq!(cluster.kubectl(&["get", "pods", "-n", "no-place", "-o", "name"]), "");
}

#[tokio::test]
async fn what_is_refused_is_told_in_the_clusters_words() {
    let cluster = Cluster::serve("refused", &["--deny", "create:jobs"]);
    let gke = cluster.gke();
    let on = ground_in(&cluster, &gke, "refused");
    let Outcome::NotStarted { reason, permanent: true } = on.run_sh("true").await.outcome else {
        panic!("it is denied")
    };
    assert!(reason.contains("create jobs") && reason.contains("\"refused\""), "{reason}");
    let check = on.executor.check().await;
    assert_eq!(check.missing.len(), 1, "{:?}", check.missing);
    assert!(check.missing[0].contains("may not create jobs") && check.missing[0].contains("kubectl create role"));
}

#[tokio::test]
async fn an_image_that_does_not_come_is_waited_for() {
    let cluster = Cluster::serve("image", &[]);
    let gke = cluster.gke();
    let on = ground_in(&cluster, &gke, "image");
    let mut attempt = on.sh("true");
    let mut with = (*attempt.with).clone();
    with.insert("image".into(), json!("tool:missing"));
    with.insert("image_timeout".into(), json!("1s"));
    attempt.with = std::sync::Arc::new(with);
    let outcome = on.run(attempt).await.outcome;
    let Outcome::NotStarted { reason, permanent: true } = outcome else { panic!("{outcome}") };
    assert!(reason.contains("its image did not come within 1 s") && reason.contains("tool:missing"), "{reason}");
}

#[tokio::test]
async fn a_cluster_that_cannot_be_reached_may_still_run_what_it_had() {
    let cluster = Cluster::serve("silent", &[]);
    let gke = cluster.gke();
    let on = ground_in(&cluster, &gke, "silent");
    let mut started = on.start(on.sh("echo one; sleep 300"));
    started.line("one").await;
    drop(cluster);
    on.executor.cancel(&started.id, true);
    let outcome = started.see_end().await.outcome;
    assert!(matches!(&outcome, Outcome::Lost { stage } if stage.contains("may still run")), "{outcome}");
}
