//! The lines that scroll by while a run goes on: one for each end of a task, its log tail when it failed.

use std::fmt::Write as _;
use std::time::Duration;

use super::page::tail_text;
use super::run_text::{outcome_words, words};
use super::style::{Style, Tone, clean, columns, cut, pad};
use crate::model::{RunRecord, TaskId, TaskRecord, TaskStatus, format_duration};

/// Columns of a task's name; longer ones are cut.
const NAME_COLUMNS_MAX: usize = 44;
/// Lines of a log tail shown when a task has failed.
const TAIL_LINES_MAX: usize = 20;

/// The title, where it says more than the id: not when the id was made of it.
pub(crate) fn title_beside<'a>(id: &TaskId, title: &'a str) -> Option<&'a str> {
    let title = title.trim();
    // Combinations of a matrix share the title of their task.
    let base = id.as_str().split('[').next().unwrap_or_default();
    let made_of_it = TaskId::slug(title).is_some_and(|slug| slug.as_str() == base);
    (!title.is_empty() && title != base && title != id.as_str() && !made_of_it).then_some(title)
}

/// What a task is called in a line: its id, and its title where that says more.
pub(crate) fn task_name(task: &TaskRecord, style: Style) -> String {
    let id = &task.declared.id;
    let name = match title_beside(id, &task.declared.title) {
        Some(title) => format!("{id} {}", clean(title)),
        None => id.to_string(),
    };
    cut(&name, NAME_COLUMNS_MAX.min((style.width / 2).max(12)), style).into_owned()
}

/// Columns that the name of every task fits into that is to run when the run begins.
pub(crate) fn name_width(record: &RunRecord, style: Style) -> usize {
    let open = record.tasks.values().filter(|task| !task.status.is_final());
    open.map(|task| columns(&task_name(task, style))).max().unwrap_or(0)
}

/// `✓ build  1.2s`, `✗ test  exit 1  3.4s  attempt 2`, `– deploy  skipped: needs test`.
pub(crate) fn task_line(task: &TaskRecord, width: usize, style: Style) -> String {
    let (mark, tone) = style.task_mark(task.status);
    let name = pad(&task_name(task, style), width);
    let took = task.duration().map(format_duration).unwrap_or_default();
    let mut line = format!("{} {name}", style.paint(tone, mark));
    if task.status.is_bad() {
        let outcome = task.attempts.last().and_then(|attempt| attempt.outcome.as_ref());
        let how = outcome.map_or_else(|| words(task.status.word()), |outcome| outcome_words(outcome, false));
        let room = style.width.saturating_sub(width + 24).max(16);
        let how = cut(&clean(&how), room, style).into_owned();
        let _ = write!(line, "  {}  {took}", style.paint(tone, &how));
        if task.attempts.len() > 1 {
            let _ = write!(line, "  {}", style.paint(Tone::Dim, &format!("attempt {}", task.attempts.len())));
        }
    } else if let TaskStatus::Skipped | TaskStatus::Done = task.status {
        let word = words(task.status.word());
        let why = task.because.as_deref().map_or_else(|| word.clone(), |because| format!("{word}: {because}"));
        let why = cut(&clean(&why), style.width.saturating_sub(width + 4).max(16), style).into_owned();
        let _ = write!(line, "  {}", style.paint(Tone::Dim, &why));
    } else {
        let _ = write!(line, "  {}", style.paint(Tone::Dim, &took));
        if task.attempts.len() > 1 {
            let _ = write!(line, "  {}", style.paint(Tone::Dim, &format!("attempt {}", task.attempts.len())));
        }
    }
    line.truncate(line.trim_end().len());
    line
}

/// `↻ test  exit 1  3.4s  attempt 2 in 2s`, where attempt `number` comes next. The record may know of later ones already.
pub(crate) fn retry_line(task: &TaskRecord, number: u32, wait: Duration, width: usize, style: Style) -> String {
    let mark = style.paint(Tone::Warn, style.pick("↻", "~"));
    let name = pad(&task_name(task, style), width);
    let last = task.attempts.iter().find(|attempt| attempt.number + 1 == number);
    let how = last.and_then(|attempt| attempt.outcome.as_ref()).map(|outcome| outcome_words(outcome, true));
    let how = how.unwrap_or_default();
    let took = last.and_then(|attempt| Some(format_duration(attempt.finished?.since(attempt.started))));
    let again = format!("attempt {number} in {}", format_duration(wait));
    let took = took.unwrap_or_default();
    format!("{mark} {name}  {}  {took}  {}", style.paint(Tone::Warn, &clean(&how)), style.paint(Tone::Dim, &again))
}

/// The end of a log, indented behind a line of its own; ends with a line end. Nothing for a log without text.
pub(crate) fn tail_lines(tail: &str, style: Style) -> String {
    let (tail, shortened) = tail_text(tail, TAIL_LINES_MAX, 16_000);
    if tail.trim().is_empty() {
        return String::new();
    }
    let bar = style.paint(Tone::Dim, style.pick("  │ ", "  | "));
    let mut text = String::new();
    if shortened {
        let _ = writeln!(text, "{bar}{}", style.paint(Tone::Dim, style.pick("…", "...")));
    }
    for line in tail.lines() {
        let line = line.replace('\t', "    ");
        let line = cut(line.trim_end(), style.width.saturating_sub(4), style);
        let _ = writeln!(text, "{}", format!("{bar}{}", style.paint(Tone::Dim, &line)).trim_end());
    }
    text
}
