//! The suite in an instance that tasks share, and what only an instance must bear.
//!
//! Of the suite, all is the same there but for `unknown_attempts_are_unknown`, which asks for nothing that is in an instance.

use std::sync::Arc;

use serde_json::{Value, json};
use spore::executor::gke::Gke;
use spore::executor::{Executor as _, Profile};
use spore::model::{Attempt, Outcome, Stream};

use super::cluster::{gke, ground, shared, until};
use super::driver::{mkfifo, recalled, write};
use crate::executor::ground::{Gives, Ground, exit, secret};

/// A ground in an instance.
fn lodging<'a>(gke: &'a Gke, name: &str) -> Ground<'a> {
    let on = ground(gke, &format!("in-{name}"));
    let with = on.sh("").with;
    let gives = Gives { output_bytes_max: 1 << 20, output_is_there: false };
    on.in_place(|root| with_root(&with, root), gives).in_instance("shared")
}

fn with_root(with: &indexmap::IndexMap<String, Value>, root: &std::path::Path) -> Value {
    let mut with = json!(with);
    with["root"] = json!(root);
    with
}

macro_rules! in_instance {
    ($($case:ident),* $(,)?) => {
        $(
            #[tokio::test]
            async fn $case() {
                let gke = gke();
                let on = lodging(&gke, stringify!($case));
                crate::executor::suite::$case(&on).await;
                on.executor.closed(on.run_id()).await;
            }
        )*
    };
}

every_case!(in_instance);

fn pods(namespace: &str) -> Vec<Value> {
    let listed = shared().kubectl(&["get", "pods", "-n", namespace, "-o", "json"]);
    let listed: Value = serde_json::from_str(&listed).expect("JSON");
    listed["items"].as_array().expect("a list").clone()
}

fn numbered(attempt: Attempt, number: u32) -> Attempt {
    let mut attempt = attempt;
    attempt.id.number = number;
    attempt
}

#[tokio::test]
async fn tasks_share_what_is_there_and_run_at_once() {
    let gke = gke();
    let on = lodging(&gke, "share");
    mkfifo(&on.root.join("go"));
    // Each waits for the other, in a folder that only the instance has.
    let with_own_folder = |attempt: Attempt| {
        let mut with = (*attempt.with).clone();
        with.shift_remove("root");
        Attempt { with: Arc::new(with), ..attempt }
    };
    let first =
        with_own_folder(on.sh("echo one >made; echo ready; until [ -e made2 ]; do sleep 0.05; done; cat made2"));
    let second = with_own_folder(numbered(
        on.sh("until [ -e made ]; do sleep 0.05; done; cat made >new; echo two >>new; mv new made2"),
        2,
    ));
    let mut started = on.start(first);
    started.line("ready").await;
    assert_eq!(on.run(second).await.outcome, Outcome::Succeeded);
    assert_eq!(started.end().await.outcome, Outcome::Succeeded);
    assert_eq!(on.text(Stream::Out).await, "ready\none\ntwo\n");
    let there = pods("in-share");
    assert_eq!(there.len(), 1, "one pod for both");
    assert_eq!(there[0]["metadata"]["labels"]["spore.dev/instance"], "shared");
    on.executor.closed(on.run_id()).await;
    until(|| pods("in-share").is_empty());
}

#[tokio::test]
async fn tasks_that_share_must_agree() {
    let gke = gke();
    let on = lodging(&gke, "agree");
    on.run_sh("true").await;
    let mut other = numbered(on.sh("true"), 2);
    let mut with = (*other.with).clone();
    with.insert("memory".into(), json!("1Gi"));
    with.insert("schedule_timeout".into(), json!("1h"));
    other.with = Arc::new(with);
    let outcome = on.run(other).await.outcome;
    let Outcome::NotStarted { reason, permanent: true } = outcome else { panic!("{outcome}") };
    assert!(reason.contains("launched for `the-task`") && reason.contains("settings: `memory`;"), "{reason}");
    on.executor.closed(on.run_id()).await;
}

#[tokio::test]
async fn another_engine_finds_the_command_that_runs() {
    let first = gke();
    let on = lodging(&first, "takeover");
    let attempt = on.sh("echo one; echo err >&2; read line <go; echo \"$line\"; echo >>count; exit 3");
    let go = on.root.join("go");
    mkfifo(&go);
    let mut started = on.start(attempt.clone());
    started.line("one").await;
    let second = gke();
    let other = on.taken_over_by(&second);
    let mut started = other.start(recalled(&attempt));
    started.line("one").await;
    write(go, b"two\n").await;
    let end = started.end().await;
    assert_eq!((end.outcome, end.out.seen_bytes), (exit(3), 8));
    assert_eq!(other.text(Stream::Out).await, "one\ntwo\n", "nothing twice, nothing left out");
    assert_eq!(other.text(Stream::Err).await, "err\n");
    // A third one finds it when it is over.
    let third = gke();
    let other = other.taken_over_by(&third);
    assert_eq!(other.run(recalled(&attempt)).await.outcome, exit(3));
    assert_eq!(std::fs::read_to_string(other.root.join("count")).expect("read"), "\n");
    other.executor.closed(other.run_id()).await;
    until(|| pods("in-takeover").is_empty());
}

#[tokio::test]
async fn a_cut_connection_loses_nothing_and_repeats_nothing() {
    let gke = gke();
    let on = lodging(&gke, "cut");
    // Time and again, the command ends whoever reads what it prints.
    let script =
        "cd \"${SPORE_OUTPUT%/*}\"; for n in 1 2 3 4 5; do head -c 100000 /dev/zero | tr '\\0' $n; echo; echo $n >&2
        until [ -s reader ]; do sleep 0.02; done
        read -r reader <reader; pkill -KILL -f \"$reader [sf]\" || echo none >&2
        until read -r other <reader && [ \"$other\" != \"$reader\" ]; do sleep 0.05; done; done";
    let end = on.run_sh(script).await;
    assert_eq!(end.outcome, Outcome::Succeeded);
    let expected: String = (1..=5).map(|n: u32| n.to_string().repeat(100_000) + "\n").collect();
    assert!(on.text(Stream::Out).await == expected, "{:?}", end.out);
    assert_eq!(on.text(Stream::Err).await, "1\n2\n3\n4\n5\n");
    on.executor.closed(on.run_id()).await;
}

#[tokio::test]
async fn a_command_whose_end_nobody_can_tell_is_lost() {
    let gke = gke();
    let on = lodging(&gke, "orphan");
    let end =
        on.run_sh("echo $$ >pid; read -r above <\"${SPORE_OUTPUT%/*}/above\"; kill -KILL $above; sleep 300").await;
    assert!(matches!(&end.outcome, Outcome::Lost { stage } if stage.contains("shell above it")), "{}", end.outcome);
    let pid = std::fs::read_to_string(on.root.join("pid")).expect("read");
    let status = || std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    until(|| status().is_empty() || status().contains(") Z "));
    on.executor.closed(on.run_id()).await;
}

#[tokio::test]
async fn what_ran_in_an_instance_that_is_gone_is_lost() {
    let first = gke();
    let on = lodging(&first, "gone");
    let attempt = on.sh("echo x >>count; echo ready; sleep 300");
    let mut started = on.start(attempt.clone());
    started.line("ready").await;
    shared().kubectl(&["delete", "pods", "--all", "-n", "in-gone", "--grace-period=1"]);
    let outcome = started.end().await.outcome;
    assert!(matches!(&outcome, Outcome::Lost { stage } if stage.contains("instance `shared` was lost")), "{outcome}");
    let second = gke();
    let other = on.taken_over_by(&second);
    let outcome = other.run(recalled(&attempt)).await.outcome;
    assert!(matches!(&outcome, Outcome::Lost { .. }), "{outcome}");
    let next = numbered(other.sh("echo y >>count"), 2);
    assert_eq!(other.run(next).await.outcome, Outcome::Succeeded, "the instance is launched anew");
    assert_eq!(std::fs::read_to_string(other.root.join("count")).expect("read"), "x\ny\n");
    let left = second.leftovers(&other.root).await.expect("listed");
    let left: Vec<_> = left.into_iter().filter(|left| left.place.ends_with(" in-gone")).collect();
    assert!(left.len() == 1 && left[0].is_ours && !left[0].is_over, "{left:?}");
    second.remove(&left[0]).await.expect("removed");
    until(|| pods("in-gone").is_empty());
}

#[tokio::test]
async fn secrets_are_in_no_list_of_processes() {
    let gke = gke();
    let on = lodging(&gke, "secret");
    // The command looks at itself, at what is above it, and at what is left of how it came.
    let script = "# hunter2\nps -eo args | grep -c '[h]unter2' || true; ls \"${SPORE_OUTPUT%/*}\"; echo $T | wc -c";
    let mut attempt = on.sh(script);
    attempt.env.push(("T".into(), "hunter2".into()));
    attempt.secrets = Arc::from([secret("hunter2")]);
    attempt.artifacts = Arc::from(["*.txt".to_owned()]);
    spore::os::file::write_new(&on.root.join("a.txt"), b"made\n").expect("written");
    let end = on.run(attempt).await;
    assert_eq!(end.outcome, Outcome::Succeeded);
    let text = on.text(Stream::Out).await;
    let (first, rest) = text.split_once('\n').expect("lines");
    assert_eq!(first, "0", "{text}");
    assert!(!rest.contains("start") && rest.ends_with("\n8\n"), "{text}");
    assert!(!json!(pods("in-secret")).to_string().contains("hunter2"));
    assert_eq!(end.artifacts[0].path, "a.txt");
    on.executor.closed(on.run_id()).await;
}

#[tokio::test]
async fn a_whole_group_is_ended() {
    let gke = gke();
    let on = lodging(&gke, "group");
    let mut started = on.start(on.sh("(trap '' TERM; echo $$ >pid; while :; do sleep 1; done) & echo ready; wait"));
    started.line("ready").await;
    on.executor.cancel(&started.id, true);
    assert_eq!(started.end().await.outcome, Outcome::Cancelled);
    // What is left behind by one that ends by itself goes with it.
    let end = on.run(numbered(on.sh("sleep 300 & echo $! >left"), 2)).await;
    assert_eq!(end.outcome, Outcome::Succeeded);
    let pid = std::fs::read_to_string(on.root.join("left")).expect("read");
    let status = || std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    until(|| status().is_empty() || status().contains(") Z "));
    on.executor.closed(on.run_id()).await;
}

#[tokio::test]
async fn instances_come_and_go_by_hand() {
    let gke = gke();
    let on = ground(&gke, "by-hand");
    let profile = Profile { with: (*on.sh("").with).clone() };
    let names = gke.launch(&profile, 2).await.expect("launched");
    assert_eq!(names.len(), 2);
    assert_ne!(names[0], names[1]);
    let on = on.in_instance(&names[0]);
    assert_eq!(on.run_sh("exit 4").await.outcome, exit(4));
    on.executor.closed(on.run_id()).await;
    assert_eq!(pods("by-hand").len(), 2, "they belong to no run");
    for name in names.iter().chain(&names) {
        gke.cleanup(name).await.expect("removed, and once more without harm");
    }
    until(|| pods("by-hand").is_empty());
    let outcome = on.run(numbered(on.sh("true"), 2)).await.outcome;
    assert!(matches!(&outcome, Outcome::NotStarted { permanent: true, .. }), "{outcome}");
}
