//! Processes that have left the group of their command: found by the marks in their environment.
//!
//! A command that ends well may leave such processes behind, as who starts a daemon wants. One that is stopped may not:
//! what it has started ends with it. As the supervisor adopts orphans, nothing of it stays a zombie. (A control group for
//! each command would find more, but moving a process into one takes the kernel many milliseconds.)

use std::ffi::OsStr;
use std::time::Duration;

use crate::model::{RunId, TaskId};
use crate::os::identity::Identity;
use crate::os::process::{Marked, find_marked};

/// How long a look at all processes is good for: many commands are often stopped together.
const GOOD_FOR: Duration = Duration::from_millis(20);

/// The marked processes of one run.
#[derive(Debug)]
pub(super) struct Strays {
    run: String,
    looked_at: Option<Duration>,
    found: Vec<Marked>,
}

impl Strays {
    pub(super) fn new(run: RunId) -> Self {
        Self { run: run.to_string(), looked_at: None, found: Vec::new() }
    }

    /// Processes of an attempt, outside of the group `group`.
    pub(super) fn of(&mut self, task: &TaskId, number: u32, group: i32, now: Duration) -> Vec<Identity> {
        if self.looked_at.is_none_or(|at| at + GOOD_FOR <= now) {
            self.looked_at = Some(now);
            let marks = [("SPORE_RUN", OsStr::new(&self.run))];
            // Where the system does not tell, nothing is found.
            self.found = find_marked(&marks, &["SPORE_TASK", "SPORE_ATTEMPT"]).unwrap_or_default();
        }
        let number = number.to_string();
        let is_of = |marked: &&Marked| {
            let [Some(of_task), Some(of_number)] = marked.values.as_slice() else { return false };
            of_task == task.as_str() && of_number == number.as_str() && marked.group != group
        };
        self.found.iter().filter(is_of).map(|marked| marked.identity).filter(|stray| stray.is_alive()).collect()
    }
}
