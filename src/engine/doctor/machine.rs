//! This machine and this Spore.

use crate::executor;
use crate::model::Limits;
use crate::os;
use crate::os::disk::check_writable;
use crate::render::count;
use crate::render::report::{Finding, Level};
use crate::repo;

/// Files that may be open from which many commands at a time are no concern.
const OPEN_FILES_MIN: u64 = 1024;

/// What is to be said of `spore.toml`; `error` is why it cannot be used.
pub(super) fn settings(error: Option<repo::Error>) -> Finding {
    match error {
        None => Finding::new(Level::Fine, "settings", "all that is set in `spore.toml` is understood"),
        Some(error) => {
            let hint = error.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
            let place = error.position().map(|at| format!("line {}: ", at.line)).unwrap_or_default();
            Finding::new(
                Level::Problem,
                "settings",
                format!("nothing runs before this is mended: {place}{error}{hint}"),
            )
        }
    }
}

/// What is to be said of the machine.
pub(super) async fn findings(limits: &Limits) -> Vec<Finding> {
    let version = env!("CARGO_PKG_VERSION");
    let cores = count(usize::try_from(os::cores()).unwrap_or(1), "core");
    let mut findings = vec![
        Finding::new(Level::Fine, "spore", format!("{version} ({})", env!("SPORE_COMMIT"))),
        Finding::new(Level::Fine, "system", format!("{}, {cores}, host `{}`", os::kernel(), os::host())),
        open_files(),
        control_group(),
    ];
    // Other places are asked by `spore executors check`: that takes time, and who does not use them wants no answer.
    let built_in = executor::built_in(*limits, &executor::Defaults::default(), None);
    if let Some(executor) = built_in.get("terminal") {
        let check = executor.check().await;
        let mut found = Finding::new(Level::Fine, &check.executor, "can be used");
        if let Some(missing) = check.missing.first() {
            found = Finding::new(Level::Problem, &check.executor, missing);
            found.details.extend(check.missing.iter().skip(1).cloned());
        }
        let width = check.facts.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        // A search path may be longer than any line, and can be broken between its folders.
        let shown = |(name, what): &(String, String)| format!("{name:width$}  {}", what.replace(':', ": "));
        found.details.extend(check.facts.iter().map(shown));
        findings.push(found);
    }
    findings
}

fn open_files() -> Finding {
    let (soft, hard) = os::open_files_max();
    let words = |limit: Option<u64>| limit.map_or_else(|| "any number".to_owned(), |limit| limit.to_string());
    let text = format!("{} at a time, and up to {} when asked for", words(soft), words(hard));
    if soft.is_some_and(|soft| soft < OPEN_FILES_MIN) {
        let enough = hard.map_or(4096, |hard| hard.min(4096));
        let found = Finding::new(Level::Warning, "open files", format!("{text}; few for many commands at a time"));
        return found.advise(format!("ulimit -n {enough}"), "allows more in this shell");
    }
    Finding::new(Level::Fine, "open files", text)
}

fn control_group() -> Finding {
    let Some(group) = os::control_group() else {
        let text = "no control groups of version 2; commands are ended by process group";
        return Finding::new(Level::Note, "cgroup", text);
    };
    let shown = group.display();
    match check_writable(&group) {
        Ok(()) => Finding::new(Level::Fine, "cgroup", format!("{shown}, and groups can be made in it")),
        Err(error) => Finding::new(Level::Note, "cgroup", format!("{shown}, where no group can be made: {error}")),
    }
}
