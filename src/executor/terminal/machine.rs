//! This machine as an executor.

use std::collections::{BTreeSet, HashMap};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tokio::sync::mpsc;

use super::environment::Base;
use super::link::{Link, Wish};
use super::spares::Spares;
use crate::executor::mask::Masks;
use crate::executor::traces::{Entry, Urgency, lock, read_log};
use crate::executor::{Check, Executor, LogChunk, Observation, Pending, Profile, Reports};
use crate::model::{Attempt, AttemptId, Language, Limits, RunId, Stream};
use crate::os::failpoint;
use crate::os::process::{Found, Variables, find_program, keep_descriptors_home};

/// The program of this process, even when its file has been replaced by a newer one.
pub(super) const OWN_PROGRAM: &str = "/proc/self/exe";

/// Carries attempts out as processes of this machine, by a supervisor for each run. It needs a tokio runtime with I/O and
/// time around it.
///
/// Dropping it stops nothing: what was started goes on under its supervisor.
#[derive(Debug)]
pub struct Terminal {
    shared: Arc<Shared>,
    attempts: Mutex<HashMap<AttemptId, Arc<Entry>>>,
    links: Mutex<HashMap<RunId, mpsc::UnboundedSender<Wish>>>,
    instances: Mutex<BTreeSet<u32>>,
}

/// What all attempts share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) base: Base,
    pub(super) limits: Limits,
    /// The program of supervisors: this one.
    pub(super) program: PathBuf,
    /// What a supervisor's environment is.
    supervisor_environment: Variables,
    /// Supervisors that were started ahead, where there are any.
    pub(super) spares: Option<Arc<Spares>>,
    pub(super) masks: Masks,
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
        let base = Base::new(variables);
        let supervisor_environment = with_failpoints(&base);
        let shared = Shared {
            base,
            limits,
            program: PathBuf::from(OWN_PROGRAM),
            supervisor_environment,
            spares: None,
            masks: Masks::default(),
        };
        Self {
            shared: Arc::new(shared),
            attempts: Mutex::default(),
            links: Mutex::default(),
            instances: Mutex::default(),
        }
    }

    /// As it is, but its supervisors are the program at `program`: for who is not Spore itself.
    #[must_use]
    pub fn supervised_by(mut self, program: &Path) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.program = program.to_path_buf();
        }
        self
    }

    /// As it is, but its supervisors are taken from those that wait, as far as there are any.
    #[must_use]
    pub fn with_spares(mut self, spares: Option<Arc<Spares>>) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.spares = spares;
        }
        self
    }

    /// Tells the link of the attempt's run, which is made where there is none.
    fn wish(&self, attempt: &Attempt, wish: Wish) {
        let mut links = lock(&self.links);
        let link = links.entry(attempt.id.run).or_insert_with(|| {
            let (link, wishes) = mpsc::unbounded_channel();
            tokio::spawn(Link::new(Arc::clone(&self.shared), attempt).attend(wishes));
            link
        });
        // A link lives as long as somebody can have a wish.
        let _ = link.send(wish);
    }

    fn entry(&self, attempt: &AttemptId) -> Option<Arc<Entry>> {
        lock(&self.attempts).get(attempt).cloned()
    }
}

impl Shared {
    /// The environment of a supervisor, and so of all commands: this process's, less what tells how it was started.
    pub(super) fn supervisor_environment(&self) -> &Variables {
        &self.supervisor_environment
    }
}

/// The environment of supervisors that are not started for a certain run.
pub(super) fn supervisor_environment(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Variables {
    with_failpoints(&Base::new(variables))
}

fn with_failpoints(base: &Base) -> Variables {
    let mut environment = base.variables().clone();
    if let Some(wanted) = std::env::var_os(failpoint::VARIABLE) {
        environment.set(failpoint::VARIABLE.as_ref(), &wanted);
    }
    environment
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

    fn queues(&self) -> bool {
        true
    }

    fn release(&self, run: RunId) {
        // Without a link its supervisor ends.
        lock(&self.links).remove(&run);
        lock(&self.attempts).retain(|id, _| id.run != run);
    }

    fn start(&self, attempt: Attempt, reports: Reports) {
        let attempt = absolute(attempt);
        let mut is_new = false;
        let entry = Arc::clone(lock(&self.attempts).entry(attempt.id.clone()).or_insert_with(|| {
            is_new = true;
            Arc::new(Entry::new(attempt.id.clone(), attempt.run_dir.to_path_buf()))
        }));
        entry.listen(reports);
        if is_new {
            let attempt = Arc::new(attempt);
            self.wish(&attempt, Wish::Start(entry, Arc::clone(&attempt)));
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
            if let Some(link) = lock(&self.links).get(&attempt.run) {
                let _ = link.send(Wish::Cancel(entry));
            }
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
