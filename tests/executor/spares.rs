//! Supervisors that wait: one after the other has them, each run as if they had been started for it.

use std::os::unix::fs::MetadataExt as _;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use spore::executor::Executor as _;
use spore::executor::terminal::{Spares, Terminal, is_supervised};
use spore::model::{Limits, Outcome, Stream};
use spore::os::identity::Identity;

use super::ground::{Ground, terminal};

fn spares(waiting_max: usize) -> Arc<Spares> {
    Spares::of(env!("CARGO_BIN_EXE_spore").as_ref(), waiting_max)
}

/// Those that many tests share, each of which finds them as another has left them.
pub(crate) fn shared() -> Arc<Spares> {
    static SHARED: LazyLock<Arc<Spares>> = LazyLock::new(|| spares(4));
    Arc::clone(&SHARED)
}

fn with(spares: &Arc<Spares>) -> Terminal {
    terminal(Limits::DEFAULT).with_spares(Some(Arc::clone(spares)))
}

/// Runs something in a run of its own, and returns its supervisor.
async fn supervisor_of_a_run(spares: &Arc<Spares>) -> Identity {
    let terminal = with(spares);
    let on = Ground::new(&terminal);
    let attempt = on.sh("stat -c %i .; echo $PPID");
    let run = attempt.id.run;
    assert_eq!(on.run(attempt).await.outcome, Outcome::Succeeded);
    let said = on.text(Stream::Out).await;
    let (inode, pid) = said.trim().split_once('\n').expect("two lines");
    assert_eq!(inode, on.root.metadata().expect("it is there").ino().to_string(), "it runs in its own folder");
    let supervisor = Identity::of(pid.parse().expect("a number")).expect("it lives");
    assert!(is_supervised(on.run_dir()));
    terminal.release(run);
    until(|| !is_supervised(on.run_dir())).await;
    assert!(!on.run_dir().join("supervisor.sock").exists());
    supervisor
}

async fn until(mut is_so: impl FnMut() -> bool) {
    let looked = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), looked).await.expect("it comes to that");
}

#[tokio::test]
async fn one_supervisor_has_run_after_run() {
    let spares = spares(1);
    let mut seen = Vec::new();
    for _ in 0..5 {
        seen.push(supervisor_of_a_run(&spares).await);
    }
    seen.dedup();
    assert_eq!(seen.len(), 1, "{seen:?}");
}

#[tokio::test]
async fn one_that_was_killed_while_it_waited_is_missed_by_nobody() {
    let spares = spares(1);
    for _ in 0..3 {
        supervisor_of_a_run(&spares).await.kill();
    }
}

#[tokio::test]
async fn they_end_with_their_engine() {
    let spares = spares(2);
    let supervisor = supervisor_of_a_run(&spares).await;
    assert!(supervisor.is_alive());
    drop(spares);
    until(|| !supervisor.is_alive()).await;
}
