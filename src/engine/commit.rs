//! The last flight: the result spore as a file, and as a commit where the folder or the person wants one.

use super::{Error, Opened};
use crate::journal::{JOURNAL_FILE, Journal};
use crate::model::{Event, RunRecord, Timestamp};
use crate::render;
use crate::repo::{self, Commit, IndexState, Message};
use crate::run::Ran;

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
            Some(Commit::Skipped { reason, hint }) => {
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

/// Writes the result spore of an earlier run that has none: the disk was full, or its engine died. It is a courtesy to
/// the past: what keeps it from being written must not keep the next run from beginning, so nobody is told.
pub(super) fn keep_missing(opened: &Opened, record: &RunRecord, commit: Option<bool>, now: Timestamp) {
    if record.result_path.is_some() {
        return;
    }
    let run_dir = opened.root.runs().join(record.run.to_string());
    let Ok((mut journal, _)) = Journal::open(&run_dir) else { return };
    let ran = Ran { record: record.clone(), tails: Vec::new() };
    let kept = keep_result(opened, &ran, commit);
    let _ = kept.map(|kept| journal.append(&[(now, kept.event())]).and_then(|()| journal.sync()));
}

/// Writes the result spore, and commits it when wanted. A commit that cannot be made is no error: the file is there.
pub(super) fn keep_result(opened: &Opened, ran: &Ran, commit: Option<bool>) -> Result<Kept, Error> {
    let (page, page_remark) = page(opened, ran);
    let record = &ran.record;
    let path = repo::write_result(&opened.root, &record.origin.spore, record.run, record.started, &page)?;
    let unasked = commit.or(opened.project.commit).is_none();
    let mut kept =
        Kept { path: opened.root.display(&path), commit: None, page_remark, checklist_remark: None, unasked };
    if commit.or(opened.project.commit).unwrap_or(false) {
        let subject = format!("{} {}", record.origin.spore, record.status.word());
        let message = Message::of_run(&subject, record.run, &record.origin.path);
        match repo::commit_new(&opened.root, &[path], &message, opened.project.author.as_ref()) {
            Ok(commit) => kept.commit = Some(commit),
            Err(error) => kept.commit = Some(Commit::Skipped { reason: error.to_string(), hint: error.hint() }),
        }
    }
    Ok(kept)
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
