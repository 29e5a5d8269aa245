//! The place where everything is written: its disk, and whether it can be watched.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Ground;
use crate::os::disk::{Space, check_writable, space};
use crate::os::watches::{Limits, Refusal, try_watch};
use crate::render::report::{Finding, Level};
use crate::render::{bytes_text, count};
use crate::{journal, repo};

/// Below so many free bytes, or so many hundredths, somebody should see to it.
const FREE_BYTES_MIN: u64 = 500 << 20;
const FREE_PERCENT_MIN: u64 = 5;
/// Below so many, a run cannot be relied on to come to its end.
const FREE_BYTES_LEAST: u64 = 10 << 20;
const FREE_FILES_LEAST: u64 = 100;
/// How long to look into folders.
const TIME: Duration = Duration::from_millis(150);
/// Watches that are advised where there are too few, at least.
const WATCHES_ADVISED: u64 = 524_288;

/// Room and rights.
pub(super) fn disk(ground: &Ground<'_>) -> Vec<Finding> {
    let state = ground.root.state();
    let place = if state.is_dir() { state } else { ground.root.path().to_path_buf() };
    let shown = ground.root.display(&place);
    let mut findings = match space(&place) {
        Ok(space) => vec![bytes(space), files(space)],
        Err(error) => vec![Finding::unknown("space", error)],
    };
    findings.push(size_of_runs(ground));
    for place in [place.clone(), ground.root.runs(), ground.root.path().join("results")] {
        findings.extend(unwritable(ground, &place));
    }
    if findings.iter().all(|finding| finding.subject != "writing") {
        let text = if shown == "." { "this folder can be written".into() } else { format!("`{shown}` can be written") };
        findings.push(Finding::new(Level::Fine, "writing", text));
    }
    findings
}

fn unwritable(ground: &Ground<'_>, place: &Path) -> Option<Finding> {
    let why = check_writable(place).err().filter(|error| error.kind() != io::ErrorKind::NotFound)?;
    let shown = ground.root.display(place);
    let text = format!("`{shown}` cannot be written: {why}");
    Some(Finding::new(Level::Problem, "writing", text).advise(format!("ls -ld {}", place.display()), "says who may"))
}

/// How serious it is that `free` of `total` are left.
fn level(free: u64, total: u64, least: u64, min: u64) -> Level {
    let hundredth = (total / 100).max(1);
    match free {
        free if free < least => Level::Problem,
        free if free < min || free / hundredth < FREE_PERCENT_MIN => Level::Warning,
        _ => Level::Fine,
    }
}

fn bytes(Space { free_bytes, total_bytes, .. }: Space) -> Finding {
    let level = level(free_bytes, total_bytes, FREE_BYTES_LEAST, FREE_BYTES_MIN);
    let mut text = format!("{} free of {}", bytes_text(free_bytes), bytes_text(total_bytes));
    match level {
        Level::Problem => text.push_str("; runs stand still until there is room"),
        Level::Warning => text.push_str("; make room before runs stand still"),
        _ => {}
    }
    let found = Finding::new(level, "space", text);
    if level == Level::Fine { found } else { found.advise("spore prune --dry-run", "says which old runs could go") }
}

fn files(Space { free_files, total_files, .. }: Space) -> Finding {
    if total_files == u64::MAX {
        return Finding::new(Level::Fine, "files", "the file system has no limit on their number");
    }
    let level = level(free_files, total_files, FREE_FILES_LEAST, 10 * FREE_FILES_LEAST);
    let mut text = format!("{} free of {}", grouped(free_files), grouped(total_files));
    if level != Level::Fine {
        text.push_str("; remove some before runs stand still");
    }
    Finding::new(level, "files", text)
}

/// A number with a comma between thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn size_of_runs(ground: &Ground<'_>) -> Finding {
    let runs = ground.root.runs();
    let ids = match journal::list(&runs) {
        Ok(ids) => ids,
        Err(error) => return Finding::unknown("runs", error),
    };
    if ids.is_empty() {
        return Finding::new(Level::Fine, "runs", "there are none yet");
    }
    let mut folders: Vec<PathBuf> = ids.iter().rev().map(|run| runs.join(run.to_string())).collect();
    let (mut bytes, mut goes_on) = (0, ground.within(TIME));
    while let Some(folder) = folders.pop().filter(|_| goes_on()) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            // Blocks have 512 bytes, whatever the file system's own have.
            bytes += metadata.blocks() * 512;
            if metadata.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    let more = if folders.is_empty() { "" } else { "more than " };
    let text = format!("{more}{} for {}", bytes_text(bytes), count(ids.len(), "run"));
    Finding::new(Level::Fine, "runs", text)
}

/// Whether all folders of the root can be watched.
pub(super) fn watches(ground: &Ground<'_>) -> Vec<Finding> {
    let limits = Limits::now();
    let Some(most) = limits.watches else {
        return vec![Finding::unknown("watches", "the kernel does not say how many folders may be watched")];
    };
    let (needed, is_all) = repo::count_folders(&ground.root, ground.within(TIME));
    let more = if is_all { "" } else { "more than " };
    let needed_words = format!("this folder needs {more}{needed} of the {} that one user may have", grouped(most));
    let raise = |found: Finding| {
        let wanted = WATCHES_ADVISED.max(2 * most);
        found.advise(format!("sudo sysctl fs.inotify.max_user_watches={wanted}"), "raises it until the next boot")
    };
    let enough = u64::try_from(needed).is_ok_and(|needed| needed < most);
    let watches = if enough {
        Finding::new(Level::Fine, "watches", needed_words)
    } else {
        raise(Finding::new(Level::Warning, "watches", format!("{needed_words}; not all of it can be watched")))
    };
    let number = |limit: Option<u64>| limit.map_or_else(|| "an unknown number".to_owned(), grouped);
    let text =
        format!("{} for one user, each with {} events waiting", number(limits.instances), number(limits.queued_events));
    let watchers = match try_watch(ground.root.path()) {
        Ok(()) => Finding::new(Level::Fine, "watchers", text),
        Err(Refusal::Watches) => {
            raise(Finding::new(Level::Warning, "watchers", "other programs have taken all watches of this user"))
        }
        Err(Refusal::Watchers) => {
            let wanted = limits.instances.unwrap_or(128) * 4;
            Finding::new(Level::Warning, "watchers", format!("{text}; other programs have taken all of them"))
                .advise(format!("sudo sysctl fs.inotify.max_user_instances={wanted}"), "raises it until the next boot")
        }
        Err(Refusal::Other(error)) => Finding::unknown("watchers", error),
    };
    vec![watches, watchers]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_judged_by_bytes_and_by_hundredths() {
        let of = |free: u64, total: u64| level(free, total, FREE_BYTES_LEAST, FREE_BYTES_MIN);
        assert_eq!(of(100 << 30, 1 << 40), Level::Fine);
        assert_eq!(of(40 << 30, 1 << 40), Level::Warning, "below 5 of a hundred");
        assert_eq!(of(499 << 20, 1 << 30), Level::Warning, "below 500 MiB");
        assert_eq!(of(9 << 20, 10 << 20), Level::Problem);
        assert_eq!(of(0, 0), Level::Problem);
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!([7, 123, 1234, 1_234_567].map(grouped), ["7", "123", "1,234", "1,234,567"]);
    }
}
