//! Each thing that can go wrong in a cluster, by itself: what can pass is waited out, and what cannot is told as it is.

use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};
use spore::model::{Attempt, Outcome, Stream};

use super::cluster::{Cluster, ground_in, shared, until};
use crate::executor::ground::{Ground, exit};
use crate::executor::suite;

/// What matters most, while one thing goes wrong again and again.
async fn cases_under(fault: &str) {
    let cluster = Cluster::serve(fault.split('=').next().expect("a name"), &["--fault", fault, "--seed", "3"]);
    let gke = cluster.gke();
    let on = |name: &str| ground_in(&cluster, &gke, name);
    let (told, outputs, ends) = (on("told"), on("outputs"), on("ends"));
    let (logs, secrets, goodbye) = (on("logs"), on("secrets"), on("goodbye"));
    tokio::join!(
        suite::success_and_failure_are_told(&told),
        suite::outputs_are_handed_on(&outputs),
        suite::starting_twice_finds_the_first(&ends),
        suite::logs_are_read_by_cursor(&logs),
        suite::secrets_are_masked_everywhere(&secrets),
        suite::a_cancelled_command_may_say_goodbye(&goodbye),
    );
}

macro_rules! under {
    ($($name:ident = $fault:literal),* $(,)?) => {
        $(
            #[tokio::test]
            async fn $name() {
                cases_under($fault).await;
            }
        )*
    };
}

under!(
    answers_that_come_late = "latency=0.5",
    conflicts = "conflict=0.3",
    histories_that_are_forgotten = "gone=0.3",
    too_many_requests = "too-many=0.3",
    errors_of_the_server = "internal=0.3",
    a_server_that_is_not_available = "unavailable=0.3",
    tokens_that_are_not_taken = "unauthorized=0.3",
    connections_that_break = "down=0.3",
    answers_that_are_lost = "lost-answer=0.3",
    logs_that_break_off = "cut-log=0.6",
    watches_that_break_off = "cut-watch=1",
    events_that_are_lost = "lost-event=1",
    containers_that_start_late = "slow-kubelet=1",
);

/// The attempt, with these settings more.
fn with(mut attempt: Attempt, more: &Value) -> Attempt {
    let mut with = (*attempt.with).clone();
    with.extend(more.as_object().expect("settings").clone());
    attempt.with = Arc::new(with);
    attempt
}

/// A command that prints `one`, and ends with `two` and code 5 once [`let_go`] was called.
const WAITS: &str = "echo one; until [ -e go ]; do sleep 0.02; done; echo two; touch over; exit 5";

fn let_go(on: &Ground<'_>) {
    spore::os::file::write_new(&on.root.join("go"), b"").expect("written");
}

fn pod(cluster: &Cluster, namespace: &str) -> Value {
    let listed = cluster.kubectl(&["get", "pods", "-n", namespace, "-o", "json"]);
    serde_json::from_str::<Value>(&listed).expect("JSON")["items"][0].take()
}

#[track_caller]
fn is_lost(outcome: &Outcome, part: &str) {
    assert!(matches!(outcome, Outcome::Lost { stage } if stage.contains(part)), "{outcome}");
}

#[tokio::test]
async fn a_server_that_stands_still_is_waited_for() {
    let cluster = Cluster::serve("stands-still", &[]);
    let gke = cluster.gke();
    let on = ground_in(&cluster, &gke, "still");
    let mut started = on.start(on.sh(WAITS));
    started.line("one").await;
    cluster.signal(Signal::STOP);
    let_go(&on);
    until(|| on.root.join("over").exists());
    cluster.signal(Signal::CONT);
    assert_eq!(started.see_end().await.outcome, exit(5));
    assert_eq!(on.text(Stream::Out).await, "one\ntwo\n");
}

#[tokio::test]
async fn a_token_that_is_not_taken_for_a_while_fails_nothing() {
    let cluster = Cluster::serve("token", &[]);
    let gke = cluster.gke();
    let on = ground_in(&cluster, &gke, "token");
    let mut started = on.start(on.sh(WAITS));
    started.line("one").await;
    cluster.ask("faults", &json!([{"kind": "cut-watch", "times": 1}, {"kind": "unauthorized", "seconds": 2.0}]));
    let mut later = on.sh("echo three");
    later.id.number = 2;
    let later = on.start(later);
    let_go(&on);
    assert_eq!(started.see_end().await.outcome, exit(5));
    assert_eq!(later.end().await.outcome, Outcome::Succeeded);
}

#[tokio::test]
async fn a_log_is_whole_wherever_it_breaks_off() {
    let cluster = Cluster::serve("broken-log", &["--fault", "cut-log=0.7"]);
    let gke = cluster.gke();
    let on = ground_in(&cluster, &gke, "broken-log");
    let script =
        "for i in 1 2 3 4 5 6 7 8 9; do printf \"$i \"; sleep 0.15; echo \"and $i\"; echo \"$i\"; done; printf end";
    let end = on.run_sh(script).await;
    assert_eq!(end.outcome, Outcome::Succeeded);
    let expected = (1..10).fold(String::new(), |text, i| text + &format!("{i} and {i}\n{i}\n"));
    assert_eq!(on.text(Stream::Out).await, format!("{expected}end"));
    assert_eq!(end.remarks, Vec::<String>::new());
}

#[tokio::test]
async fn a_namespace_that_is_full_is_waited_for() {
    let cluster = shared();
    let gke = cluster.gke();
    let on = ground_in(cluster, &gke, "full");
    let file = on.root.join("quota.json");
    let quota = json!({
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"},
        "spec": {"hard": {"count/jobs.batch": "0"}},
    });
    spore::os::file::write_new(&file, quota.to_string().as_bytes()).expect("written");
    cluster.kubectl(&["create", "-n", "full", "-f", file.to_str().expect("text")]);
    let mut started = on.start(on.sh("echo ran"));
    started.line_with("exceeded quota: none").await;
    cluster.kubectl(&["delete", "resourcequota", "none", "-n", "full"]);
    assert_eq!(started.see_end().await.outcome, Outcome::Succeeded);
}

#[tokio::test]
async fn an_image_that_comes_late_is_waited_for() {
    let cluster = Cluster::serve("late-image", &[]);
    let gke = cluster.gke();
    let on = ground_in(&cluster, &gke, "late-image");
    cluster.ask("faults", &json!({"kind": "image-error", "path": "late", "times": 1}));
    let mut started = on.start(with(on.sh("echo ran"), &json!({"image": "late"})));
    started.line_with("late: not found").await;
    assert_eq!(started.see_end().await.outcome, Outcome::Succeeded);
}

#[tokio::test]
async fn a_machine_that_comes_late_is_waited_for() {
    let cluster = Cluster::serve("late-machine", &["--provisioning", "2s"]);
    let gke = cluster.gke();
    let on = ground_in(&cluster, &gke, "late-machine");
    let mut started = on.start(on.sh("echo ran"));
    started.line_with("Unschedulable").await;
    assert_eq!(started.see_end().await.outcome, Outcome::Succeeded);
}

#[tokio::test]
async fn a_pod_that_vanishes_is_lost() {
    let cluster = Cluster::serve("vanished", &["--fault", "vanished-pod=1"]);
    let gke = cluster.gke();
    let on = ground_in(&cluster, &gke, "vanished");
    let outcome = on.run_sh("sleep 300").await.outcome;
    assert!(matches!(&outcome, Outcome::Lost { .. }), "{outcome}");
}

#[tokio::test]
async fn a_spot_machine_that_is_taken_away_loses_its_tasks() {
    let cluster = Cluster::serve("spot", &[]);
    let gke = cluster.gke();
    let on = ground_in(&cluster, &gke, "spot");
    let mut started = on.start(with(on.sh("echo one; sleep 300"), &json!({"spot": true})));
    started.line("one").await;
    cluster.ask("preempt", &json!({}));
    is_lost(&started.see_end().await.outcome, "taken away while it ran");
}

/// Autopilot leaves a pod alone that cannot be moved, and moves one on a spot machine.
#[tokio::test]
async fn an_upgrade_moves_only_what_may_be_moved() {
    let cluster = Cluster::serve("upgrade", &[]);
    let gke = cluster.gke();
    let (stays, moves) = (ground_in(&cluster, &gke, "stays"), ground_in(&cluster, &gke, "moves"));
    let mut staying = stays.start(stays.sh(WAITS));
    let mut attempt = with(moves.sh("echo one; sleep 300"), &json!({"spot": true}));
    attempt.grace = Duration::from_secs(1);
    let mut moving = moves.start(attempt);
    staying.line("one").await;
    moving.line("one").await;
    for namespace in ["stays", "moves"] {
        let node = pod(&cluster, namespace)["spec"]["nodeName"].as_str().expect("a node").to_owned();
        cluster.ask(&format!("upgrade?node={node}"), &json!({}));
    }
    is_lost(&moving.see_end().await.outcome, "taken away while it ran");
    let_go(&stays);
    assert_eq!(staying.see_end().await.outcome, exit(5));
}

#[tokio::test]
async fn who_takes_too_much_memory_is_told_how_much_it_had() {
    let cluster = Cluster::serve("memory", &["--standard", "--nodes", "1"]);
    let gke = cluster.gke();
    let on = ground_in(&cluster, &gke, "memory");
    let script = "x=$(head -c 60000000 /dev/zero | tr '\\0' x); sleep 300";
    let outcome = on.run(with(on.sh(script), &json!({"memory": "32Mi", "cpu": "100m"}))).await.outcome;
    let Outcome::Failed { reason: Some(reason), .. } = &outcome else { panic!("{outcome}") };
    assert!(reason.contains("ran out of memory (it had 32Mi)"), "{reason}");
}

#[tokio::test]
async fn a_job_that_somebody_deletes_is_lost() {
    let cluster = shared();
    let gke = cluster.gke();
    let on = ground_in(cluster, &gke, "deleted");
    let mut attempt = on.sh("echo one; sleep 300");
    attempt.grace = Duration::from_secs(1);
    let mut started = on.start(attempt);
    started.line("one").await;
    cluster.kubectl(&["delete", "jobs", "--all", "-n", "deleted", "--wait=false"]);
    let outcome = started.see_end().await.outcome;
    assert!(matches!(&outcome, Outcome::Lost { .. }), "{outcome}");
}
