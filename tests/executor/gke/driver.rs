//! What only a cluster must bear: Jobs that are there already, that are gone, that are somebody else's.

use std::sync::Arc;

use serde_json::Value;
use spore::executor::Executor as _;
use spore::model::{Attempt, Outcome, Recalled, Stream};

use super::cluster::{gke, ground, shared, until};
use crate::executor::ground::exit;

pub(super) fn namespace_of(attempt: &Attempt) -> String {
    attempt.with["namespace"].as_str().expect("a namespace").to_owned()
}

fn jobs(namespace: &str) -> Vec<Value> {
    let listed = shared().kubectl(&["get", "jobs", "-n", namespace, "-o", "json"]);
    let listed: Value = serde_json::from_str(&listed).expect("JSON");
    listed["items"].as_array().expect("a list").clone()
}

/// The same run, taken over by another engine.
pub(super) fn recalled(attempt: &Attempt) -> Attempt {
    Attempt { recalled: Some(Recalled::ThisBoot), ..attempt.clone() }
}

#[tokio::test]
async fn another_engine_finds_the_job_that_runs() {
    let first = gke();
    let on = ground(&first, "another-engine");
    let attempt = on.sh("echo one; read line <go; echo \"$line\"; echo >>count; exit 3");
    let go = on.root.join("go");
    mkfifo(&go);
    let mut started = on.start(attempt.clone());
    started.line("one").await;
    let second = gke();
    let other = on.taken_over_by(&second);
    let mut started = other.start(recalled(&attempt));
    started.line("one").await;
    write(go, b"two\n").await;
    assert_eq!(started.end().await.outcome, exit(3));
    assert_eq!(other.text(Stream::Out).await, "one\ntwo\n", "nothing twice, nothing left out");
    assert_eq!(std::fs::read_to_string(other.root.join("count")).expect("read"), "\n");
    assert_eq!(jobs(&namespace_of(&attempt)).len(), 1);
}

#[tokio::test]
async fn another_engine_finds_the_job_that_is_over() {
    let first = gke();
    let on = ground(&first, "over");
    let attempt = on.sh("echo one; echo a=1 >$SPORE_OUTPUT; exit 3");
    let end = on.run(attempt.clone()).await;
    let second = gke();
    let other = on.taken_over_by(&second);
    let again = other.run(recalled(&attempt)).await;
    assert_eq!((&again.outcome, &again.outputs), (&end.outcome, &end.outputs));
    assert_eq!(other.text(Stream::Out).await, "one\n");
    assert_eq!(again.out, end.out);
}

#[tokio::test]
async fn a_job_that_is_gone_is_not_made_again() {
    let first = gke();
    let on = ground(&first, "gone");
    let attempt = on.sh("echo x >>count");
    on.run(attempt.clone()).await;
    shared().kubectl(&["delete", "jobs", "--all", "-n", "gone"]);
    let second = gke();
    let other = on.taken_over_by(&second);
    let outcome = other.run(recalled(&attempt)).await.outcome;
    assert!(matches!(&outcome, Outcome::Lost { stage } if stage.contains("is gone")), "{outcome}");
    let mut never = other.sh("echo y >>count");
    never.id.number = 2;
    assert_eq!(other.run(recalled(&never)).await.outcome, Outcome::Succeeded, "what was never made is made");
    assert_eq!(std::fs::read_to_string(other.root.join("count")).expect("read"), "x\ny\n");
}

#[tokio::test]
async fn a_job_of_somebody_else_is_left_alone() {
    let gke = gke();
    let on = ground(&gke, "somebody");
    on.run_sh("true").await;
    let mut job = jobs("somebody").remove(0);
    on.executor.closed(on.run_id()).await;
    until(|| jobs("somebody").is_empty());
    let name = job["metadata"]["name"].as_str().expect("a name").to_owned();
    job["metadata"] = serde_json::json!({"name": name});
    job["spec"]["selector"] = Value::Null;
    job["spec"]["template"]["metadata"] = Value::Null;
    job["status"] = Value::Null;
    let file = on.root.join("job.json");
    spore::os::file::write_new(&file, job.to_string().as_bytes()).expect("written");
    shared().kubectl(&["create", "-n", "somebody", "-f", file.to_str().expect("text")]);
    on.executor.release(on.run_id());
    let outcome = on.run_sh("true").await.outcome;
    let Outcome::NotStarted { reason, permanent: true } = outcome else { panic!("{outcome}") };
    assert!(reason.contains(&name) && reason.contains("not this attempt's"), "{reason}");
    assert_eq!(jobs("somebody").len(), 1);
}

#[tokio::test]
async fn artifacts_come_out_of_the_cluster() {
    let gke = gke();
    let on = ground(&gke, "artifacts");
    let mut attempt =
        on.sh("mkdir out; echo a >out/a.csv; head -c 300000 /dev/zero >out/big; printf 'no line end'; exit 4");
    attempt.artifacts = Arc::from(["out/*".to_owned()]);
    let end = on.run(attempt.clone()).await;
    assert_eq!(end.outcome, exit(4));
    assert_eq!(on.text(Stream::Out).await, "no line end");
    let paths: Vec<(&str, u64)> = end.artifacts.iter().map(|file| (file.path.as_str(), file.size_bytes)).collect();
    assert_eq!(paths, [("out/a.csv", 2), ("out/big", 300_000)]);
    assert!(end.remarks[0].contains("too large"), "{:?}", end.remarks);
    let kept = on.run_dir().join("artifacts").join(attempt.id.file_name()).join("out/a.csv");
    assert_eq!(std::fs::read_to_string(kept).expect("fetched"), "a\n");
}

#[tokio::test]
async fn a_forged_list_of_artifacts_leads_nowhere() {
    let gke = gke();
    let on = ground(&gke, "forged");
    let mut attempt = on.sh(
        "m=$(tr '\\0' '\\n' </proc/$PPID/cmdline | grep ^spore-trailer); d=$(printf evil | sha256sum | cut -c1-64)
        printf '%s begin\\n' \"$m\"
        for p in ../../evil /tmp/evil a/../../b ./x a//b '' good good; do
            printf '%s sent 4 %s %s\\nZXZpbA==\\n' \"$m\" \"$d\" \"$p\"
        done; printf '%s end\\n' \"$m\"",
    );
    attempt.artifacts = Arc::from(["**".to_owned()]);
    let end = on.run(attempt).await;
    let paths: Vec<&str> = end.artifacts.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["good"], "{:?}", end.remarks);
    assert!(end.remarks.iter().any(|remark| remark.starts_with("7 of the artifacts")), "{:?}", end.remarks);
}

#[tokio::test]
async fn a_namespace_that_is_not_there_is_named() {
    let gke = gke();
    let on = ground(&gke, "no-namespace");
    let mut attempt = on.sh("true");
    let mut with = (*attempt.with).clone();
    with.insert("namespace".into(), "nowhere".into());
    attempt.with = Arc::new(with);
    let outcome = on.run(attempt).await.outcome;
    let Outcome::NotStarted { reason, permanent: true } = outcome else { panic!("{outcome}") };
    assert!(reason.contains("no namespace `nowhere`"), "{reason}");
}

#[tokio::test]
async fn files_scripts_and_secrets_are_brought_along() {
    let gke = gke();
    let on = ground(&gke, "brought");
    spore::os::file::create_dir_all(&on.root.join("in")).expect("made");
    spore::os::file::write_new(&on.root.join("in/a"), b"of the spore\n").expect("written");
    let mut attempt = on.sh("#!/bin/sh\ncat \"$SPORE_ROOT/in/a\"; echo hunter2 | wc -c");
    attempt.secrets = Arc::from([crate::executor::ground::secret("hunter2")]);
    let mut with = (*attempt.with).clone();
    with.shift_remove("root");
    with.insert("files".into(), serde_json::json!(["in/a"]));
    attempt.with = Arc::new(with);
    let end = on.run(attempt).await;
    assert_eq!(end.outcome, Outcome::Succeeded);
    assert_eq!(on.text(Stream::Out).await, "of the spore\n8\n");
    let job = jobs("brought").remove(0);
    assert!(!job.to_string().contains("hunter2"));
    let secrets = shared().kubectl(&["get", "secrets", "-n", "brought", "-o", "json"]);
    let secrets: Value = serde_json::from_str(&secrets).expect("JSON");
    assert_eq!(secrets["items"][0]["metadata"]["ownerReferences"][0]["uid"], job["metadata"]["uid"]);
    on.executor.closed(on.run_id()).await;
    until(|| jobs("brought").is_empty());
}

#[tokio::test]
async fn what_is_left_is_listed_and_removed() {
    let gke = gke();
    let on = ground(&gke, "leftovers");
    on.run_sh("true").await;
    let ours = |all: Vec<spore::executor::Leftover>| -> Vec<spore::executor::Leftover> {
        all.into_iter().filter(|left| left.place.ends_with(" leftovers")).collect()
    };
    let left = ours(gke.leftovers(&on.root).await.expect("listed"));
    assert_eq!(left.len(), 1);
    assert!(left[0].is_ours && left[0].run == Some(on.run_id()), "{left:?}");
    let others = ours(gke.leftovers(on.run_dir()).await.expect("listed"));
    assert!(!others[0].is_ours);
    gke.remove(&left[0]).await.expect("removed");
    gke.remove(&left[0]).await.expect("and once more without harm");
    until(|| jobs("leftovers").is_empty());
}

pub(super) fn mkfifo(path: &std::path::Path) {
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).expect("a fifo");
}

pub(super) async fn write(path: std::path::PathBuf, bytes: &'static [u8]) {
    let written = tokio::task::spawn_blocking(move || {
        spore::os::file::append(&path).and_then(|mut file| std::io::Write::write_all(&mut file, bytes))
    });
    written.await.expect("joined").expect("written");
}
