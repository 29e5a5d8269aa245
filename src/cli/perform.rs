//! `spore run` and `spore retry`: running, with somebody looking on and a hand on Ctrl-C.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::args::{self, Conduct, Format, PlanFormat};
use super::exit::Exit;
use super::failure::Failure;
use super::inspect;
use super::onlooker::Onlooker;
use super::screen::{self, Screen};
use crate::engine::{self, Finished, Request, World};
use crate::model::RunStatus;
use crate::os;
use crate::render;
use crate::run::Stop;

/// Runs a spore, or only shows what would run.
pub(super) fn run(
    file: &Path,
    selection: args::Selection,
    conduct: &Conduct,
    dry_run: bool,
    screen: &Screen,
) -> Result<Exit, Failure> {
    if dry_run {
        let format = match conduct.output.format {
            Format::Text => PlanFormat::Text,
            Format::Json => PlanFormat::Json,
        };
        return inspect::plan(file, selection, format, screen);
    }
    let request = Request {
        file: file.to_path_buf(),
        selection: selection.into(),
        jobs: conduct.jobs,
        commit: conduct.wants_commit(),
        spore: None,
        retry: None,
    };
    perform(&request, conduct.output.format, screen)
}

/// Runs again what did not succeed.
pub(super) fn retry(run: &str, from: Option<String>, conduct: &Conduct, screen: &Screen) -> Result<Exit, Failure> {
    let found = engine::find_run(Path::new("."), run)?;
    let request = engine::retry_request(&found, from, conduct.jobs, conduct.wants_commit())?;
    perform(&request, conduct.output.format, screen)
}

fn perform(request: &Request, format: Format, screen: &Screen) -> Result<Exit, Failure> {
    let world = World::here();
    let mut onlooker = Onlooker::choose(format, screen);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Runtime)?;
    let finished = runtime.block_on(async {
        let stops = listen().map_err(Failure::Runtime)?;
        Ok::<_, Failure>(engine::run(&world, request, stops, &mut onlooker).await?)
    })?;
    onlooker.finish(&finished.record);
    // Whatever still hangs on the runtime (a log writer of a process that got away) must not keep a person waiting.
    runtime.shutdown_background();
    tell(&finished, format, screen)
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
    Ok(match record.status {
        RunStatus::Succeeded => Exit::Success,
        RunStatus::Cancelled => Exit::Interrupted,
        RunStatus::Failed | RunStatus::TimedOut | RunStatus::Running | RunStatus::Lost => Exit::Failed,
    })
}
