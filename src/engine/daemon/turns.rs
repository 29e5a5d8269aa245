//! Whose turn it is, and beginning it.

use super::super::resume::Pace;
use super::super::{Found, Guard, Request, Wish, orphan};
use super::crew::Work;
use super::reading::{Intent, Reading};
use super::{Daemon, Said};
use crate::executor::terminal;
use crate::model::{Policy, RunId, Source, Ticket};
use crate::os::failpoint;
use crate::queue::{self, Busy, Candidate, Choice, Fact, Phase, choose};
use crate::repo::Pull;
use crate::{journal, repo};

impl Daemon<'_> {
    /// Begins what can begin.
    pub(super) fn take_turns(&mut self) -> Result<(), queue::Error> {
        loop {
            while self.crew.has_room()
                && let Some(ticket) = self.adoptions.pop_front()
            {
                self.adopt(&ticket)?;
            }
            let Some(choice) = self.next_choice() else { return Ok(()) };
            match choice {
                Choice::Begin(run) => self.begin(run)?,
                Choice::Skip { run, holder } => {
                    self.withdraw(run, &format!("run {holder} of its group is under way"), false)?;
                }
                Choice::Replace { run, holder } => {
                    self.crew.stop(holder, false);
                    // From here on it waits for the end of the other like any that is queued.
                    if let Some((_, policy)) = self.groups.get_mut(&run) {
                        *policy = Policy::Queue;
                    }
                }
            }
        }
    }

    pub(super) fn next_choice(&self) -> Option<Choice> {
        let state = self.log.state();
        let now = self.world.now();
        if state.paused().is_some() {
            return None;
        }
        let queued = state.tickets().filter(|waiting| waiting.phase == Phase::Queued);
        let ready = queued.filter(|waiting| self.again_at.get(&waiting.ticket.run).is_none_or(|at| *at <= now));
        let candidates = ready.map(|waiting| Candidate {
            run: waiting.ticket.run,
            spore: &waiting.ticket.spore,
            priority: waiting.ticket.priority,
            group: self.groups.get(&waiting.ticket.run).map(|(group, policy)| (group.as_str(), *policy)),
        });
        let busy: Vec<Busy<'_>> = self
            .crew
            .members()
            .map(|(run, member)| Busy { run, spore: &member.spore, group: member.group.as_deref() })
            .collect();
        choose(candidates, &busy, self.crew.has_room())
    }

    /// Begins a run whose turn it is, if it still may.
    fn begin(&mut self, run: RunId) -> Result<(), queue::Error> {
        let Some(ticket) = self.log.state().ticket(run).map(|waiting| waiting.ticket.clone()) else { return Ok(()) };
        if !self.is_fresh(&ticket)? {
            return self.log.append(vec![Fact::Begun { run }]);
        }
        let text = match self.log.text(run) {
            Ok(text) => text,
            Err(error) => return self.withdraw(run, &error.to_string(), false),
        };
        let source = Source::new(ticket.path.clone(), text);
        let reading = Reading::parse(&self.project, source.clone());
        let place = reading.spores.iter().position(|spore| spore.id == ticket.spore).unwrap_or(0);
        if reading.spores.is_empty() {
            return self.withdraw(run, "it holds no spore any more", false);
        }
        let opened = match reading.intent(&self.root, &self.project, place) {
            Intent::Runs(runs) => runs.0,
            Intent::Inert { because, .. } => return self.withdraw(run, &because, false),
            Intent::Bad(diagnostics) => {
                let first = diagnostics.first().map_or_else(String::new, |first| first.message.clone());
                return self.withdraw(run, &format!("it cannot run: {first}"), false);
            }
        };
        // What was allowed when it was queued may not be any more.
        let guard = match self.judge(&opened) {
            Ok(guard) => guard,
            Err((because, hint)) => return self.hold(run, because, hint),
        };
        self.log.append(vec![Fact::Begun { run }])?;
        failpoint::reach("ticket-begun");
        let request = Request {
            file: self.root.path().to_path_buf(),
            spore: Some(ticket.spore.clone()),
            commit: Some(self.wish()),
            new: true,
            run: Some(run),
            source: Some(source),
            cause: Some(ticket.cause.clone()),
            written_by: ticket.written_by,
            depth: ticket.depth,
            event: ticket.event.clone(),
            guard: Some(guard),
            ..Request::default()
        };
        let git = &self.project.git;
        let pull = (git.pull == Pull::BeforeRun).then(|| (self.root.clone(), git.remote.clone()));
        self.set_off(&ticket, Work::Begin { request: Box::new(request), pull }, false)
    }

    /// Whether results are to be committed, by the watcher itself and later.
    pub(super) fn wish(&self) -> Wish {
        if self.project.commit == Some(true) { Wish::Later } else { Wish::Never }
    }

    pub(super) fn set_off(&mut self, ticket: &Ticket, work: Work, resumed: bool) -> Result<(), queue::Error> {
        let group = self.groups.get(&ticket.run).map(|(group, _)| group.clone());
        self.lineage.begin(ticket, work.text(), self.world.now().0);
        match self.crew.begin(self.world, ticket, group, work) {
            Ok(()) => {
                let (run, path, spore) = (ticket.run, ticket.path.clone(), ticket.spore.clone());
                self.view.hear(&Said::Began { run, path, spore, resumed });
                Ok(())
            }
            Err(error) => {
                // The machine has no thread left: later, then.
                self.lineage.end(ticket.run, self.world.now().0);
                self.say_problem("watch", format!("no run can begin: {error}"), None);
                self.try_again_later(ticket.run)
            }
        }
    }

    /// After a restart: what was wanted and had begun goes on where it was, what had not begins anew.
    pub(super) fn take_up(&mut self) -> Result<(), queue::Error> {
        let tickets: Vec<_> = self.log.state().tickets().map(|w| (w.ticket.clone(), w.phase.clone())).collect();
        for (ticket, phase) in tickets {
            self.regroup(&ticket);
            if self.is_fresh(&ticket)? && phase == Phase::Running {
                self.log.append(vec![Fact::Allowed { run: ticket.run }])?;
            }
        }
        let _ = repo::empty_trash(&self.root);
        self.take_up_others();
        Ok(())
    }

    /// Whether nothing of a wanted run has happened yet. Otherwise what is missing of it is set about.
    fn is_fresh(&mut self, ticket: &Ticket) -> Result<bool, queue::Error> {
        let run = ticket.run;
        let run_dir = self.root.runs().join(run.to_string());
        if !run_dir.exists() {
            return Ok(true);
        }
        if orphan::never_began(&run_dir) {
            // Nothing of it ever happened but its folder.
            if let Err(error) = repo::discard_run(&self.root, run) {
                self.say_problem("watch", error.to_string(), error.hint());
            }
            repo::unmark_run(&self.root, run);
            return Ok(true);
        }
        match journal::record(&run_dir) {
            Ok((Some(record), _)) if record.result_path.is_some() => self.note_end(&record)?,
            _ if self.adoptions.iter().any(|one| one.run == run) || self.crew.get(run).is_some() => {}
            _ => self.adoptions.push_back(ticket.clone()),
        }
        Ok(false)
    }

    /// Goes on with runs that others have left behind.
    pub(super) fn take_up_others(&mut self) {
        let orphans = match orphan::list(&self.root) {
            Ok(orphans) => orphans,
            Err(error) => {
                self.say_problem("watch", error.to_string(), error.hint());
                return;
            }
        };
        for record in orphans {
            let run = record.run;
            let is_known = self.crew.get(run).is_some()
                || self.given_up.contains(&run)
                || self.adoptions.iter().any(|ticket| ticket.run == run);
            if is_known || self.log.state().ticket(run).is_some() || orphan::has_result(&self.root, run).unwrap_or(true)
            {
                continue;
            }
            let ticket = Ticket {
                run,
                at: record.started,
                path: record.origin.path.clone(),
                spore: record.origin.spore.clone(),
                digest: record.origin.digest,
                cause: record.origin.cause.clone().unwrap_or(crate::model::Cause::Drop),
                priority: 0,
                written_by: record.origin.written_by,
                depth: record.origin.depth,
                event: None,
            };
            self.adoptions.push_back(ticket);
        }
    }

    fn adopt(&mut self, ticket: &Ticket) -> Result<(), queue::Error> {
        let run = ticket.run;
        let found = Found { root: self.root.clone(), run };
        let source = self.log.text(run).ok().map(|text| Source::new(ticket.path.clone(), text));
        let guard = match self.judge_run(&found, source.clone()) {
            Ok(guard) => guard,
            // What was allowed when it began need not be any more: what runs goes on to its end, and nothing else starts.
            Err((because, _)) if terminal::is_supervised(&found.run_dir()) => Guard::never(&ticket.path, because),
            Err((because, hint)) => return self.leave_alone(ticket, because, hint),
        };
        if self.log.state().ticket(run).is_some() {
            self.log.append(vec![Fact::Begun { run }])?;
        }
        let (commit, event) = (Some(self.wish()), ticket.event.clone());
        let pace = Pace { commit, guard: Some(guard), source, event, ..Pace::default() };
        self.set_off(ticket, Work::Resume(found, pace), true)
    }

    /// A run that was broken off may not go on by itself. The folder of a run is no proof that anybody ever allowed it: it
    /// may have come with the files.
    fn leave_alone(&mut self, ticket: &Ticket, because: String, hint: Option<String>) -> Result<(), queue::Error> {
        let run = ticket.run;
        if self.log.state().ticket(run).is_some() {
            return self.hold(run, because, hint);
        }
        let message = format!("run {run} was broken off, and may not go on by itself: {because}");
        self.say_problem(&ticket.path, message, Some(format!("if you know it: `spore resume {run}` goes on with it")));
        Ok(())
    }

    /// What group a ticket belongs to is not written down: its plan tells.
    fn regroup(&mut self, ticket: &Ticket) {
        let Ok(text) = self.log.text(ticket.run) else { return };
        let reading = Reading::parse(&self.project, Source::new(ticket.path.clone(), text));
        let Some(place) = reading.spores.iter().position(|spore| spore.id == ticket.spore) else { return };
        if let Intent::Runs(runs) = reading.intent(&self.root, &self.project, place) {
            let group = runs.1.concurrency.as_ref().map(|one| (one.group.0.clone(), one.policy));
            self.groups.extend(group.map(|group| (ticket.run, group)));
        }
    }
}
