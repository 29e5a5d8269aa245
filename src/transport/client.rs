//! A door's end.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Error;
use super::socket::SOCKET;
use crate::model::{Answer, Ask};
use crate::os::socket;

/// How long a watcher may take to answer. It answers in a millisecond, unless the machine is very busy.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection to the watcher of a folder.
#[derive(Debug)]
pub struct Client {
    folder: PathBuf,
    stream: BufReader<UnixStream>,
}

impl Client {
    /// Connects to the watcher whose state folder is `state`.
    ///
    /// # Errors
    /// [`Error::Nobody`] when none runs.
    pub fn connect(state: &Path) -> Result<Self, Error> {
        let folder = state.parent().unwrap_or(state).to_path_buf();
        let io = |source| Error::Io { folder: folder.clone(), source };
        let stream = match socket::connect(state, SOCKET) {
            Ok(stream) => stream,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
                return Err(Error::Nobody(folder));
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(Error::NotOurs(folder)),
            Err(source) => return Err(io(source)),
        };
        if !socket::is_own(&stream) {
            return Err(Error::NotOurs(folder));
        }
        stream.set_nonblocking(false).map_err(io)?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(io)?;
        stream.set_write_timeout(Some(PATIENCE)).map_err(io)?;
        Ok(Self { folder, stream: BufReader::new(stream) })
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// When the connection breaks, or nothing comes in time.
    pub fn ask(&mut self, ask: &Ask) -> Result<Answer, Error> {
        self.send(ask)?;
        self.answer()?.ok_or_else(|| self.broken(io::ErrorKind::UnexpectedEof.into()))
    }

    /// Asks without waiting for an answer.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn send(&mut self, ask: &Ask) -> Result<(), Error> {
        let mut line = serde_json::to_vec(ask).map_err(|error| self.broken(error.into()))?;
        line.push(b'\n');
        self.stream.get_mut().write_all(&line).map_err(|source| self.broken(source))
    }

    /// The next answer; `None` when the watcher has ended.
    ///
    /// # Errors
    /// When the connection breaks, or nothing comes in time.
    pub fn answer(&mut self) -> Result<Option<Answer>, Error> {
        let mut line = String::new();
        match self.stream.read_line(&mut line) {
            Ok(0) => Ok(None),
            Ok(_) => serde_json::from_str(&line)
                .map(Some)
                .map_err(|error| Error::Foreign { folder: self.folder.clone(), because: error.to_string() }),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                Err(Error::Silent(self.folder.clone()))
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(None),
            Err(source) => Err(self.broken(source)),
        }
    }

    fn broken(&self, source: io::Error) -> Error {
        Error::Io { folder: self.folder.clone(), source }
    }
}
