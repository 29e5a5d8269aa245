//! `spore run`, `retry`, `resume` and `resolve`: running, with somebody looking on and a hand on Ctrl-C.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::args::{self, Conduct, Format, PlanFormat, Said};
use super::exit::Exit;
use super::failure::Failure;
use super::inspect;
use super::onlooker::Onlooker;
use super::screen::{self, Screen};
use crate::engine::{self, Finished, Found, Pace, Request, World};
use crate::model::{Resolution, RunStatus};
use crate::os;
use crate::render;
use crate::run::Stop;

/// Shows what would run.
pub(super) fn only_plan(
    file: &Path,
    selection: args::Selection,
    conduct: &Conduct,
    screen: &Screen,
) -> Result<Exit, Failure> {
    let format = match conduct.output.format {
        Format::Text => PlanFormat::Text,
        Format::Json => PlanFormat::Json,
    };
    inspect::plan(file, selection, format, screen)
}

/// Runs a spore.
pub(super) fn run(
    file: &Path,
    selection: args::Selection,
    conduct: &Conduct,
    new: bool,
    screen: &Screen,
) -> Result<Exit, Failure> {
    let request = Request {
        file: file.to_path_buf(),
        selection: selection.into(),
        jobs: conduct.jobs.map(Into::into),
        commit: conduct.wants_commit(),
        new,
        ..Request::default()
    };
    let format = conduct.output.format;
    tell(&perform(&Work::Run(&request), format, screen)?, format, screen)
}

/// Runs again what did not succeed.
pub(super) fn retry(
    run: &str,
    from: Option<String>,
    new: bool,
    conduct: &Conduct,
    screen: &Screen,
) -> Result<Exit, Failure> {
    let found = engine::find_run(Path::new("."), run)?;
    let request = engine::retry_request(&found, from, conduct.jobs, conduct.wants_commit(), new)?;
    let format = conduct.output.format;
    tell(&perform(&Work::Run(&request), format, screen)?, format, screen)
}

/// Goes on with a run that was broken off; without one named, with all of them.
pub(super) fn resume(run: Option<&str>, conduct: &Conduct, screen: &Screen) -> Result<Exit, Failure> {
    let pace = Pace { jobs: conduct.jobs.map(Into::into), commit: conduct.wants_commit(), ..Pace::default() };
    let format = conduct.output.format;
    if let Some(run) = run {
        let found = engine::find_run(Path::new("."), run)?;
        return tell(&perform(&Work::Resume(&found, pace.clone()), format, screen)?, format, screen);
    }
    let mut finished = Vec::new();
    let mut worst = Exit::Success;
    for found in engine::find_orphans(Path::new("."))? {
        // One that cannot go on must not keep the others from it.
        let exit = match perform(&Work::Resume(&found, pace.clone()), format, screen) {
            Ok(one) => {
                if format == Format::Text {
                    tell(&one, format, screen)?;
                }
                let exit = exit_of(&one);
                finished.push(render::run_report(&one.record));
                exit
            }
            Err(failure) => {
                screen::complain(&failure.text(screen.err));
                failure.exit()
            }
        };
        worst = if worst == Exit::Success { exit } else { worst };
        if exit == Exit::Interrupted {
            worst = exit;
            break;
        }
    }
    if format == Format::Json {
        screen::print(&render::json(&finished))?;
    }
    Ok(worst)
}

/// Records what a person says of a lost task, and runs what did not succeed.
pub(super) fn resolve(run: &str, task: &str, said: Said, conduct: &Conduct, screen: &Screen) -> Result<Exit, Failure> {
    let found = engine::find_run(Path::new("."), run)?;
    let resolution = if said.ran { Resolution::Ran } else { Resolution::Rerun };
    let record = engine::resolve(&World::here(), &found, task, resolution)?;
    let format = conduct.output.format;
    let resolved = || match format {
        Format::Json => render::json(&render::run_report(&record)),
        Format::Text => render::resolved_text(&record, task, resolution, screen.out),
    };
    if record.unresolved().next().is_some() {
        screen::print(&resolved())?;
        return Ok(Exit::Success);
    }
    if format == Format::Text {
        screen::print(&resolved())?;
    }
    match retry(run, None, false, conduct, screen) {
        // It was the last that was open.
        Err(Failure::Engine(engine::Error::Nothing { .. })) => {
            if format == Format::Json {
                screen::print(&resolved())?;
            }
            Ok(Exit::Success)
        }
        other => other,
    }
}

/// What is to be performed.
enum Work<'a> {
    Run(&'a Request),
    Resume(&'a Found, Pace),
}

fn perform(work: &Work<'_>, format: Format, screen: &Screen) -> Result<Finished, Failure> {
    let world = World::here();
    let mut onlooker = Onlooker::choose(format, screen);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Runtime)?;
    let finished = runtime.block_on(async {
        let stops = listen().map_err(Failure::Runtime)?;
        let finished = match work {
            Work::Run(request) => engine::run(&world, request, stops, &mut onlooker).await,
            Work::Resume(found, pace) => {
                Box::pin(engine::resume(&world, found, pace.clone(), stops, &mut onlooker)).await
            }
        };
        Ok::<_, Failure>(finished?)
    })?;
    onlooker.finish(&finished.record);
    // Whatever still hangs on the runtime (a log writer of a process that got away) must not keep a person waiting.
    runtime.shutdown_background();
    Ok(finished)
}

/// Turns signals into stops: the first asks, every further one insists. A hangup that Spore was started to ignore, as by
/// `nohup`, stays ignored.
fn listen() -> io::Result<mpsc::UnboundedReceiver<Stop>> {
    let (stops, stopped) = mpsc::unbounded_channel();
    let asked = Arc::new(AtomicBool::new(false));
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
        if kind == SignalKind::hangup() && os::signals::is_ignored(kind.as_raw_value()) {
            continue;
        }
        let mut signals = signal(kind)?;
        let (stops, asked) = (stops.clone(), Arc::clone(&asked));
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                let stop = if asked.swap(true, Ordering::Relaxed) { Stop::AtOnce } else { Stop::Cancelled };
                if stops.send(stop).is_err() {
                    return;
                }
            }
        });
    }
    Ok(stopped)
}

/// The last words about a run.
fn tell(finished: &Finished, format: Format, screen: &Screen) -> Result<Exit, Failure> {
    let record = &finished.record;
    screen::print(&match format {
        Format::Json => render::json(&render::run_report(record)),
        Format::Text => render::summary_text(record, finished.kept.remark().as_deref(), screen.out),
    })?;
    Ok(exit_of(finished))
}

fn exit_of(finished: &Finished) -> Exit {
    match finished.record.status {
        RunStatus::Succeeded => Exit::Success,
        RunStatus::Cancelled => Exit::Interrupted,
        RunStatus::Failed | RunStatus::TimedOut | RunStatus::Running | RunStatus::Orphaned => Exit::Failed,
    }
}
