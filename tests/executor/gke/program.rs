//! The program itself with tasks in a cluster: killed, interrupted, in large numbers, and with no cluster at all.

use std::process::{Child, Stdio};

use serde_json::{Value, json};

use super::cluster::{Cluster, shared, until};
use crate::cli::folder::Folder;

/// A folder whose tasks run in a namespace of their own unless they say something else.
fn folder(cluster: &Cluster, namespace: &str, tasks: &str) -> Folder {
    cluster.found(namespace);
    let folder = Folder::new().env("KUBECONFIG", cluster.kubeconfig.to_str().expect("text"));
    let root = folder.root().canonicalize().expect("its real path");
    let place = format!("[executors.gke]\nimage = \"sh\"\nroot = {}\nnamespace = \"{namespace}\"\n", json!(root));
    let spore = format!("spore: w\nkind: workflow\ndefaults: {{executor: gke}}\ntasks:\n{tasks}");
    folder.file("spore.toml", &place).file("w.yaml", &spore)
}

/// What the runs of a namespace have left there.
fn left(cluster: &Cluster, namespace: &str) -> Vec<String> {
    let listed = cluster.kubectl(&["get", "jobs,pods,secrets,configmaps", "-n", namespace, "-o", "json"]);
    let listed: Value = serde_json::from_str(&listed).expect("JSON");
    let items = listed["items"].as_array().expect("a list");
    let name = |item: &Value| format!("{} {}", item["kind"], item["metadata"]["name"]).replace('"', "");
    items.iter().map(name).filter(|name| !name.ends_with("kube-root-ca.crt")).collect()
}

fn interrupt(child: &Child) {
    let pid = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw).expect("a pid");
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("interrupted");
}

/// Starts a run, and returns when the file `begun` is there.
fn begun(folder: &Folder) -> Child {
    let child = folder.command(&["run", "w.yaml"]).stdout(Stdio::null()).spawn().expect("started");
    until(|| folder.path("begun").exists());
    child
}

fn kill(mut child: Child) {
    child.kill().expect("killed");
    child.wait().expect("collected");
}

const WAITS: &str =
    "  waits: 'echo one; echo x >> seen; touch begun; until [ -e go ]; do sleep 0.02; done; echo two'\n";

#[test]
fn a_command_outlives_its_engine() {
    let folder = folder(shared(), "outlives", WAITS);
    kill(begun(&folder));
    folder.write("go", "");
    folder.spore(&["resume"]).exits(0);
    assert_eq!(folder.read("seen"), "x\n", "it is not started again");
    folder.spore(&["logs", "latest", "waits"]).exits(0).says("one").says("two");
    until(|| left(shared(), "outlives").is_empty());
}

#[test]
fn ctrl_c_leaves_nothing_in_the_cluster() {
    let task = "  asked: 'trap \"touch asked; exit 1\" TERM; touch begun; sleep 300 & wait'\n  next: {needs: asked, run: touch ran}\n";
    let folder = folder(shared(), "ctrl-c", task);
    let mut run = begun(&folder);
    interrupt(&run);
    assert_eq!(run.wait().expect("ended").code(), Some(130));
    assert!(folder.path("asked").exists() && !folder.path("ran").exists());
    let shown = folder.spore(&["show", "latest", "--format", "json"]).exits(0).json();
    assert_eq!(shown["tasks"][0]["attempts"][0]["outcome"]["kind"], "cancelled");
    until(|| left(shared(), "ctrl-c").is_empty());
}

#[test]
fn a_hundred_tasks_run_twenty_at_a_time() {
    let members: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    let task = format!(
        "  many:\n    matrix: {{n: [{}]}}\n    run: [sh, -c, 'echo + >> seen; sleep 0.05; echo - >> seen']\n",
        members.join(", ")
    );
    let folder = folder(shared(), "hundred", &task);
    folder.spore(&["run", "w.yaml", "--jobs", "20"]).exits(0).says("100 succeeded");
    let (mut now, mut most, mut all) = (0, 0, 0);
    for line in folder.read("seen").lines() {
        now += if line == "+" { 1 } else { -1 };
        most = most.max(now);
        all += i32::from(line == "+");
    }
    assert_eq!(all, 100);
    assert!((2..=20).contains(&most), "{most} at a time");
    until(|| left(shared(), "hundred").is_empty());
}

#[test]
fn what_runs_have_left_is_cleaned() {
    let cluster = Cluster::serve("cleaned", &[]);
    let (ours, theirs) = (folder(&cluster, "ours", WAITS), folder(&cluster, "theirs", WAITS));
    kill(begun(&theirs));
    kill(begun(&ours));
    let kept = ours.spore(&["executors", "clean", "gke"]).exits(0);
    kept.says("its run was broken off: `spore resume ").says("another folder or machine").says("removed 0 leftovers");
    std::fs::remove_dir_all(ours.path(".spore/runs")).expect("removed");
    ours.spore(&["executors", "clean", "gke", "--dry-run"]).exits(0).says("would remove 1 leftover of `gke`, kept 1");
    assert!(!left(&cluster, "ours").is_empty());
    ours.spore(&["executors", "clean", "gke"]).exits(0).says("removed 1 leftover of `gke`, kept 1");
    until(|| left(&cluster, "ours").is_empty());
    assert_eq!(left(&cluster, "theirs").len(), 2, "a Job and its pod");
    ours.spore(&["executors", "clean", "gke", "--all"]).exits(0).says("removed 1 leftover of `gke`, kept 0");
    until(|| left(&cluster, "theirs").is_empty());
}

/// An engine that dies between a Secret and its Job leaves the Secret alone in the cluster.
#[test]
fn a_secret_never_outlives_its_run() {
    let task = "  tells: {env: {TOKEN: {secret: TOKEN}}, run: 'echo \"$TOKEN\" | wc -c'}\n";
    for step in ["gke-create", "gke-created"] {
        let namespace = format!("secret-{step}");
        let folder = folder(shared(), &namespace, task).env("TOKEN", "hunter2&co");
        let die = || {
            let mut run = folder.command(&["run", "w.yaml"]);
            let killed = run.env("SPORE_FAILPOINTS", format!("{step}=kill")).output().expect("started").status;
            assert_eq!(killed.code(), None, "{step} is never reached");
            let is_secret = |name: &String| name.starts_with("Secret ");
            assert_eq!(left(shared(), &namespace).iter().filter(|name| is_secret(name)).count(), 1, "{step}");
        };
        die();
        folder.spore(&["resume"]).exits(0);
        until(|| left(shared(), &namespace).is_empty());
        die();
        std::fs::remove_dir_all(folder.path(".spore/runs")).expect("removed");
        folder.spore(&["executors", "clean", "gke"]).exits(0).says("secrets/spore-");
        until(|| left(shared(), &namespace).is_empty());
    }
}

#[test]
fn what_is_denied_is_named() {
    let cluster = Cluster::serve("denied", &["--deny", "create:jobs"]);
    let folder = folder(&cluster, "denied", "  a: touch ran\n");
    let run = folder.spore(&["run", "w.yaml"]).exits(100);
    run.says("does not let this user create jobs").says("in the namespace \"denied\"").never_says("panicked");
    let check = folder.spore(&["executors", "check", "gke"]).exits(111);
    check.says("may not create jobs in the namespace").says("`denied`").says("kubectl create role");
    assert!(!folder.path("ran").exists() && left(&cluster, "denied").is_empty());
}

#[test]
fn a_cluster_that_is_there_is_told_of() {
    let folder = folder(shared(), "told-of", "  a: 'true'\n");
    let told = folder.spore(&["executors", "check", "gke", "--format", "json"]).exits(0).json();
    let findings = told["sections"][0]["findings"].as_array().expect("findings");
    let says = |name: &str| findings.iter().find(|one| one["subject"] == name).map(|one| one["text"].to_string());
    assert_eq!(says("namespace").as_deref(), Some("\"told-of\""), "{findings:?}");
    assert!(says("version").is_some() && says("cluster").is_some(), "{findings:?}");
}

#[test]
fn without_a_cluster_nothing_begins() {
    let folder = folder(shared(), "no-cluster", "  a: touch ran\n").env("KUBECONFIG", "/nowhere/kubeconfig");
    let run = folder.spore(&["run", "w.yaml"]).exits(100);
    run.says("there is no way to a cluster").says("kubectl config get-contexts").never_says("panicked");
    folder.spore(&["executors", "check", "gke"]).exits(111).says("there is no way to a cluster");
    assert!(!folder.path("ran").exists());
}

/// One that does not answer may answer in a while, so it is waited for, and people are told, and may end it.
#[test]
fn a_silent_cluster_is_waited_for() {
    let cluster = Cluster::serve("silent-program", &[]);
    let folder = folder(&cluster, "silent", "  a: touch ran\n");
    let kubeconfig = std::fs::read_to_string(&cluster.kubeconfig).expect("read");
    drop(cluster);
    folder.write("kubeconfig", kubeconfig);
    let folder = folder.env("KUBECONFIG", "kubeconfig");
    let out = std::fs::File::create(folder.path("said")).expect("made");
    let mut run = folder.command(&["run", "w.yaml"]).stdout(out).spawn().expect("started");
    until(|| folder.path(".spore/runs").read_dir().is_ok_and(|mut runs| runs.next().is_some()));
    until(|| {
        let journal = walkdir::WalkDir::new(folder.path(".spore/runs")).into_iter().flatten();
        let mut journals = journal.filter(|entry| entry.file_name() == "journal.jsonl");
        journals.any(|entry| std::fs::read_to_string(entry.path()).is_ok_and(|text| text.contains("attempt_intended")))
    });
    interrupt(&run);
    assert_eq!(run.wait().expect("ended").code(), Some(130));
    assert!(!folder.path("ran").exists());
}
