//! Looking at everything that can keep runs from going on, and saying what to type. Nothing is changed.
//!
//! It must be quick in a folder with very many runs and on a machine in trouble. So runs without a result are found by
//! their marks, everything else that grows is looked at for a moment only, and what cannot be read is said to be so.

mod clock;
mod git;
mod locks;
mod lost;
mod machine;
mod place;
mod runs;
mod strays;
mod watcher;

use std::path::Path;
use std::time::Duration;

use super::{Error, World};
use crate::journal;
use crate::model::{Limits, RunId, Timestamp};
use crate::os::clock::Clock as _;
use crate::os::locks::{Hold, Locks};
use crate::os::process::{Marked, find_marked};
use crate::render::report::{DoctorReport, Finding, Level, Section};
use crate::repo::{Project, Root};

/// Where all looks begin.
struct Ground<'a> {
    world: &'a World,
    root: Root,
    project: Project,
    now: Timestamp,
    locks: Locks,
    /// The processes that carry the mark of this root, with run, task and attempt.
    marked: Vec<Marked>,
}

impl Ground<'_> {
    /// Who works on a run, by the lock on its journal.
    fn engine_hold(&self, run: RunId) -> std::io::Result<Hold> {
        self.locks.on(&self.root.runs().join(run.to_string()).join(journal::JOURNAL_FILE))
    }

    /// Says as long as it is asked within this time.
    fn within(&self, time: Duration) -> impl FnMut() -> bool {
        let clock = self.world.clock;
        let end = clock.monotonic() + time;
        move || clock.monotonic() < end
    }
}

/// Looks at the folder around `start` and at this machine.
///
/// # Errors
/// When there is no such folder. Everything else that goes wrong is a finding.
pub async fn examine(world: &World, start: &Path) -> Result<DoctorReport, Error> {
    // What is not there must not be taken for a file that is still to be written in the folder above.
    let root = if start.exists() { Root::find(start)? } else { Root::find(&start.join("folder"))? };
    let (project, settings) = match Project::load(&root) {
        Ok(project) => (project, None),
        Err(error) => (Project::default(), Some(error)),
    };
    let mark = [("SPORE_ROOT", root.path().as_os_str())];
    let marked = find_marked(&mark, &["SPORE_RUN", "SPORE_TASK", "SPORE_ATTEMPT"]);
    let unmarked = marked.as_ref().err().map(ToString::to_string);
    let marked = marked.unwrap_or_default();
    let ground = Ground { world, root, project, now: world.now(), locks: Locks::now(), marked };

    let mut runs = runs::look(&ground);
    let lost = lost::look(&ground, &runs);
    runs.findings.extend(lost.findings);
    if runs.findings.is_empty() {
        runs.findings.push(Finding::new(Level::Fine, "runs", "none is under way, none was broken off"));
    }
    let newest = runs.newest.max(lost.newest);
    let (strays, stray_findings) = strays::look(&ground, &runs, unmarked);
    let locks = locks::findings(&ground, &runs);
    let folder =
        vec![Finding::new(Level::Fine, "root", ground.root.path().display().to_string()), machine::settings(settings)];
    let sections = [
        ("folder", folder),
        ("runs", runs.findings),
        ("watcher", watcher::findings(&ground)),
        ("orphans", stray_findings),
        ("locks", locks),
        ("disk", place::disk(&ground)),
        ("inotify", place::watches(&ground)),
        ("git", git::findings(&ground)),
        ("clock", clock::findings(&ground, newest)),
        ("machine", machine::findings(&Limits::DEFAULT).await),
    ];
    let sections = sections.into_iter().map(|(name, findings)| Section { name: name.to_owned(), findings });
    let open = runs.open.into_iter().map(|seen| seen.report).collect();
    Ok(DoctorReport::new(ground.root.path().display().to_string(), ground.now, open, strays, sections.collect()))
}
