//! The view of a run on a terminal: what has ended scrolls by, what is under way stands below with its time and its last
//! line, and under it all stands how far the run is.
//!
//! Everything is drawn on ticks only, and each drawing is one write: a thousand tiny tasks cost ten drawings a second
//! like any other run, and nothing flickers.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

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
    bar: ProgressBar,
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
        let screen = Screen(Arc::new(Mutex::new(Canvas { out: Some(out), pending: Vec::new(), width: style.width })));
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(screen.clone()), 60);
        let bar = ProgressBar::with_draw_target(None, target);
        // A template of one message cannot be wrong; the default would only look different.
        bar.set_style(ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()));
        Self {
            screen,
            bar,
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
        self.bar = self.bar.clone().with_message("");
        self.draw();
        self.bar.finish_and_clear();
    }

    fn push(&mut self, line: String, calm: bool) {
        if calm && self.scrolled.len() >= SCROLLED_LINES_MAX {
            self.passed_over += 1;
        } else {
            self.scrolled.push(line);
        }
    }

    fn ended(&mut self, id: &TaskId, record: &RunRecord) {
        let Some(task) = record.tasks.get(id) else { return };
        if self.scrolled.len() >= SCROLLED_LINES_MAX && !task.status.is_bad() {
            self.passed_over += 1;
            return;
        }
        let line = task_line(task, self.name_width, self.style);
        self.push(line, !task.status.is_bad());
    }

    fn settle(&mut self, record: &RunRecord) {
        for id in self.tally.settle() {
            self.ended(&id, record);
        }
    }

    fn draw(&mut self) {
        if self.passed_over > 0 {
            let more = format!("  and {} more", count(self.passed_over, "task"));
            self.scrolled.push(self.style.paint(Tone::Dim, &more));
            self.passed_over = 0;
        }
        if self.scrolled.is_empty() {
            self.bar.force_draw();
        } else {
            self.bar.println(self.scrolled.join("\n"));
            self.scrolled.clear();
        }
    }

    /// The lines below: tasks under way, then how far the run is.
    fn below(&self, now: Timestamp, record: &RunRecord) -> String {
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
        match self.tally.event(at, event, record) {
            Meaning::Began => {
                self.name_width = name_width(record, self.style);
                self.started = record.started;
            }
            Meaning::Ended(task) => self.ended(task, record),
            Meaning::Again(task, again_at) => {
                if let Some(task) = record.tasks.get(task) {
                    let line = retry_line(task, again_at.since(at), self.name_width, self.style);
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
        self.tally.failed(&task.declared.id);
        let line = task_line(task, self.name_width, self.style);
        self.push(line, false);
        let tail = tail_lines(tail, self.style);
        if !tail.is_empty() {
            self.push(tail.trim_end().to_owned(), false);
        }
    }

    fn tick(&mut self, now: Timestamp, record: &RunRecord) {
        self.settle(record);
        if let Some(width) = (self.columns)().filter(|width| *width != self.style.width && *width > 0) {
            self.style.width = width;
            self.screen.canvas().width = width;
            self.name_width = name_width(record, self.style);
        }
        let below = self.below(now, record);
        self.bar = self.bar.clone().with_message(below);
        self.draw();
    }
}

/// What is drawn on: gathers one drawing and writes it in one piece.
#[derive(Clone)]
struct Screen(Arc<Mutex<Canvas>>);

struct Canvas {
    /// `None` once the reader has gone away.
    out: Option<Box<dyn Write + Send>>,
    pending: Vec<u8>,
    width: usize,
}

impl Screen {
    fn canvas(&self) -> std::sync::MutexGuard<'_, Canvas> {
        // Drawing goes on after a panic elsewhere: the canvas has no state that could be half-done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, text: &str) -> io::Result<()> {
        self.canvas().pending.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn step(&self, steps: usize, letter: char) -> io::Result<()> {
        if steps == 0 { Ok(()) } else { self.put(&format!("\u{1b}[{steps}{letter}")) }
    }
}

impl std::fmt::Debug for Screen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Screen")
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        u16::try_from(self.canvas().width).unwrap_or(u16::MAX)
    }

    fn height(&self) -> u16 {
        // The lines below are few and fixed; only the package's own clipping asks.
        u16::try_from(2 * SCROLLED_LINES_MAX).unwrap_or(u16::MAX)
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.step(n, 'A')
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.step(n, 'B')
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.step(n, 'C')
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.step(n, 'D')
    }

    fn write_line(&self, s: &str) -> io::Result<()> {
        self.put(s)?;
        self.put("\n")
    }

    fn write_str(&self, s: &str) -> io::Result<()> {
        self.put(s)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.put("\r\u{1b}[2K")
    }

    fn flush(&self) -> io::Result<()> {
        let mut canvas = self.canvas();
        let Canvas { out, pending, .. } = &mut *canvas;
        let written = out.as_mut().map(|out| out.write_all(pending).and_then(|()| out.flush()));
        if let Some(Err(_)) = written {
            *out = None;
        }
        pending.clear();
        Ok(())
    }
}
