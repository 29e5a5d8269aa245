//! `spore watch`: watching a folder, and saying what happens in it, one line at a time.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::args::{Format, Watch};
use super::exit::Exit;
use super::failure::Failure;
use super::screen::{self, Screen};
use super::trust;
use crate::engine::{self, Detached, Orders, Signal, Spectator, World};
use crate::model::{Said, Told};
use crate::os;
use crate::os::process::leave_session;
use crate::os::signals::is_ignored;
use crate::os::terminal;
use crate::render::{self, Style};
use crate::trust::Settings;

/// Supervisors that wait for the next runs.
const SPARES_MAX: u32 = 8;

/// Watches until it is told to end, or has another process do so.
pub(super) fn watch(words: &Watch, screen: &Screen) -> Result<Exit, Failure> {
    if words.apart {
        leave_session();
    }
    let orders = Orders {
        dir: words.dir.clone(),
        jobs: words.jobs,
        trust: words.trust.map(Into::into),
        existing: words.existing,
        once: words.once,
    };
    let format = words.output.format;
    ask_for_trust(&orders, &World::here())?;
    if words.detach {
        return detach(&orders, format, screen);
    }
    let jobs = orders.jobs.unwrap_or_else(os::cores).min(SPARES_MAX) as usize;
    let world = World::of_many(jobs);
    let mut teller = Teller { world: world.clone(), format, style: screen.out };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Runtime)?;
    runtime.block_on(async {
        let signals = listen().map_err(Failure::Runtime)?;
        engine::watch(&world, &orders, signals, &mut teller).await.map_err(Failure::from)
    })?;
    runtime.shutdown_background();
    Ok(Exit::Success)
}

/// Starts a watcher apart from this terminal, and says how everything stands when it watches.
fn detach(orders: &Orders, format: Format, screen: &Screen) -> Result<Exit, Failure> {
    let more: &[&str] = if format == Format::Json { &["--format", "json"] } else { &[] };
    match engine::detach(orders, more)? {
        Detached::Watches(status) => {
            screen::print(&match format {
                Format::Json => render::json(&status),
                Format::Text => render::status_text(&status, "", World::here().now(), screen.out),
            })?;
            Ok(Exit::Success)
        }
        Detached::Ended { code, said } => Err(Failure::NotUp { code, said }),
    }
}

/// Asks what may run, where nobody has decided yet and somebody is there. Without an answer the watcher refuses, and says
/// what to type.
fn ask_for_trust(orders: &Orders, world: &World) -> Result<(), Failure> {
    if orders.trust.is_some() || orders.once {
        return Ok(());
    }
    let mut settings = Settings::load().map_err(engine::Error::from)?;
    if engine::is_undecided(&settings, &orders.dir)?
        && let Some(mode) = trust::ask_mode(&orders.dir)?
    {
        engine::decide(&mut settings, &orders.dir, mode, None, world.now())?;
    }
    Ok(())
}

/// INT, TERM and a closed terminal have it leave. HUP has it read its settings again where no terminal was closed; who was
/// started to ignore that, as by `nohup`, does.
fn listen() -> std::io::Result<mpsc::UnboundedReceiver<Signal>> {
    let (sender, signals) = mpsc::unbounded_channel();
    let had_terminal = terminal::is_there();
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
        let is_hangup = kind == SignalKind::hangup();
        if is_hangup && had_terminal && is_ignored(kind.as_raw_value()) {
            continue;
        }
        let mut caught = signal(kind)?;
        let sender = sender.clone();
        tokio::spawn(async move {
            while caught.recv().await.is_some() {
                let is_closed = had_terminal && !terminal::is_there();
                let meaning = if is_hangup && !is_closed { Signal::Reload } else { Signal::Leave };
                if sender.send(meaning).is_err() {
                    return;
                }
            }
        });
    }
    Ok(signals)
}

/// Prints what is said as it is said.
struct Teller {
    world: World,
    format: Format,
    style: Style,
}

impl Spectator for Teller {
    fn hear(&mut self, said: &Said) {
        let at = self.world.now();
        let line = match self.format {
            Format::Json => render::json_line(&Told { at, said: said.clone() }),
            Format::Text => render::said_text(said, at, self.style),
        };
        // A reader who has gone must not end the watcher.
        let _ = screen::print(&line);
    }
}
