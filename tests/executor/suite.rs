//! The suite: what every executor promises.

use std::sync::Arc;
use std::time::Duration;

use spore::executor::{Observation, Profile};
use spore::model::{AttemptEnd, LogSize, Outcome, Stream};

use super::ground::{Ground, exit, secret};

pub(crate) async fn success_and_failure_are_told(on: &Ground<'_>) {
    let end = on.run_sh("exit 7").await;
    assert!(end.began.is_some() && end.began <= end.ended, "{end:?}");
    assert_eq!(AttemptEnd { began: None, ended: None, ..end }, AttemptEnd::bare(exit(7)));
    let mut second = on.sh("true");
    second.id.number = 2;
    let id = second.id.clone();
    let end = on.run(second).await;
    assert_eq!(end.outcome, Outcome::Succeeded);
    assert_eq!(on.executor.observe(&id), Observation::Ended(Box::new(end)));
}

pub(crate) async fn signals_are_told(on: &Ground<'_>) {
    assert_eq!(on.run_sh("kill -9 $$").await.outcome, Outcome::of_signal(9));
}

pub(crate) async fn what_is_not_found_never_starts(on: &Ground<'_>) {
    let mut attempt = on.argv(&["no-such-program", "x"]);
    attempt.env.push(("PATH".into(), "/nowhere:/bin".into()));
    let Outcome::NotStarted { reason, .. } = on.run(attempt).await.outcome else { panic!("it cannot have started") };
    assert!(reason.contains("`no-such-program`") && reason.contains("`/nowhere:/bin`"), "{reason}");
    let mut attempt = on.sh("no-such-program x");
    attempt.id.number = 2;
    assert_eq!(on.run(attempt).await.outcome, exit(127), "a shell says so itself");
}

pub(crate) async fn time_runs_out(on: &Ground<'_>) {
    let mut attempt = on.sh("trap 'exit 0' TERM; echo before; sleep 300 & wait");
    attempt.timeout = Some(Duration::from_millis(300));
    let end = on.run(attempt).await;
    assert_eq!(end.outcome, Outcome::TimedOut);
    assert_eq!(on.text(Stream::Out).await, "before\n");
}

pub(crate) async fn a_cancelled_command_may_say_goodbye(on: &Ground<'_>) {
    let mut started = on.start(on.sh("trap 'echo bye; exit 0' TERM; echo ready; sleep 300 & wait"));
    started.line("ready").await;
    assert_eq!(on.executor.observe(&started.id), Observation::Running);
    on.executor.cancel(&started.id, false);
    on.executor.cancel(&started.id, false);
    assert_eq!(started.end().await.outcome, Outcome::Cancelled);
    assert_eq!(on.text(Stream::Out).await, "ready\nbye\n");
}

pub(crate) async fn cancelling_now_asks_nobody(on: &Ground<'_>) {
    let mut attempt = on.sh("trap '' TERM; echo ready; while :; do sleep 1; done");
    attempt.grace = Duration::from_hours(1);
    let mut started = on.start(attempt);
    started.line("ready").await;
    on.executor.cancel(&started.id, false);
    on.executor.cancel(&started.id, true);
    assert_eq!(started.see_end().await.outcome, Outcome::Cancelled);
    on.executor.cancel(&started.id, true);
}

pub(crate) async fn cancelling_before_the_start_starts_nothing(on: &Ground<'_>) {
    let started = on.start(on.sh("echo x"));
    on.executor.cancel(&started.id, false);
    assert_eq!(started.end().await, AttemptEnd::bare(Outcome::Cancelled));
    assert_eq!(on.text(Stream::Out).await, "");
}

pub(crate) async fn starting_twice_finds_the_first(on: &Ground<'_>) {
    let attempt = on.sh("echo once >>count; echo ready; read x <count; exit 3");
    let mut first = on.start(attempt.clone());
    let second = on.start(attempt.clone());
    assert_eq!(first.see_end().await.outcome, exit(3));
    assert_eq!(second.end().await.outcome, exit(3));
    assert_eq!(on.run(attempt).await.outcome, exit(3), "also when it is over");
    assert_eq!(std::fs::read_to_string(on.root.join("count")).expect("read"), "once\n");
}

pub(crate) async fn outputs_are_handed_on(on: &Ground<'_>) {
    let end = on.run_sh("echo rows=12 >>$SPORE_OUTPUT; printf 'text<<E\na\nb\nE\n' >>$SPORE_OUTPUT").await;
    assert_eq!(end.outcome, Outcome::Succeeded);
    assert_eq!(serde_json::to_value(&end.outputs).expect("JSON"), serde_json::json!({"rows": "12", "text": "a\nb"}));
    let mut attempt = on.sh("echo '{\"n\": [1, true]}' >$SPORE_OUTPUT; exit 4");
    attempt.id.number = 2;
    let end = on.run(attempt).await;
    assert_eq!((end.outcome, &end.outputs["n"]), (exit(4), &serde_json::json!([1, true])));
}

pub(crate) async fn broken_outputs_fail_the_attempt(on: &Ground<'_>) {
    let Outcome::Failed { reason: Some(reason), .. } = on.run_sh("printf 'a=1\nnonsense' >$SPORE_OUTPUT").await.outcome
    else {
        panic!("it must fail")
    };
    assert!(reason.contains("line 2"), "{reason}");
    let large = format!("more than {} bytes", on.gives.output_bytes_max);
    let mut cases = vec![
        (2, "head -c 1100000 /dev/zero >$SPORE_OUTPUT", large.as_str()),
        (3, "printf 'a=1\n\\377' >$SPORE_OUTPUT", "line 2 of `$SPORE_OUTPUT` is not UTF-8"),
    ];
    if !on.gives.output_is_there {
        cases.push((4, "mkdir $SPORE_OUTPUT", "not a plain file"));
        cases.push((5, "mkfifo $SPORE_OUTPUT", "not a plain file"));
    }
    for (number, script, part) in cases {
        let mut attempt = on.sh(script);
        attempt.id.number = number;
        let outcome = on.run(attempt).await.outcome;
        assert!(matches!(&outcome, Outcome::Failed { reason: Some(reason), .. } if reason.contains(part)), "{outcome}");
    }
    let mut attempt = on.sh("echo nonsense >$SPORE_OUTPUT; exit 9");
    attempt.id.number = 6;
    let end = on.run(attempt).await;
    assert_eq!(end.outcome, exit(9), "it had failed before");
    assert_eq!(end.remarks.len(), 1);
}

pub(crate) async fn the_environment_is_as_told(on: &Ground<'_>) {
    let mut attempt = on.sh("echo \"$A|$SPORE_TASK|$SPORE_ATTEMPT|$SPORE_RUN|$TERM\"; [ \"$PWD\" = \"$SPORE_ROOT\" ]");
    attempt.env = vec![("A".into(), "1 \"$HOME\"\n2".into()), ("SPORE_TASK".into(), "no".into())];
    let run = attempt.id.run.to_string();
    assert_eq!(on.run(attempt).await.outcome, Outcome::Succeeded);
    assert_eq!(on.text(Stream::Out).await, format!("1 \"$HOME\"\n2|the-task|1|{run}|dumb\n"));
}

pub(crate) async fn arguments_need_no_shell(on: &Ground<'_>) {
    let end = on.run(on.argv(&["printf", "%s\n", "$HOME", "a  b", "*", "", "'; exit 1"])).await;
    assert_eq!(end.outcome, Outcome::Succeeded);
    assert_eq!(on.text(Stream::Out).await, "$HOME\na  b\n*\n\n'; exit 1\n");
}

pub(crate) async fn scripts_end_at_the_first_failure(on: &Ground<'_>) {
    assert_eq!(on.run_sh("if false; then :; fi\nfalse || echo one\n(exit 5)\necho two").await.outcome, exit(5));
    assert_eq!(on.text(Stream::Out).await, "one\n");
}

pub(crate) async fn logs_are_read_by_cursor(on: &Ground<'_>) {
    let mut started = on.start(on.sh("echo one; echo err >&2; read line <go; echo \"$line\""));
    rustix::fs::mknodat(
        rustix::fs::CWD,
        on.root.join("go"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .expect("a fifo, before the command runs: nothing was awaited yet");
    started.line("one").await;
    let first = on.executor.logs(&started.id, Stream::Out, 0).await.expect("a log");
    assert_eq!((first.bytes.as_slice(), first.cursor), (&b"one\n"[..], 4));
    let go = on.root.join("go");
    tokio::task::spawn_blocking(move || {
        spore::os::file::append(&go).and_then(|mut go| std::io::Write::write_all(&mut go, b"two\n"))
    })
    .await
    .expect("joined")
    .expect("written");
    let id = started.id.clone();
    let end = started.end().await;
    assert_eq!(end.out, LogSize { seen_bytes: 8, dropped_bytes: 0 });
    assert_eq!(on.executor.logs(&id, Stream::Out, first.cursor).await.expect("a log").bytes, b"two\n");
    assert_eq!(on.text(Stream::Err).await, "err\n");
}

pub(crate) async fn much_output_keeps_head_and_tail(on: &Ground<'_>) {
    let end = on.run_sh("echo first; head -c 20000000 /dev/zero | tr '\\0' 'x'; echo; echo last").await;
    assert_eq!(end.out.seen_bytes, 20_000_012);
    let text = on.text(Stream::Out).await;
    assert!(text.starts_with("first\nxxx") && text.ends_with("xxx\nlast\n"));
    assert!(text.contains(&format!("\n[spore: {} bytes dropped here]\n", end.out.dropped_bytes)), "{:?}", end.out);
    assert!((8_000_000..9_000_000).contains(&text.len()), "{}", text.len());
}

pub(crate) async fn secrets_are_masked_everywhere(on: &Ground<'_>) {
    let mut attempt = on.sh(
        "printf 'a hunt'; printf 'er2&co b\\n'; echo '{\"t\": \"'$T'\"}' >$SPORE_OUTPUT; echo $T >&2; printf $T | base64; \
         printf 'end hunt'",
    );
    attempt.env.push(("T".into(), "hunter2&co".into()));
    attempt.secrets = Arc::from([secret("hunter2&co")]);
    let mut started = on.start(attempt);
    let end = started.see_end().await;
    assert_eq!(end.outcome, Outcome::Succeeded);
    assert_eq!(on.text(Stream::Out).await, "a *** b\n***\nend hunt");
    assert_eq!(on.text(Stream::Err).await, "***\n");
    assert_eq!(end.outputs["t"], "***");
    assert!(end.remarks[0].contains("`t`"), "{:?}", end.remarks);
    assert!(started.lines.iter().all(|line| !line.contains("hunter2")), "{:?}", started.lines);
    let mut attempt = on.argv(&["hunter2&co"]);
    attempt.id.number = 2;
    attempt.secrets = Arc::from([secret("hunter2&co")]);
    let outcome = on.run(attempt).await.outcome;
    assert!(matches!(&outcome, Outcome::NotStarted { reason, .. } if reason.starts_with("`***` was not")), "{outcome}");
}

pub(crate) async fn unknown_attempts_are_unknown(on: &Ground<'_>) {
    let id = on.sh("").id;
    assert_eq!(on.executor.observe(&id), Observation::Unknown);
    on.executor.cancel(&id, true);
    let error = on.executor.logs(&id, Stream::Out, 0).await.expect_err("no log");
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    let check = on.executor.check().await;
    assert_eq!((check.executor.as_str(), check.missing.len()), (on.executor.name(), 0));
}

pub(crate) async fn instances_come_and_go(on: &Ground<'_>) {
    let profile = Profile::default();
    let names = on.executor.launch(&profile, 2).await.expect("launched");
    assert_eq!(names.len(), 2);
    assert_ne!(names[0], names[1]);
    for name in names.iter().chain(&names) {
        on.executor.cleanup(name).await.expect("removed, and once more without harm");
    }
}
