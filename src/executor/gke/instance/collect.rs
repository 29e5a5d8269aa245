//! What a command in an instance leaves when it is over.

use super::exec::Spot;
use super::shell;
use crate::executor::gke::client::Trouble;
use crate::executor::gke::manifest::{container_root, workdir};
use crate::executor::gke::names;
use crate::executor::gke::outcome::{Asked, no_program, of_code};
use crate::executor::gke::settings::Settings;
use crate::executor::gke::trailer::{Found, Trailer, expressions, list};
use crate::executor::traces::{ODD, parse_bytes, too_large};
use crate::model::{Attempt, Outcome};

/// All of it.
#[derive(Debug)]
pub(super) struct Collected {
    pub(super) outcome: Outcome,
    /// Whether there was something to execute.
    pub(super) has_begun: bool,
    /// Bytes that it printed.
    pub(super) printed: [u64; 2],
    pub(super) output: Result<indexmap::IndexMap<String, serde_json::Value>, String>,
    pub(super) found: Option<Vec<Found>>,
}

/// Asks for it. `None` while the command is not over.
pub(super) async fn collect(
    spot: &Spot,
    attempt: &Attempt,
    settings: &Settings,
    asked: &Asked,
    bytes_max: u64,
) -> Result<Option<Collected>, Trouble> {
    let marker = if attempt.artifacts.is_empty() { String::new() } else { names::marker(&spot.folder) };
    let folder = workdir(attempt, container_root(settings));
    let words = [&bytes_max.to_string(), &folder, &marker, &expressions(&attempt.artifacts)];
    let (said, code) = spot.ask(&shell::collect(&list()), &words.map(String::as_str)).await?;
    if code != 0 {
        return Ok(None);
    }
    read(&said, &folder, &marker, asked, bytes_max)
        .map(Some)
        .ok_or_else(|| Trouble::Passing("its end did not come whole".into()))
}

fn read(said: &[u8], folder: &str, marker: &str, asked: &Asked, bytes_max: u64) -> Option<Collected> {
    let end = memchr::memchr(b'\n', said)?;
    let line = std::str::from_utf8(&said[..end]).ok()?;
    let mut words = line.split(' ');
    let code: i32 = words.next()?.parse().ok()?;
    let why = words.next()?;
    let printed = [words.next()?.parse().ok()?, words.next()?.parse().ok()?];
    let (kind, size) = (words.next()?, words.next()?.parse::<usize>().ok()?);
    let mut rest = &said[end + 1..];
    let output = match kind {
        "plain" => {
            let (bytes, behind) = rest.split_at_checked(size)?;
            rest = behind;
            parse_bytes(bytes)
        }
        "large" => Err(too_large(bytes_max)),
        "odd" => Err(ODD.into()),
        _ => Ok(indexmap::IndexMap::new()),
    };
    let mut found = None;
    if !marker.is_empty() {
        let (mut trailer, mut before) = (Trailer::new(marker), Vec::new());
        trailer.push(rest, &mut before);
        found = trailer.into_found();
    }
    let outcome = match why {
        "absent" => no_program(asked, false),
        "forbidden" => no_program(asked, true),
        "folder" => Outcome::NotStarted {
            reason: format!("its folder `{folder}` is not there in the instance, and cannot be made"),
            permanent: true,
        },
        _ => of_code(code),
    };
    let has_begun = why == "-";
    Some(Collected { outcome, has_begun, printed, output, found })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(said: &str) -> Option<Collected> {
        let asked = Asked { program: "tool".into(), path: None, timeout: None };
        read(said.as_bytes(), "/w", "", &asked, 10)
    }

    #[test]
    fn what_is_left_is_read() {
        let collected = of("137 - 4 0 plain 4\na=1\n").expect("whole");
        assert_eq!((collected.outcome, collected.printed, collected.has_begun), (Outcome::of_signal(9), [4, 0], true));
        assert_eq!(collected.output.expect("fine")["a"], "1");
        assert!(of("0 - 0 0 large 11\n").expect("whole").output.is_err_and(|reason| reason.contains("10 bytes")));
        assert!(of("0 - 0 0 odd 0\n").expect("whole").output.is_err());
        let collected = of("127 absent 0 0 none 0\n").expect("whole");
        assert!(matches!(collected.outcome, Outcome::NotStarted { .. }) && !collected.has_begun);
        for cut in ["", "0 - 0 0 none 0", "0 - 0 0 plain 4\na=1", "0 -\n"] {
            assert!(of(cut).is_none(), "{cut:?}");
        }
    }
}
