//! The first flights: from a path to a spore, and from a spore to a plan.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;

use super::Error;
use super::error::BadSpore;
use crate::model::{Diagnostic, Disposition, EnvValue, Kind, Plan, RunRecord, Secret, Source, Spore, TaskId};
use crate::plan::{Capability, Options};
use crate::repo::{Project, Root};
use crate::{executor, os, parse, plan as planner, repo};

/// Which tasks, with which parameters.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Parameters as they were given.
    pub params: IndexMap<String, String>,
    /// Only these tasks, and what they need.
    pub only: Vec<String>,
    /// This task and everything that depends on it.
    pub from: Option<String>,
    /// Tasks that count as done, each with the reason.
    pub done: HashMap<TaskId, String>,
}

/// A file, read and parsed, and the folder it stands in.
#[derive(Debug)]
pub struct Opened {
    /// The root of the spores.
    pub root: Root,
    /// What the folder says about itself.
    pub project: Project,
    /// The file.
    pub source: Source,
    /// The spore that was asked for.
    pub spore: Spore,
    /// Everything the parser said about the file.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads and parses `file`, which may end in `#ID` to choose one of several spores in it; `spore` chooses it as well.
///
/// # Errors
/// When it cannot be read, or holds several spores and none is chosen. A spore that is badly written is no error here.
pub fn open(file: &Path, spore: Option<&str>) -> Result<Opened, Error> {
    let (file, wanted) = split_id(file);
    let root = Root::find(&file)?;
    let project = Project::load(&root)?;
    let source = repo::read_source(&root, &file, &project.limits)?;
    choose(root, project, source, wanted.as_deref(), spore)
}

/// Parses what was read before as `source`, a file of the root around `start`; `spore` chooses one of several in it.
pub(super) fn open_read(start: &Path, source: Source, spore: Option<&str>) -> Result<Opened, Error> {
    let root = Root::find(start)?;
    let project = Project::load(&root)?;
    choose(root, project, source, None, spore)
}

/// Opens the spore of a run as it was when the run began: from what is `known` of it, the copy that the run keeps, or the
/// file itself while it holds the same.
pub(super) fn reopen(root: Root, run_dir: &Path, record: &RunRecord, known: Option<Source>) -> Result<Opened, Error> {
    let project = Project::load(&root)?;
    let origin = &record.origin;
    let kept = kept_source(run_dir).and_then(|path| repo::read_source(&root, &path, &project.limits).ok());
    let same = |source: &Source| source.digest == origin.digest;
    let itself = || repo::read_source(&root, &root.join(&origin.path), &project.limits).ok();
    let source = known.filter(same).or_else(|| kept.filter(same)).or_else(|| itself().filter(same));
    let Some(source) = source else {
        return Err(Error::NoCopy { run: record.run.to_string(), path: origin.path.clone() });
    };
    let source = Source::new(origin.path.clone(), source.text);
    choose(root, project, source, None, Some(&origin.spore))
}

/// The copy of the spore that a run keeps.
pub(super) fn kept_source(run_dir: &Path) -> Option<PathBuf> {
    let names = ["md", "markdown", "yaml", "yml"].map(|extension| run_dir.join(format!("spore.{extension}")));
    names.into_iter().find(|path| path.is_file())
}

/// Parses `source` and picks the spore that is `wanted`, or `known` to be meant where there are several.
fn choose(
    root: Root,
    project: Project,
    source: Source,
    wanted: Option<&str>,
    known: Option<&str>,
) -> Result<Opened, Error> {
    let parse::Parsed { mut spores, diagnostics } = parse::parse(&source, &project.limits);
    tracing::debug!(root = %root.path().display(), path = source.path, bytes = source.text.len(), "spore read");
    let path = source.path.clone();
    let ids = || spores.iter().map(|spore| spore.id.clone()).collect::<Vec<_>>();
    let place = match wanted.or_else(|| known.filter(|_| spores.len() > 1)) {
        Some(id) => {
            let place = spores.iter().position(|spore| spore.id == id);
            place.ok_or_else(|| Error::NoSuchSpore { path: path.clone(), id: id.to_owned() })?
        }
        None if spores.len() > 1 => return Err(Error::Several { path, ids: ids() }),
        None => 0,
    };
    let spore =
        if spores.is_empty() { Spore::empty(path, crate::model::Dialect::Yaml) } else { spores.swap_remove(place) };
    Ok(Opened { root, project, source, spore, diagnostics })
}

/// `file.yaml#id` as a path and an id, unless a file has exactly that name.
fn split_id(file: &Path) -> (PathBuf, Option<String>) {
    let text = file.to_str().filter(|_| !file.exists());
    match text.and_then(|text| text.rsplit_once('#')) {
        Some((path, id)) if !path.is_empty() && !id.is_empty() => (path.into(), Some(id.to_owned())),
        _ => (file.to_path_buf(), None),
    }
}

/// What is to be done with a spore, and what is to be said about it.
#[derive(Debug)]
pub struct Planned {
    /// The plan; none when the spore makes none possible.
    pub plan: Option<Plan>,
    /// What parser and planner said, by place.
    pub diagnostics: Vec<Diagnostic>,
    /// What keeps a sound plan from being run here and now.
    pub unavailable: Vec<Diagnostic>,
}

/// Plans a spore.
#[must_use]
pub fn plan(opened: &Opened, selection: &Selection) -> Planned {
    let options = Options {
        path: opened.source.path.clone(),
        params: selection.params.clone(),
        only: selection.only.clone(),
        from: selection.from.clone(),
        done: selection.done.clone(),
        executors: opened.project.executors.clone(),
        limits: opened.project.limits,
    };
    let planned = planner::plan(&opened.spore, &opened.source.text, &options, &capabilities());
    let mut diagnostics = opened.diagnostics.clone();
    diagnostics.extend(planned.diagnostics);
    diagnostics.sort_by_key(|diagnostic| (diagnostic.span, diagnostic.severity));
    Planned { plan: planned.plan, diagnostics, unavailable: planned.unavailable }
}

fn capabilities() -> Vec<Capability> {
    let places = executor::PLACES.iter();
    let capability = |place: &executor::Place| match place.missing {
        None => Capability::available(place.name).checking(place.with),
        Some(because) => Capability::unavailable(place.name, because),
    };
    places.map(capability).collect()
}

impl Planned {
    /// The plan, when every task of it can run and at least one would.
    ///
    /// # Errors
    /// [`Error::Spore`] when anything said is an error; [`Error::Nothing`] when nothing would run.
    pub fn runnable(&self, opened: &Opened) -> Result<&Plan, Error> {
        let said = || self.diagnostics.iter().chain(&self.unavailable);
        match &self.plan {
            Some(plan) if !said().any(Diagnostic::is_error) => {
                if plan.has_work() {
                    Ok(plan)
                } else {
                    Err(nothing(opened, plan))
                }
            }
            _ => {
                let diagnostics = said().cloned().collect();
                Err(Error::Spore(Box::new(BadSpore { source: opened.source.clone(), diagnostics })))
            }
        }
    }
}

/// Says why nothing would run, and what would change that.
fn nothing(opened: &Opened, plan: &Plan) -> Error {
    let count = |disposition| plan.tasks.iter().filter(|task| task.disposition == disposition).count();
    let path = opened.source.path.clone();
    let kind_hint = || Some("say `kind: workflow` in its front matter, or mark a fence: ```sh task=NAME".to_owned());
    let (because, hint) = match opened.spore.kind {
        Kind::Result => ("it is what a run left behind".to_owned(), None),
        Kind::Learning => ("it says what was learned, and runs nothing".to_owned(), None),
        Kind::Agent => ("it defines an agent".to_owned(), None),
        Kind::Command if plan.tasks.is_empty() => (
            "it is a command to an instance, and none is listening".to_owned(),
            Some("add `run: …` for this machine to run it".to_owned()),
        ),
        _ if plan.tasks.is_empty() => ("it holds no task".to_owned(), kind_hint()),
        _ if count(Disposition::Inert) > 0 => (
            format!("its {} are not marked as ones to run", counted(count(Disposition::Inert), "command")),
            kind_hint(),
        ),
        _ if count(Disposition::Agent) > 0 => {
            let agents = counted(count(Disposition::Agent), "task");
            (
                format!("its {agents} are prose for an agent"),
                Some("give a task a ```sh fence, and it runs it".to_owned()),
            )
        }
        _ => ("every task is done or left out".to_owned(), Some(format!("see why: `spore plan {path}`"))),
    };
    Error::Nothing { path, because, hint }
}

fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// The secrets that the tasks to be run name, each once.
pub(super) fn secrets(opened: &Opened, plan: &Plan) -> Result<Arc<[Secret]>, Error> {
    let mut found: IndexMap<String, Secret> = IndexMap::new();
    let mut missing = Vec::new();
    for task in plan.tasks.iter().filter(|task| task.disposition == Disposition::Run) {
        for value in task.env.values() {
            let EnvValue::Secret(wanted) = value else { continue };
            if found.contains_key(&wanted.name) {
                continue;
            }
            match repo::find_secret(&opened.root, wanted) {
                Ok(secret) => {
                    found.insert(wanted.name.clone(), secret);
                }
                Err(error) => {
                    let diagnostic = Diagnostic::error("missing-secret", task.span, error.to_string());
                    missing.push(match error.hint() {
                        Some(hint) => diagnostic.hint(hint),
                        None => diagnostic,
                    });
                }
            }
        }
    }
    if missing.is_empty() {
        return Ok(found.into_values().collect());
    }
    Err(Error::Spore(Box::new(BadSpore { source: opened.source.clone(), diagnostics: missing })))
}

/// Keeps what was read beside the journal, so that the run can be understood, and gone on with, when the file has changed.
/// Returns the copy, which is yet to be synced.
pub(super) fn keep_source(opened: &Opened, run_dir: &Path) -> Result<PathBuf, Error> {
    let extension = Path::new(&opened.source.path).extension().and_then(|extension| extension.to_str());
    let path = run_dir.join(format!("spore.{}", extension.unwrap_or("md")));
    let written = os::file::create_new(&path).and_then(|mut file| file.write_all(opened.source.text.as_bytes()));
    match written {
        Ok(()) => Ok(path),
        Err(source) => Err(crate::journal::Error::Io { action: "keep the spore in", path, source }.into()),
    }
}

/// One file and all that is to be said of it.
#[derive(Debug)]
pub struct Checked {
    /// The file; its text is empty when it could not be read, or as far as it is text.
    pub source: Source,
    /// All that is to be said.
    pub diagnostics: Vec<Diagnostic>,
    /// Why it could not be read.
    pub error: Option<repo::Error>,
}

/// Looks at every spore in `paths` and says everything that is wrong, file by file, by path.
///
/// # Errors
/// When the folder itself cannot be looked at.
pub fn check(paths: &[PathBuf]) -> Result<Vec<Checked>, Error> {
    let here = PathBuf::from(".");
    let root = Root::find(paths.first().unwrap_or(&here))?;
    let project = Project::load(&root)?;
    let found = repo::find_spores(&root, paths);
    let mut checked: Vec<Checked> = Vec::new();
    for error in found.errors {
        checked.push(Checked::unreadable(error.path().to_owned(), error));
    }
    for file in found.files {
        checked.push(match repo::read_source(&root, &file, &project.limits) {
            Ok(source) => check_source(source, &project),
            Err(error) => Checked::unreadable(root.display(&file), error),
        });
    }
    checked.sort_by(|one, other| one.source.path.cmp(&other.source.path));
    Ok(checked)
}

/// Says everything that is wrong with one file.
pub(super) fn check_source(source: Source, project: &Project) -> Checked {
    let parsed = parse::parse(&source, &project.limits);
    let mut diagnostics = parsed.diagnostics;
    for spore in &parsed.spores {
        let options = Options {
            path: source.path.clone(),
            executors: project.executors.clone(),
            limits: project.limits,
            ..Options::default()
        };
        let planned = planner::plan(spore, &source.text, &options, &capabilities());
        // Nobody gives parameters to a file that is only looked at, so none is missing.
        diagnostics.extend(planned.diagnostics.into_iter().filter(|said| said.code != "missing-param"));
    }
    diagnostics.sort_by_key(|diagnostic| (diagnostic.span, diagnostic.severity));
    Checked { source, diagnostics, error: None }
}

impl Checked {
    /// A file that could not be read.
    pub(super) fn unreadable(path: String, error: repo::Error) -> Self {
        let text = error.lossy_text().map(|(_, text)| text.to_owned()).unwrap_or_default();
        Self { source: Source::new(path, text), diagnostics: Vec::new(), error: Some(error) }
    }
}
