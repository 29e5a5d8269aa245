//! What was removed and what was kept, for people.

use std::fmt::Write as _;

use super::report::PruneReport;
use super::run_text::{ago, bytes_text};
use super::style::{Style, Tone, count};
use super::table::{Cell, plain, table, toned};
use crate::model::Timestamp;

/// Removed runs that are told one by one; more are counted.
const TOLD_MAX: usize = 50;

/// What `spore prune` prints.
#[must_use]
pub fn prune_text(report: &PruneReport, now: Timestamp, style: Style) -> String {
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    for run in report.removed.iter().take(TOLD_MAX) {
        rows.push(vec![
            toned(Tone::Dim, style.pick("✓", "+")),
            plain(run.id.to_string()),
            toned(Tone::Strong, run.spore.clone()),
            plain(bytes_text(run.bytes)),
            toned(Tone::Dim, ago(run.started, now)),
        ]);
    }
    let mut text = table(&rows, 2, style);
    if report.removed.len() > TOLD_MAX {
        let more = format!("  and {} more", report.removed.len() - TOLD_MAX);
        let _ = writeln!(text, "{}", style.paint(Tone::Dim, &more));
    }
    let kept: Vec<Vec<Cell>> = report
        .kept
        .iter()
        .map(|run| {
            let mark = toned(Tone::Warn, style.pick("·", "."));
            vec![mark, plain(run.id.to_string()), plain(format!("kept: {}", run.because))]
        })
        .collect();
    // What to type is never cut off.
    text.push_str(&table(&kept, 1, Style { width: usize::MAX, ..style }));
    if !text.is_empty() {
        text.push('\n');
    }
    let verb = if report.dry_run { "would remove" } else { "removed" };
    let mut removed = count(report.removed.len(), "run");
    if report.leftovers > 0 {
        let _ = write!(removed, " and what is left of {}", count(report.leftovers, "earlier one"));
    }
    let freed = if report.removed.is_empty() && report.leftovers == 0 {
        String::new()
    } else {
        format!(" ({}{})", bytes_text(report.freed_bytes), if report.dry_run { "" } else { " freed" })
    };
    let all = report.kept_by_rule + report.kept.len();
    let _ = writeln!(text, "{verb} {removed}{freed}, kept {}{}", count(all, "run"), rule(report));
    text
}

/// `: the newest 100 and those of the last 30 days`
fn rule(report: &PruneReport) -> String {
    let runs = report.keep_runs.filter(|runs| *runs > 0).map(|runs| format!("the newest {runs}"));
    let days = report.keep_days.filter(|days| *days > 0).map(|days| match days {
        1 => "those of the last day".to_owned(),
        days => format!("those of the last {days} days"),
    });
    let rules: Vec<String> = runs.into_iter().chain(days).collect();
    if rules.is_empty() || report.kept_by_rule == 0 { String::new() } else { format!(": {}", rules.join(" and ")) }
}
