//! The last flight: the result spore as a file, and as a commit where the folder or the person wants one.
//!
//! An engine can die on every step, and the next one takes all of them again. So each step first looks whether it was done:
//! however often a run is finished, it has one result, one commit and one tick in each box.

use std::path::PathBuf;

use super::{Error, Finished, Opened, World, checklist};
use crate::executor;
use crate::journal::{JOURNAL_FILE, Journal};
use crate::model::{AttemptId, Event, LogSize, RunRecord, Stream};
use crate::os::failpoint;
use crate::render;
use crate::repo::{self, Commit, IndexState, Message};
use crate::run::{Ran, compose_tail, tail_cursor};

/// Whether a result is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// At once.
    Now,
    /// Not at all.
    Never,
    /// The caller commits it, together with others: it is written, and its path returned.
    Later,
}

/// Where the result spore stands.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Its path, relative to the root.
    pub path: String,
    /// What became of the commit; `None` where nobody wanted one.
    pub commit: Option<Commit>,
    /// What did not go well with the page itself, though the result is written.
    pub page_remark: Option<String>,
    /// What kept the checklist from being ticked off, where it asks for that.
    pub checklist_remark: Option<String>,
    /// Whether anybody wanted a commit, and the folder says nothing about it.
    pub unasked: bool,
}

impl Kept {
    /// One line about what did not happen to the result, and how to have it.
    #[must_use]
    pub fn remark(&self) -> Option<String> {
        let commit = match &self.commit {
            Some(Commit::Skipped { reason, hint, .. }) => {
                let hint = hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
                Some(format!("the result is written, but not committed: {reason}{hint}"))
            }
            Some(Commit::Made { index: IndexState::Left { reason }, .. }) => Some(format!(
                "the result is committed, but git's index does not know it yet ({reason}): `git add {}`",
                self.path
            )),
            None if self.unasked => Some(
                "the result is only written; to have results committed: `--commit`, or `commit = true` in spore.toml"
                    .to_owned(),
            ),
            _ => None,
        };
        self.checklist_remark.clone().or_else(|| self.page_remark.clone()).or(commit)
    }

    /// The fact that it stands there.
    pub(super) fn event(&self) -> Event {
        Event::ResultWritten { path: self.path.clone(), commit: self.commit_id() }
    }

    /// Says so when the journal is no longer there, which only a command of the run itself can have brought about.
    pub(super) fn with_journal(mut self, journal: &Journal) -> Self {
        if !journal.run_dir().join(JOURNAL_FILE).exists() {
            let remark = "the journal was deleted during the run; only the result tells of it";
            self.page_remark.get_or_insert_with(|| remark.to_owned());
        }
        self
    }

    /// The commit that holds it.
    #[must_use]
    pub fn commit_id(&self) -> Option<String> {
        match &self.commit {
            Some(Commit::Made { id, .. }) => Some(id.clone()),
            _ => None,
        }
    }
}

/// Takes the steps that follow the last attempt: result, commit, checklist, and the record of them. `commit` is what was
/// said about committing; without it, what the folder says counts.
pub(super) fn finish(
    world: &World,
    opened: &Opened,
    journal: &mut Journal,
    mut ran: Ran,
    commit: Option<Wish>,
) -> Result<Finished, Error> {
    let kept = keep_result(opened, &mut ran, commit).map_err(|source| Error::Unkept {
        run: ran.record.run.to_string(),
        status: ran.record.status.word(),
        source: Box::new(source),
    });
    let mut kept = kept?;
    kept.checklist_remark = checklist::tick_off(opened, &ran.record);
    failpoint::reach("checklist-ticked");
    tracing::debug!(path = kept.path, commit = kept.commit_id(), "result written");
    let (at, written) = (world.now(), kept.event());
    ran.record.apply(at, &written);
    journal.append(&[(at, written)])?;
    // Whoever commits later has the run in hand until then, and the page itself is on disk: should this line be lost with
    // the machine's power, the page is found again.
    if commit != Some(Wish::Later) {
        journal.sync()?;
    }
    failpoint::reach("result-recorded");
    repo::unmark_run(&opened.root, ran.record.run);
    Ok(Finished { record: ran.record, kept: kept.with_journal(journal) })
}

/// Writes the result spore, and commits it when wanted. A commit that cannot be made is no error: the file is there.
fn keep_result(opened: &Opened, ran: &mut Ran, commit: Option<Wish>) -> Result<Kept, Error> {
    failpoint::reach("result-before");
    let (path, page_remark) = place(opened, ran)?;
    failpoint::reach("result-placed");
    let record = &ran.record;
    let of_folder = opened.project.commit.map(|wanted| if wanted { Wish::Now } else { Wish::Never });
    let wanted = commit.or(of_folder);
    let mut kept = Kept {
        path: opened.root.display(&path),
        commit: None,
        page_remark,
        checklist_remark: None,
        unasked: wanted.is_none(),
    };
    if wanted == Some(Wish::Now) {
        failpoint::reach("commit-before");
        kept.commit = Some(commit_once(opened, record, path));
        failpoint::reach("commit-made");
    }
    Ok(kept)
}

/// The result as a file: the one that is there, or a new one.
fn place(opened: &Opened, ran: &mut Ran) -> Result<(PathBuf, Option<String>), Error> {
    let (root, spore) = (&opened.root, ran.record.origin.spore.clone());
    if ran.record.resumed > 0 {
        if let Some(path) = repo::find_result(root, &spore, ran.record.run, ran.record.started)? {
            return Ok((path, None));
        }
        read_tails(opened, ran);
    }
    let (page, remark) = page(opened, ran);
    Ok((repo::write_result(root, &spore, ran.record.run, ran.record.started, &page)?, remark))
}

/// Reads the ends of the logs that an engine before this one has seen.
fn read_tails(opened: &Opened, ran: &mut Ran) {
    let record = &ran.record;
    let run_dir = opened.root.runs().join(record.run.to_string());
    for (id, task) in record.tasks.iter().filter(|(_, task)| task.status.is_bad()) {
        let known = ran.tails.iter().any(|(known, tail)| known == id && !tail.is_empty());
        let Some(last) = task.attempts.last().filter(|_| !known) else { continue };
        let attempt = AttemptId { run: record.run, task: id.clone(), number: last.number };
        let end = |stream: Stream, size: LogSize| {
            let read = |cursor| executor::read_log(&attempt.log_path(&run_dir, stream), &opened.project.limits, cursor);
            // What cannot be read is left out: the log itself is still there.
            tail_cursor(size).and_then(|cursor| read(cursor).ok()).map(|chunk| chunk.bytes).unwrap_or_default()
        };
        let tail = compose_tail(&end(Stream::Out, last.out), &end(Stream::Err, last.err));
        ran.tails.retain(|(known, _)| known != id);
        ran.tails.push((id.clone(), tail));
    }
}

fn commit_once(opened: &Opened, record: &RunRecord, path: PathBuf) -> Commit {
    let paths = [path];
    if let Some(commit) = (record.resumed > 0).then(|| repo::find_commit(&paths)).flatten() {
        return commit;
    }
    let subject = format!("{} {}", record.origin.spore, record.status.word());
    let message = Message::of_run(&subject, record.run, &record.origin.path);
    repo::commit_new(&opened.root, &paths, &message, opened.project.author.as_ref())
        .unwrap_or_else(|error| Commit::Skipped { reason: error.to_string(), hint: error.hint(), passes: true })
}

/// The page, by the folder's own template where it has a good one. A bad one must not cost the result.
fn page(opened: &Opened, ran: &Ran) -> (String, Option<String>) {
    let own = repo::read_template(&opened.root, "result.md");
    let plain = || render::result_page(&ran.record, &ran.tails, None).unwrap_or_else(|error| error.to_string());
    match own {
        Ok(None) => (plain(), None),
        Ok(Some(template)) => match render::result_page(&ran.record, &ran.tails, Some(&template)) {
            Ok(page) => (page, None),
            Err(error) => (plain(), Some(format!("`templates/result.md` was not used: {error}"))),
        },
        Err(error) => (plain(), Some(format!("`templates/result.md` was not used: {error}"))),
    }
}
