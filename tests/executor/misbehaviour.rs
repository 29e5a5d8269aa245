//! Children that do not behave. Each ends, nothing of it stays, and nobody waits for long.

use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal};
use spore::model::{Limits, Outcome, Stream};

use super::ground::{Ground, terminal};

/// Whether the process has ended: it is gone, or only waits to be collected by the machine.
fn is_gone(pid: &str) -> bool {
    match std::fs::read_to_string(Path::new("/proc").join(pid).join("stat")) {
        Ok(stat) => stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with(['Z', 'X'])),
        Err(_) => true,
    }
}

#[tokio::test]
async fn who_ignores_being_asked_is_killed_with_all_its_children() {
    let terminal = terminal(Limits::DEFAULT);
    let on = Ground::new(&terminal);
    let mut attempt =
        on.sh("trap '' TERM\n(while :; do sleep 1; done) &\necho $! >pid; echo ready; while :; do sleep 1; done");
    attempt.grace = Duration::from_millis(50);
    let mut started = on.start(attempt);
    started.line("ready").await;
    on.executor.cancel(&started.id, false);
    assert_eq!(started.end().await.outcome, Outcome::Cancelled);
    let pid = std::fs::read_to_string(on.root.join("pid")).expect("a pid");
    assert!(is_gone(pid.trim()));
}

#[tokio::test]
async fn what_is_left_behind_is_ended() {
    let terminal = terminal(Limits::DEFAULT);
    let on = Ground::new(&terminal);
    let end = on.run_sh("(sleep 300 & echo $! >pid) &\nwait; echo done").await;
    assert_eq!(end.outcome, Outcome::Succeeded);
    assert!(end.remarks[0].contains("left 1 process behind (`sleep`)"), "{:?}", end.remarks);
    let pid = std::fs::read_to_string(on.root.join("pid")).expect("a pid");
    assert!(is_gone(pid.trim()), "{pid}");
}

#[tokio::test]
async fn a_stubborn_daemon_without_a_pipe_is_ended_too() {
    let terminal = terminal(Limits::DEFAULT);
    let on = Ground::new(&terminal);
    let mut attempt =
        on.sh("(trap '' TERM; echo x >up; while :; do sleep 1; done) >/dev/null 2>&1 &\necho $! >pid; read x <up");
    attempt.grace = Duration::from_millis(50);
    mkfifo(&on.root.join("up"));
    let end = on.run(attempt).await;
    assert_eq!(end.outcome, Outcome::Succeeded);
    assert!(end.remarks[0].contains("behind"), "{:?}", end.remarks);
    let pid = std::fs::read_to_string(on.root.join("pid")).expect("a pid");
    assert!(is_gone(pid.trim()));
}

#[tokio::test]
async fn a_late_writer_is_heard() {
    let terminal = terminal(Limits::DEFAULT);
    let on = Ground::new(&terminal);
    mkfifo(&on.root.join("gone"));
    // The second process outlives the first, prints, and ends by itself.
    let end = on.run_sh("(cat gone; echo late) &\nexec 3>gone; echo early").await;
    assert_eq!((end.outcome, end.remarks), (Outcome::Succeeded, Vec::new()));
    assert_eq!(on.text(Stream::Out).await, "early\nlate\n");
}

#[tokio::test]
async fn an_escaped_process_does_not_hang_the_task() {
    let terminal = terminal(Limits::DEFAULT);
    let on = Ground::new(&terminal);
    mkfifo(&on.root.join("up"));
    let end = on.run_sh("setsid sh -c 'echo $$ >up; exec sleep 300' &\nread pid <up; echo $pid").await;
    assert_eq!(end.outcome, Outcome::Succeeded);
    assert!(end.remarks[0].contains("left its group"), "{:?}", end.remarks);
    let pid: i32 = on.text(Stream::Out).await.trim().parse().expect("a pid");
    rustix::process::kill_process(Pid::from_raw(pid).expect("a pid"), Signal::KILL).expect("it was out of reach");
}

#[tokio::test]
async fn who_is_stopped_takes_along_what_has_left_its_group() {
    for at_once in [false, true] {
        let terminal = terminal(Limits::DEFAULT);
        let on = Ground::new(&terminal);
        let mut attempt = on.sh(
            "setsid sh -c 'trap \"\" TERM; setsid sleep 300 & echo $$ $! >up; while :; do sleep 1; done' >&- 2>&- &\n\
             read pids <up; echo $pids >pids; echo ready; wait",
        );
        mkfifo(&on.root.join("up"));
        attempt.grace = Duration::from_millis(50);
        let mut started = on.start(attempt);
        started.line("ready").await;
        on.executor.cancel(&started.id, at_once);
        assert_eq!(started.end().await.outcome, Outcome::Cancelled);
        let pids = std::fs::read_to_string(on.root.join("pids")).expect("pids");
        for pid in pids.split_ascii_whitespace() {
            assert!(is_gone(pid), "{pid} of {pids}");
        }
    }
}

#[tokio::test]
async fn a_flood_is_kept_in_bounds() {
    let limits = Limits { log_head_bytes_max: 10_000, log_tail_bytes_max: 30_000, ..Limits::DEFAULT };
    let terminal = terminal(limits);
    let on = Ground::new(&terminal);
    let end = on.run_sh("seq 1 2000000; head -c 50000000 /dev/zero >&2; seq 1 20000").await;
    assert_eq!(end.outcome, Outcome::Succeeded);
    assert_eq!(end.err.seen_bytes, 50_000_000);
    let text = on.text(Stream::Out).await;
    assert!(text.len() < 40_100 && text.starts_with("1\n2\n") && text.ends_with("\n19999\n20000\n"));
    let (_, tail) = text.split_once("dropped here]\n").expect("a remark");
    let first: u32 = tail.lines().next().expect("a line").parse().expect("a whole number");
    assert_eq!(tail.lines().count(), (20_000 - first + 1) as usize, "no line is cut");
}

#[tokio::test]
async fn an_endless_flood_is_stopped_in_time() {
    let terminal = terminal(Limits::DEFAULT);
    let on = Ground::new(&terminal);
    let mut attempt = on.sh("trap '' TERM; yes & yes >&2");
    (attempt.timeout, attempt.grace) = (Some(Duration::from_millis(200)), Duration::from_millis(50));
    let end = on.run(attempt).await;
    assert_eq!(end.outcome, Outcome::TimedOut);
    assert!(end.out.seen_bytes > 0 && end.err.seen_bytes > 0);
}

#[tokio::test]
async fn closed_streams_are_no_end() {
    let terminal = terminal(Limits::DEFAULT);
    let on = Ground::new(&terminal);
    assert_eq!(on.run_sh("exec <&- >&- 2>&-; sleep 0.1; exit 3").await.outcome, super::ground::exit(3));
}

#[tokio::test]
async fn who_stops_itself_can_still_be_ended() {
    let terminal = terminal(Limits::DEFAULT);
    let on = Ground::new(&terminal);
    let mut attempt = on.sh("trap 'echo woken; exit 0' TERM; kill -STOP $$; sleep 300 & wait");
    attempt.timeout = Some(Duration::from_millis(100));
    assert_eq!(on.run(attempt).await.outcome, Outcome::TimedOut);
    assert_eq!(on.text(Stream::Out).await, "woken\n");
}

#[tokio::test]
async fn one_line_of_100_megabytes_is_no_trouble() {
    let terminal = terminal(Limits::DEFAULT);
    let on = Ground::new(&terminal);
    let mut started = on.start(on.sh("head -c 100000000 /dev/zero | tr '\\0' 'x'"));
    let end = started.see_end().await;
    assert_eq!((end.outcome, end.out.seen_bytes), (Outcome::Succeeded, 100_000_000));
    assert!(started.lines.iter().all(|line| line.len() == 200 && line.bytes().all(|byte| byte == b'x')));
    assert!(!started.lines.is_empty());
    assert!(on.log(Stream::Out).await.len() < 9_000_000);
}

#[tokio::test]
async fn bytes_are_kept_as_they_are() {
    let terminal = terminal(Limits::DEFAULT);
    let on = Ground::new(&terminal);
    on.run_sh("printf 'a\\000b\\377\\r\\n\\033[31mred'").await;
    assert_eq!(on.log(Stream::Out).await, b"a\0b\xff\r\n\x1b[31mred");
}

#[tokio::test]
async fn a_full_disk_does_not_stop_the_command() {
    let terminal = terminal(Limits::DEFAULT);
    let on = Ground::new(&terminal);
    // The log's place is taken by something that takes no byte.
    let log = on.log_path(Stream::Out);
    spore::os::file::create_dir_all(log.parent().expect("a folder")).expect("made");
    std::os::unix::fs::symlink("/dev/full", &log).expect("linked");
    let end = on.run_sh("echo lost; exit 4").await;
    assert_eq!((end.outcome, end.out.dropped_bytes), (super::ground::exit(4), 5));
    assert!(end.remarks[0].contains("No space left"), "{:?}", end.remarks);
}

fn mkfifo(path: &Path) {
    use rustix::fs::{CWD, FileType, Mode};
    rustix::fs::mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a fifo");
}
