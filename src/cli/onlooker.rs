//! Who looks on while a run goes on: a person at a terminal, a log, or nobody.

use std::io;

use super::args::Format;
use super::live::Live;
use super::plain::Plain;
use super::screen::{self, Screen, complain};
use crate::model::{AttemptId, Event, RunId, RunRecord, Stream, TaskRecord, TaskStatus, Timestamp};
use crate::os;
use crate::render::{clean, killing_text, stopping_text};
use crate::run::View;

/// The view that fits the screen.
#[derive(Debug)]
pub(super) enum Onlooker {
    /// A person at a terminal.
    Live(Live),
    /// A log.
    Plain(Plain),
    /// Nobody: only the report at the end is wanted.
    Nobody,
}

impl Onlooker {
    /// Text goes to standard output. JSON does too, so then the run is only shown where standard error is a terminal.
    pub(super) fn choose(format: Format, screen: &Screen) -> Self {
        match format {
            Format::Text if screen.out_is_terminal && is_able() => {
                Self::Live(Live::new(Box::new(io::stdout()), screen.out, || os::columns(&io::stdout())))
            }
            Format::Text => Self::Plain(Plain::new(Box::new(io::stdout()), screen.out)),
            Format::Json if screen.err_is_terminal && is_able() => {
                Self::Live(Live::new(Box::new(io::stderr()), screen.err, || os::columns(&io::stderr())))
            }
            Format::Json => Self::Nobody,
        }
    }

    /// The run is over: what is left is shown, and live lines are taken away.
    pub(super) fn finish(&mut self, record: &RunRecord) {
        match self {
            Self::Live(live) => live.finish(record),
            Self::Plain(plain) => plain.finish(record),
            Self::Nobody => {}
        }
    }

    fn say(&mut self, text: &str) {
        match self {
            Self::Live(live) => live.say(text),
            Self::Plain(plain) => plain.say(text),
            Self::Nobody => {}
        }
    }

    /// Says something that even who only wants the report at the end has to know.
    fn warn(&mut self, text: &str) {
        match self {
            Self::Nobody => complain(&format!("{text}\n")),
            _ => self.say(text),
        }
    }

    fn view(&mut self) -> Option<&mut dyn View> {
        match self {
            Self::Live(live) => Some(live),
            Self::Plain(plain) => Some(plain),
            Self::Nobody => None,
        }
    }
}

/// Whether the terminal can move its cursor.
fn is_able() -> bool {
    std::env::var_os("TERM").is_some_and(|terminal| terminal != "dumb")
}

impl View for Onlooker {
    fn waiting(&mut self, group: &str, holder: Option<RunId>, orphaned: bool) {
        let name = holder.map(|run| format!(" of {run}")).unwrap_or_default();
        self.say(&format!("waiting for the end{name}: runs of the group `{}` do not overlap", clean(group)));
        if let Some(run) = holder.filter(|_| orphaned) {
            self.say(&format!("its engine is gone while its commands go on; `spore resume {run}` goes on with it"));
        }
    }

    fn remark(&mut self, text: &str) {
        match self {
            // Nothing but the report goes to standard output.
            Self::Nobody => screen::complain(&format!("{}\n", clean(text))),
            _ => self.say(&clean(text)),
        }
    }

    fn event(&mut self, at: Timestamp, event: &Event, record: &RunRecord) {
        if let Event::StopRequested { .. } = event {
            let running = record.tasks.values().filter(|task| task.status == TaskStatus::Running).count();
            let again = record.stops > 1;
            self.say(&if again { killing_text(running) } else { stopping_text(running) });
        }
        if let Some(view) = self.view() {
            view.event(at, event, record);
        }
    }

    fn line(&mut self, attempt: &AttemptId, stream: Stream, text: &str) {
        if let Some(view) = self.view() {
            view.line(attempt, stream, text);
        }
    }

    fn failed(&mut self, task: &TaskRecord, tail: &str) {
        if let Some(view) = self.view() {
            view.failed(task, tail);
        }
    }

    fn stalled(&mut self, reason: &str) {
        self.warn(&format!("{reason}; nothing starts until there is room, and what runs goes on"));
    }

    fn unstalled(&mut self) {
        self.warn("there is room again, and the run goes on");
    }

    fn tick(&mut self, now: Timestamp, record: &RunRecord) {
        if let Some(view) = self.view() {
            view.tick(now, record);
        }
    }
}
