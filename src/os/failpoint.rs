//! Failpoints: named places at which a test has this process die, stand still or meet a full disk.
//!
//! `SPORE_FAILPOINTS=journal-written=kill@3,result-placed=stop` kills the process at the third time it comes by
//! `journal-written`, and stops it at the first time it comes by `result-placed`. Only debug builds look.

use std::collections::HashMap;
use std::io;
use std::sync::{LazyLock, Mutex, PoisonError};

use rustix::process::{Signal, getpid, kill_process};

/// The variable that names them.
pub const VARIABLE: &str = "SPORE_FAILPOINTS";

/// What happens at a failpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    /// The process dies as by `kill -9`.
    Kill,
    /// It stops as by `kill -STOP`, so that a test can look around and decide.
    Stop,
    /// The file system says that it is full.
    Full,
}

/// What is wanted at one place: what, and at which visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wanted {
    action: Action,
    visits_left: u32,
}

static WANTED: LazyLock<Mutex<HashMap<String, Wanted>>> =
    LazyLock::new(|| Mutex::new(parse(&std::env::var(VARIABLE).unwrap_or_default())));

fn parse(text: &str) -> HashMap<String, Wanted> {
    let wanted = text.split(',').filter_map(|one| {
        let (name, action) = one.split_once('=')?;
        let (action, visit) = action.split_once('@').unwrap_or((action, "1"));
        let action = match action {
            "kill" => Action::Kill,
            "stop" => Action::Stop,
            "full" => Action::Full,
            _ => return None,
        };
        Some((name.to_owned(), Wanted { action, visits_left: visit.parse().ok()? }))
    });
    wanted.collect()
}

/// Comes by the failpoint `name`.
pub fn reach(name: &str) {
    if cfg!(debug_assertions) {
        act(visit(name));
    }
}

/// Whether a test wants something to happen at the failpoint `name`, now or later: for what has to be prepared for it.
#[must_use]
pub fn is_wanted(name: &str) -> bool {
    cfg!(debug_assertions) && WANTED.lock().unwrap_or_else(PoisonError::into_inner).contains_key(name)
}

/// Comes by the failpoint `name`, where the file system may be full.
///
/// # Errors
/// [`io::ErrorKind::StorageFull`] when a test wants it: at the visit it named and at every one after it.
pub fn try_reach(name: &str) -> io::Result<()> {
    if cfg!(debug_assertions) {
        let wanted = visit(name);
        if wanted == Some(Action::Full) {
            return Err(rustix::io::Errno::NOSPC.into());
        }
        act(wanted);
    }
    Ok(())
}

fn visit(name: &str) -> Option<Action> {
    let mut wanted = WANTED.lock().unwrap_or_else(PoisonError::into_inner);
    let here = wanted.get_mut(name)?;
    here.visits_left = here.visits_left.saturating_sub(1);
    if here.visits_left > 0 {
        return None;
    }
    let action = here.action;
    if action != Action::Full {
        wanted.remove(name);
    }
    Some(action)
}

fn act(wanted: Option<Action>) {
    let signal = match wanted {
        Some(Action::Kill) => Signal::KILL,
        Some(Action::Stop) => Signal::STOP,
        Some(Action::Full) | None => return,
    };
    // It cannot fail for oneself.
    let _ = kill_process(getpid(), signal);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_read() {
        let wanted = parse("a=kill@3,b=stop,c=full,d=dance,e");
        assert_eq!(wanted.get("a"), Some(&Wanted { action: Action::Kill, visits_left: 3 }));
        assert_eq!(wanted.get("b"), Some(&Wanted { action: Action::Stop, visits_left: 1 }));
        assert_eq!(wanted.get("c"), Some(&Wanted { action: Action::Full, visits_left: 1 }));
        assert_eq!(wanted.len(), 3);
    }
}
