//! What may run: what the owner of the machine has decided, asked for each wanted run when it is queued and again when it
//! begins.

use super::reading::{Intent, Reading};
use super::{Daemon, Orders};
use crate::engine::trust::{Guard, Verdict, judge, wants_decision, widening};
use crate::engine::{Error, Found, Opened, open};
use crate::journal;
use crate::model::{RunId, Source};
use crate::repo::Root;
use crate::trust::{Mode, Settings};

/// Why a wanted run must wait, as a fragment, and what would have it run.
pub(super) type Refusal = (String, Option<String>);

/// What was decided.
#[derive(Debug)]
pub(super) struct Trusted {
    settings: Settings,
    mode: Mode,
}

impl Trusted {
    /// Reads what was decided, and what the command line says for this time.
    pub(super) fn load(orders: &Orders, root: &Root) -> Result<Self, Error> {
        let mut settings = Settings::load()?;
        // Who only empties the inbox asks nobody: without a decision, what arrives waits for approval.
        let fallback = orders.once.then(Mode::default);
        let said = orders.trust.or_else(|| fallback.filter(|_| settings.mode_of(root.path()).is_none()));
        let mode = wants_decision(&mut settings, root, said)?;
        Ok(Self { settings, mode })
    }

    /// Where the decisions are kept.
    pub(super) fn folder(&self) -> &std::path::Path {
        self.settings.folder()
    }
}

impl Daemon<'_> {
    /// What may run, in one word.
    pub(super) fn trust_word(&self) -> String {
        self.trust.mode.word().to_owned()
    }

    /// Reads again what was decided. What was decided before goes on to count where that cannot be read.
    pub(super) fn load_trust(&mut self) {
        match Trusted::load(self.orders, &self.root) {
            Ok(trust) => {
                self.trust = trust;
                self.problems.remove("trust");
            }
            Err(error) => self.say_problem("trust", error.to_string(), error.hint()),
        }
        if let Some(warning) = widening(&self.project) {
            self.say_problem("spore.toml", warning, None);
        }
    }

    /// Whether a spore may run, as it was read.
    pub(super) fn judge(&self, opened: &Opened) -> Result<Guard, Refusal> {
        match judge(&self.trust.settings, opened) {
            Verdict::Allowed { guard, .. } => Ok(guard),
            Verdict::Pending { because, hint } | Verdict::Refused { because, hint } => Err((because, hint)),
        }
    }

    /// Whether a run that was broken off may go on, by the text that it goes on with; `known` is that of its ticket.
    pub(super) fn judge_run(&self, found: &Found, known: Option<Source>) -> Result<Guard, Refusal> {
        let run_dir = found.run_dir();
        // Without a record or a copy nothing can start; going on says so.
        let nothing_starts = || Ok(Guard::never("", "it cannot be read".to_owned()));
        let Ok((Some(record), _)) = journal::record(&run_dir) else { return nothing_starts() };
        if record.finished.is_some() {
            return nothing_starts();
        }
        match open::reopen(self.root.clone(), &run_dir, &record, known) {
            Ok(opened) => self.judge(&opened),
            Err(_) => nothing_starts(),
        }
    }

    /// Asks for a wanted run, as it was queued; `None` when it cannot be planned any more.
    pub(super) fn judge_ticket(&self, run: RunId) -> Option<Result<Guard, Refusal>> {
        let ticket = &self.log.state().ticket(run)?.ticket;
        let text = self.log.text(run).ok()?;
        let reading = Reading::parse(&self.project, Source::new(ticket.path.clone(), text));
        let place = reading.spores.iter().position(|spore| spore.id == ticket.spore)?;
        match reading.intent(&self.root, &self.project, place) {
            Intent::Runs(runs) => Some(self.judge(&runs.0)),
            _ => None,
        }
    }
}
