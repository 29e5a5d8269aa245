//! Runs for people: the list of them, one of them in full, and the few lines at the end of one.

use std::fmt::Write as _;

use super::plan_text::scalar;
use super::report::RunsItem;
use super::run_line::title_beside;
use super::style::{Style, Tone, clean, columns, count, cut};
use super::table::{Cell, plain, table, toned};
use crate::model::{
    AttemptRecord, LogSize, Outcome, Resolution, RunId, RunRecord, RunStatus, TaskRecord, TaskStatus, Timestamp,
    format_duration,
};

/// Tasks that `spore show` lists one by one; more good ones are counted.
const SHOWN_TASKS_MAX: usize = 50;
/// Failed tasks that a summary names.
const NAMED_TASKS_MAX: usize = 8;

/// A status as people read it: `timed out`.
pub(crate) fn words(word: &str) -> String {
    word.replace('_', " ")
}

/// How an attempt ended, as people read it. Its reason is told elsewhere when `brief`.
pub(crate) fn outcome_words(outcome: &Outcome, brief: bool) -> String {
    let text = outcome.to_string();
    match (brief, outcome) {
        (true, Outcome::NotStarted { .. }) => "not started".to_owned(),
        (true, Outcome::Lost { .. }) => "lost".to_owned(),
        (true, Outcome::Failed { reason: Some(reason), .. }) => {
            text.strip_suffix(&format!(": {reason}")).map_or(text.clone(), str::to_owned)
        }
        _ => text,
    }
}

/// `just now`, `5m ago`, `3h ago`, `12d ago`, and the date for what is older than 30 days.
pub(super) fn ago(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.since(then).as_secs();
    match seconds {
        0..10 => "just now".to_owned(),
        10..60 => format!("{seconds}s ago"),
        60..3_600 => format!("{}m ago", seconds / 60),
        3_600..86_400 => format!("{}h ago", seconds / 3_600),
        86_400..2_592_000 => format!("{}d ago", seconds / 86_400),
        _ => then.to_string().chars().take(10).collect(),
    }
}

/// `12 succeeded, 1 failed, 1 skipped`, each in its colour.
pub(crate) fn counts_text<'a>(counts: impl IntoIterator<Item = (&'a str, usize)>, style: Style) -> String {
    let parts = counts.into_iter().map(|(word, number)| {
        let text = format!("{number} {}", words(word));
        match word {
            "succeeded" => style.paint(Tone::Good, &text),
            "failed" | "timed_out" | "not_started" | "lost" | "in_doubt" => style.paint(Tone::Bad, &text),
            "skipped" | "cancelled" => style.paint(Tone::Warn, &text),
            _ => text,
        }
    });
    parts.collect::<Vec<_>>().join(", ")
}

/// The list of `spore runs`, in the order given.
#[must_use]
pub fn runs_text(runs: &[RunsItem], now: Timestamp, style: Style) -> String {
    if runs.is_empty() {
        return "no runs yet\n".to_owned();
    }
    let rows: Vec<Vec<Cell>> = runs
        .iter()
        .map(|run| {
            let (mark, tone) = style.run_mark(run.status);
            let total: usize = run.tasks.values().sum();
            let good = ["succeeded", "done"].iter().filter_map(|word| run.tasks.get(*word)).sum::<usize>();
            let took = run.finished.map_or_else(|| "…".to_owned(), |end| format_duration(end.since(run.started)));
            vec![
                toned(tone, mark),
                plain(run.id.to_string()),
                toned(Tone::Strong, run.spore.clone()),
                toned(tone, words(run.status.word())),
                plain(format!("{good}/{total}")),
                plain(if run.finished.is_some() || style.unicode { took } else { String::from("...") }),
                toned(Tone::Dim, ago(run.started, now)),
            ]
        })
        .collect();
    table(&rows, 2, style)
}

/// One run in full, as `spore show` prints it.
#[must_use]
pub fn show_text(record: &RunRecord, now: Timestamp, style: Style) -> String {
    let mut text = status_line(record, now, style);
    let mut facts = vec![
        ("run", record.run.to_string()),
        (
            "file",
            format!("{}  {}", clean(&record.origin.path), style.paint(Tone::Dim, &record.origin.digest.short(12))),
        ),
        ("started", format!("{}  {}", record.started, style.paint(Tone::Dim, &ago(record.started, now)))),
    ];
    if !record.origin.params.is_empty() {
        let params = record.origin.params.iter().map(|(name, value)| format!("{name}={}", scalar(value)));
        facts.push(("params", clean(&params.collect::<Vec<_>>().join("  ")).into_owned()));
    }
    if let Some(earlier) = record.origin.retry_of {
        facts.push(("retry of", earlier.to_string()));
    }
    if let Some(because) = &record.stopped_because {
        facts.push(("stopped", clean(because).into_owned()));
    }
    if record.status == RunStatus::Orphaned {
        facts.push(("go on", format!("its engine is gone; `spore resume {}` goes on with it", record.run)));
    }
    if let Some(path) = &record.result_path {
        let commit = record.result_commit.as_deref().map_or(String::new(), |commit| {
            format!("  {}", style.paint(Tone::Dim, &format!("commit {}", commit.get(..12).unwrap_or(commit))))
        });
        facts.push(("result", format!("{path}{commit}")));
    } else if record.finished.is_some() {
        facts.push(("result", format!("not written; `spore resume {}` writes it", record.run)));
    }
    if record.status != RunStatus::Orphaned {
        facts.extend(record.unresolved().take(NAMED_TASKS_MAX).map(|task| ("lost", resolve_hint(task, record.run))));
    }
    for (name, value) in facts {
        let _ = writeln!(text, "  {} {value}", style.paint(Tone::Dim, &format!("{name:<9}")));
    }
    text.push('\n');
    text.push_str(&task_table(record, now, style));
    outputs_text(record, style, &mut text);
    text
}

/// `✗ nightly-report failed   12 succeeded, 1 failed   3.4s`
fn status_line(record: &RunRecord, now: Timestamp, style: Style) -> String {
    let (mark, tone) = style.run_mark(record.status);
    let dot = style.paint(Tone::Dim, style.dot());
    let counts = record.counts();
    let counts = counts.iter().map(|(status, number)| (status_word(*status, record.status), *number));
    let counts = counts_text(counts, style);
    let took = match record.status {
        // Nobody knows how long it went on.
        RunStatus::Orphaned => String::new(),
        _ => format!("{dot}{}", format_duration(record.finished.unwrap_or(now).since(record.started))),
    };
    let name = format!("{} {}", clean(&record.origin.spore), words(record.status.word()));
    format!("{} {}{dot}{counts}{took}\n", style.paint(tone, mark), style.paint(Tone::Strong, &name))
}

/// The word for where a task stands; nothing is lost as long as the run can go on.
fn status_word(status: TaskStatus, run: RunStatus) -> &'static str {
    if (status, run) == (TaskStatus::Lost, RunStatus::Orphaned) { "in_doubt" } else { status.word() }
}

fn task_table(record: &RunRecord, now: Timestamp, style: Style) -> String {
    let many = record.tasks.len() > SHOWN_TASKS_MAX;
    let mut good = 0;
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    for task in record.tasks.values() {
        good += usize::from(task.status.is_good());
        if many && task.status.is_good() && good > SHOWN_TASKS_MAX / 2 {
            continue;
        }
        rows.push(task_row(task, record, now, style));
    }
    let mut text = table(&rows, 5, style);
    let folded = record.tasks.len() - rows.len();
    if folded > 0 {
        let _ = writeln!(text, "{}", style.paint(Tone::Dim, &format!("  and {folded} more that are done")));
    }
    text
}

fn task_row(task: &TaskRecord, record: &RunRecord, now: Timestamp, style: Style) -> Vec<Cell> {
    let (mark, tone) = style.task_mark(task.status);
    let last = task.attempts.last();
    let orphaned = record.status == RunStatus::Orphaned;
    let how = last.and_then(|attempt| attempt.outcome.as_ref()).filter(|_| task.status.is_bad() && !orphaned);
    let word = || words(status_word(task.status, record.status));
    let how = how.map_or_else(word, |outcome| outcome_words(outcome, true));
    let elapsed = || task.attempts.first().map(|attempt| now.since(attempt.started));
    let took = task.duration().or_else(|| (!task.status.is_final()).then(elapsed).flatten());
    let attempts = task.attempts.len();
    let mut notes = Vec::new();
    notes.extend(title_beside(&task.declared.id, &task.declared.title).map(str::to_owned));
    notes.extend(task.because.clone());
    notes.extend(last.and_then(reason).filter(|_| !orphaned));
    notes.extend(said(task));
    notes.extend(last.map(|attempt| dropped(attempt.out, attempt.err)).filter(|text| !text.is_empty()));
    notes.extend(last.into_iter().flat_map(|attempt| attempt.remarks.clone()));
    vec![
        toned(tone, mark),
        toned(Tone::Strong, task.declared.id.to_string()),
        toned(tone, how),
        plain(took.map(format_duration).unwrap_or_default()),
        toned(Tone::Dim, if attempts > 1 { count(attempts, "attempt") } else { String::new() }),
        toned(Tone::Dim, notes.join(style.dot())),
    ]
}

/// What to type about a task that was lost.
fn resolve_hint(task: &TaskRecord, run: RunId) -> String {
    format!("spore resolve {run} {} --ran if it did what it should, or --rerun", task.declared.id)
}

/// What a person has said of a task that was lost.
fn said(task: &TaskRecord) -> Option<String> {
    let said = match task.resolution? {
        Resolution::Ran => "somebody has said that it ran",
        Resolution::Rerun => "somebody has said that it is to run again",
    };
    Some(said.to_owned())
}

fn reason(attempt: &AttemptRecord) -> Option<String> {
    match attempt.outcome.as_ref()? {
        Outcome::NotStarted { reason, .. } | Outcome::Failed { reason: Some(reason), .. } => Some(reason.clone()),
        Outcome::Lost { stage } => Some(stage.clone()),
        _ => None,
    }
}

/// What of a log was left out, or nothing.
fn dropped(out: LogSize, err: LogSize) -> String {
    match out.dropped_bytes + err.dropped_bytes {
        0 => String::new(),
        bytes => format!("{} of log left out", bytes_text(bytes)),
    }
}

/// `312 B`, `4.2 KiB`, `1.0 GiB`.
pub(crate) fn bytes_text(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut whole = bytes;
    let mut tenths = 0;
    while whole >= 1024 && unit + 1 < UNITS.len() {
        tenths = whole % 1024 * 10 / 1024;
        whole /= 1024;
        unit += 1;
    }
    if unit == 0 { format!("{whole} B") } else { format!("{whole}.{tenths} {}", UNITS[unit]) }
}

fn outputs_text(record: &RunRecord, style: Style, text: &mut String) {
    let mut rows = Vec::new();
    for task in record.tasks.values() {
        for (name, value) in &task.outputs {
            rows.push(vec![plain("  "), plain(format!("{}.{name}", task.declared.id)), plain(scalar(value))]);
        }
        for artifact in task.attempts.iter().flat_map(|attempt| &attempt.artifacts) {
            let name = format!("{}  {}", bytes_text(artifact.size_bytes), artifact.digest.short(12));
            rows.push(vec![plain("  "), plain(artifact.path.clone()), toned(Tone::Dim, name)]);
        }
    }
    if rows.is_empty() {
        return;
    }
    rows.truncate(SHOWN_TASKS_MAX);
    let _ = writeln!(text, "\n{}", style.paint(Tone::Dim, "  handed on"));
    text.push_str(&table(&rows, 2, style));
}

/// The calm end of a run: how it went, what failed, where the result is, and what one could do next. `remark` is one
/// line about the result spore, such as why it was not committed.
#[must_use]
pub fn summary_text(record: &RunRecord, remark: Option<&str>, style: Style) -> String {
    let end = record.finished.unwrap_or(record.started);
    let mut text = format!("\n{}", status_line(record, end, style));
    let bad: Vec<&TaskRecord> = record.tasks.values().filter(|task| task.status.is_bad()).collect();
    let id_width = bad.iter().map(|task| columns(task.declared.id.as_str())).max().unwrap_or(0).min(style.width / 2);
    for task in bad.iter().take(NAMED_TASKS_MAX) {
        let (mark, tone) = style.task_mark(task.status);
        let outcome = task.attempts.last().and_then(|attempt| attempt.outcome.as_ref());
        let how = outcome.map_or_else(|| words(task.status.word()), |outcome| outcome_words(outcome, false));
        let id = super::style::pad(&cut(task.declared.id.as_str(), id_width, style), id_width);
        // Not cut: what to do about it stands at its end.
        let how = clean(&how);
        let _ = writeln!(text, "  {} {id}  {}", style.paint(tone, mark), style.paint(Tone::Dim, &how));
    }
    if bad.len() > NAMED_TASKS_MAX {
        let _ = writeln!(text, "  and {} more", bad.len() - NAMED_TASKS_MAX);
    }
    let mut next: Vec<(&str, String)> = Vec::new();
    if let Some(path) = &record.result_path {
        let commit = record
            .result_commit
            .as_deref()
            .map_or(String::new(), |commit| format!(" (commit {})", commit.get(..8).unwrap_or(commit)));
        next.push(("result", format!("{path}{commit}")));
    }
    next.extend(remark.map(|remark| ("", clean(remark).into_owned())));
    if let Some(task) = bad.first() {
        next.push(("log", format!("spore logs {} {}", record.run, task.declared.id)));
    }
    if let Some(task) = record.unresolved().next() {
        next.push(("lost", resolve_hint(task, record.run)));
    } else if !matches!(record.status, RunStatus::Succeeded | RunStatus::Running) {
        next.push(("again", format!("spore retry {} --failed", record.run)));
    }
    for (name, value) in next {
        let _ = writeln!(text, "  {} {value}", style.paint(Tone::Dim, &format!("{name:<7}")));
    }
    text
}

/// What `spore resolve` answers, before anything runs.
#[must_use]
pub fn resolved_text(record: &RunRecord, task: &str, resolution: Resolution, style: Style) -> String {
    let task = clean(task);
    let mut text = match resolution {
        Resolution::Ran => format!("recorded: `{task}` ran, and counts as done\n"),
        Resolution::Rerun => format!("recorded: `{task}` is to run again\n"),
    };
    for task in record.unresolved() {
        let _ = writeln!(text, "  {} {}", style.paint(Tone::Dim, "lost   "), resolve_hint(task, record.run));
    }
    text
}

/// What the first Ctrl-C answers.
#[must_use]
pub fn stopping_text(tasks: usize) -> String {
    if tasks == 0 {
        return "stopping: nothing is running".to_owned();
    }
    let them = if tasks == 1 { "it" } else { "them" };
    format!("stopping: waiting for {}; press again to kill {them} at once", count(tasks, "task"))
}

/// What the second Ctrl-C answers.
#[must_use]
pub fn killing_text(tasks: usize) -> String {
    format!("killing {}", count(tasks, "task"))
}
