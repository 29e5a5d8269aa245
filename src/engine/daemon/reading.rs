//! From a file that arrived to what it wants: a value, before anything is decided.

use std::path::Path;

use super::super::open::{self, Opened, Planned, Selection};
use crate::model::{Diagnostic, Dialect, Kind, Plan, Source, Spore, Triggers};
use crate::parse;
use crate::repo::{self, Project, Root};

/// A file, read and parsed once.
#[derive(Debug)]
pub(super) struct Reading {
    /// What was read.
    pub(super) source: Source,
    /// What is said about it.
    pub(super) diagnostics: Vec<Diagnostic>,
    /// The spores in it.
    pub(super) spores: Vec<Spore>,
}

/// What a spore would do by itself.
#[derive(Debug)]
pub(super) enum Intent {
    /// It runs.
    Runs(Box<(Opened, Plan)>),
    /// It does not, and should not.
    Inert {
        /// What it is, as a fragment.
        because: String,
        /// What would make it run.
        hint: Option<String>,
    },
    /// It should, and cannot: it has mistakes, or needs what is not here.
    Bad(Vec<Diagnostic>),
}

impl Reading {
    /// Reads the file at `file`.
    pub(super) fn of(root: &Root, project: &Project, file: &Path) -> Result<Self, repo::Error> {
        Ok(Self::parse(project, repo::read_source(root, file, &project.limits)?))
    }

    /// Reads what was read before.
    pub(super) fn parse(project: &Project, source: Source) -> Self {
        let parse::Parsed { spores, diagnostics } = parse::parse(&source, &project.limits);
        Self { source, diagnostics, spores }
    }

    /// Whether it is only what runs have left behind.
    pub(super) fn is_result(&self) -> bool {
        !self.spores.is_empty() && self.spores.iter().all(|spore| spore.kind == Kind::Result)
    }

    /// Whether a file that holds no spore because of its mistakes was to hold one. Many other files have the same endings.
    pub(super) fn is_meant_as_spore(&self) -> bool {
        let says = |line: &str| line.starts_with("spore:") || line.starts_with("tasks:");
        self.diagnostics.iter().any(Diagnostic::is_error) && self.source.text.lines().any(says)
    }

    /// The spores in it that run by themselves, with what starts them.
    pub(super) fn triggered(&self) -> impl Iterator<Item = (&str, &Triggers)> {
        let runs = |spore: &&Spore| runs_by_itself(spore).is_none() && !spore.triggers.is_empty();
        self.spores.iter().filter(runs).map(|spore| (spore.id.as_str(), &spore.triggers))
    }

    /// What the spore at `place` would do.
    pub(super) fn intent(&self, root: &Root, project: &Project, place: usize) -> Intent {
        let spore = &self.spores[place];
        if let Some((because, hint)) = runs_by_itself(spore) {
            return Intent::Inert { because, hint };
        }
        let opened = Opened {
            root: root.clone(),
            project: project.clone(),
            source: self.source.clone(),
            spore: spore.clone(),
            diagnostics: self.diagnostics.clone(),
        };
        let planned = open::plan(&opened, &Selection::default());
        match planned.runnable(&opened) {
            Ok(plan) => {
                let plan = plan.clone();
                Intent::Runs(Box::new((opened, plan)))
            }
            Err(super::super::Error::Nothing { because, hint, .. }) => Intent::Inert { because, hint },
            Err(_) => {
                let Planned { mut diagnostics, unavailable, .. } = planned;
                diagnostics.extend(unavailable);
                Intent::Bad(diagnostics)
            }
        }
    }
}

/// Why a spore never runs by itself, and what would change that.
fn runs_by_itself(spore: &Spore) -> Option<(String, Option<String>)> {
    let says = |what: &str| Some((what.to_owned(), None));
    match spore.kind {
        Kind::Result => says("it is what a run left behind"),
        Kind::Learning => says("it says what was learned"),
        Kind::Agent => says("it defines an agent"),
        Kind::Service => says("it is a service"),
        Kind::Inert if spore.dialect == Dialect::Yaml && !spore.tasks.is_empty() => {
            let hint = Some("`kind: workflow` would make it one".to_owned());
            Some(("it does not say that it is a workflow".to_owned(), hint))
        }
        Kind::Workflow | Kind::Command | Kind::Inert => None,
    }
}
