//! What a lost attempt may have left running: its supervisor was killed, and its commands were not.
//!
//! They are left alone, because a half-done deployment is worse than one that goes on unseen, until their task is to run
//! again: two of them at a time would be worse still.

use std::ffi::OsStr;
use std::time::Duration;

use crate::model::{RunId, TaskId};
use crate::os::clock::{Clock as _, SystemClock};
use crate::os::identity::Identity;
use crate::os::process::find_marked;

/// How long they may take to end when they are asked, and when they are killed.
const GRACE: Duration = Duration::from_secs(2);
const KILL_PATIENCE: Duration = Duration::from_secs(5);
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// Ends every process that an earlier attempt of the task in the run has left. Returns when none is there any more.
///
/// # Errors
/// The ids of those that did not end although they were killed.
pub async fn end_leftovers(run: RunId, task: &TaskId) -> Result<(), Vec<i32>> {
    let clock = SystemClock::new();
    let mut asked = false;
    loop {
        let left = find(run, task);
        if left.is_empty() {
            return Ok(());
        }
        let now = clock.monotonic();
        if now > GRACE + KILL_PATIENCE {
            return Err(left.into_iter().map(Identity::pid).collect());
        }
        for process in left {
            if now > GRACE {
                process.kill();
            } else if !asked {
                process.terminate();
            }
        }
        asked = true;
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}

fn find(run: RunId, task: &TaskId) -> Vec<Identity> {
    let run = run.to_string();
    let marks = [("SPORE_RUN", OsStr::new(&run)), ("SPORE_TASK", OsStr::new(task.as_str()))];
    // Where the system does not tell which processes there are, none can be ended.
    find_marked(&marks, &[]).unwrap_or_default().iter().map(|marked| marked.identity).collect()
}
