//! How everything stands in a folder, for people: one block for each kind of thing, one line for each thing, and below it
//! what to type.

use std::time::Duration;

use super::doctor_text::wrapped;
use super::run_text::{ago, words};
use super::said_text::{cause_text, clock_text};
use super::style::{Style, Tone, clean, columns, count, cut};
use super::table::{Cell, plain, table, toned};
use crate::model::{
    NextStatus, Paused, Problem, RecentStatus, RunId, RunningStatus, Status, TaskId, Timestamp, WaitingStatus,
    WatcherStatus, format_duration,
};

/// Wanted runs that are shown one by one.
const WAITING_MAX: usize = 20;
/// Moments of the clock that are shown.
const NEXT_MAX: usize = 5;
/// Characters of a run's id that are shown, from its end: enough to name it, and to type.
const ID_COLUMNS: usize = 8;
/// Columns that a text has at least, however narrow the screen.
const TEXT_WIDTH_MIN: usize = 24;

/// One line, and the run that it is about. Its first column is empty where it is about one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) text: String,
    pub(super) run: Option<RunId>,
}

/// How everything stands. `start` is what to type to have the folder watched.
#[must_use]
pub fn status_text(status: &Status, start: &str, now: Timestamp, style: Style) -> String {
    let mut text = head_lines(status, start, now, style).join("\n") + "\n";
    for line in body_lines(status, now, style, WAITING_MAX) {
        text.push_str(&line.text);
        text.push('\n');
    }
    text
}

/// Everything that is wanted, for `spore queue`.
#[must_use]
pub fn queue_text(status: &Status, now: Timestamp, style: Style) -> String {
    if status.queued.is_empty() && status.pending.is_empty() {
        return "nothing waits\n".to_owned();
    }
    let mut blocks = Blocks { lines: Vec::new(), style };
    blocks.pending(status, now, usize::MAX);
    blocks.queued(status, now, usize::MAX);
    let lines = blocks.lines.into_iter().map(|line| line.text);
    let mut text = lines.skip_while(String::is_empty).collect::<Vec<_>>().join("\n") + "\n";
    if let Some(paused) = &status.paused {
        text.extend(["\n", &paused_text(*paused, now), "\n"]);
    }
    if status.watcher.is_none() {
        text.push_str("\nnobody watches this folder; `spore watch` goes on with what waits\n");
    }
    text
}

/// `● ~/plans` and below it who watches it, and whether anything begins.
pub(super) fn head_lines(status: &Status, start: &str, now: Timestamp, style: Style) -> Vec<String> {
    let folder = style.paint(Tone::Strong, &cut(&clean(&status.folder), style.width.saturating_sub(2), style));
    let mut lines = Vec::new();
    if let Some(watcher) = &status.watcher {
        lines.push(format!("{} {folder}", style.paint(Tone::Good, style.pick("●", "*"))));
        lines.extend(dim_lines(&watcher_text(watcher, now, style), style));
    } else {
        lines.push(format!("{} {folder}", style.paint(Tone::Dim, style.pick("○", "o"))));
        let start = style.paint(Tone::Busy, &clean(start));
        lines.push(format!("  {} {start}", style.paint(Tone::Dim, "nobody watches it; to have it watched:")));
    }
    if let Some(paused) = &status.paused {
        for line in wrapped(&paused_text(*paused, now), style.width.saturating_sub(2).max(TEXT_WIDTH_MIN)) {
            lines.push(format!("  {}", style.paint(Tone::Warn, &line)));
        }
    }
    lines
}

fn watcher_text(watcher: &WatcherStatus, now: Timestamp, style: Style) -> String {
    let mut facts = vec![
        format!("watched for {}", span(now.since(watcher.since))),
        format!("process {}", watcher.pid),
        count(watcher.files, "file"),
        format!("{} at a time", watcher.jobs),
        format!("trust: {}", clean(&watcher.trust)),
    ];
    if !watcher.native {
        facts.push("looks for changes itself".to_owned());
    }
    if watcher.version != env!("CARGO_PKG_VERSION") {
        facts.push(format!("version {}", clean(&watcher.version)));
    }
    facts.join(style.dot())
}

fn paused_text(paused: Paused, now: Timestamp) -> String {
    let until = match paused.until {
        Some(until) => format!(" until {} (for {} more)", clock_text(until), span(until.since(now))),
        None => String::new(),
    };
    let since = ago(paused.since, now);
    format!("paused {since}{until}: what runs goes on, and nothing begins; `spore pause --off` ends that")
}

/// Everything below the head. At most so many wanted runs of each kind are shown one by one.
pub(super) fn body_lines(status: &Status, now: Timestamp, style: Style, waiting_max: usize) -> Vec<Line> {
    let mut blocks = Blocks { lines: Vec::new(), style };
    blocks.running(&status.running, now);
    blocks.pending(status, now, waiting_max);
    blocks.queued(status, now, waiting_max);
    blocks.next(&status.next, now);
    blocks.recent(&status.recent, now);
    blocks.problems(&status.problems);
    if status.running.is_empty() && status.queued_total == 0 && status.pending_total == 0 {
        let dim = style.paint(Tone::Dim, "  nothing runs, and nothing waits");
        blocks.lines.splice(0..0, [String::new(), dim].map(|text| Line { text, run: None }));
    }
    if status.uncommitted > 0 {
        let are = if status.uncommitted == 1 { "is" } else { "are" };
        blocks.title(&format!("{} {are} written and not committed yet", count(status.uncommitted, "result")), "");
    }
    blocks.lines
}

struct Blocks {
    lines: Vec<Line>,
    style: Style,
}

impl Blocks {
    fn say(&mut self, text: String) {
        self.lines.push(Line { text, run: None });
    }

    /// An empty line, and what the block is about.
    fn title(&mut self, title: &str, more: &str) {
        self.say(String::new());
        let more = if more.is_empty() { String::new() } else { format!("  {}", self.style.paint(Tone::Dim, more)) };
        self.say(self.style.paint(Tone::Strong, title) + &more);
    }

    /// Rows that line up, two columns to the right.
    fn rows(&self, rows: &[Vec<Cell>], flexible: usize) -> Vec<String> {
        let style = Style { width: self.style.width.saturating_sub(2), ..self.style };
        table(rows, flexible, style).lines().map(|line| format!("  {line}")).collect()
    }

    fn path(&self, path: &str) -> String {
        // Of a long path, its end says more than its beginning.
        let (path, room) = (clean(path), (self.style.width / 3).clamp(16, 48));
        if columns(&path) <= room {
            return path.into_owned();
        }
        let ellipsis = self.style.pick("…", "...");
        let mut from = path.len();
        for (at, _) in path.char_indices().rev() {
            if columns(&path[at..]) + columns(ellipsis) > room {
                break;
            }
            from = at;
        }
        format!("{ellipsis}{}", &path[from..])
    }

    fn running(&mut self, running: &[RunningStatus], now: Timestamp) {
        if running.is_empty() {
            return;
        }
        let style = self.style;
        let row = |one: &RunningStatus| {
            let progress = if one.tasks == 0 { String::new() } else { format!("{}/{}", one.tasks_ended, one.tasks) };
            let tasks: Vec<&str> = one.tasks_running.iter().map(TaskId::as_str).collect();
            let colon = if one.line.is_empty() || tasks.is_empty() { "" } else { ": " };
            vec![
                toned(Tone::Busy, style.pick("▸", ">")),
                toned(Tone::Strong, self.path(&one.path)),
                plain(progress),
                plain(seconds(now.since(one.since))),
                toned(Tone::Dim, short(one.run)),
                toned(Tone::Dim, format!("{}{colon}{}", tasks.join(", "), clean(&one.line))),
            ]
        };
        let rows: Vec<Vec<Cell>> = running.iter().map(row).collect();
        let lines = self.rows(&rows, 5);
        self.title("running", "");
        self.lines.extend(lines.into_iter().zip(running).map(|(text, one)| Line { text, run: Some(one.run) }));
    }

    fn pending(&mut self, status: &Status, now: Timestamp, most: usize) {
        let style = self.style;
        if status.pending.is_empty() {
            return;
        }
        self.title("not allowed yet", &number(status.pending_total));
        let row = |one: &WaitingStatus| {
            vec![
                toned(Tone::Warn, style.pick("◌", "?")),
                toned(Tone::Strong, self.path(&one.path)),
                plain(seconds(now.since(one.since))),
                toned(Tone::Dim, short(one.run)),
                plain(one.because.clone().unwrap_or_default()),
            ]
        };
        let rows: Vec<Vec<Cell>> = status.pending.iter().take(most).map(row).collect();
        for (text, one) in self.rows(&rows, 4).into_iter().zip(&status.pending) {
            self.lines.push(Line { text, run: Some(one.run) });
            self.hint(one.hint.as_deref());
        }
        self.rest(status.pending_total, rows.len());
    }

    fn queued(&mut self, status: &Status, now: Timestamp, most: usize) {
        let style = self.style;
        if status.queued.is_empty() {
            return;
        }
        let row = |one: &WaitingStatus| {
            let priority = if one.priority == 0 { String::new() } else { format!("priority {}", one.priority) };
            vec![
                toned(Tone::Dim, style.pick("·", ".")),
                plain(self.path(&one.path)),
                plain(seconds(now.since(one.since))),
                toned(Tone::Dim, short(one.run)),
                plain(priority),
                toned(Tone::Dim, one.because.clone().unwrap_or_else(|| cause_text(&one.cause))),
            ]
        };
        let rows: Vec<Vec<Cell>> = status.queued.iter().take(most).map(row).collect();
        let lines = self.rows(&rows, 5);
        self.title("wanted", &number(status.queued_total));
        for (text, one) in lines.into_iter().zip(&status.queued) {
            self.lines.push(Line { text, run: Some(one.run) });
            self.hint(one.hint.as_deref());
        }
        self.rest(status.queued_total, rows.len());
    }

    fn next(&mut self, next: &[NextStatus], now: Timestamp) {
        if next.is_empty() {
            return;
        }
        let row = |one: &NextStatus| {
            vec![
                toned(Tone::Dim, self.style.pick("◷", "@")),
                plain(self.path(&one.path)),
                plain(format!("in {}", span(one.at.since(now)))),
                toned(Tone::Dim, one.line.clone()),
            ]
        };
        let rows: Vec<Vec<Cell>> = next.iter().take(NEXT_MAX).map(row).collect();
        let lines = self.rows(&rows, 3);
        self.title("next by the clock", "");
        self.lines.extend(lines.into_iter().map(|text| Line { text, run: None }));
        if next.len() > NEXT_MAX {
            self.say(self.style.paint(Tone::Dim, &format!("    and {} more", next.len() - NEXT_MAX)));
        }
    }

    fn recent(&mut self, recent: &[RecentStatus], now: Timestamp) {
        if recent.is_empty() {
            return;
        }
        let row = |one: &RecentStatus| {
            let (mark, tone) =
                one.status.map_or((self.style.pick("–", "-"), Tone::Warn), |it| self.style.run_mark(it));
            let word = one.status.map_or_else(|| "does not run".to_owned(), |status| words(status.word()));
            let took = one.status.map(|_| format_duration(Duration::from_millis(one.took_ms)));
            vec![
                toned(tone, mark),
                plain(self.path(&one.path)),
                toned(tone, word),
                plain(took.unwrap_or_default()),
                toned(Tone::Dim, ago(one.ended, now)),
                toned(Tone::Dim, one.because.clone().or_else(|| one.result.clone()).unwrap_or_default()),
            ]
        };
        let rows: Vec<Vec<Cell>> = recent.iter().map(row).collect();
        let lines = self.rows(&rows, 5);
        self.title("lately", "");
        self.lines.extend(lines.into_iter().map(|text| Line { text, run: None }));
    }

    fn problems(&mut self, problems: &[Problem]) {
        if problems.is_empty() {
            return;
        }
        self.title("to see to", "");
        let width = self.style.width.saturating_sub(4).max(TEXT_WIDTH_MIN);
        for Problem { about, message, hint } in problems {
            // Mistakes of a spore come as they are shown to people; the first line says enough here.
            let message = message.lines().next().unwrap_or_default();
            let lines = wrapped(&format!("{}: {}", clean(about), clean(message)), width);
            for (at, line) in lines.into_iter().enumerate() {
                let mark = if at == 0 { self.style.paint(Tone::Warn, "!") } else { " ".to_owned() };
                self.say(format!("  {mark} {line}"));
            }
            self.hint(hint.as_deref());
        }
    }

    /// What to type is never cut, so that it can be copied.
    fn hint(&mut self, hint: Option<&str>) {
        if let Some(hint) = hint {
            let arrow = self.style.pick("→", ">");
            self.say(format!("    {}", self.style.paint(Tone::Busy, &format!("{arrow} {}", clean(hint)))));
        }
    }

    fn rest(&mut self, total: usize, shown: usize) {
        if total > shown {
            let more = format!("    and {} more: `spore queue`", total - shown);
            self.say(self.style.paint(Tone::Dim, &more));
        }
    }
}

fn dim_lines(text: &str, style: Style) -> Vec<String> {
    let lines = wrapped(text, style.width.saturating_sub(2).max(TEXT_WIDTH_MIN));
    lines.into_iter().map(|line| format!("  {}", style.paint(Tone::Dim, &line))).collect()
}

fn number(total: usize) -> String {
    if total > 1 { total.to_string() } else { String::new() }
}

/// The end of a run's id.
pub(super) fn short(run: RunId) -> String {
    let id = run.to_string();
    id[id.len().saturating_sub(ID_COLUMNS)..].to_owned()
}

/// A time that passes while one looks at it: whole seconds.
fn seconds(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..10 => format!("{seconds}s"),
        seconds => format_duration(Duration::from_secs(seconds)),
    }
}

/// `12s`, `5m`, `3h 12m`, `2d 4h`: a time of which only the size counts.
fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..86_400 => format!("{}h {}m", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds / 3_600 % 24),
    }
}
