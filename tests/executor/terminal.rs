//! What only the terminal promises: environment, descriptors, interpreters, folders, artifacts.

use std::sync::Arc;

use spore::executor::terminal::Terminal;
use spore::model::{Digest, Language, Limits, Outcome, Stream};
use spore::os::file;

use super::ground::{Ground, exit, terminal};

fn reason(outcome: Outcome) -> String {
    match outcome {
        Outcome::NotStarted { reason, .. } => reason,
        other => panic!("it started: {other}"),
    }
}

#[tokio::test]
async fn how_spore_was_started_does_not_show() {
    let variables = [("HOME", "/h"), ("GIT_DIR", "/x"), ("TMOUT", "9"), ("SPORE_OUTPUT", "/x"), ("MAKEFLAGS", "-j")];
    let terminal =
        Terminal::with_environment(Limits::DEFAULT, variables.map(|(name, value)| (name.into(), value.into())))
            .supervised_by(env!("CARGO_BIN_EXE_spore").as_ref());
    let on = Ground::new(&terminal);
    on.run(on.argv(&["env"])).await;
    let text = on.text(Stream::Out).await;
    let mut names: Vec<&str> = text.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    names.sort_unstable();
    let expected =
        ["HOME", "PATH", "PWD", "SPORE_ATTEMPT", "SPORE_OUTPUT", "SPORE_ROOT", "SPORE_RUN", "SPORE_TASK", "TERM"];
    assert_eq!(names, expected);
}

#[tokio::test]
async fn no_descriptor_is_handed_on() {
    // Like one that Spore's own parent forgot to close.
    let forgotten = rustix::fs::open("/dev/null", rustix::fs::OFlags::RDONLY, rustix::fs::Mode::empty()).expect("open");
    let terminal = terminal(Limits::DEFAULT);
    let on = Ground::new(&terminal);
    let number = std::os::fd::AsRawFd::as_raw_fd(&forgotten);
    let script =
        format!("for fd in 0 1 2 3 4 5 6 7 8 9 10 11 12 {number}; do [ ! -e /proc/$$/fd/$fd ] || echo $fd; done");
    let end = on.run_sh(&script).await;
    assert_eq!(end.outcome, Outcome::Succeeded);
    assert_eq!(on.text(Stream::Out).await, "0\n1\n2\n");
    drop(forgotten);
}

#[tokio::test]
async fn every_process_is_collected() {
    let terminal = terminal(Limits::DEFAULT);
    let on = Ground::new(&terminal);
    on.run_sh("echo $$").await;
    let pid = on.text(Stream::Out).await;
    assert!(!std::path::Path::new("/proc").join(pid.trim()).exists(), "not even a zombie is left");
}

#[tokio::test]
async fn interpreters_read_their_scripts() {
    let terminal = terminal(Limits::DEFAULT);
    let long = format!("{}\nexit 6", "# filling\n".repeat(20_000));
    let cases = [
        (Language::Bash, "false | true", exit(1)),
        (Language::Sh, "false | true", Outcome::Succeeded),
        (Language::Sh, "exit 6 ", exit(6)),
        (Language::Sh, long.as_str(), exit(6)),
        (Language::Sh, "#!/bin/sh -e\n(exit 5)\necho no", exit(5)),
        (Language::Python, "#!/usr/bin/env sh\n[ $0 != sh ] && exit 4", exit(4)),
        (Language::Perl, "exit 3 if $ENV{SPORE_TASK} eq 'the-task'; print qq(x)", exit(3)),
        (Language::Sh, "sh -c --", exit(2)),
        (Language::Sh, "true a b", Outcome::Succeeded),
    ];
    for (number, (language, text, outcome)) in (1..).zip(cases) {
        let on = Ground::new(&terminal);
        let mut attempt = on.script(language, text);
        attempt.id.number = number;
        assert_eq!(on.run(attempt).await.outcome, outcome, "{language}: {}", &text[..text.len().min(60)]);
    }
}

#[tokio::test]
async fn missing_interpreters_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().display().to_string();
    for (language, text, name) in [
        (Language::Ruby, "puts 1", "`ruby` was not found"),
        (Language::Sh, "#!/no/such/shell\nx", "there is no `/no/such/shell`"),
        (Language::Sh, "#!/usr/bin/env no-such-shell\nx", "`no-such-shell` was not found"),
        (Language::Sh, "#!\nx", "names no interpreter"),
        (Language::Sh, "a\0b", "NUL"),
    ] {
        let terminal = terminal(Limits::DEFAULT);
        let on = Ground::new(&terminal);
        let mut attempt = on.script(language, text);
        attempt.env.push(("PATH".into(), path.clone()));
        let reason = reason(on.run(attempt).await.outcome);
        assert!(reason.contains(name), "{reason}");
    }
}

#[tokio::test]
async fn what_cannot_be_executed_is_explained() {
    let terminal = terminal(Limits::DEFAULT);
    let on = Ground::new(&terminal);
    file::write_new(&on.root.join("plain"), b"echo x").expect("written");
    file::write_script(&on.root.join("unmarked"), b"echo from the shell; exit 3").expect("written");
    let mut number = 0;
    let mut next = |mut attempt: spore::model::Attempt| {
        number += 1;
        attempt.id.number = number;
        attempt
    };
    assert!(reason(on.run(next(on.argv(&["./plain"]))).await.outcome).contains("not executable"));
    assert!(reason(on.run(next(on.argv(&["./unmarked"]))).await.outcome).contains("needs a `#!` line"));
    assert!(reason(on.run(next(on.argv(&["./absent"]))).await.outcome).contains("there is no `./absent`"));
    assert!(reason(on.run(next(on.argv(&[]))).await.outcome).contains("empty list"));
    assert!(reason(on.run(next(on.argv(&["true", "a\0"]))).await.outcome).contains("NUL"));
    assert_eq!(on.run(next(on.sh("./plain"))).await.outcome, exit(126), "a shell says so itself");
    assert_eq!(on.run(next(on.sh("./unmarked"))).await.outcome, exit(3), "a shell reads it itself");
    let mut attempt = next(on.sh("true"));
    attempt.env.push(("BIG".into(), "x".repeat(5_000_000)));
    assert!(reason(on.run(attempt).await.outcome).contains("longer than the kernel takes"));
    let mut attempt = next(on.sh("true"));
    attempt.env.push(("A=B".into(), String::new()));
    assert!(reason(on.run(attempt).await.outcome).contains("`A=B`"));
}

#[tokio::test]
async fn working_directories_lie_in_the_root() {
    let terminal = terminal(Limits::DEFAULT);
    let on = Ground::new(&terminal);
    file::create_dir_all(&on.root.join("inside")).expect("made");
    file::write_new(&on.root.join("file"), b"").expect("written");
    std::os::unix::fs::symlink("/etc", on.root.join("link")).expect("linked");
    for (number, (folder, part)) in
        (1..).zip([("absent", "does not exist"), ("file", "not a folder"), ("..", "outside"), ("link", "outside")])
    {
        let mut attempt = on.sh("true");
        attempt.id.number = number;
        attempt.workdir = on.root.join(folder);
        let reason = reason(on.run(attempt).await.outcome);
        assert!(reason.contains(part), "{reason}");
    }
    let mut attempt = on.sh("pwd; echo $PWD");
    attempt.id.task = spore::model::TaskId::new("inside").expect("an id");
    attempt.workdir = "inside".into();
    let started = on.start(attempt);
    let id = started.id.clone();
    assert_eq!(started.end().await.outcome, Outcome::Succeeded);
    let inside = on.root.join("inside").display().to_string();
    let log = on.executor.logs(&id, Stream::Out, 0).await.expect("a log");
    assert_eq!(log.bytes, format!("{inside}\n{inside}\n").into_bytes());

    let terminal = super::ground::terminal(Limits::DEFAULT);
    let on = Ground::new(&terminal);
    let mut attempt = on.sh("true");
    attempt.root = Arc::new(on.root.join("nowhere"));
    attempt.workdir = on.root.join("nowhere");
    assert!(reason(on.run(attempt).await.outcome).contains("does not exist"));
}

#[tokio::test]
async fn artifacts_are_recorded_whether_it_worked_or_not() {
    let terminal = terminal(Limits::DEFAULT);
    let on = Ground::new(&terminal);
    let mut attempt = on.sh("mkdir out; printf abc >out/a.csv; ln -s /etc/passwd out/p.csv; exit 1");
    attempt.artifacts = Arc::from(["out/*.csv".to_owned(), "nothing/*".to_owned()]);
    let end = on.run(attempt).await;
    assert_eq!(end.outcome, exit(1));
    assert_eq!((end.artifacts[0].path.as_str(), end.artifacts[0].size_bytes), ("out/a.csv", 3));
    assert_eq!((end.artifacts[0].digest, end.artifacts.len()), (Digest::of(b"abc"), 1));
    assert_eq!(end.remarks.len(), 2, "{:?}", end.remarks);
}

#[tokio::test]
async fn silent_commands_leave_no_file() {
    let terminal = terminal(Limits::DEFAULT);
    let on = Ground::new(&terminal);
    on.run_sh("true").await;
    let folder = on.log_path(Stream::Out);
    assert_eq!(std::fs::read_dir(folder.parent().expect("a folder")).expect("listed").count(), 0);
}
