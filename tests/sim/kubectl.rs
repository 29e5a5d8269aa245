//! The simulated cluster as kubectl sees it.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use serde_json::json;

use super::ground::{Served, has_kubectl};
use crate::cli::folder::Folder;
use crate::skipped;

const NONE: &str = "there is no kubectl";

#[test]
fn what_there_is_can_be_discovered_and_explained() {
    if !has_kubectl() {
        return skipped(NONE);
    }
    let cluster = Served::new(&["--deny", "create:jobs", "--deny", "get:pods/log"]);
    assert!(cluster.told(&["api-versions"]).contains("batch/v1\n"));
    let resources = cluster.told(&["api-resources", "--no-headers"]);
    assert!(
        resources.lines().any(|line| line.split_whitespace().eq(["jobs", "batch/v1", "true", "Job"])),
        "{resources}"
    );
    assert!(cluster.told(&["version"]).contains("Server Version: v1.33"));
    assert!(cluster.told(&["explain", "job.spec.template.spec"]).contains("containers\t<[]Container>"));
    assert_eq!(cluster.told(&["auth", "can-i", "delete", "pods"]), "yes\n");
    assert!(cluster.kubectl(&["auth", "can-i", "create", "jobs"]).out.starts_with("no"));
    let refused = cluster.kubectl(&["create", "job", "a", "--image=busybox", "--", "true"]);
    assert!(refused.err.contains("cannot create resource \"jobs\" in API group \"batch\""), "{refused:?}");
    let namespaces = cluster.told(&["get", "namespaces", "--no-headers"]);
    assert_eq!(namespaces.lines().filter(|line| line.contains(" Active ")).count(), 4, "{namespaces}");
}

#[test]
fn what_is_applied_again_changes_and_loses_what_it_no_longer_says() {
    if !has_kubectl() {
        return skipped(NONE);
    }
    let cluster = Served::new(&[]);
    let write = |values: &serde_json::Value| {
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": values});
        cluster.folder.write("c.json", object.to_string());
    };
    let kept = || cluster.object(&["get", "configmap", "c"])["data"].clone();
    for (server_side, words) in
        [(false, vec!["apply", "-f", "c.json"]), (true, vec!["apply", "--server-side", "-f", "c.json"])]
    {
        write(&json!({"a": "1", "b": "1"}));
        cluster.told(&words);
        write(&json!({"a": "2"}));
        cluster.told(&words);
        assert_eq!(kept(), json!({"a": "2"}), "server side: {server_side}");
    }
    cluster.told(&["patch", "configmap", "c", "--type=merge", "-p", r#"{"data":{"a":"3","z":"1"}}"#]);
    let conflict = cluster.kubectl(&["apply", "--server-side", "-f", "c.json", "--field-manager=other"]);
    assert!(conflict.err.contains("conflict with \"kubectl-patch\" using v1: .data.a"), "{conflict:?}");
    cluster.told(&["apply", "--server-side", "-f", "c.json", "--field-manager=other", "--force-conflicts"]);
    assert_eq!(kept(), json!({"a": "2", "z": "1"}));
}

#[test]
fn objects_are_changed_in_every_way_that_kubectl_knows() {
    if !has_kubectl() {
        return skipped(NONE);
    }
    let cluster = Served::new(&[]);
    cluster.told(&["create", "deployment", "d", "--image=nginx"]);
    cluster.told(&["label", "deployment", "d", "tier=front"]);
    cluster.told(&["annotate", "deployment", "d", "note=hello"]);
    cluster.told(&["scale", "deployment", "d", "--replicas=3"]);
    let item = r#"{"spec":{"template":{"spec":{"containers":[{"name":"nginx","command":["x"]}]}}}}"#;
    cluster.told(&["patch", "deployment", "d", "-p", item]);
    cluster.told(&[
        "patch",
        "deployment",
        "d",
        "--type=json",
        "-p",
        r#"[{"op":"remove","path":"/metadata/annotations/note"}]"#,
    ]);
    let deployment = cluster.object(&["get", "deployment", "d"]);
    assert_eq!(deployment["metadata"]["labels"], json!({"app": "d", "tier": "front"}));
    assert!(deployment["metadata"]["annotations"]["note"].is_null());
    assert_eq!(deployment["spec"]["replicas"], 3);
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    assert_eq!((&container["image"], &container["command"]), (&json!("nginx"), &json!(["x"])));
    assert!(cluster.told(&["describe", "deployment", "d"]).contains("3 desired"));
    cluster.told(&["create", "secret", "generic", "s", "--from-literal=word=open"]);
    let secret = cluster.object(&["get", "secret", "s"]);
    assert_eq!((&secret["data"], &secret["type"]), (&json!({"word": "b3Blbg=="}), &json!("Opaque")));
    let pod = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"foo":1,"containers":[{"name":"c","image":"i"}]}}"#;
    cluster.folder.write("pod.json", pod);
    let strict = cluster.kubectl(&["apply", "-f", "pod.json"]);
    assert!(strict.err.contains("strict decoding error: unknown field \"spec.foo\""), "{strict:?}");
}

#[test]
fn what_is_owned_goes_with_its_owner_or_forgets_it() {
    if !has_kubectl() {
        return skipped(NONE);
    }
    let cluster = Served::new(&[]);
    for (cascade, stays) in [("background", false), ("foreground", false), ("orphan", true)] {
        cluster.told(&["create", "configmap", "owner"]);
        let uid = cluster.object(&["get", "configmap", "owner"])["metadata"]["uid"].clone();
        let owner =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid, "blockOwnerDeletion": true});
        let owned =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "owned", "ownerReferences": [owner]}});
        cluster.folder.write("owned.json", owned.to_string());
        cluster.told(&["create", "-f", "owned.json"]);
        cluster.told(&["delete", "configmap", "owner", &format!("--cascade={cascade}")]);
        if stays {
            let left = cluster.object(&["get", "configmap", "owned"]);
            assert!(left["metadata"]["ownerReferences"].as_array().is_none_or(Vec::is_empty), "{left}");
        } else {
            cluster.told(&["wait", "--for=delete", "configmap/owned", "--timeout=30s"]);
        }
    }
    cluster.told(&["create", "namespace", "n"]);
    cluster.told(&["create", "configmap", "c", "-n", "n"]);
    cluster.told(&["delete", "namespace", "n", "--timeout=30s"]);
    let gone = cluster.kubectl(&["create", "configmap", "c", "-n", "n"]);
    assert!(gone.err.contains("namespaces \"n\" not found"), "{gone:?}");
}

#[test]
fn a_watch_prints_what_changes() {
    if !has_kubectl() {
        return skipped(NONE);
    }
    let cluster = Served::new(&[]);
    cluster.told(&["create", "configmap", "first"]);
    let mut watch = cluster
        .command(&["get", "configmaps", "-w", "--no-headers", "--request-timeout=60s"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("kubectl starts");
    let mut lines = BufReader::new(watch.stdout.take().expect("a pipe")).lines();
    let mut next =
        || lines.next().expect("it goes on").expect("a line").split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    assert_eq!(next(), "first 0");
    cluster.told(&["create", "configmap", "second", "--from-literal=a=b"]);
    assert_eq!(next(), "second 1");
    watch.kill().expect("it is there");
    watch.wait().expect("it ended");
}

#[test]
fn the_kubeconfig_is_the_owners_alone_and_the_address_a_secret() {
    if !has_kubectl() {
        return skipped(NONE);
    }
    let cluster = Served::new(&[]);
    let mode = std::fs::metadata(cluster.folder.path("kubeconfig")).expect("a kubeconfig").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let (root, _) = cluster.url.rsplit_once('/').expect("a secret part");
    let bare = cluster.kubectl(&["get", "namespaces", "--server", root]);
    assert!(!bare.ok && bare.out.is_empty(), "{bare:?}");
    let words = ["sim", "gke", "status", "--format", "json", "--kubeconfig", "kubeconfig"];
    let status = cluster.folder.command(&words).output().expect("it starts");
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).expect("JSON");
    assert_eq!(status["jobs"], 0);
}

#[test]
fn a_command_finds_the_cluster_and_its_end_is_the_end() {
    let folder = Folder::new();
    let words =
        ["sim", "gke", "--kubeconfig", "config", "--", "sh", "-c", "grep -q spore-sim-gke \"$KUBECONFIG\" && exit 7"];
    let ended = folder.command(&words).output().expect("it starts");
    assert_eq!(ended.status.code(), Some(7), "{ended:?}");
    let left: Vec<_> = std::fs::read_dir(folder.root()).expect("a folder").collect();
    assert!(left.is_empty(), "{left:?}");
}
