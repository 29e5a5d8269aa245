//! `spore service`: having the system watch a folder.

use super::args::{Format, Unit as Words, UnitCommand};
use super::exit::Exit;
use super::failure::Failure;
use super::screen::{self, Screen};
use crate::engine::{Init, Unit};
use crate::render;
use crate::trust::Mode;

/// Does what is wished, and says what became of it.
pub(super) fn unit(what: &UnitCommand, screen: &Screen) -> Result<Exit, Failure> {
    let (report, format) = match what {
        UnitCommand::Install { unit, trust, print } => {
            let wanted = of(unit, trust.map(Into::into))?;
            if *print {
                screen::print(&wanted.text()?)?;
                return Ok(Exit::Success);
            }
            (wanted.install()?, unit.output.format)
        }
        UnitCommand::Uninstall { unit } => (of(unit, None)?.uninstall()?, unit.output.format),
        UnitCommand::Status { unit } => (of(unit, None)?.look()?, unit.output.format),
    };
    screen::print(&match format {
        Format::Json => render::json(&report),
        Format::Text => render::unit_text(&report, screen.out),
    })?;
    Ok(Exit::Success)
}

fn of(words: &Words, trust: Option<Mode>) -> Result<Unit, Failure> {
    let is_launchd = words.launchd || cfg!(target_os = "macos");
    Ok(Unit::new(if is_launchd { Init::Launchd } else { Init::Systemd }, &words.dir, trust)?)
}
