//! The way from a spore to a plan.

use std::sync::Arc;

use crate::model::{
    Concurrency, Diagnostic, Limits, LineIndex, Plan, PlannedTask, Severity, Span, Spore, Task, TaskId, Template,
};

use super::decide::{Decision, Ground, decide, external, finished};
use super::edges::{Edges, Family, Tasks, join};
use super::expand::{Units, expand};
use super::layers::Layers;
use super::names::Names;
use super::reach::Reach;
use super::request::{Capability, Options, Planned};
use super::select::select;
use super::template::{Scope, evaluate};
use super::{check, executors, params, path};

/// Plans `spore`, which was parsed from `text`. What an executor can do is told by `capabilities`; a task whose
/// executor is not among them is an error.
#[must_use]
pub fn plan(spore: &Spore, text: &str, options: &Options, capabilities: &[Capability]) -> Planned {
    let mut planned = Planned::default();
    planned.plan = build(spore, text, options, &mut planned.diagnostics);
    if let Some(plan) = planned.plan.take() {
        executors::check(&plan.tasks, capabilities, &mut planned);
        planned.plan = Some(plan);
    }
    tidy(&mut planned.diagnostics, &options.limits);
    planned
}

fn build(spore: &Spore, text: &str, options: &Options, diagnostics: &mut Vec<Diagnostic>) -> Option<Plan> {
    let limits = &options.limits;
    let params = params::resolve(spore, options, diagnostics);
    let tasks = gather(spore, diagnostics);
    let names = Names::new(&tasks.all);
    let units = expand(&tasks.all, limits, diagnostics)?;
    let family = Family::new(&tasks, &names);
    let mut edges = join(&tasks, &names, &units, &family, (spore.order, limits), diagnostics)?;
    if !edges.untangle(&tasks, diagnostics) {
        return None;
    }
    let dag = edges.dag(&tasks, &units, limits, diagnostics)?;

    let done = finished(&tasks, &family);
    let over = |unit: usize| {
        let unit = &units.all[unit];
        done[unit.source] || options.done.contains_key(&unit.id)
    };
    let choices = select(options, &tasks, &names, &units, &family, (&dag, &over), diagnostics);
    let index = LineIndex::new(text);
    let line = |task: &Task| index.line(task.span.start);
    let ground = Ground { spore, options, tasks: &tasks, units: &units, family: &family, dag: &dag, line: &line };
    let decisions = decide(&ground, &choices, &done);

    let mut reach = Reach::new(&dag);
    path::check(spore, &tasks, &names, &units, &mut reach, diagnostics);
    check::templates(spore, text, &tasks, &names, &units, &mut reach, diagnostics);
    let concurrency = group(spore, &params, diagnostics);
    let finally = |unit: usize| tasks.side(units.all[unit].source);
    let counts = |unit: usize| decisions[unit].counts;
    let mut waves = dag.waves(|unit| counts(unit) && !finally(unit));
    waves.extend(dag.waves(|unit| counts(unit) && finally(unit)));
    let mut critical_path = dag.longest_path(|unit| u64::from(counts(unit) && !finally(unit)));
    critical_path.extend(dag.longest_path(|unit| u64::from(counts(unit) && finally(unit))));
    let tasks = assemble((spore, options), &tasks, units, &edges, decisions, &line);
    Some(Plan {
        spore: spore.id.clone(),
        title: spore.title.clone(),
        path: options.path.clone(),
        kind: spore.kind,
        dialect: spore.dialect,
        metadata: spore.metadata.clone(),
        order: spore.order,
        params,
        concurrency,
        timeout: spore.timeout,
        tasks,
        dag,
        waves,
        critical_path,
    })
}

/// All tasks with a name of their own.
fn gather<'a>(spore: &'a Spore, diagnostics: &mut Vec<Diagnostic>) -> Tasks<'a> {
    let mut seen: std::collections::HashMap<&TaskId, Span> = std::collections::HashMap::new();
    let mut all = Vec::with_capacity(spore.tasks.len() + spore.finally.len());
    let mut finally = 0;
    for (side, list) in [&spore.tasks, &spore.finally].into_iter().enumerate() {
        if side == 1 {
            finally = all.len();
        }
        for task in list {
            match seen.insert(&task.id, task.span) {
                None => all.push(task),
                Some(first) => {
                    seen.insert(&task.id, first);
                    let message = format!("two tasks are called `{}`", task.id);
                    let diagnostic = Diagnostic::error("duplicate-id", task.span, message);
                    diagnostics
                        .push(diagnostic.hint("give one of them another name").related(first, "the first stands here"));
                }
            }
        }
    }
    Tasks { all, finally }
}

/// The concurrency group, with its name evaluated.
fn group(
    spore: &Spore,
    params: &indexmap::IndexMap<String, serde_json::Value>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Concurrency> {
    let concurrency = spore.concurrency.clone()?;
    if concurrency.group.is_literal() || diagnostics.iter().any(Diagnostic::is_error) {
        return Some(concurrency);
    }
    match evaluate(&concurrency.group, &Scope::new(&spore.id, "", params)) {
        Ok(group) => Some(Concurrency { group: Template(group), policy: concurrency.policy }),
        Err(error) => {
            let message = format!("the name of the concurrency group cannot be made: {error}");
            diagnostics.push(Diagnostic::error("bad-template", Span::default(), message));
            Some(concurrency)
        }
    }
}

fn assemble(
    (spore, options): (&Spore, &Options),
    tasks: &Tasks<'_>,
    units: Units,
    edges: &Edges,
    decisions: Vec<Decision>,
    line: &dyn Fn(&Task) -> u32,
) -> Vec<PlannedTask> {
    let mut layers = Layers::new(spore, &options.executors);
    let ids: Vec<TaskId> = units.all.iter().map(|unit| unit.id.clone()).collect();
    let needed = |source: usize| {
        let whole = edges.stated[source].iter().flat_map(|need| units.of(*need as usize));
        let single = edges.single[source].iter().map(|(_, unit)| *unit as usize);
        let mut list: Vec<usize> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        list.extend(whole.chain(single).filter(|unit| seen.insert(*unit)));
        list.into_iter().map(|unit| ids[unit].clone()).collect::<Vec<TaskId>>()
    };
    let needs: Vec<Vec<TaskId>> = (0..tasks.all.len()).map(needed).collect();
    let mut planned = Vec::with_capacity(units.all.len());
    for (unit, decision) in units.all.into_iter().zip(decisions) {
        let task = tasks.all[unit.source];
        let merged = layers.merged(task);
        let defaults = &spore.defaults;
        let settings = &task.settings;
        planned.push(PlannedTask {
            id: unit.id,
            title: task.title.clone(),
            span: task.span,
            line: line(task),
            done: task.done,
            optional: task.optional,
            parent: task.parent.clone(),
            phase: task.phase.clone(),
            steps: Arc::from(task.steps.as_slice()),
            needs: needs[unit.source].clone(),
            external_needs: task.needs.iter().filter_map(|need| external(&need.target)).map(str::to_owned).collect(),
            work: task.work.clone(),
            executor: layers.executor(task).to_owned(),
            with: merged.with,
            instance: task.instance.clone(),
            env: merged.env,
            workdir: settings.workdir.clone().or_else(|| defaults.workdir.clone()),
            when: task.when.clone(),
            retry: settings.retry.clone().or_else(|| defaults.retry.clone()).unwrap_or_default(),
            timeout: settings.timeout.or(defaults.timeout),
            continue_on_failure: settings.continue_on_failure.or(defaults.continue_on_failure).unwrap_or(task.optional),
            idempotent: task.idempotent,
            artifacts: merged.artifacts,
            expanded_from: task.matrix.as_ref().filter(|_| !unit.matrix.is_empty()).map(|_| task.id.clone()),
            matrix: unit.matrix,
            max_parallel: task.max_parallel,
            finally: tasks.side(unit.source),
            disposition: decision.disposition,
            explanation: decision.explanation,
        });
    }
    planned
}

/// In the order of the file, and not more than anyone would read.
fn tidy(diagnostics: &mut Vec<Diagnostic>, limits: &Limits) {
    diagnostics.sort_by_key(|diagnostic| diagnostic.span.start);
    if diagnostics.len() <= limits.diagnostics_max {
        return;
    }
    let dropped = diagnostics.split_off(limits.diagnostics_max);
    let severity = dropped.iter().map(|diagnostic| diagnostic.severity).min().unwrap_or(Severity::Note);
    let message = format!("{} more remarks are left out", dropped.len());
    diagnostics.push(Diagnostic { severity, ..Diagnostic::note("more-diagnostics", dropped[0].span, message) });
}
