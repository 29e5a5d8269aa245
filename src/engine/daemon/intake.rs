//! Files that arrived, changed or went: what they want is queued, durably, before anything is told of it.
//!
//! A content runs as often as there are files with it at the same time. So a file that was renamed, touched, or has again
//! what it once had, runs nothing.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use super::reading::{Intent, Reading};
use super::{Daemon, Said};
use crate::model::{Cause, Diagnostic, Digest, Problem, RunId, Ticket};
use crate::os::failpoint;
use crate::queue::{self, Fact, Phase};
use crate::render::Style;
use crate::repo::{Arrival, Changes};
use crate::{render, repo};

/// One wanted run, not noted yet.
pub(super) struct Wanted {
    pub(super) ticket: Ticket,
    pub(super) text: String,
    pub(super) group: Option<(String, crate::model::Policy)>,
    pub(super) pending: Option<(String, Option<String>)>,
}

impl Daemon<'_> {
    /// Takes in what a survey found.
    pub(super) fn take_in(&mut self, changes: Changes) -> Result<(), queue::Error> {
        for error in &changes.errors {
            self.say_problem("watch", error.to_string(), error.hint());
        }
        let none_went = changes.gone.is_empty();
        self.take_out(changes.gone.into_iter().map(|gone| gone.path).collect())?;
        let arrivals = self.without_renamed(changes.arrived)?;
        let mut facts = Vec::new();
        let mut wanted = Vec::new();
        let mut known = Vec::new();
        let mut only_results = none_went && !arrivals.is_empty();
        let mut spare = self.spare(&arrivals);
        for arrival in arrivals {
            if let Some(reading) = self.take_file(&arrival, &mut spare, &mut wanted, &mut facts) {
                only_results &= reading.is_result();
                known.push((arrival.path, reading.source.digest));
            }
        }
        if !known.is_empty() {
            facts.insert(0, Fact::Known { files: known });
        }
        if only_results {
            // Who looks at them once more finds the same, so nobody waits for the disk.
            return self.log.append(facts);
        }
        self.enqueue(facts, wanted)
    }

    /// How often each content that arrived has been there and is in no file now, the ones that the arrivals take the place
    /// of included: so often it runs nothing.
    fn spare(&self, arrivals: &[Arrival]) -> HashMap<Digest, u32> {
        let state = self.log.state();
        let mut spare: HashMap<_, _> = arrivals.iter().map(|one| (one.digest, state.remembered(&one.digest))).collect();
        for arrival in arrivals {
            if let Some(before) = state.known(&arrival.path).filter(|before| *before != arrival.digest)
                && let Some(times) = spare.get_mut(&before)
            {
                *times += 1;
            }
        }
        spare
    }

    /// Looks at one file; what was read is returned, when it was read.
    fn take_file(
        &mut self,
        arrival: &Arrival,
        spare: &mut HashMap<Digest, u32>,
        wanted: &mut Vec<Wanted>,
        facts: &mut Vec<Fact>,
    ) -> Option<Reading> {
        let path = &arrival.path;
        let reading = match self.read(path, &arrival.file) {
            Ok(Some(reading)) => reading,
            Ok(None) => return None,
            Err(error) => {
                self.say_problem(path, error.to_string(), error.hint());
                return None;
            }
        };
        let digest = reading.source.digest;
        self.problems.remove(path);
        facts.extend(self.register(path, &reading));
        let is_known = self.log.state().known(path) == Some(digest);
        let is_new = !is_known && {
            let spare = spare.entry(digest).or_insert_with(|| self.log.state().remembered(&digest));
            let was_there = *spare > 0;
            *spare = spare.saturating_sub(1);
            !was_there
        };
        if is_new && reading.spores.is_empty() && !self.is_first && reading.is_meant_as_spore() {
            self.tell_mistakes(path, &reading, &reading.diagnostics);
        }
        // Two spores of one file arrive together, and the first of them makes the contents known.
        if is_new {
            let origin = self.writer_of(arrival, &reading);
            for place in 0..reading.spores.len() {
                self.take_spore(path, &reading, place, origin, wanted);
            }
        }
        Some(reading)
    }

    fn tell_mistakes(&mut self, path: &str, reading: &Reading, diagnostics: &[Diagnostic]) {
        let text = render::diagnostics_text(&reading.source, diagnostics, Style::PLAIN);
        let first = diagnostics.iter().find(|diagnostic| diagnostic.is_error());
        let message = first.map_or_else(|| "it cannot run as it is".to_owned(), |first| first.message.clone());
        let hint = Some(format!("see all of it: `spore check {path}`"));
        self.problems.insert(path.to_owned(), Problem { about: path.to_owned(), message, hint });
        self.view.hear(&Said::Remark { about: path.to_owned(), message: text, hint: None });
    }

    fn take_spore(
        &mut self,
        path: &str,
        reading: &Reading,
        place: usize,
        origin: (Option<RunId>, u32),
        wanted: &mut Vec<Wanted>,
    ) {
        match reading.intent(&self.root, &self.project, place) {
            Intent::Inert { because, hint } => {
                if hint.is_some() && !self.is_first {
                    self.view.hear(&Said::Inert { path: path.to_owned(), because, hint });
                }
            }
            Intent::Bad(diagnostics) => self.tell_mistakes(path, reading, &diagnostics),
            Intent::Runs(runs) => {
                if !reading.spores[place].triggers.by_drop() {
                    return;
                }
                if self.is_first && !self.orders.existing {
                    self.left_alone += 1;
                    return;
                }
                let (written_by, depth) = origin;
                let depth_max = self.project.watch.depth_max;
                if depth > depth_max {
                    let message = format!("it is the end of a chain of {depth} runs that wrote one another's files");
                    let hint = format!("if that is meant: `spore run {path}`, or raise `depth_max` in spore.toml");
                    return self.say_problem(path, message, Some(hint));
                }
                let (opened, plan) = *runs;
                let mut one = self.wanted(&opened, &plan, Cause::Drop);
                (one.ticket.written_by, one.ticket.depth) = (written_by, depth);
                wanted.push(one);
            }
        }
    }

    /// The file as it is to be run: as it stands, or as it is committed where the folder says so. `None` when it is not
    /// committed as it stands.
    pub(super) fn read(&self, path: &str, file: &std::path::Path) -> Result<Option<Reading>, repo::Error> {
        if !self.project.watch.committed_only {
            return Reading::of(&self.root, &self.project, file).map(Some);
        }
        match repo::read_committed(&self.root, &self.root.join(path), &self.project.limits) {
            Ok(source) => Ok(Some(Reading::parse(&self.project, source))),
            Err(repo::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Remembers what else than its arrival starts the spores of a file.
    pub(super) fn register(&mut self, path: &str, reading: &Reading) -> Vec<Fact> {
        let now = self.world.now();
        let spores: Vec<_> =
            reading.triggered().map(|(spore, triggers)| (spore.to_owned(), triggers.clone())).collect();
        let timers = spores
            .iter()
            .flat_map(|(spore, triggers)| triggers.schedule.iter().map(move |timer| (spore.clone(), timer.clone())));
        let new = self.timetable.take(path, timers.collect(), self.log.state(), now);
        let mut facts: Vec<_> =
            new.into_iter().map(|(path, spore, line)| Fact::Fired { path, spore, line, at: now }).collect();
        let is_noted = self.log.state().is_triggered(path);
        if is_noted == spores.is_empty() {
            facts.push(Fact::Triggered { path: path.to_owned(), is: !spores.is_empty() });
        }
        if spores.is_empty() {
            self.triggered.remove(path);
        } else {
            self.triggered.insert(path.to_owned(), spores);
        }
        facts
    }

    /// Makes a wanted run of a spore that was planned.
    pub(super) fn wanted(&self, opened: &super::super::Opened, plan: &crate::model::Plan, cause: Cause) -> Wanted {
        let ticket = Ticket {
            run: self.world.new_run(),
            at: self.world.now(),
            path: opened.source.path.clone(),
            spore: plan.spore.clone(),
            digest: opened.source.digest,
            cause,
            priority: opened.spore.priority,
            written_by: None,
            depth: 0,
            event: None,
        };
        let group = plan.concurrency.as_ref().map(|concurrency| (concurrency.group.0.clone(), concurrency.policy));
        let pending = self.judge(opened).err();
        Wanted { ticket, text: opened.source.text.clone(), group, pending }
    }

    /// Notes wanted runs, durably, with `facts` in the same write, and only then tells of them.
    pub(super) fn enqueue(&mut self, mut facts: Vec<Fact>, wanted: Vec<Wanted>) -> Result<(), queue::Error> {
        let mut said = Vec::with_capacity(wanted.len());
        facts.reserve(wanted.len());
        for Wanted { ticket, text, group, pending } in wanted {
            let (run, path, cause) = (ticket.run, ticket.path.clone(), ticket.cause.clone());
            self.groups.extend(group.map(|group| (run, group)));
            let because = pending.as_ref().map(|(because, _)| because.clone());
            facts.push(Fact::Queued { ticket: Box::new(ticket), text, pending: because });
            said.push(match pending {
                None => Said::Queued { run, path, cause },
                Some((because, hint)) => {
                    self.hints.extend(hint.clone().map(|hint| (run, hint)));
                    Said::Pending { run, path, because, hint }
                }
            });
        }
        self.log.append(facts)?;
        failpoint::reach("tickets-written");
        self.log.sync()?;
        failpoint::reach("tickets-synced");
        for said in &said {
            self.view.hear(said);
        }
        Ok(())
    }

    /// Files are gone: what they want and has not begun is withdrawn.
    fn take_out(&mut self, gone: Vec<String>) -> Result<(), queue::Error> {
        if gone.is_empty() {
            return Ok(());
        }
        let gone: HashSet<String> = gone.into_iter().collect();
        let not_begun = self.log.state().tickets().filter(|waiting| waiting.phase != Phase::Running);
        let orphans = not_begun.filter(|waiting| gone.contains(&waiting.ticket.path));
        let withdrawn: Vec<_> = orphans.map(|waiting| (waiting.ticket.run, waiting.ticket.path.clone())).collect();
        let because = "its file is gone";
        let mut facts = Vec::new();
        for (run, _) in &withdrawn {
            facts.push(Fact::Withdrawn { run: *run, because: because.to_owned(), forgotten: true });
        }
        for path in &gone {
            self.timetable.remove(path);
            self.problems.remove(path);
            if self.triggered.remove(path).is_some() {
                facts.push(Fact::Triggered { path: path.clone(), is: false });
            }
        }
        facts.push(Fact::Gone { files: gone.into_iter().collect() });
        self.log.append(facts)?;
        for (run, path) in withdrawn {
            self.forget_ticket(run);
            self.view.hear(&Said::Withdrawn { run, path, because: because.to_owned() });
        }
        Ok(())
    }

    /// A file whose contents are known from another file that is not there any more, or is another one by now, was renamed,
    /// even if nobody has told yet what became of the other.
    fn without_renamed(&mut self, arrivals: Vec<Arrival>) -> Result<Vec<Arrival>, queue::Error> {
        let arrived: HashSet<Digest> = arrivals.iter().map(|arrival| arrival.digest).collect();
        let here: HashSet<&str> = arrivals.iter().map(|arrival| arrival.path.as_str()).collect();
        let mut elsewhere: HashMap<Digest, Vec<String>> = HashMap::new();
        for (path, digest) in self.log.state().known_files() {
            if arrived.contains(&digest) && !here.contains(path) {
                elsewhere.entry(digest).or_default().push(path.to_owned());
            }
        }
        let (mut gone, mut changed) = (Vec::new(), Vec::new());
        for (digest, paths) in elsewhere {
            for path in paths {
                match std::fs::read(self.root.join(&path)) {
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => gone.push(path),
                    Ok(bytes) if Digest::of(&bytes) != digest => changed.push(path),
                    _ => {}
                }
            }
        }
        self.take_out(gone)?;
        if !changed.is_empty() {
            // What they want now is told when they arrive; what they wanted before is not withdrawn.
            self.log.append(vec![Fact::Gone { files: changed }])?;
        }
        Ok(arrivals)
    }

    /// The run that wrote a file, as far as can be told.
    fn writer_of(&self, arrival: &Arrival, reading: &Reading) -> (Option<RunId>, u32) {
        let Some(written) = modified_ms(&arrival.file) else { return (None, 0) };
        let spores: Vec<&str> = reading.spores.iter().map(|spore| spore.id.as_str()).collect();
        self.lineage.writer(&arrival.path, &spores, written)
    }
}

fn modified_ms(file: &PathBuf) -> Option<i64> {
    let modified = std::fs::metadata(file).ok()?.modified().ok()?;
    i64::try_from(modified.duration_since(std::time::UNIX_EPOCH).ok()?.as_millis()).ok()
}
