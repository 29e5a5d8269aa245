//! `spore watch`: watching a folder, and saying what happens in it, one line at a time.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::args::Format;
use super::exit::Exit;
use super::failure::Failure;
use super::screen::{self, Screen};
use super::trust;
use crate::engine::{self, Orders, Signal, Spectator, World};
use crate::model::{Said, Told};
use crate::render::{self, Style};
use crate::trust::Settings;

/// Watches until it is told to end.
pub(super) fn watch(orders: &Orders, format: Format, screen: &Screen) -> Result<Exit, Failure> {
    let world = World::here();
    ask_for_trust(orders, &world)?;
    let mut teller = Teller { world: world.clone(), format, style: screen.out };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Runtime)?;
    runtime.block_on(async {
        let signals = listen().map_err(Failure::Runtime)?;
        engine::watch(&world, orders, signals, &mut teller).await.map_err(Failure::from)
    })?;
    runtime.shutdown_background();
    Ok(Exit::Success)
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

/// INT, TERM and a closed terminal have it leave; HUP has it read its settings again where nobody's terminal was closed.
fn listen() -> std::io::Result<mpsc::UnboundedReceiver<Signal>> {
    let (sender, signals) = mpsc::unbounded_channel();
    let kinds = [
        (SignalKind::interrupt(), Signal::Leave),
        (SignalKind::terminate(), Signal::Leave),
        (SignalKind::hangup(), Signal::Reload),
    ];
    for (kind, meaning) in kinds {
        let mut caught = signal(kind)?;
        let sender = sender.clone();
        tokio::spawn(async move {
            while caught.recv().await.is_some() {
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
