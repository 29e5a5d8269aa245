//! This machine as an executor.

use std::collections::{BTreeSet, HashMap};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::collect::carry_out;
use super::entry::{Entry, Urgency, lock};
use super::environment::Base;
use super::reading::read_log;
use crate::executor::{Check, Executor, LogChunk, Mask, Observation, Pending, Profile, Reports};
use crate::model::{
    Attempt, AttemptEnd, AttemptId, LOGS_FOLDER, Language, Limits, OUTPUTS_FOLDER, Outcome, Secret, Stream,
};
use crate::os::clock::SystemClock;
use crate::os::file;
use crate::os::process::{Found, find_program, keep_descriptors_home};

/// Carries attempts out as processes of this machine. It needs a tokio runtime with I/O and time around it.
///
/// Dropping it stops nothing: what was started goes on, and is collected while the runtime lives.
#[derive(Debug)]
pub struct Terminal {
    shared: Arc<Shared>,
    attempts: Mutex<HashMap<AttemptId, Arc<Entry>>>,
    instances: Mutex<BTreeSet<u32>>,
}

/// What all attempts share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) base: Base,
    pub(super) limits: Limits,
    pub(super) clock: SystemClock,
    /// The mask that was made last: all attempts of a run that have the same secrets share it.
    mask: Mutex<(Arc<[Secret]>, Mask)>,
    /// The folder of a run that was made ready last.
    ready: Mutex<Option<Arc<PathBuf>>>,
}

impl Terminal {
    /// An executor whose commands see this process's environment, less what tells how Spore was started.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self::with_environment(limits, std::env::vars_os())
    }

    /// An executor whose commands see `variables` instead.
    #[must_use]
    pub fn with_environment(limits: Limits, variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        keep_descriptors_home();
        let shared = Shared {
            base: Base::new(variables),
            limits,
            clock: SystemClock::new(),
            mask: Mutex::new((Arc::from([]), Mask::default())),
            ready: Mutex::new(None),
        };
        Self { shared: Arc::new(shared), attempts: Mutex::default(), instances: Mutex::default() }
    }

    fn entry(&self, attempt: &AttemptId) -> Option<Arc<Entry>> {
        lock(&self.attempts).get(attempt).cloned()
    }
}

impl Shared {
    pub(super) fn mask(&self, secrets: &Arc<[Secret]>) -> Mask {
        if secrets.is_empty() {
            return Mask::default();
        }
        let mut last = lock(&self.mask);
        if !Arc::ptr_eq(&last.0, secrets) && last.0 != *secrets {
            *last = (Arc::clone(secrets), Mask::new(secrets));
        }
        last.1.clone()
    }

    /// Makes the folders for logs and outputs, once for each run.
    pub(super) fn make_folders(&self, attempt: &Attempt) -> Result<(), String> {
        let mut ready = lock(&self.ready);
        if ready.as_ref().is_some_and(|ready| Arc::ptr_eq(ready, &attempt.run_dir) || *ready == attempt.run_dir) {
            return Ok(());
        }
        for name in [LOGS_FOLDER, OUTPUTS_FOLDER] {
            let folder = attempt.run_dir.join(name);
            file::create_dir_all(&folder)
                .map_err(|error| format!("the folder `{}` cannot be made: {error}", folder.display()))?;
        }
        *ready = Some(Arc::clone(&attempt.run_dir));
        Ok(())
    }
}

/// Makes relative folders absolute: a command runs elsewhere, and must still find them.
fn absolute(mut attempt: Attempt) -> Attempt {
    for path in [&mut attempt.root, &mut attempt.run_dir] {
        if !path.is_absolute()
            && let Ok(absolute) = std::path::absolute(path.as_path())
        {
            *path = Arc::new(absolute);
        }
    }
    if !attempt.workdir.is_absolute() {
        attempt.workdir = attempt.root.join(&attempt.workdir);
    }
    attempt
}

impl Executor for Terminal {
    fn name(&self) -> &'static str {
        "terminal"
    }

    fn start(&self, attempt: Attempt, reports: Reports) {
        let attempt = absolute(attempt);
        let mut is_new = false;
        let entry = Arc::clone(lock(&self.attempts).entry(attempt.id.clone()).or_insert_with(|| {
            is_new = true;
            Arc::new(Entry::new(attempt.id.clone(), attempt.run_dir.to_path_buf()))
        }));
        entry.listen(reports);
        if is_new && attempt.recalled.is_some() {
            let stage = "it was running when its engine died".to_owned();
            entry.tell_end(AttemptEnd::bare(Outcome::Lost { stage }));
        } else if is_new {
            tokio::spawn(carry_out(Arc::clone(&self.shared), entry, attempt));
        }
    }

    fn observe(&self, attempt: &AttemptId) -> Observation {
        self.entry(attempt).map_or(Observation::Unknown, |entry| entry.observation())
    }

    fn logs<'a>(&'a self, attempt: &'a AttemptId, stream: Stream, cursor: u64) -> Pending<'a, io::Result<LogChunk>> {
        Box::pin(async move {
            let entry = self.entry(attempt).ok_or_else(|| {
                io::Error::new(io::ErrorKind::NotFound, format!("no attempt of `{}` was started here", attempt.task))
            })?;
            let (path, limits) = (entry.log_path(stream), self.shared.limits);
            tokio::task::spawn_blocking(move || read_log(&path, &limits, cursor)).await?
        })
    }

    fn cancel(&self, attempt: &AttemptId, now: bool) {
        if let Some(entry) = self.entry(attempt) {
            entry.ask(if now { Urgency::Now } else { Urgency::Polite });
        }
    }

    fn launch<'a>(&'a self, _profile: &'a Profile, count: u32) -> Pending<'a, io::Result<Vec<String>>> {
        // An instance is the machine itself, so a name is all there is to launch.
        let mut instances = lock(&self.instances);
        let free: Vec<u32> = (1..).filter(|number| !instances.contains(number)).take(count as usize).collect();
        instances.extend(&free);
        let names = free.into_iter().map(|number| format!("terminal-{number}")).collect();
        Box::pin(std::future::ready(Ok(names)))
    }

    fn cleanup<'a>(&'a self, instance: &'a str) -> Pending<'a, io::Result<()>> {
        if let Some(number) = instance.strip_prefix("terminal-").and_then(|number| number.parse().ok()) {
            lock(&self.instances).remove(&number);
        }
        Box::pin(std::future::ready(Ok(())))
    }

    fn check(&self) -> Pending<'_, Check> {
        let path = self.shared.base.path();
        let mut check = Check { executor: self.name().to_owned(), ..Check::default() };
        let languages = [
            Language::Sh,
            Language::Bash,
            Language::Zsh,
            Language::Python,
            Language::Node,
            Language::Ruby,
            Language::Perl,
        ];
        for language in languages {
            let name = language.program();
            match find_program(OsStr::new(name), path, Path::new("/")) {
                Found::Program(place) => check.facts.push((name.to_owned(), place.display().to_string())),
                _ if language == Language::Sh && !Path::new("/bin/sh").exists() => {
                    check.missing.push("there is no `sh`; install a POSIX shell such as `dash`".into());
                }
                _ => {}
            }
        }
        check.facts.push(("PATH".into(), path.to_string_lossy().into_owned()));
        Box::pin(std::future::ready(check))
    }
}
