//! The runs without a result: who works on them, what is under way, and why something is not.

use std::collections::HashMap;
use std::path::PathBuf;

use super::Ground;
use crate::executor::terminal::{Stage, Supervised};
use crate::journal::{self, Entries};
use crate::model::{Event, RunId, RunRecord, TaskId, TaskRecord, TaskStatus, Timestamp, format_duration};
use crate::os::identity::Identity;
use crate::os::locks::Hold;
use crate::render::count;
use crate::render::report::{
    AttemptState, EngineReport, Finding, Level, OpenRun, OpenState, SupervisorReport, UnderWay,
};
use crate::{os, repo};

/// Runs that are looked at, the newest; more are counted.
const RUNS_MAX: usize = 200;
/// Tasks that are listed for a run; more are counted.
const LISTED_TASKS_MAX: usize = 20;

/// A run without a result.
pub(super) struct Seen {
    pub(super) report: OpenRun,
    /// Who has its journal.
    pub(super) engine_hold: Hold,
    /// Who has the lock of its supervisor.
    pub(super) supervisor_hold: Hold,
    /// The lock of its supervisor.
    pub(super) supervisor_lock: PathBuf,
}

/// All that was seen.
#[derive(Default)]
pub(super) struct Runs {
    pub(super) open: Vec<Seen>,
    pub(super) findings: Vec<Finding>,
    /// The newest moment in any journal that was read.
    pub(super) newest: Option<(Timestamp, RunId)>,
}

/// Looks at the runs that are marked as open, or at the newest where nobody has marked any yet.
pub(super) fn look(ground: &Ground<'_>) -> Runs {
    let mut runs = Runs::default();
    let mut ids = match candidates(ground, &mut runs.findings) {
        Ok(ids) => ids,
        Err(error) => {
            runs.findings.push(Finding::unknown("runs", error));
            return runs;
        }
    };
    if ids.len() > RUNS_MAX {
        let left_out = ids.len() - RUNS_MAX;
        ids.drain(..left_out);
        let text = format!("{left_out} older ones are not listed here");
        runs.findings.push(Finding::new(Level::Note, "runs", text).advise("spore resume", "goes on with all of them"));
    }
    for run in ids {
        match see(ground, run) {
            Ok(None) => {}
            Ok(Some((seen, newest))) => {
                runs.newest = runs.newest.max(Some((newest, run)));
                runs.findings.push(finding(ground, &seen));
                runs.open.push(seen);
            }
            Err(why) => runs.findings.push(
                Finding::unknown("a run", format!("{run}: {why}"))
                    .advise(format!("spore show {run}"), "says what can be read of it"),
            ),
        }
    }
    runs
}

fn candidates(ground: &Ground<'_>, findings: &mut Vec<Finding>) -> Result<Vec<RunId>, super::Error> {
    if let Some(marked) = repo::marked_runs(&ground.root)? {
        return Ok(marked);
    }
    let mut ids = journal::list(&ground.root.runs())?;
    if ids.len() > RUNS_MAX {
        ids.truncate(RUNS_MAX);
        let text = format!("no open runs are marked here yet, so only the newest {RUNS_MAX} were looked at");
        findings.push(Finding::new(Level::Note, "runs", text));
    }
    ids.reverse();
    Ok(ids)
}

/// One run; `None` when it is over, or never began. Who works on it is asked first: what ends in between has its end in
/// the journal.
fn see(ground: &Ground<'_>, run: RunId) -> Result<Option<(Seen, Timestamp)>, String> {
    let run_dir = ground.root.runs().join(run.to_string());
    let engine_hold = ground.engine_hold(run).map_err(|error| error.to_string())?;
    let supervised = Supervised::look(&run_dir).map_err(|error| error.to_string())?;
    let supervisor_hold = ground.locks.on(&supervised.lock).map_err(|error| error.to_string())?;
    let Entries { events, damage } = match journal::read(&run_dir) {
        // The mark comes before the journal, and may be all that is left of a run.
        Err(journal::Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(|error| error.to_string())?,
    };
    let Some(record) = RunRecord::fold(events.iter().map(|(at, event)| (*at, event))) else {
        let is_beginning = engine_hold.is_held() || damage.is_empty();
        return if is_beginning { Ok(None) } else { Err("not even the beginning of its journal can be read".into()) };
    };
    if record.result_path.is_some() {
        return Ok(None);
    }
    let newest = events.last().map_or(record.started, |(at, _)| *at);
    let state = match (engine_hold.is_held(), record.finished) {
        (true, _) => OpenState::Running,
        (false, None) => OpenState::Orphaned,
        (false, Some(_)) => OpenState::Unfinished,
    };
    let supervisor = (supervised.process.is_some() || supervisor_hold.is_held()).then(|| SupervisorReport {
        pid: supervised.process.map(Identity::pid).or(supervisor_hold.pid()),
        alive: supervisor_hold.is_held(),
    });
    let is_seen_to = engine_hold.is_held() || supervisor_hold.is_held();
    let report = OpenRun {
        id: run,
        spore: record.origin.spore.clone(),
        path: record.origin.path.clone(),
        state,
        jobs: record.jobs,
        engine: engine(&events),
        supervisor,
        under_way: under_way(ground, &record, &events, &supervised, is_seen_to),
        waiting: record.tasks.values().filter(|task| task.status == TaskStatus::Waiting).count(),
    };
    let seen = Seen { report, engine_hold, supervisor_hold, supervisor_lock: supervised.lock };
    Ok(Some((seen, newest)))
}

/// The last engine that the journal names.
fn engine(events: &[(Timestamp, Event)]) -> Option<EngineReport> {
    let (since, engine) = events.iter().rev().find_map(|(at, event)| match event {
        Event::RunResumed { engine } | Event::RunStarted { engine: Some(engine), .. } => Some((*at, engine)),
        _ => None,
    })?;
    let process = Identity::parse(&engine.process);
    Some(EngineReport {
        pid: process.map(Identity::pid),
        host: engine.host.clone(),
        version: engine.version.clone(),
        since,
        alive: process.filter(|_| engine.host == os::host()).map(Identity::is_alive),
    })
}

fn under_way(
    ground: &Ground<'_>,
    record: &RunRecord,
    events: &[(Timestamp, Event)],
    supervised: &Supervised,
    is_seen_to: bool,
) -> Vec<UnderWay> {
    let mut not_before: HashMap<(&TaskId, u32), Timestamp> = HashMap::new();
    for (_, event) in events {
        if let Event::RetryScheduled { task, number, at } = event {
            not_before.insert((task, *number), *at);
        }
    }
    let look = |task: &TaskRecord| {
        let (id, last) = (&task.declared.id, task.attempts.last()?);
        let (attempt, state, since) = if last.outcome.is_some() {
            let next = last.number + 1;
            (next, AttemptState::Delayed, not_before.get(&(id, next)).copied().unwrap_or(record.started))
        } else {
            let state = match supervised.stage(id, last.number) {
                Stage::Waiting => AttemptState::Queued,
                Stage::Begun if is_seen_to => AttemptState::Running,
                Stage::Begun => AttemptState::InDoubt,
                Stage::Ended => AttemptState::Ended,
            };
            (last.number, state, last.started)
        };
        let is_of = |values: &[Option<std::ffi::OsString>]| {
            let wanted = [record.run.to_string(), id.to_string(), attempt.to_string()];
            values
                .iter()
                .zip(&wanted)
                .all(|(value, wanted)| value.as_ref().is_some_and(|value| value == wanted.as_str()))
        };
        let pids = ground.marked.iter().filter(|marked| is_of(&marked.values)).map(os::process::Marked::pid).collect();
        Some(UnderWay { task: id.clone(), attempt, state, pids, since })
    };
    record.tasks.values().filter(|task| task.status == TaskStatus::Running).filter_map(look).collect()
}

fn finding(ground: &Ground<'_>, seen: &Seen) -> Finding {
    let OpenRun { id, state, supervisor, under_way, waiting, jobs, .. } = &seen.report;
    let engine = engine_words(seen, ground.now);
    let goes_on = supervisor.as_ref().filter(|supervisor| supervisor.alive);
    let (level, text) = match state {
        OpenState::Running if seen.report.engine.as_ref().is_some_and(is_stopped) => {
            (Level::Problem, format!("run {id} stands still: its engine, {engine}, is stopped, as by Ctrl-Z"))
        }
        OpenState::Running => (Level::Fine, format!("run {id} is worked on by {engine}")),
        OpenState::Unfinished => (
            Level::Problem,
            format!("run {id} has ended, and its engine, {engine}, is gone before it wrote the result"),
        ),
        OpenState::Orphaned => match goes_on {
            Some(supervisor) => {
                let words = supervisor.pid.map_or_else(String::new, |pid| format!(" (process {pid})"));
                let text = format!(
                    "run {id} is orphaned: its engine, {engine}, is gone; what runs goes on under its supervisor{words}"
                );
                (Level::Problem, text)
            }
            None => (Level::Problem, format!("run {id} is orphaned: its engine, {engine}, is gone")),
        },
    };
    let mut found = Finding::new(level, &seen.report.spore, text);
    let shown = under_way.iter().take(LISTED_TASKS_MAX).map(|task| task_words(task, ground.now));
    found.details.extend(aligned(&shown.collect::<Vec<_>>()));
    if let Some(more) = under_way.len().checked_sub(LISTED_TASKS_MAX).filter(|more| *more > 0) {
        found.details.push(format!("and {more} more"));
    }
    if *waiting > 0 {
        let running = under_way.iter().filter(|task| task.state == AttemptState::Running).count();
        let is_full = usize::try_from(*jobs).is_ok_and(|jobs| running >= jobs);
        let full = if is_full { format!(", and all of its places ({jobs}) are taken") } else { String::new() };
        found.details.push(format!("{} not begun{full}", count(*waiting, "task")));
    }
    advise(found, seen)
}

fn advise(found: Finding, seen: &Seen) -> Finding {
    let OpenRun { id, state, engine, supervisor, .. } = &seen.report;
    match (state, engine) {
        (OpenState::Running, Some(engine)) if is_stopped(engine) => {
            let pid = engine.pid.unwrap_or_default();
            found.advise(format!("kill -CONT {pid}"), "has it go on")
        }
        (OpenState::Running, _) => found.advise(format!("spore logs {id} --follow"), "shows what it prints"),
        (OpenState::Unfinished, _) => found.advise(format!("spore resume {id}"), "writes it"),
        _ if supervisor.as_ref().is_some_and(|supervisor| supervisor.alive) => {
            found.advise(format!("spore resume {id}"), "takes over what runs, and goes on")
        }
        _ => found.advise(format!("spore resume {id}"), "finds out what became of its commands, and goes on"),
    }
}

fn is_stopped(engine: &EngineReport) -> bool {
    engine.alive == Some(true) && engine.pid.and_then(Identity::of).is_some_and(Identity::is_stopped)
}

/// `process 4711 (Spore 0.1.0, for 3m12s)`
fn engine_words(seen: &Seen, now: Timestamp) -> String {
    let Some(engine) = &seen.report.engine else {
        let pid = seen.engine_hold.pid().map_or_else(|| "a process".to_owned(), |pid| format!("process {pid}"));
        return format!("{pid} (of an older Spore)");
    };
    let pid = engine.pid.map_or_else(|| "a process".to_owned(), |pid| format!("process {pid}"));
    let place = if engine.host == os::host() { String::new() } else { format!(" on `{}`", engine.host) };
    let since = format_duration(now.since(engine.since));
    format!("{pid}{place} (Spore {}, for {since})", engine.version)
}

/// Task, attempt, and how it stands.
fn task_words(task: &UnderWay, now: Timestamp) -> [String; 3] {
    let time = format_duration(now.since(task.since));
    let pids: Vec<String> = task.pids.iter().map(ToString::to_string).collect();
    let (process, verb) = match pids.as_slice() {
        [] => (String::new(), ""),
        [one] => (format!("process {one}"), "runs"),
        many => (format!("processes {}", many.join(", ")), "run"),
    };
    let state = match task.state {
        AttemptState::Running if process.is_empty() => format!("runs for {time}"),
        AttemptState::Running => format!("runs for {time}, {process}"),
        AttemptState::Queued => "waits for one of the run's places (`--jobs`)".to_owned(),
        AttemptState::Ended => "has ended; its engine has not noted it yet".to_owned(),
        AttemptState::Delayed if task.since > now => {
            format!("waits for its next attempt, in {}", format_duration(task.since.since(now)))
        }
        AttemptState::Delayed => "its next attempt may begin".to_owned(),
        AttemptState::InDoubt if process.is_empty() => format!("in doubt: its supervisor died; begun {time} ago"),
        AttemptState::InDoubt => format!("in doubt: its supervisor died, and {process} still {verb}; begun {time} ago"),
    };
    [task.task.to_string(), format!("#{}", task.attempt), state]
}

/// The rows with their columns below each other.
fn aligned(rows: &[[String; 3]]) -> Vec<String> {
    let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
    let (first, second) = (width(0), width(1));
    rows.iter().map(|[task, attempt, state]| format!("{task:first$}  {attempt:second$}  {state}")).collect()
}
