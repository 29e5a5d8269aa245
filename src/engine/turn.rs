//! Waiting for the turn of a concurrency group.

use std::time::Duration;

use tokio::sync::mpsc;

use super::Error;
use crate::executor::terminal;
use crate::model::{Concurrency, Policy, RunId};
use crate::repo::{self, Entry, Holder, Root, Turn};
use crate::run::{Stop, View};

/// From one look at a busy group to the next.
const PAUSE: Duration = Duration::from_millis(50);

/// Returns when the run may begin: at once without a group, or when the group is its own. While commands are running of a
/// run whose engine is gone, that run has the turn.
pub(super) async fn wait(
    root: &Root,
    concurrency: Option<&Concurrency>,
    run: RunId,
    stops: &mut mpsc::UnboundedReceiver<Stop>,
    view: &mut dyn View,
) -> Result<Option<Turn>, Error> {
    let Some(concurrency) = concurrency else { return Ok(None) };
    let group = &concurrency.group.0;
    let mut told: Option<Holder> = None;
    let goes_on = |run: RunId| terminal::is_supervised(&root.runs().join(run.to_string()));
    loop {
        let holder = match repo::enter_group(root, group, run, goes_on)? {
            Entry::Mine(turn) => return Ok(Some(turn)),
            Entry::Taken(holder) => holder,
        };
        if concurrency.policy == Policy::Skip {
            let orphaned = holder.engine.is_none();
            let holder = holder.run.map(|run| run.to_string());
            return Err(Error::GroupBusy { group: group.clone(), holder, orphaned });
        }
        if told.as_ref() != Some(&holder) {
            tracing::debug!(group, ?holder, policy = ?concurrency.policy, "the group is taken");
            view.waiting(group, holder.run, holder.engine.is_none());
            if let (Policy::Replace, Some(engine)) = (concurrency.policy, holder.engine) {
                engine.terminate();
            }
            told = Some(holder);
        }
        tokio::select! {
            Some(_) = stops.recv() => return Err(Error::Interrupted),
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}
