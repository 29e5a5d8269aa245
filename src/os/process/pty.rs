//! A program on a terminal of its own, which this process is the other side of.

use std::ffi::{CStr, CString, OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;

use nix::fcntl::OFlag;
use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, PosixSpawnFlags, posix_spawn};
use nix::sys::signal::SigSet;
use nix::sys::stat::Mode;
use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use tokio::io::unix::AsyncFd;

use super::Attended;
use super::attended::{Beginning, wakeful};

/// The flag of `posix_spawn(3)` that makes the program the leader of a session; the C libraries of Linux agree on it. The
/// leader of a session that opens a terminal gets it as its own.
const SET_SESSION: PosixSpawnFlags = PosixSpawnFlags::from_bits_retain(0x80);
/// Goes into the folder, which the portable call cannot, and becomes the program under the name that it is told.
const ENTER: &str = r#"cd "$0" && exec "$@""#;

/// The side of a terminal on which people sit.
#[derive(Debug)]
pub struct Pty(AsyncFd<OwnedFd>);

impl Beginning<'_> {
    /// Starts it on a new terminal.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn start_on_pty(&self) -> io::Result<(Attended, Pty)> {
        let people = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&people)?;
        unlockpt(&people)?;
        let terminal = ptsname(&people, Vec::new())?;
        rustix::fs::fcntl_setfl(&people, OFlags::NONBLOCK | OFlags::RDWR)?;
        let people = Pty(wakeful(people)?);
        let mut descriptors = PosixSpawnFileActions::init()?;
        descriptors.add_open(0, terminal.as_c_str(), OFlag::O_RDWR, Mode::empty())?;
        descriptors.add_dup2(0, 1)?;
        descriptors.add_dup2(0, 2)?;
        let mut attributes = PosixSpawnAttr::init()?;
        attributes.set_flags(
            SET_SESSION | PosixSpawnFlags::POSIX_SPAWN_SETSIGDEF | PosixSpawnFlags::POSIX_SPAWN_SETSIGMASK,
        )?;
        attributes.set_sigdefault(&SigSet::all())?;
        attributes.set_sigmask(&SigSet::empty())?;
        let own = self.words.iter().map(OsString::as_os_str);
        let words =
            ["sh".as_ref(), "-c".as_ref(), OsStr::new(ENTER), self.folder.as_os_str(), self.program.as_os_str()];
        let words: Result<Vec<CString>, _> =
            words.into_iter().chain(own).map(|word| CString::new(word.as_bytes())).collect();
        let words = words.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let environment: Vec<&CStr> = self.variables.texts().collect();
        let pid = posix_spawn(c"/bin/sh", &descriptors, &attributes, &words, &environment)?;
        Ok((Attended::new(pid.as_raw())?, people))
    }
}

impl Pty {
    /// Reads what the program has shown; 0 when it has left the terminal.
    ///
    /// # Errors
    /// As read(2).
    pub async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut ready = self.0.readable().await?;
            match ready.try_io(|pty| rustix::io::read(pty, &mut *buffer).map_err(io::Error::from)) {
                // So Linux says that nobody has the other side open.
                Ok(Err(error)) if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => return Ok(0),
                Ok(done) => return done,
                Err(_) => {}
            }
        }
    }

    /// Types these bytes.
    ///
    /// # Errors
    /// As write(2).
    pub async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let mut ready = self.0.writable().await?;
            if let Ok(written) = ready.try_io(|pty| rustix::io::write(pty, bytes).map_err(io::Error::from)) {
                bytes = &bytes[written?..];
            }
        }
        Ok(())
    }

    /// Says how large it is.
    pub fn resize(&self, columns: u16, rows: u16) {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        // A program that is gone does not mind.
        let _ = tcsetwinsize(self.0.get_ref(), size);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::process::{End, Variables};

    #[tokio::test]
    async fn a_program_has_a_terminal_of_its_own() {
        let words = ["-c".into(), "tty <&1 >/dev/null && stty size && pwd && : </dev/tty && read x && exit 7".into()];
        let mut variables = Variables::default();
        assert!(variables.set("PATH".as_ref(), "/usr/bin:/bin".as_ref()));
        let beginning = Beginning {
            program: "/bin/sh".as_ref(),
            name: "sh".as_ref(),
            words: &words,
            folder: "/usr".as_ref(),
            variables: &variables,
        };
        let (mut attended, pty) = beginning.start_on_pty().expect("started");
        pty.resize(100, 40);
        pty.write_all(b"typed\n").await.expect("typed");
        let (mut shown, mut buffer) = (Vec::new(), [0; 100]);
        while let Ok(count @ 1..) = pty.read(&mut buffer).await {
            shown.extend_from_slice(&buffer[..count]);
        }
        assert_eq!(attended.end().await.expect("ended"), End::Code(7), "{}", String::from_utf8_lossy(&shown));
        assert!(String::from_utf8_lossy(&shown).contains("/usr\r\n"));
    }
}
