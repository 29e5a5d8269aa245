//! The simulated cluster among people and containers that mean it no good.

use std::process::Stdio;

use serde_json::{Value, json};
use spore::os::clock::{Clock as _, SystemClock};

use super::ground::{Served, has_kubectl};
use crate::cli::folder::Folder;
use crate::skipped;

const NONE: &str = "there is no kubectl";

/// Waits for something that nobody tells.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let clock = SystemClock::new();
    while !is_so() {
        assert!(clock.monotonic() < std::time::Duration::from_mins(1), "{what} never came");
        std::thread::yield_now();
    }
}

fn pod(name: &str, script: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
        "spec": {"restartPolicy": "Never", "containers": [
            {"name": "main", "image": "busybox", "command": ["sh", "-c", script]},
        ]},
    })
}

fn make(cluster: &Served, pod: &Value) {
    let file = format!("{}.json", pod["metadata"]["name"].as_str().expect("a name"));
    cluster.folder.write(&file, pod.to_string());
    cluster.told(&["create", "-f", &file]);
}

#[test]
fn what_is_not_its_own_is_left_as_it_is() {
    let folder = Folder::new();
    let foreign = "apiVersion: v1\nkind: Config\nclusters: [{name: prod, cluster: {server: 'https://example.com'}}]\n";
    folder.write("foreign", foreign);
    std::os::unix::fs::symlink(folder.path("foreign"), folder.path("link")).expect("a link");
    for name in ["foreign", "link"] {
        let answer = folder.spore(&["sim", "gke", "--kubeconfig", name, "--", "true"]).exits(2);
        answer.says("left as it is").says("--kubeconfig FILE");
        assert_eq!(folder.read(name), foreign);
    }
    assert_eq!(std::fs::read_dir(folder.root()).expect("listed").count(), 2, "nothing else is left");
}

#[test]
fn a_cluster_that_is_served_is_not_replaced() {
    let cluster = Served::new(&[]);
    let before = cluster.folder.read("kubeconfig");
    let again = cluster.folder.spore(&["sim", "gke", "--kubeconfig", "kubeconfig", "--", "true"]).exits(2);
    again.says("served already");
    assert_eq!(cluster.folder.read("kubeconfig"), before);
}

#[test]
fn commands_have_clusters_of_their_own() {
    let folder = Folder::new();
    let state = folder.path("state").display().to_string();
    let folder = folder.env("XDG_STATE_HOME", &state);
    // The inner one begins and ends while the outer one runs.
    let script = "before=$(cat \"$KUBECONFIG\"); \"$0\" sim gke -- sh -c 'cat \"$KUBECONFIG\"' >inner; \
                  test \"$before\" = \"$(cat \"$KUBECONFIG\")\" && ! cmp -s inner \"$KUBECONFIG\" && \"$0\" sim gke status";
    let spore = env!("CARGO_BIN_EXE_spore");
    folder.spore(&["sim", "gke", "--", "sh", "-c", script, spore]).exits(0);
    assert!(folder.read("inner").contains("spore-sim-gke"));
}

#[test]
fn objects_of_another_shape_are_refused() {
    if !has_kubectl() {
        return skipped(NONE);
    }
    let cluster = Served::new(&[]);
    for (text, type_name) in [
        (r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": "x"}"#, "PodSpec"),
        (
            r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": ["x"]}}"#,
            "Container",
        ),
        (r#"{"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a"}, "spec": []}"#, "JobSpec"),
        (
            r#"{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "data": "x", "stringData": {"a": "b"}}"#,
            "",
        ),
    ] {
        cluster.folder.write("object.json", text);
        let said = cluster.kubectl(&["create", "--validate=false", "-f", "object.json"]);
        assert!(!said.ok && said.err.contains("cannot unmarshal") && said.err.contains(type_name), "{text}: {said:?}");
    }
}

#[test]
fn last_words_may_be_anything() {
    if !has_kubectl() {
        return skipped(NONE);
    }
    let cluster = Served::new(&[]);
    let place = "T=/dev/termination-log; rm $T;";
    cluster.folder.write("kept", "kept");
    let kept = cluster.folder.path("kept").display().to_string();
    for (name, script) in [
        ("pipe", format!("{place} mkfifo $T")),
        ("folder", format!("{place} mkdir $T")),
        ("link", format!("{place} ln -s {kept} $T")),
        ("large", "truncate -s 1T /dev/termination-log".to_owned()),
    ] {
        make(&cluster, &pod(name, &script));
        cluster.told(&["wait", &format!("pod/{name}"), "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s"]);
        let ended =
            cluster.object(&["get", "pod", name])["status"]["containerStatuses"][0]["state"]["terminated"].clone();
        assert!(ended["message"].as_str().is_none_or(|text| !text.contains("kept")), "{ended}");
    }
    let mut again =
        pod("again", &format!("test -e $HOME/../again || {{ {place} ln -s {kept} $T; >$HOME/../again; exit 1; }}"));
    again["spec"]["restartPolicy"] = "OnFailure".into();
    make(&cluster, &again);
    cluster.told(&["wait", "pod/again", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s"]);
    assert_eq!(cluster.folder.read("kept"), "kept", "a start writes into nothing that a link leads to");
}

#[test]
fn what_a_killed_cluster_left_is_ended_by_the_next() {
    if !has_kubectl() {
        return skipped(NONE);
    }
    let mut cluster = Served::new(&[]);
    let file = cluster.folder.path("pid");
    make(&cluster, &pod("left", &format!("echo $$ >{0}.new; mv {0}.new {0}; exec sleep 1000", file.display())));
    until("the number of the process", || file.exists());
    let pid = cluster.folder.read("pid").trim().to_owned();
    cluster.kill();
    let runs = || std::fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|words| words.contains("1000"));
    // While it becomes another program it says nothing of itself.
    until("the process that nobody has ended", runs);
    let folders = || {
        let all = std::fs::read_dir(cluster.folder.root()).expect("listed").flatten();
        all.filter(|entry| entry.file_name().to_string_lossy().contains("sim-gke-")).count()
    };
    assert_eq!(folders(), 1);
    let mut next = cluster.folder.command(&["sim", "gke", "--kubeconfig", "kubeconfig", "--", "true"]);
    assert!(next.stdout(Stdio::null()).status().expect("started").success());
    until("the end of the process", || !runs());
    assert_eq!(folders(), 0);
}
