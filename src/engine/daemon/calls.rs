//! What else than an arrival calls for a run: the clock, a push, a session. Each is told once, however often the watcher
//! dies meanwhile.

use super::intake::Wanted;
use super::reading::{Intent, Reading};
use super::{Daemon, Said};
use crate::engine::pushed::{read_push, spores_of_push};
use crate::model::{Cause, Letter, News, Policy, SessionMoment, Ticket, Triggers};
use crate::queue::{self, Fact, Phase};
use crate::repo;

impl Daemon<'_> {
    /// Calls for what the clock says.
    pub(super) fn keep_time(&mut self) -> Result<(), queue::Error> {
        let now = self.world.now();
        if self.log.state().paused().is_some_and(|pause| pause.until.is_some_and(|until| until <= now)) {
            self.log.append(vec![Fact::Unpaused])?;
        }
        let mut wanted = Vec::new();
        let mut facts = Vec::new();
        for due in self.timetable.due(now) {
            let (path, spore, line) = due.key;
            if due.missed > 0 {
                let message = format!("{} moments of `{line}` went by while nobody watched", due.missed);
                self.view.hear(&Said::Remark { about: path.clone(), message, hint: None });
            }
            facts.push(Fact::Fired { path: path.clone(), spore: spore.clone(), line, at: due.last });
            for at in due.moments {
                if let Some(before) = self.before(&path, &spore, &wanted, due.overlap) {
                    let message = format!("the run for {at} is left out: {before}");
                    self.view.hear(&Said::Remark { about: path.clone(), message, hint: None });
                    continue;
                }
                if let Some(mut one) = self.call_for(&path, &spore, Cause::Schedule { at }) {
                    if one.group.is_none() && due.overlap != Policy::Skip {
                        one.group = Some((timer_group(&path, &spore), due.overlap));
                    }
                    wanted.push(one);
                }
            }
        }
        if facts.is_empty() {
            return Ok(());
        }
        // In one write: a moment is never noted without its run, nor called for twice.
        self.enqueue(facts, wanted)
    }

    /// What of the same timetable keeps another run from being wanted.
    fn before(&self, path: &str, spore: &str, wanted: &[Wanted], overlap: Policy) -> Option<String> {
        let same = |ticket: &Ticket| {
            ticket.path == path && ticket.spore == spore && matches!(ticket.cause, Cause::Schedule { .. })
        };
        let earlier = self.log.state().tickets().filter(|waiting| same(&waiting.ticket));
        let in_way = |phase: &Phase| match phase {
            // One that may not run is enough, whoever waits for it.
            Phase::Pending { .. } => true,
            _ => overlap == Policy::Skip,
        };
        let mut in_the_way = earlier.filter(|waiting| in_way(&waiting.phase));
        if let Some(waiting) = in_the_way.next() {
            return Some(format!("run {} for an earlier moment has not ended", waiting.ticket.run));
        }
        let twice = overlap == Policy::Skip && wanted.iter().any(|one| same(&one.ticket));
        twice.then(|| "another one was missed as well".to_owned())
    }

    /// Makes a wanted run of the spore in a file as it is now.
    fn call_for(&mut self, path: &str, spore: &str, cause: Cause) -> Option<Wanted> {
        let file = self.root.join(path);
        match self.read(path, &file) {
            Ok(Some(reading)) => self.call_for_read(&reading, spore, cause),
            Ok(None) => None,
            Err(error) => {
                self.say_problem(path, error.to_string(), error.hint());
                None
            }
        }
    }

    fn call_for_read(&mut self, reading: &Reading, spore: &str, cause: Cause) -> Option<Wanted> {
        let place = reading.spores.iter().position(|one| one.id == spore)?;
        match reading.intent(&self.root, &self.project, place) {
            Intent::Runs(runs) => Some(self.wanted(&runs.0, &runs.1, cause)),
            Intent::Inert { because, hint } => {
                self.say_problem(&reading.source.path, because, hint);
                None
            }
            Intent::Bad(diagnostics) => {
                let first = diagnostics.iter().find(|one| one.is_error()).map(|one| one.message.clone());
                let hint = format!("see all of it: `spore check {}`", reading.source.path);
                self.say_problem(&reading.source.path, first.unwrap_or_default(), Some(hint));
                None
            }
        }
    }

    /// Reads what hooks have put into the inbox.
    pub(super) fn read_inbox(&mut self) -> Result<(), queue::Error> {
        let letters = match repo::read_letters(&self.root) {
            Ok(letters) => letters,
            Err(error) => {
                self.say_problem("inbox", error.to_string(), error.hint());
                return Ok(());
            }
        };
        for (path, letter) in letters {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if self.is_to_be_pulled(&name, letter.as_ref().ok()) {
                continue;
            }
            if !self.log.state().has_read(&name) {
                match letter {
                    Ok(letter) => self.read_letter(name, &letter)?,
                    Err(error) => {
                        self.say_problem("inbox", error.to_string(), error.hint());
                        continue;
                    }
                }
            }
            if let Err(error) = repo::discard_letter(&path) {
                self.say_problem("inbox", error.to_string(), error.hint());
            }
        }
        Ok(())
    }

    /// Whether a letter tells of a push into another repository, whose files come here by a pull: then it is read after that.
    fn is_to_be_pulled(&mut self, name: &str, letter: Option<&Letter>) -> bool {
        let Some(News::Push { repository, .. }) = letter.map(|letter| &letter.news) else { return false };
        let own = repo::hook_home(self.root.path()).map(|home| home.repository.display().to_string());
        if own.is_ok_and(|own| own == *repository) || !self.pulled.insert(name.to_owned()) {
            return false;
        }
        self.keeper.pull();
        true
    }

    fn read_letter(&mut self, name: String, letter: &Letter) -> Result<(), queue::Error> {
        let wanted = match &letter.news {
            News::Session { moment, session, event, .. } => self.called_by_session(*moment, session.as_deref(), event),
            news => {
                // The files of a commit may have arrived with it, or be about to.
                self.rescan_at = Some(self.world.now());
                self.called_by_push(news)
            }
        };
        // In one write with the tickets: either both are there, or the letter is read again.
        self.enqueue(vec![Fact::Read { letter: name }], wanted)
    }

    fn called_by_session(
        &mut self,
        moment: SessionMoment,
        session: Option<&str>,
        event: &serde_json::Value,
    ) -> Vec<Wanted> {
        let called: Vec<(String, String)> = self.triggered_by(|triggers| triggers.session.contains(&moment));
        let mut wanted = Vec::new();
        for (path, spore) in called {
            let cause = Cause::Session { moment, session: session.map(str::to_owned) };
            if let Some(mut one) = self.call_for(&path, &spore, cause) {
                one.ticket.event = Some(event.to_string());
                wanted.push(one);
            }
        }
        wanted
    }

    fn called_by_push(&mut self, news: &News) -> Vec<Wanted> {
        let pushed = match read_push(&self.root, news) {
            Ok((pushed, unread)) => {
                for error in unread {
                    self.say_problem("push", error.to_string(), error.hint());
                }
                pushed
            }
            Err(error) => {
                self.say_problem("push", error.to_string(), error.hint());
                return Vec::new();
            }
        };
        let spores = self.triggered.iter().flat_map(|(path, spores)| {
            spores.iter().map(move |(spore, triggers)| ((path.clone(), spore.clone()), triggers))
        });
        let called = spores_of_push(&pushed, spores).into_iter();
        let called: Vec<_> = called.map(|(key, by)| (key, by.branch.clone(), by.commit.clone())).collect();
        let mut wanted = Vec::new();
        for ((path, spore), branch, commit) in called {
            wanted.extend(self.call_for(&path, &spore, Cause::Push { branch, commit }));
        }
        wanted
    }

    fn triggered_by(&self, wanted: impl Fn(&Triggers) -> bool) -> Vec<(String, String)> {
        let spores = self.triggered.iter().flat_map(|(path, spores)| spores.iter().map(move |spore| (path, spore)));
        let called = spores.filter(|(_, (_, triggers))| wanted(triggers));
        called.map(|(path, (spore, _))| (path.clone(), spore.clone())).collect()
    }
}

/// The group that keeps the runs of one timetable apart.
fn timer_group(path: &str, spore: &str) -> String {
    format!("schedule of {path}#{spore}")
}
