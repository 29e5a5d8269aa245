//! The view of a run where there is no terminal: plain lines, one for each end of a task. A run of many tasks says only
//! what is remarkable, and how far it is every so often.

use std::fmt::Write as _;
use std::io::Write;

use super::tally::{Meaning, Tally};
use crate::model::{AttemptId, Event, RunRecord, Stream, TaskId, TaskRecord, TaskStatus, Timestamp, format_duration};
use crate::render::{Style, clean, count, name_width, retry_line, tail_lines, task_line};
use crate::run::View;

/// Tasks up to which each is worth a line.
const TASKS_MAX: usize = 200;
/// Skipped tasks told one by one in a large run.
const SKIPS_MAX: usize = 20;
/// Quiet time after which a run says that it is still there.
const QUIET_MILLISECONDS_MAX: i64 = 30_000;
/// Time between two reports of how far a large run is.
const PROGRESS_MILLISECONDS: i64 = 10_000;
/// Bytes gathered before they are written although no time has passed.
const BUFFER_BYTES_MAX: usize = 1 << 16;

/// Writes plain lines to `out`. A reader that goes away is no error: the run goes on without it.
pub struct Plain {
    out: Option<Box<dyn Write + Send>>,
    style: Style,
    tally: Tally,
    buffer: String,
    name_width: usize,
    skips_told: usize,
    last: Timestamp,
}

impl std::fmt::Debug for Plain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plain").field("tally", &self.tally).finish_non_exhaustive()
    }
}

impl Plain {
    /// A view that writes to `out`.
    #[must_use]
    pub fn new(out: Box<dyn Write + Send>, style: Style) -> Self {
        Self {
            out: Some(out),
            style,
            tally: Tally::default(),
            buffer: String::new(),
            name_width: 0,
            skips_told: 0,
            last: Timestamp::default(),
        }
    }

    /// Says something between the lines, at once.
    pub fn say(&mut self, text: &str) {
        self.push(text);
        self.flush();
    }

    /// Says what has not been said yet; the run is over.
    pub fn finish(&mut self, record: &RunRecord) {
        self.settle(record);
        let untold = self.tally.skipped.saturating_sub(self.skips_told);
        if self.is_large() && self.skips_told >= SKIPS_MAX && untold > 0 {
            self.push(&format!("{} {untold} more skipped", self.style.task_mark(TaskStatus::Skipped).0));
        }
        self.flush();
    }

    fn is_large(&self) -> bool {
        self.tally.total > TASKS_MAX
    }

    fn push(&mut self, line: &str) {
        self.buffer.push_str(line);
        self.buffer.push('\n');
        if self.buffer.len() > BUFFER_BYTES_MAX {
            self.flush();
        }
    }

    fn flush(&mut self) {
        let written = self.out.as_mut().map(|out| out.write_all(self.buffer.as_bytes()).and_then(|()| out.flush()));
        if let Some(Err(_)) = written {
            self.out = None;
        }
        self.buffer.clear();
    }

    fn task(&mut self, id: &TaskId, record: &RunRecord) {
        // Of one that is to be tried again, its retry tells.
        let Some(task) = record.tasks.get(id).filter(|task| task.status.is_final()) else { return };
        if self.is_large() {
            let skip = task.status == TaskStatus::Skipped;
            if !(task.status.is_bad() || skip && self.skips_told < SKIPS_MAX) {
                return;
            }
            self.skips_told += usize::from(skip);
        }
        let line = task_line(task, self.name_width, self.style);
        self.push(&line);
    }

    fn settle(&mut self, record: &RunRecord) {
        for (id, tail) in self.tally.settle() {
            self.task(&id, record);
            self.buffer.push_str(&tail_lines(&tail, self.style));
        }
    }

    /// How far the run is, and what is under way.
    fn progress(&mut self, now: Timestamp) {
        let mut line = format!("{} {} of {} ended", self.style.pick("…", "..."), self.tally.ended(), self.tally.total);
        if self.tally.bad > 0 {
            let _ = write!(line, ", {} failed", self.tally.bad);
        }
        let running: Vec<String> = self
            .tally
            .active
            .iter()
            .take(4)
            .map(|(id, active)| format!("{id} ({})", format_duration(now.since(active.since))))
            .collect();
        if !running.is_empty() {
            let rest = self.tally.active.len() - running.len();
            let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
            let _ = write!(line, ", running {}{more}", running.join(", "));
        }
        self.push(&line);
    }
}

impl View for Plain {
    fn event(&mut self, at: Timestamp, event: &Event, record: &RunRecord) {
        // What was skipped because of a failure stands below it.
        if let Event::TaskSkipped { .. } = event {
            self.settle(record);
        }
        match self.tally.event(at, event, record) {
            Meaning::Began => {
                self.name_width = name_width(record, self.style);
                self.last = at;
                if record.resumed > 0 {
                    return;
                }
                let tasks = count(self.tally.total, "task");
                let path = clean(&record.origin.path);
                self.push(&format!("run {} of {path}: {tasks}, {} at a time", record.run, record.jobs));
            }
            Meaning::Ended(task) => {
                self.last = if self.is_large() { self.last } else { at };
                self.task(task, record);
            }
            Meaning::Again(task, number, again_at) => {
                if let Some(task) = record.tasks.get(task) {
                    let line = retry_line(task, number, again_at.since(at), self.name_width, self.style);
                    self.push(&line);
                }
            }
            Meaning::Quiet => {}
        }
    }

    fn line(&mut self, _: &AttemptId, _: Stream, _: &str) {}

    fn failed(&mut self, task: &TaskRecord, tail: &str) {
        self.tally.failed(&task.declared.id, tail);
    }

    fn tick(&mut self, now: Timestamp, record: &RunRecord) {
        self.settle(record);
        let pause = if self.is_large() { PROGRESS_MILLISECONDS } else { QUIET_MILLISECONDS_MAX };
        if now.0 - self.last.0 >= pause {
            self.last = now;
            self.progress(now);
        }
        if !self.buffer.is_empty() {
            self.flush();
        }
    }
}
