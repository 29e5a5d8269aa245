//! Jobs, as people who have kubectl see them.

use serde_json::json;

use super::served::{ground, spec};

fn job(name: &str, script: &str) -> serde_json::Value {
    json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name},
        "spec": {"backoffLimit": 0, "completions": 1, "parallelism": 1, "template": {"spec": spec(script)}},
    })
}

#[tokio::test]
async fn a_job_is_waited_for_described_and_deleted() {
    let Some(ground) = ground().await else { return };
    ground.make(&job("good", "echo hello")).await;
    ground.does(&["wait", "job/good", "--for=condition=complete", "--timeout=30s"]).await;
    assert_eq!(ground.does(&["logs", "job/good"]).await, "hello\n");
    let described = ground.does(&["describe", "job", "good"]).await;
    assert!(described.contains("SuccessfulCreate") && described.contains("Completed"), "{described}");
    assert!(described.contains("1 Succeeded"), "{described}");
    let pod = ground.does(&["describe", "pod", "-l", "job-name=good"]).await;
    assert!(pod.contains("Controlled By:  Job/good") && pod.contains("Started container main"), "{pod}");
    ground.does(&["delete", "job", "good", "--timeout=30s"]).await;
    ground.does(&["wait", "pod", "-l", "job-name=good", "--for=delete", "--timeout=30s"]).await;
}

#[tokio::test]
async fn a_failed_job_says_why() {
    let Some(ground) = ground().await else { return };
    ground.make(&job("bad", "exit 3")).await;
    ground.does(&["wait", "job/bad", "--for=condition=failed", "--timeout=30s"]).await;
    let reason =
        ground.does(&["get", "job", "bad", "-o", "jsonpath={.status.conditions[?(@.type==\"Failed\")].reason}"]).await;
    assert_eq!(reason, "BackoffLimitExceeded");
    let path = "-o=jsonpath={.items[0].status.containerStatuses[0].state.terminated.exitCode}";
    assert_eq!(ground.does(&["get", "pods", "-l", "job-name=bad", path]).await, "3");
}

#[tokio::test]
async fn a_running_job_ends_when_it_is_deleted() {
    let Some(ground) = ground().await else { return };
    ground.make(&job("long", "trap 'echo bye > /workspace/bye; exit 0' TERM; while :; do sleep 0.01; done")).await;
    ground.does(&["wait", "pod", "-l", "job-name=long", "--for=condition=ready", "--timeout=30s"]).await;
    ground.does(&["delete", "job", "long", "--cascade=foreground", "--timeout=30s"]).await;
    assert_eq!(ground.does(&["get", "pods", "-o", "name"]).await, "");
}

#[tokio::test]
async fn a_deployment_rolls_out_and_scales() {
    let Some(ground) = ground().await else { return };
    let mut pod = spec("sleep 1000");
    pod["restartPolicy"] = "Always".into();
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": pod}},
    });
    ground.make(&deployment).await;
    ground.does(&["rollout", "status", "deployment/web", "--timeout=30s"]).await;
    ground.does(&["scale", "deployment/web", "--replicas=3"]).await;
    ground.does(&["rollout", "status", "deployment/web", "--timeout=30s"]).await;
    ground.does(&["set", "env", "deployment/web", "COLOUR=red"]).await;
    let said = ground.does(&["rollout", "status", "deployment/web", "--timeout=30s"]).await;
    assert!(said.contains("successfully rolled out"), "{said}");
    let revision = "jsonpath={.metadata.annotations.deployment\\.kubernetes\\.io/revision}";
    assert_eq!(ground.does(&["get", "deployment", "web", "-o", revision]).await, "2");
}
