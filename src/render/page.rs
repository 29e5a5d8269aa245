//! The result spore: a page about one run that is a pleasure to read where git shows it.
//!
//! The body is a template that a folder can replace; the front matter is always ours, because it is what says that this
//! file never starts a run. Whatever commands and authors wrote comes in as values: no text of theirs is ever read as a
//! template, and filters make it harmless for markdown.

use std::fmt::Write as _;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, context};
use serde::Serialize;

use super::front::{front_text, result_front};
use super::plan_text::scalar;
use super::run_line::title_beside;
use super::run_text::{bytes_text, counts_text, outcome_words, words};
use super::style::{Style, clean, cut, without_escapes};
use crate::model::{Limits, RunId, RunRecord, TaskId, TaskRecord, format_duration};

/// The page that Spore writes when the folder has none of its own in `templates/result.md`.
pub const RESULT_TEMPLATE: &str = include_str!("../../templates/result.md");

/// Rows of the table of tasks; more good ones are counted.
const ROWS_MAX: usize = 50;
/// Rows for tasks that did not go well.
const BAD_ROWS_MAX: usize = 200;
/// Failed tasks whose log is shown.
const TAILS_MAX: usize = 10;
/// Bytes of one log tail.
const TAIL_BYTES_MAX: usize = 6_000;
/// Lines of one log tail.
const TAIL_LINES_MAX: usize = 60;
/// Outputs and artifacts shown, each.
const ITEMS_MAX: usize = 50;
/// Columns of one output value.
const VALUE_COLUMNS_MAX: usize = 120;

/// Why a page could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The template is not one, or asks for what is not there.
    #[error("the template `{name}` cannot be used: {reason}")]
    Template {
        /// Which template.
        name: &'static str,
        /// What is wrong with it, and on which line.
        reason: String,
    },
}

/// The result spore of a run: front matter and body. `tails` holds the ends of failed tasks' logs, masked; `template` is
/// the folder's own `templates/result.md`, where it has one.
///
/// # Errors
/// When the folder's own template is broken. Spore's own never is.
pub fn result_page(
    record: &RunRecord,
    tails: &[(TaskId, String)],
    template: Option<&str>,
) -> Result<String, PageError> {
    let broken = |error: minijinja::Error| PageError::Template {
        name: "templates/result.md",
        reason: match error.line() {
            Some(line) => format!("line {line}: {}", clean(&error.to_string())),
            None => clean(&error.to_string()).into_owned(),
        },
    };
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(Limits::DEFAULT.template_fuel * 10));
    environment.set_syntax(syntax().map_err(broken)?);
    environment.add_filter("text", |value: String| markdown(&value));
    environment.add_filter("remark", |value: String| remark(&value));
    environment.add_filter("code", |value: String| code(&value));
    environment.add_filter("fence", |value: String| fence(&value));
    environment.add_filter("length", |value: minijinja::Value| value.len().unwrap_or(0));
    environment.add_template("result.md", template.unwrap_or(RESULT_TEMPLATE)).map_err(broken)?;
    let page = environment.get_template("result.md").map_err(broken)?;
    let body = page.render(context! { result => Serde(view(record, tails)) }).map_err(broken)?;
    let mut text = front_text(result_front(record));
    text.push('\n');
    text.push_str(body.trim_start());
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}

/// Tags leave no lines behind, so that a template reads like the page it makes.
fn syntax() -> Result<SyntaxConfig, minijinja::Error> {
    SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build()
}

/// What the template sees, as `result`. Nothing in it is escaped: filters do that.
#[derive(Serialize)]
struct View {
    run: String,
    spore: String,
    path: String,
    link: String,
    digest: String,
    mark: &'static str,
    status: String,
    good: bool,
    because: Option<String>,
    retry_of: Option<String>,
    started: String,
    finished: Option<String>,
    duration: String,
    counts: String,
    params: Vec<(String, String)>,
    rows: Vec<Row>,
    rows_left_out: usize,
    failures: Vec<Failure>,
    failures_left_out: usize,
    outputs: Vec<Item>,
    outputs_left_out: usize,
    artifacts: Vec<Item>,
    artifacts_left_out: usize,
    remarks: Vec<Item>,
}

#[derive(Serialize)]
struct Row {
    mark: &'static str,
    id: String,
    title: String,
    status: String,
    duration: String,
    attempts: usize,
    note: String,
}

#[derive(Serialize)]
struct Failure {
    id: String,
    title: String,
    outcome: String,
    duration: String,
    attempts: usize,
    tail: String,
    shortened: bool,
    silent: bool,
    /// How to say what became of a task that was lost, but for the last word.
    resolve: Option<String>,
}

#[derive(Serialize)]
struct Item {
    task: String,
    name: String,
    value: String,
}

fn view(record: &RunRecord, tails: &[(TaskId, String)]) -> View {
    let counts = record.counts();
    let (rows, rows_left_out) = rows(record);
    let bad = record.tasks.values().filter(|task| task.status.is_bad());
    let failures: Vec<Failure> = bad.clone().take(TAILS_MAX).map(|task| failure(task, record.run, tails)).collect();
    let (outputs, outputs_left_out) = limited(
        record
            .tasks
            .values()
            .flat_map(|task| task.outputs.iter().map(|(name, value)| item(task, name, &scalar(value)))),
    );
    let artifacts = record.tasks.values().flat_map(|task| {
        let made = task.attempts.last().into_iter().flat_map(|attempt| &attempt.artifacts);
        made.map(|made| item(task, &made.path, &format!("{}, {}", bytes_text(made.size_bytes), made.digest.short(12))))
    });
    let (artifacts, artifacts_left_out) = limited(artifacts);
    let (remarks, _) = limited(record.tasks.values().flat_map(|task| {
        let remarks = task.attempts.last().into_iter().flat_map(|attempt| &attempt.remarks);
        remarks.map(|remark| item(task, "", remark))
    }));
    let params = record.origin.params.iter().map(|(name, value)| (name.clone(), short(&scalar(value))));
    View {
        run: record.run.to_string(),
        spore: record.origin.spore.clone(),
        path: record.origin.path.clone(),
        link: link(&record.origin.path),
        digest: record.origin.digest.short(12),
        mark: Style::PLAIN.run_mark(record.status).0,
        status: words(record.status.word()),
        good: record.status == crate::model::RunStatus::Succeeded,
        because: record.stopped_because.clone(),
        retry_of: record.origin.retry_of.map(|run| run.to_string()),
        started: moment(record.started),
        finished: record.finished.map(moment),
        duration: format_duration(record.finished.unwrap_or(record.started).since(record.started)),
        counts: counts_text(counts.iter().map(|(status, number)| (status.word(), *number)), Style::PLAIN),
        params: params.collect(),
        rows,
        rows_left_out,
        failures_left_out: bad.count() - failures.len(),
        failures,
        outputs,
        outputs_left_out,
        artifacts,
        artifacts_left_out,
        remarks,
    }
}

/// `2026-11-20 10:58:28 UTC`
fn moment(at: crate::model::Timestamp) -> String {
    let text = at.to_string();
    match text.split_once('T') {
        Some((day, time)) => format!("{day} {} UTC", time.get(..8).unwrap_or(time)),
        None => text,
    }
}

fn limited(items: impl Iterator<Item = Item>) -> (Vec<Item>, usize) {
    let mut items = items;
    let kept: Vec<Item> = items.by_ref().take(ITEMS_MAX).collect();
    (kept, items.count())
}

fn item(task: &TaskRecord, name: &str, value: &str) -> Item {
    Item { task: task.declared.id.to_string(), name: name.to_owned(), value: short(value) }
}

fn short(value: &str) -> String {
    cut(&clean(value), VALUE_COLUMNS_MAX, Style::PLAIN).into_owned()
}

/// The rows of the table. In a large run, good tasks beyond the first fifty are only counted.
fn rows(record: &RunRecord) -> (Vec<Row>, usize) {
    let (mut calm, mut bad) = (0, 0);
    let mut rows = Vec::new();
    for task in record.tasks.values() {
        let seat = if task.status.is_bad() { &mut bad } else { &mut calm };
        *seat += 1;
        if *seat <= if task.status.is_bad() { BAD_ROWS_MAX } else { ROWS_MAX } {
            rows.push(row(task));
        }
    }
    let left_out = record.tasks.len() - rows.len();
    (rows, left_out)
}

fn row(task: &TaskRecord) -> Row {
    let last = task.attempts.last();
    let outcome = last.and_then(|attempt| attempt.outcome.as_ref()).filter(|_| task.status.is_bad());
    let title = title_beside(&task.declared.id, &task.declared.title).unwrap_or_default();
    Row {
        mark: Style::PLAIN.task_mark(task.status).0,
        id: task.declared.id.to_string(),
        title: short(title),
        status: outcome.map_or_else(|| words(task.status.word()), |outcome| outcome_words(outcome, true)),
        duration: task.duration().map(format_duration).unwrap_or_default(),
        attempts: task.attempts.len(),
        note: short(task.because.as_deref().unwrap_or_default()),
    }
}

fn failure(task: &TaskRecord, run: RunId, tails: &[(TaskId, String)]) -> Failure {
    let outcome = task.attempts.last().and_then(|attempt| attempt.outcome.as_ref());
    let whole = tails.iter().find(|(id, _)| *id == task.declared.id).map_or("", |(_, tail)| tail.as_str());
    let (tail, shortened) = tail_text(whole, TAIL_LINES_MAX, TAIL_BYTES_MAX);
    Failure {
        id: task.declared.id.to_string(),
        title: short(title_beside(&task.declared.id, &task.declared.title).unwrap_or_default()),
        outcome: short(&outcome.map_or_else(|| words(task.status.word()), |outcome| outcome_words(outcome, false))),
        duration: task.duration().map(format_duration).unwrap_or_default(),
        attempts: task.attempts.len(),
        tail,
        shortened,
        silent: task.attempts.last().is_none_or(|attempt| attempt.out.seen_bytes + attempt.err.seen_bytes == 0),
        resolve: task.is_unresolved().then(|| format!("spore resolve {run} {}", task.declared.id)),
    }
}

/// The last lines of a log, without what moves a cursor and without NUL: a page is text. Says whether something of it
/// was left out.
pub(crate) fn tail_text(log: &str, lines_max: usize, bytes_max: usize) -> (String, bool) {
    let start = log.ceil_char_boundary(log.len().saturating_sub(4 * bytes_max));
    let plain = without_escapes(&log[start..]).replace("\r\n", "\n").replace('\r', "\n");
    let kept: String = plain
        .chars()
        .map(|c| {
            if c == '\n'
                || c == '\t'
                || !(c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
            {
                c
            } else {
                '\u{fffd}'
            }
        })
        .collect();
    let kept = kept.trim_end().trim_start_matches('\n');
    let lines = kept.lines().count();
    let first_line = lines.saturating_sub(lines_max);
    let begin = kept.split_inclusive('\n').take(first_line).map(str::len).sum::<usize>();
    let begin = begin.max(kept.ceil_char_boundary(kept.len().saturating_sub(bytes_max)));
    (kept[begin..].to_owned(), begin > 0 || start > 0)
}

/// Text that means nothing to markdown, on one line: it can stand in a paragraph, a heading or a table cell.
fn markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in clean(text).chars() {
        if matches!(
            c,
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' | '&' | '$' | '#' | '!' | '{' | '}' | '@'
        ) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// A remark of Spore's own, in which names stand in backticks: those stay code, everything else means nothing.
fn remark(text: &str) -> String {
    let text = clean(text);
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return markdown(&text);
    }
    let shown = parts.iter().enumerate().map(|(at, part)| if at % 2 == 1 { code(part) } else { markdown(part) });
    shown.collect()
}

/// A code span, on one line, that can stand in a table cell, whatever backticks and pipes it holds.
fn code(text: &str) -> String {
    let text = clean(text);
    if text.is_empty() {
        return String::new();
    }
    let ticks = "`".repeat(longest_run(&text, '`') + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{ticks}{pad}{}{pad}{ticks}", text.replace('|', "\\|"))
}

/// A fenced block that nothing inside it can end.
fn fence(text: &str) -> String {
    let ticks = "`".repeat((longest_run(text, '`') + 1).max(3));
    format!("{ticks}text\n{text}\n{ticks}")
}

fn longest_run(text: &str, wanted: char) -> usize {
    let (mut longest, mut run) = (0, 0);
    for c in text.chars() {
        run = if c == wanted { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

/// The link from `results/<yyyy>/<mm>/` to a file of the root.
fn link(path: &str) -> String {
    let mut link = String::from("../../../");
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-~".contains(&byte) {
            link.push(char::from(byte));
        } else {
            let _ = write!(link, "%{byte:02X}");
        }
    }
    link
}
