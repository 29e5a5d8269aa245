//! The terminal that a person sits at: its size, its keys one by one, and whether it is still there.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::AsFd;

use rustix::termios::{InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};

/// Columns and rows of the terminal behind a stream; `None` when it is none, or does not say.
pub fn size(stream: &impl AsFd) -> Option<(usize, usize)> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    (size.ws_col > 0 && size.ws_row > 0).then(|| (size.ws_col.into(), size.ws_row.into()))
}

/// Whether this process belongs to a terminal that is there. One that was closed is not.
#[must_use]
pub fn is_there() -> bool {
    File::open("/dev/tty").is_ok()
}

/// Standard input, which gives each key as it is typed and shows none, as long as this is held.
#[derive(Debug)]
pub struct Keys {
    before: Termios,
}

impl Keys {
    /// Takes the keys. Those that make signals, such as Ctrl-C, come as bytes too.
    ///
    /// # Errors
    /// When standard input is no terminal.
    pub fn take() -> io::Result<Self> {
        let stdin = io::stdin();
        let before = tcgetattr(&stdin)?;
        let mut single = before.clone();
        single.local_modes &= !(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG | LocalModes::IEXTEN);
        single.input_modes &= !(InputModes::IXON | InputModes::ICRNL);
        single.special_codes[SpecialCodeIndex::VMIN] = 1;
        single.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(&stdin, OptionalActions::Now, &single)?;
        Ok(Self { before })
    }

    /// Waits for keys; `None` when no more will come. What arrives together is one piece, as the bytes of an arrow key are.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn read() -> io::Result<Option<Vec<u8>>> {
        let mut bytes = [0; 64];
        let count = io::stdin().lock().read(&mut bytes)?;
        Ok((count > 0).then(|| bytes[..count].to_vec()))
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing back.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}
