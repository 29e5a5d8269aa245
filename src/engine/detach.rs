//! Starting a watcher that goes on without a terminal, and waiting until it watches.

use std::ffi::{OsStr, OsString};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::time::Duration;

use super::{Error, Orders, status};
use crate::model::Status;
use crate::os;
use crate::os::process::Apart;
use crate::repo::{self, Root};

/// Names the file that such a watcher prints to, in the state folder.
const LOG: &str = "watch.log";
/// Bytes from which on that file begins anew with the next watcher; what it held is kept beside it.
const LOG_BYTES_MAX: u64 = 1 << 20;
/// Bytes of the log that are shown of a watcher that did not come up.
const SHOWN_BYTES_MAX: u64 = 16 << 10;
/// From one look at whether it watches to the next.
const PAUSE: Duration = Duration::from_millis(10);

/// What became of it.
#[derive(Debug)]
pub enum Detached {
    /// It watches.
    Watches(Box<Status>),
    /// It has ended before it did.
    Ended {
        /// Its exit code.
        code: u8,
        /// What it said.
        said: String,
    },
}

/// Starts a watcher apart from this process and its terminal, with more words on its command line.
///
/// # Errors
/// When it cannot be started.
pub fn detach(orders: &Orders, more: &[&str]) -> Result<Detached, Error> {
    let root = Root::find(&orders.dir)?;
    root.make_state()?;
    let path = root.state().join(LOG);
    let io = |source| Error::from(repo::Error::of_io(&path, "write", source));
    if std::fs::metadata(&path).is_ok_and(|log| log.len() > LOG_BYTES_MAX) {
        os::file::rename(&path, &path.with_extension("log.old")).map_err(io)?;
    }
    let log = os::file::append(&path).map_err(io)?;
    let from = log.metadata().map_err(io)?.len();
    let mut words: Vec<OsString> = vec!["watch".into(), root.path().into(), "--apart".into()];
    if let Some(jobs) = orders.jobs {
        words.extend(["--jobs".into(), jobs.to_string().into()]);
    }
    if let Some(mode) = orders.trust {
        words.extend(["--trust".into(), mode.word().into()]);
    }
    words.extend(orders.existing.then(|| "--existing".into()));
    words.extend(more.iter().map(OsString::from));
    let words: Vec<&OsStr> = words.iter().map(OsString::as_os_str).collect();
    let program = std::env::current_exe().map_err(Error::Runtime)?;
    let mut apart = Apart::start(&program, &words, root.path(), &log).map_err(Error::Runtime)?;
    loop {
        if let Some(code) = apart.ended().map_err(Error::Runtime)? {
            let mut said = String::new();
            let read = std::fs::File::open(&path).and_then(|mut log| {
                let end = log.metadata()?.len();
                log.seek(SeekFrom::Start(from.max(end.saturating_sub(SHOWN_BYTES_MAX))))?;
                log.read_to_string(&mut said)
            });
            // Without its words, its code says something still.
            drop(read);
            return Ok(Detached::Ended { code, said });
        }
        let is_it = |status: &Status| status.watcher.as_ref().is_some_and(|it| u32::try_from(it.pid) == Ok(apart.id()));
        match status::status(root.path()) {
            Ok(status) if is_it(&status) => return Ok(Detached::Watches(Box::new(status))),
            // It is not there yet, or looks at the folder for the first time.
            _ => std::thread::sleep(PAUSE),
        }
    }
}
