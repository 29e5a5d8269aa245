//! A supervisor that waits for a run, has it, and waits for the next.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;

use super::serve::{Supervisor, begin};
use crate::executor::terminal::wire::{self, Reply, Request};
use crate::os::process::leave_folder;

/// Bytes read at a time.
const READ_BYTES: usize = 4 << 10;

/// Supervises one run after another, as an engine that started this process ahead says. Its standard input is a socket to
/// that engine. Returns when the engine is gone and no command is under way.
///
/// # Errors
/// As [`supervise`](super::supervise), and when something else is said than which run it is.
pub fn supervise_many() -> io::Result<()> {
    let mut engine = begin()?;
    loop {
        // What it waits for may be long in coming, and its folder must not be held until then.
        leave_folder()?;
        engine.set_nonblocking(false)?;
        say(&mut engine, &Reply::Free)?;
        let Some((request, rest)) = hear(&mut engine)? else { return Ok(()) };
        let Request::Supervise { root, run_dir, run } = request else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a run was expected"));
        };
        let supervisor = Supervisor::new(&root, &run_dir, run, &engine);
        let mut supervisor = match supervisor {
            Ok(supervisor) => supervisor,
            Err(error) => {
                // An engine that is gone need not know.
                let _ = say(&mut engine, &Reply::Refused { reason: error.to_string() });
                return Err(error);
            }
        };
        supervisor.has_heard(rest);
        if !supervisor.run()? {
            return Ok(());
        }
    }
}

fn say(engine: &mut UnixStream, reply: &Reply) -> io::Result<()> {
    let mut line = Vec::new();
    wire::push(&mut line, reply);
    engine.write_all(&line)
}

/// Waits for a line: what it says, and the bytes that have come after it. `None` when the engine is gone.
fn hear(engine: &mut UnixStream) -> io::Result<Option<(Request, Vec<u8>)>> {
    let mut received = Vec::new();
    loop {
        if let Some(end) = memchr::memchr(b'\n', &received) {
            let rest = received.split_off(end + 1);
            return Ok(Some((serde_json::from_slice(&received)?, rest)));
        }
        let mut piece = [0; READ_BYTES];
        match engine.read(&mut piece) {
            Ok(0) => return Ok(None),
            Ok(count) => received.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // An engine that was killed may leave a connection that is broken, not closed.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(None),
            Err(error) => return Err(error),
        }
    }
}
