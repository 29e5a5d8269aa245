//! The view of a run on a terminal: what has ended scrolls by, what is under way stands below with its time and its last
//! line, and under it all stands how far the run is.
//!
//! Everything is drawn on ticks only, and each drawing is one write: a thousand tiny tasks cost ten drawings a second
//! like any other run, and nothing flickers.

use std::fmt::Write as _;
use std::io::Write;

use super::tally::{Meaning, Tally};
use crate::model::{AttemptId, Event, RunRecord, Stream, TaskId, TaskRecord, Timestamp, format_duration};
use crate::render::{Style, Tone, columns, count, cut, name_width, pad, retry_line, tail_lines, task_line, task_name};
use crate::run::View;

/// Lines for tasks that are under way; more are counted.
const ACTIVE_LINES_MAX: usize = 8;
/// Lines that scroll by in one drawing of a large run; what is calm gives way to what is not.
const SCROLLED_LINES_MAX: usize = 200;
/// Columns of the progress bar.
const BAR_COLUMNS: usize = 24;
/// Milliseconds for which one picture of the spinner stands.
const SPINNER_MILLISECONDS: i64 = 100;

/// Draws on a terminal.
pub struct Live {
    screen: Screen,
    /// The lines that stay below, as they were last drawn.
    below: String,
    style: Style,
    columns: fn() -> Option<usize>,
    tally: Tally,
    /// Lines that wait to scroll by.
    scrolled: Vec<String>,
    /// Calm lines that gave way.
    passed_over: usize,
    name_width: usize,
    started: Timestamp,
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live").field("tally", &self.tally).finish_non_exhaustive()
    }
}

impl Live {
    /// A view that draws on the terminal behind `out`. `columns` tells how wide the terminal is now, where it knows; it
    /// is asked on every tick, because people resize their windows.
    #[must_use]
    pub fn new(out: Box<dyn Write + Send>, style: Style, columns: fn() -> Option<usize>) -> Self {
        Self {
            screen: Screen { out: Some(out), below: Vec::new() },
            below: String::new(),
            style,
            columns,
            tally: Tally::default(),
            scrolled: Vec::new(),
            passed_over: 0,
            name_width: 0,
            started: Timestamp::default(),
        }
    }

    /// Says something above the live lines, at once.
    pub fn say(&mut self, text: &str) {
        self.scrolled.push(self.style.paint(Tone::Warn, text));
        self.draw();
    }

    /// Takes the live lines away and lets what is left scroll by; the run is over.
    pub fn finish(&mut self, record: &RunRecord) {
        self.settle(record);
        self.below.clear();
        self.draw();
    }

    fn push(&mut self, line: String, calm: bool) {
        if calm && self.scrolled.len() >= SCROLLED_LINES_MAX {
            self.passed_over += 1;
        } else {
            self.scrolled.push(line);
        }
    }

    fn ended(&mut self, id: &TaskId, record: &RunRecord) {
        // Of one that is to be tried again, its retry tells.
        let Some(task) = record.tasks.get(id).filter(|task| task.status.is_final()) else { return };
        if self.scrolled.len() >= SCROLLED_LINES_MAX && !task.status.is_bad() {
            self.passed_over += 1;
            return;
        }
        let line = task_line(task, self.name_width, self.style);
        self.push(line, !task.status.is_bad());
    }

    fn settle(&mut self, record: &RunRecord) {
        for (id, tail) in self.tally.settle() {
            self.ended(&id, record);
            let tail = tail_lines(&tail, self.style);
            if !tail.is_empty() {
                self.push(tail.trim_end().to_owned(), false);
            }
        }
    }

    fn draw(&mut self) {
        if self.passed_over > 0 {
            let more = format!("  and {} more", count(self.passed_over, "task"));
            self.scrolled.push(self.style.paint(Tone::Dim, &more));
            self.passed_over = 0;
        }
        self.screen.draw(&self.scrolled, &self.below, self.style.width);
        self.scrolled.clear();
    }

    /// The lines below: tasks under way, then how far the run is.
    fn lines_below(&self, now: Timestamp, record: &RunRecord) -> String {
        let style = self.style;
        let pictures = if style.unicode { "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏" } else { "|/-\\" };
        let turn = usize::try_from(now.0.max(0) / SPINNER_MILLISECONDS).unwrap_or(0);
        let spinner = pictures.chars().nth(turn % pictures.chars().count()).unwrap_or(' ').to_string();
        let mut text = String::new();
        for (id, active) in self.tally.active.iter().take(ACTIVE_LINES_MAX) {
            let Some(task) = record.tasks.get(id) else { continue };
            let name = pad(&task_name(task, style), self.name_width);
            let time = format!("{:>5}", format_duration(now.since(active.since)));
            let mut last = match active.again_at {
                Some(at) => format!("waits {} for attempt {}", format_duration(at.since(now)), active.attempt),
                None => active.line.clone(),
            };
            if active.again_at.is_none() && active.attempt > 1 {
                last = format!("attempt {}{}{last}", active.attempt, if last.is_empty() { "" } else { style.dot() });
            }
            let mark = if active.again_at.is_some() { style.pick("↻", "~") } else { &spinner };
            let room = style.width.saturating_sub(columns(&name) + columns(&time) + 7);
            let last = style.paint(Tone::Dim, &cut(&last, room, style));
            let line = format!("{} {name}  {time}  {last}", style.paint(Tone::Busy, mark));
            let _ = writeln!(text, "{}", line.trim_end());
        }
        let rest = self.tally.active.len().saturating_sub(ACTIVE_LINES_MAX);
        if rest > 0 {
            let _ = writeln!(text, "{}", style.paint(Tone::Dim, &format!("  and {rest} more under way")));
        }
        text.push_str(&self.progress(now));
        text
    }

    /// `━━━━━━╶─────  12/14 · 1 failed · 34s`
    fn progress(&self, now: Timestamp) -> String {
        let (style, tally) = (self.style, &self.tally);
        let full = (tally.ended() * BAR_COLUMNS).checked_div(tally.total).unwrap_or(0).min(BAR_COLUMNS);
        let tone = if tally.bad > 0 { Tone::Bad } else { Tone::Good };
        let done = style.paint(tone, &style.pick("━", "=").repeat(full));
        let open = style.paint(Tone::Dim, &style.pick("─", "-").repeat(BAR_COLUMNS - full));
        let mut parts = vec![format!("{}/{}", tally.ended(), tally.total)];
        if tally.bad > 0 {
            parts.push(style.paint(Tone::Bad, &format!("{} failed", tally.bad)));
        }
        if tally.skipped > 0 {
            parts.push(style.paint(Tone::Warn, &format!("{} skipped", tally.skipped)));
        }
        parts.push(format_duration(now.since(self.started)));
        format!("{done}{open}  {}", parts.join(&style.paint(Tone::Dim, style.dot())))
    }
}

impl View for Live {
    fn event(&mut self, at: Timestamp, event: &Event, record: &RunRecord) {
        // What was skipped because of a failure stands below it.
        if let Event::TaskSkipped { .. } = event {
            self.settle(record);
        }
        match self.tally.event(at, event, record) {
            Meaning::Began => {
                self.name_width = name_width(record, self.style);
                self.started = record.started;
            }
            Meaning::Ended(task) => self.ended(task, record),
            Meaning::Again(task, number, again_at) => {
                if let Some(task) = record.tasks.get(task) {
                    let line = retry_line(task, number, again_at.since(at), self.name_width, self.style);
                    self.push(line, true);
                }
            }
            Meaning::Quiet => {}
        }
    }

    fn line(&mut self, attempt: &AttemptId, _: Stream, text: &str) {
        self.tally.line(attempt, text);
    }

    fn failed(&mut self, task: &TaskRecord, tail: &str) {
        self.tally.failed(&task.declared.id, tail);
    }

    fn tick(&mut self, now: Timestamp, record: &RunRecord) {
        self.settle(record);
        if let Some(width) = (self.columns)().filter(|width| *width != self.style.width && *width > 0) {
            self.style.width = width;
            self.name_width = name_width(record, self.style);
        }
        self.below = self.lines_below(now, record);
        self.draw();
    }
}

/// What is drawn on.
struct Screen {
    /// `None` once the reader has gone away.
    out: Option<Box<dyn Write + Send>>,
    /// Columns of each line that will be drawn over.
    below: Vec<usize>,
}

impl Screen {
    /// Puts `scrolled` where the lines below were, and `below` under it, in one write. Each line clears only what follows
    /// it, so nothing is ever seen empty in between.
    fn draw(&mut self, scrolled: &[String], below: &str, width: usize) {
        let Some(out) = &mut self.out else { return };
        // After the window got narrower, a line that was drawn takes more than one row.
        let rows: usize = self.below.iter().map(|columns| columns.div_ceil(width.max(1)).max(1)).sum();
        let mut text = String::from("\r");
        if rows > 1 {
            let _ = write!(text, "\u{1b}[{}A", rows - 1);
        }
        for line in scrolled.iter().flat_map(|lines| lines.lines()) {
            let _ = writeln!(text, "{line}\u{1b}[K");
        }
        self.below.clear();
        for (at, line) in below.lines().enumerate() {
            let _ = write!(text, "{}{line}\u{1b}[K", if at > 0 { "\n" } else { "" });
            self.below.push(columns(&anstream::adapter::strip_str(line).to_string()));
        }
        text.push_str("\u{1b}[J");
        if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
            self.out = None;
        }
    }
}
