//! The real engine with tasks in a cluster: values pass between places, and however it dies, nothing runs twice.

use serde_json::json;

use super::cluster::{Cluster, shared, until};
use crate::cli::folder::Folder;

/// A task on this machine, one in the cluster, and one on this machine again.
fn three(cluster: &Cluster, namespace: &str) -> Folder {
    three_with(cluster, namespace, "")
}

/// The same, with a line more for the task in the cluster.
fn three_with(cluster: &Cluster, namespace: &str, line: &str) -> Folder {
    cluster.found(namespace);
    let folder = Folder::new().env("KUBECONFIG", cluster.kubeconfig.to_str().expect("text"));
    let root = folder.root().canonicalize().expect("its real path");
    let with = json!({"image": "sh", "root": root, "namespace": namespace});
    let spore = format!(
        "spore: w
kind: workflow
tasks:
  count: echo rows=12 >> \"$SPORE_OUTPUT\"
  double:
    needs: count
    executor: gke
    with: {with}
    {line}
    env: {{ROWS: '{{{{ tasks.count.outputs.rows }}}}'}}
    run: |
      echo double >> seen; echo computing
      echo rows=$((ROWS * 2)) >> \"$SPORE_OUTPUT\"
  say:
    needs: double
    run: [printf, '%s rows', '{{{{ tasks.double.outputs.rows }}}}']
"
    );
    folder.file("w.yaml", &spore)
}

fn jobs(namespace: &str) -> String {
    shared().kubectl(&["get", "jobs", "-n", namespace, "-o", "name"])
}

#[test]
fn values_pass_from_place_to_place() {
    let folder = three(shared(), "three");
    folder.spore(&["run", "w.yaml"]).exits(0);
    folder.spore(&["logs", "latest", "say"]).exits(0).says("24 rows");
    folder.spore(&["logs", "latest", "double"]).exits(0).says("computing");
    assert_eq!(folder.read("seen"), "double\n");
    assert_eq!(jobs("three"), "", "its Job is gone with its run");
}

#[test]
fn an_engine_that_dies_leaves_nothing_to_run_twice() {
    for step in ["gke-create", "gke-created", "gke-end-known"] {
        let folder = three(shared(), step);
        let mut run = folder.command(&["run", "w.yaml"]);
        let killed = run.env("SPORE_FAILPOINTS", format!("{step}=kill")).output().expect("started").status;
        assert_eq!(killed.code(), None, "{step} is never reached");
        assert_eq!(jobs(step).lines().count(), usize::from(step != "gke-create"));
        folder.spore(&["resume"]).exits(0);
        folder.spore(&["logs", "latest", "say"]).exits(0).says("24 rows");
        folder.spore(&["logs", "latest", "double"]).exits(0).says("computing");
        assert_eq!(folder.read("seen"), "double\n", "{step}");
        assert_eq!(jobs(step), "", "{step}");
    }
}

#[test]
fn an_engine_that_dies_leaves_nothing_to_run_twice_in_an_instance() {
    let pods = |namespace: &str| shared().kubectl(&["get", "pods", "-n", namespace, "-o", "name"]);
    for step in ["gke-create", "gke-created", "gke-end-known"] {
        let namespace = format!("in-{step}");
        let folder = three_with(shared(), &namespace, "instance: shared");
        let mut run = folder.command(&["run", "w.yaml"]);
        let killed = run.env("SPORE_FAILPOINTS", format!("{step}=kill")).output().expect("started").status;
        assert_eq!(killed.code(), None, "{step} is never reached");
        assert_eq!(pods(&namespace).lines().count(), 1);
        folder.spore(&["resume"]).exits(0);
        folder.spore(&["logs", "latest", "say"]).exits(0).says("24 rows");
        folder.spore(&["logs", "latest", "double"]).exits(0).says("computing");
        assert_eq!(folder.read("seen"), "double\n", "{step}");
        until(|| pods(&namespace).is_empty());
    }
}
