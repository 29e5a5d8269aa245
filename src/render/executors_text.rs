//! Executors and what they left, for people.

use std::fmt::Write as _;

use super::report::{CleanReport, ExecutorReport};
use super::style::{Style, Tone, count};
use super::table::{Cell, plain, table, toned};

/// What `spore executors` prints.
#[must_use]
pub fn executors_text(executors: &[ExecutorReport], style: Style) -> String {
    let rows: Vec<Vec<Cell>> = executors
        .iter()
        .map(|executor| {
            let settings: Vec<String> =
                executor.settings.iter().map(|(name, value)| format!("{name} = {value}")).collect();
            let mark = match executor.missing {
                None => toned(Tone::Good, style.pick("✓", "+")),
                Some(_) => toned(Tone::Dim, style.pick("·", ".")),
            };
            let said = match &executor.missing {
                Some(missing) => missing.clone(),
                None if settings.is_empty() => String::new(),
                None => format!("spore.toml: {}", settings.join(", ")),
            };
            vec![mark, toned(Tone::Strong, executor.name.clone()), toned(Tone::Dim, said)]
        })
        .collect();
    table(&rows, 2, style)
}

/// What `spore executors clean` prints.
#[must_use]
pub fn clean_text(report: &CleanReport, style: Style) -> String {
    let row = |leftover: &super::report::LeftoverReport| -> Vec<Cell> {
        let (mark, said) = match &leftover.kept {
            None if leftover.is_over => (toned(Tone::Dim, style.pick("✓", "+")), "over".to_owned()),
            None => (toned(Tone::Warn, style.pick("✓", "+")), "was running".to_owned()),
            Some(kept) => (toned(Tone::Warn, style.pick("·", ".")), format!("kept: {kept}")),
        };
        let run = leftover.run.map(|run| run.to_string()).unwrap_or_default();
        vec![mark, plain(leftover.name.clone()), toned(Tone::Dim, leftover.place.clone()), plain(run), plain(said)]
    };
    let rows: Vec<Vec<Cell>> = report.leftovers.iter().map(row).collect();
    // Why something is kept is never cut off.
    let mut text = table(&rows, 1, Style { width: usize::MAX, ..style });
    if !text.is_empty() {
        text.push('\n');
    }
    let kept = report.leftovers.iter().filter(|leftover| leftover.kept.is_some()).count();
    let removed = report.leftovers.len() - kept;
    let verb = if report.dry_run { "would remove" } else { "removed" };
    let _ = writeln!(text, "{verb} {} of `{}`, kept {kept}", count(removed, "leftover"), report.executor);
    text
}
