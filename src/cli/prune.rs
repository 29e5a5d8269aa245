//! `spore prune`: removing the folders of old runs.

use std::path::Path;

use super::args::Format;
use super::exit::Exit;
use super::failure::Failure;
use super::screen::{self, Screen};
use crate::engine::{self, Keep, World};
use crate::render;
use crate::render::report::{KeptReport, PruneReport, PrunedReport};

/// Removes old runs, or says which it would remove.
pub(super) fn prune(keep: Keep, dry_run: bool, format: Format, screen: &Screen) -> Result<Exit, Failure> {
    // Who says one thing means that thing alone.
    let keep = if keep.days.is_none() && keep.runs.is_none() { Keep::DEFAULT } else { keep };
    let now = World::here().now();
    let pruned = engine::prune(Path::new("."), keep, dry_run, now)?;
    let kept = pruned.kept.iter().map(|(run, because)| KeptReport { id: *run, because: because.words(*run) });
    let report = PruneReport {
        dry_run,
        keep_days: keep.days,
        keep_runs: keep.runs,
        removed: pruned.removed.iter().map(|run| PrunedReport::new(&run.record, run.bytes)).collect(),
        kept: kept.collect(),
        kept_by_rule: pruned.kept_by_rule,
        leftovers: pruned.leftovers,
        freed_bytes: pruned.freed_bytes,
    };
    screen::print(&match format {
        Format::Json => render::json(&report),
        Format::Text => render::prune_text(&report, now, screen.out),
    })?;
    Ok(Exit::Success)
}
