//! `spore cancel`, `spore queue`, `spore pause`: asking for something in a watched folder.

use std::path::Path;
use std::time::Duration;

use super::args::{Format, QueueCommand};
use super::exit::Exit;
use super::failure::Failure;
use super::screen::{self, Screen};
use crate::engine::{self, World};
use crate::model::Timestamp;
use crate::render;
use crate::render::report::{DoneReport, QueueReport};

/// Ends runs. One that cannot be ended does not keep the others from it.
pub(super) fn cancel(dir: &Path, runs: &[String], now: bool, format: Format, screen: &Screen) -> Result<Exit, Failure> {
    let world = World::here();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Runtime)?;
    let exit = each(runs, format, screen, |run| runtime.block_on(engine::cancel(&world, dir, run, now)));
    runtime.shutdown_background();
    exit
}

/// Lists what is wanted, or takes something out.
pub(super) fn queue(what: Option<&QueueCommand>, dir: &Path, format: Format, screen: &Screen) -> Result<Exit, Failure> {
    let world = World::here();
    if let Some(QueueCommand::Drop { runs, dir, output }) = what {
        return each(runs, output.format, screen, |run| engine::drop_from_queue(&world, dir, run));
    }
    let status = engine::wanted(dir)?;
    screen::print(&match format {
        Format::Text => render::queue_text(&status, world.now(), screen.out),
        Format::Json => render::json(&QueueReport::from(status)),
    })?;
    Ok(Exit::Success)
}

/// Has nothing begin for a while, or things begin again.
pub(super) fn pause(
    dir: &Path,
    time: Option<Duration>,
    off: bool,
    format: Format,
    screen: &Screen,
) -> Result<Exit, Failure> {
    let world = World::here();
    let milliseconds = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    let until = time.map(|time| Timestamp(world.now().0.saturating_add(milliseconds(time))));
    let said = if off { engine::unpause(&world, dir)? } else { engine::pause(&world, dir, until)? };
    tell(&[said], format, screen)?;
    Ok(Exit::Success)
}

/// Does it with each run, and says what was done. Ends with the first exit code that is none of success.
fn each(
    runs: &[String],
    format: Format,
    screen: &Screen,
    mut one: impl FnMut(&str) -> Result<String, engine::Error>,
) -> Result<Exit, Failure> {
    let mut worst = Exit::Success;
    let mut done = Vec::new();
    for run in runs {
        match one(run) {
            Ok(said) if format == Format::Text => tell(&[said], format, screen)?,
            Ok(said) => done.push(said),
            Err(error) => {
                let failure = Failure::from(error);
                screen::complain(&failure.text(screen.err));
                worst = if worst == Exit::Success { failure.exit() } else { worst };
            }
        }
    }
    if format == Format::Json {
        tell(&done, format, screen)?;
    }
    Ok(worst)
}

fn tell(done: &[String], format: Format, screen: &Screen) -> Result<(), Failure> {
    Ok(screen::print(&match format {
        Format::Text => done.iter().map(|said| render::done_text(said, screen.out)).collect(),
        Format::Json => render::json(&DoneReport { done: done.to_vec() }),
    })?)
}
