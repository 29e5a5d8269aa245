//! What may run: what the owner of the machine has decided, asked for each wanted run.

use super::reading::{Intent, Reading};
use super::{Daemon, Orders};
use crate::engine::{Error, Opened};
use crate::model::{Plan, RunId, Source};
use crate::repo::{Project, Root};

/// Why a wanted run must wait, as a fragment, and what would have it run.
pub(super) type Refusal = (String, Option<String>);

/// What was decided.
#[derive(Debug)]
pub(super) struct Trusted;

impl Trusted {
    pub(super) fn load(_orders: &Orders, _root: &Root, _project: &Project) -> Result<Self, Error> {
        Ok(Self)
    }
}

impl Daemon<'_> {
    pub(super) fn trust_word(&self) -> String {
        "open".into()
    }
    pub(super) fn load_trust(&mut self) {}
    pub(super) fn judge(&self, _opened: &Opened, _plan: &Plan) -> Result<(), Refusal> {
        Ok(())
    }
    /// Asks again for what waits; `None` when it cannot be planned any more.
    pub(super) fn judge_ticket(&self, run: RunId) -> Option<Result<(), Refusal>> {
        let ticket = &self.log.state().ticket(run)?.ticket;
        let text = self.log.text(run).ok()?;
        let reading = Reading::parse(&self.project, Source::new(ticket.path.clone(), text));
        let place = reading.spores.iter().position(|spore| spore.id == ticket.spore)?;
        match reading.intent(&self.root, &self.project, place) {
            Intent::Runs(runs) => Some(self.judge(&runs.0, &runs.1)),
            _ => None,
        }
    }
}
