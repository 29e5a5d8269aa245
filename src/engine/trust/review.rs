//! What a person looks at to allow something, and what becomes of the answer. What is approved is what was read for the
//! look: a file that changes while the person reads is another one.

use std::path::Path;

use indexmap::IndexSet;

use super::super::Error;
use super::super::error::BadSpore;
use super::{Asked, Verdict, bind, judge_source, widening};
use crate::model::{Command, Digest, EnvValue, Source, Spore, Task, Timestamp, Work};
use crate::render::difference;
use crate::render::report::{
    ApprovalReport, ChangeReport, CommandReport, ScriptReport, SecretReport, TrustListReport, TrustReport, TrustState,
    TrustedCommand,
};
use crate::repo::{self, Project, Root};
use crate::trust::{Approval, Bound, Mode, Reference, Script, Settings, State};
use crate::{os, parse};

/// Bytes of a text that is kept with an approval, to show what has changed next time.
const KEPT_BYTES_MAX: usize = 256 << 10;

/// A spore to be looked at.
#[derive(Debug)]
pub struct Review {
    /// What there is to see.
    pub report: TrustReport,
    root: Root,
    project: Project,
    source: Source,
    approval: Approval,
}

impl Review {
    /// Whether a person is asked: not where another thing decides, and not for what cannot be approved.
    #[must_use]
    pub fn asks(&self) -> bool {
        self.report.counts && matches!(self.report.state, TrustState::New | TrustState::Changed)
    }

    /// Notes whether the spore would run by itself now.
    fn judge(&mut self, settings: &Settings) {
        let verdict = judge_source(settings, &self.root, &self.project, &self.source);
        (self.report.runs, self.report.because, self.report.hint) = match verdict {
            Verdict::Allowed { .. } => (true, None, None),
            Verdict::Pending { because, hint } | Verdict::Refused { because, hint } => (false, Some(because), hint),
        };
    }
}

/// Reads a spore, and all that its approval would be bound to.
///
/// # Errors
/// When it cannot be read, or has errors; or when the owner's settings cannot be read.
pub fn review(settings: &Settings, file: &Path) -> Result<Review, Error> {
    let root = Root::find(file)?;
    settings.check_root(root.path())?;
    let project = Project::load(&root)?;
    let source = repo::read_source(&root, file, &project.limits)?;
    let parsed = parse::parse(&source, &project.limits);
    if parsed.diagnostics.iter().any(crate::model::Diagnostic::is_error) {
        return Err(Error::Spore(Box::new(BadSpore { source, diagnostics: parsed.diagnostics })));
    }
    let bound = bind(&root, &source, &project.limits);
    let approvals = settings.approvals(root.path())?;
    let approved = approvals.find(bound.digest);
    let before = approvals.last_of(&source.path);
    let mut report = report(&source, &parsed.spores, &project, &bound);
    report.state = match (approved, before) {
        _ if bound.refused.is_some() => TrustState::Refused,
        (Some(_), _) => TrustState::Approved,
        (None, Some(_)) => TrustState::Changed,
        (None, None) => TrustState::New,
    };
    report.approved = approved.or(before).map(|approval| approval.at);
    if let Some(before) = before.filter(|_| report.state == TrustState::Changed) {
        report.changes = changes(before, &source, &bound.references);
    }
    report.warnings.extend(widening(&project));
    report.counts = Asked::of(settings.mode_of(root.path()).unwrap_or_default(), &project).approved;
    let approval = approval(&source, &bound);
    let mut review = Review { report, root, project, source, approval };
    review.judge(settings);
    Ok(review)
}

/// Approves what was looked at.
///
/// # Errors
/// When the settings cannot be written.
pub fn approve(settings: &Settings, reviews: &mut [Review], at: Timestamp) -> Result<(), Error> {
    for review in reviews.iter_mut() {
        if review.report.state != TrustState::Refused {
            settings.approve(review.root.path(), vec![Approval { at, ..review.approval.clone() }])?;
            (review.report.state, review.report.approved) = (TrustState::Approved, Some(at));
            review.judge(settings);
        }
    }
    Ok(())
}

/// What is decided and approved for the folder around `start`.
///
/// # Errors
/// When the settings cannot be read.
pub fn list_trust(settings: &Settings, start: &Path) -> Result<TrustListReport, Error> {
    let root = Root::find(start)?;
    let project = Project::load(&root)?;
    let decision = settings.decision(root.path());
    let asked = Asked::of(settings.mode_of(root.path()).unwrap_or_default(), &project);
    let asks = [(asked.signed, Mode::Signed), (asked.approved, Mode::Approve)];
    let asks = asks.into_iter().filter(|(asked, _)| *asked).map(|(_, mode)| mode.word().to_owned());
    let approvals = settings.approvals(root.path())?;
    let approvals = approvals.iter().rev().map(|approval| ApprovalReport {
        path: approval.path.clone(),
        digest: approval.digest,
        approved: approval.at,
    });
    Ok(TrustListReport {
        folder: root.path().display().to_string(),
        mode: decision.map(|decision| decision.mode.word().to_owned()),
        decided: decision.map(|decision| decision.decided),
        asks: asks.collect(),
        signers: decision.and_then(|decision| decision.signers.as_ref()).map(|path| path.display().to_string()),
        gpg: decision.map(|decision| decision.gpg.clone()).unwrap_or_default(),
        approvals: approvals.collect(),
        revoked: Vec::new(),
        warnings: widening(&project).into_iter().collect(),
    })
}

/// Takes approvals back: that of a digest (or its beginning), or all of a file.
///
/// # Errors
/// When there is none, or the settings cannot be written.
pub fn revoke(settings: &Settings, wanted: &str) -> Result<TrustListReport, Error> {
    let hex = wanted.strip_prefix("sha256:").unwrap_or(wanted);
    let is_digest = hex.len() >= 8 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    let start = Path::new(if is_digest { "." } else { wanted });
    let root = Root::find(start)?;
    let path = root.display(start);
    let gone = settings.revoke(root.path(), |approval| {
        (is_digest && approval.digest.short(64).starts_with(&hex.to_ascii_lowercase())) || approval.path == path
    })?;
    if gone.is_empty() {
        return Err(Error::NotApproved { wanted: wanted.to_owned() });
    }
    Ok(TrustListReport { revoked: gone, ..list_trust(settings, root.path())? })
}

/// Decides what may run in the folder around `dir`.
///
/// # Errors
/// When nobody may sign where a signature is asked for, or the settings cannot be written.
pub fn decide(
    settings: &mut Settings,
    dir: &Path,
    mode: Mode,
    signers: Option<&Path>,
    at: Timestamp,
) -> Result<TrustListReport, Error> {
    let root = Root::find(dir)?;
    settings.decide(root.path(), mode, signers, at)?;
    list_trust(settings, root.path())
}

/// Whether nobody has decided what may run in the folder around `dir`.
///
/// # Errors
/// When the folder is not there, or the settings may not decide about it.
pub fn is_undecided(settings: &Settings, dir: &Path) -> Result<bool, Error> {
    let root = Root::find(dir)?;
    settings.check_root(root.path())?;
    Ok(settings.mode_of(root.path()).is_none())
}

/// What may run in a folder that is to be watched: what `said` says for this process, else what was decided.
///
/// # Errors
/// [`Error::Undecided`] when nobody has decided; that of the settings when they may not decide about the folder.
pub fn wants_decision(settings: &mut Settings, root: &Root, said: Option<Mode>) -> Result<Mode, Error> {
    settings.check_root(root.path())?;
    if let Some(mode) = said {
        settings.say(root.path(), mode);
    }
    let undecided = || Error::Undecided { root: root.path().display().to_string() };
    let mode = settings.mode_of(root.path()).ok_or_else(undecided)?;
    if mode == Mode::Signed {
        settings.signers(root.path())?;
    }
    Ok(mode)
}

/// What to type to decide.
pub(in crate::engine) fn three_commands(root: &str) -> String {
    let root = os::shell_word(root);
    format!(
        "decide with one of: `spore trust --mode approve {root}` (you approve each spore), `spore trust --mode signed \
         --signers FILE {root}` (a signed commit is enough), `spore trust --mode open {root}` (all that lies in it runs)"
    )
}

fn kept(text: &str) -> Option<String> {
    (text.len() <= KEPT_BYTES_MAX).then(|| text.to_owned())
}

fn approval(source: &Source, bound: &Bound) -> Approval {
    let script =
        |reference: &Reference| Script { path: reference.path.clone(), text: reference.text.as_deref().and_then(kept) };
    Approval {
        digest: bound.digest,
        path: source.path.clone(),
        at: Timestamp(0),
        text: kept(&source.text),
        scripts: bound.references.iter().map(script).collect(),
    }
}

fn report(source: &Source, spores: &[Spore], project: &Project, bound: &Bound) -> TrustReport {
    let tasks =
        || spores.iter().flat_map(|spore| spore.tasks.iter().chain(&spore.finally).map(move |task| (spore, task)));
    let executor = |spore: &Spore, task: &Task| {
        let named = task.settings.executor.as_ref().or(spore.defaults.executor.as_ref());
        named.cloned().unwrap_or_else(|| "terminal".to_owned())
    };
    let commands = tasks().filter_map(|(spore, task)| {
        let Work::Command(command) = &task.work else { return None };
        let (command, language) = match command {
            Command::Script { language, text } => (CommandReport::Script(text.clone()), Some(language.to_string())),
            Command::Argv(words) => (CommandReport::Argv(words.iter().map(|word| word.0.clone()).collect()), None),
        };
        Some(TrustedCommand {
            spore: spore.id.clone(),
            task: task.id.clone(),
            executor: executor(spore, task),
            language,
            command,
        })
    });
    let images = tasks().filter_map(|(spore, task)| {
        let of_folder = || project.executors.get(&executor(spore, task)).and_then(|settings| settings.get("image"));
        let image = task.settings.with.get("image").or_else(|| spore.defaults.with.get("image")).or_else(of_folder)?;
        Some(image.as_str().map_or_else(|| image.to_string(), str::to_owned))
    });
    let env = spores.iter().flat_map(|spore| spore.env.iter().chain(&spore.defaults.env));
    let env = env.chain(tasks().flat_map(|(_, task)| &task.settings.env));
    let secrets: IndexSet<SecretReport> = env
        .filter_map(|(variable, value)| match value {
            EnvValue::Secret(secret) => {
                Some(SecretReport { name: secret.name.clone(), variable: variable.clone(), file: secret.file.clone() })
            }
            EnvValue::Text(_) => None,
        })
        .collect();
    TrustReport {
        path: source.path.clone(),
        digest: bound.digest,
        state: TrustState::New,
        approved: None,
        refused: bound.refused.clone(),
        executors: unique(tasks().map(|(spore, task)| executor(spore, task))),
        images: unique(images),
        agents: unique(tasks().filter_map(|(_, task)| task.agent.clone())),
        secrets: secrets.into_iter().collect(),
        commands: commands.collect(),
        scripts: bound.references.iter().map(script).collect(),
        made: bound.made.clone(),
        unclear: bound.unclear.clone(),
        changes: Vec::new(),
        counts: true,
        runs: false,
        because: None,
        hint: None,
        warnings: Vec::new(),
    }
}

fn unique(names: impl Iterator<Item = String>) -> Vec<String> {
    names.collect::<IndexSet<_>>().into_iter().collect()
}

fn script(reference: &Reference) -> ScriptReport {
    let counted = |bytes: &u64| format!("{bytes} byte{}", if *bytes == 1 { "" } else { "s" });
    let what = match &reference.state {
        State::File { bytes, .. } => counted(bytes),
        State::Outside { target, bytes, .. } => format!("{}, leads out of the folder, to `{target}`", counted(bytes)),
        State::System { target } => format!("a program of the system, `{target}`"),
        State::Missing => "not there".to_owned(),
        State::Unread { because } => format!("cannot be read: {because}"),
        State::TooLarge => "too large to be read".to_owned(),
    };
    let digest: Option<Digest> = match &reference.state {
        State::File { digest, .. } | State::Outside { digest, .. } => Some(*digest),
        _ => None,
    };
    ScriptReport { path: reference.path.clone(), what, digest, text: reference.text.clone() }
}

/// What is another text than when it was last approved, file by file.
fn changes(before: &Approval, source: &Source, references: &[Reference]) -> Vec<ChangeReport> {
    let mut changes = Vec::new();
    let mut compare = |path: &str, old: Option<&str>, new: Option<&str>| {
        if old != new {
            changes.push(ChangeReport {
                path: path.to_owned(),
                difference: difference(old.unwrap_or(""), new.unwrap_or("")),
            });
        }
    };
    if before.text.is_some() {
        compare(&source.path, before.text.as_deref(), Some(&source.text));
    }
    let old_of =
        |path: &str| before.scripts.iter().find(|script| script.path == path).and_then(|script| script.text.as_deref());
    for reference in references {
        compare(&reference.path, old_of(&reference.path), reference.text.as_deref());
    }
    for script in before.scripts.iter().filter(|script| references.iter().all(|now| now.path != script.path)) {
        compare(&script.path, script.text.as_deref(), None);
    }
    changes
}
