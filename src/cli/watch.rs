//! `spore watch`: watching a folder, and saying what happens in it, one line at a time.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::args::Format;
use super::exit::Exit;
use super::failure::Failure;
use super::screen::{self, Screen};
use crate::engine::{self, Orders, Signal, Spectator, World};
use crate::model::{Said, Told};
use crate::render::{self, Style};

/// Watches until it is told to end.
pub(super) fn watch(orders: &Orders, format: Format, screen: &Screen) -> Result<Exit, Failure> {
    let world = World::here();
    let mut teller = Teller { world: world.clone(), format, style: screen.out };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Runtime)?;
    runtime.block_on(async {
        let signals = listen().map_err(Failure::Runtime)?;
        engine::watch(&world, orders, signals, &mut teller).await.map_err(Failure::from)
    })?;
    runtime.shutdown_background();
    Ok(Exit::Success)
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
