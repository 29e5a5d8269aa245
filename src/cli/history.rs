//! `spore runs`, `spore show`, `spore logs`: what has happened.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use super::args::Format;
use super::exit::Exit;
use super::failure::Failure;
use super::screen::{self, Screen};
use crate::engine::{self, Found, Looked, World};
use crate::model::{AttemptId, Outcome, RunRecord, Stream, TaskId, TaskRecord};
use crate::render::report::{LogPiece, RunsItem};
use crate::render::{self, Style, Tame};
use crate::watch::Follow;

/// Lists runs.
pub(super) fn runs(limit: usize, format: Format, screen: &Screen) -> Result<Exit, Failure> {
    let runs = engine::list_runs(Path::new("."), limit)?;
    let items: Vec<RunsItem> = runs.iter().map(|looked| (&looked.record).into()).collect();
    screen::print(&match format {
        Format::Json => render::json(&items),
        Format::Text => render::runs_text(&items, World::here().now(), screen.out),
    })?;
    Ok(Exit::Success)
}

/// Shows one run.
pub(super) fn show(run: &str, format: Format, screen: &Screen) -> Result<Exit, Failure> {
    let found = engine::find_run(Path::new("."), run)?;
    let Looked { record, damage, .. } = engine::show_run(&found.root, found.run)?;
    for damage in damage {
        screen::complain(&render::warning_text(&format!("the journal of this run: {damage}"), screen.err));
    }
    screen::print(&match format {
        Format::Json => render::json(&render::run_report(&record)),
        Format::Text => render::show_text(&record, World::here().now(), screen.out),
    })?;
    Ok(Exit::Success)
}

/// Whose logs, and how.
#[derive(Debug)]
pub(super) struct Wanted {
    /// The task; all without it.
    pub(super) task: Option<String>,
    /// Go on until the run has ended.
    pub(super) follow: bool,
    /// Which attempt; the last without it.
    pub(super) attempt: Option<u32>,
    /// How to print.
    pub(super) format: Format,
}

/// Prints logs: standard output to standard output, standard error to standard error.
pub(super) fn logs(run: &str, wanted: &Wanted, screen: &Screen) -> Result<Exit, Failure> {
    let found = engine::find_run(Path::new("."), run)?;
    let record = engine::show_run(&found.root, found.run)?.record;
    if let Some(task) = wanted.task.as_ref().filter(|task| !record.tasks.contains_key(task.as_str())) {
        let known = record.tasks.keys().map(ToString::to_string).collect();
        return Err(engine::Error::NoSuchTask { task: task.clone(), known }.into());
    }
    if let Some(task) = wanted.task.as_ref().and_then(|task| record.tasks.get(task.as_str()))
        && !wanted.follow
    {
        missing(task, wanted)?;
    }
    if wanted.format == Format::Json {
        let mut pieces = Vec::new();
        each_piece(&found, &record, wanted, &mut HashMap::new(), &mut |piece| {
            pieces.push(piece);
            Ok(())
        })?;
        screen::print(&render::json(&pieces))?;
        return Ok(Exit::Success);
    }
    let named = wanted.task.is_none() && record.tasks.len() > 1;
    let tame = |terminal: bool, style: Style| terminal.then(|| Tame::new(style.colour));
    let mut printer = Printer {
        style: screen.out,
        named,
        last: None,
        out: tame(screen.out_is_terminal, screen.out),
        err: tame(screen.err_is_terminal, screen.err),
    };
    let mut cursors = HashMap::new();
    if !wanted.follow {
        each_piece(&found, &record, wanted, &mut cursors, &mut |piece| printer.print(&piece))?;
        printer.end()?;
        return Ok(Exit::Success);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Runtime)?;
    runtime.block_on(follow(&found, wanted, &mut cursors, &mut printer))?;
    printer.end()?;
    Ok(Exit::Success)
}

/// Says why a task has no log, rather than nothing.
fn missing(task: &TaskRecord, wanted: &Wanted) -> Result<(), Failure> {
    let (id, count) = (&task.declared.id, task.attempts.len());
    if let Some(number) = wanted.attempt.filter(|number| task.attempts.iter().all(|one| one.number != *number)) {
        return Err(Failure::Usage {
            message: format!("`{id}` has no attempt {number} in this run"),
            hint: format!("it has {}", render::count(count, "attempt")),
        });
    }
    let never = match task.attempts.last().map(|attempt| &attempt.outcome) {
        None => task.because.as_deref(),
        Some(Some(Outcome::NotStarted { reason, .. })) => Some(reason.as_str()),
        Some(_) => return Ok(()),
    };
    if wanted.format == Format::Text {
        let because = never.map(|because| format!(": {because}")).unwrap_or_default();
        screen::complain(&format!("`{id}` did not run{because}\n"));
    }
    Ok(())
}

/// Prints what there is and what comes, until the run has ended, or nobody works on it any more.
async fn follow(
    found: &Found,
    wanted: &Wanted,
    cursors: &mut HashMap<(AttemptId, Stream), u64>,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let run_dir = found.run_dir();
    let mut changes = Follow::new(&[&run_dir]);
    loop {
        // Looking at the journal first: what is printed before its end is in the logs by then.
        let record = engine::show_run(&found.root, found.run)?.record;
        let over = record.finished.is_some() || !engine::is_live(found);
        each_piece(found, &record, wanted, cursors, &mut |piece| printer.print(&piece))?;
        if over {
            return Ok(());
        }
        changes.changed().await;
    }
}

/// Hands over what the logs hold beyond the cursors, attempt by attempt.
fn each_piece(
    found: &Found,
    record: &RunRecord,
    wanted: &Wanted,
    cursors: &mut HashMap<(AttemptId, Stream), u64>,
    take: &mut dyn FnMut(LogPiece) -> io::Result<()>,
) -> Result<(), Failure> {
    let chosen = |task: &&TaskRecord| wanted.task.as_ref().is_none_or(|id| task.declared.id.as_str() == id);
    for task in record.tasks.values().filter(chosen) {
        let attempts = task.attempts.iter().filter(|attempt| match wanted.attempt {
            Some(number) => attempt.number == number,
            None => wanted.follow || attempt.number as usize == task.attempts.len(),
        });
        for attempt in attempts {
            let id = AttemptId { run: record.run, task: task.declared.id.clone(), number: attempt.number };
            for stream in [Stream::Out, Stream::Err] {
                let cursor = cursors.entry((id.clone(), stream)).or_insert(0);
                loop {
                    let chunk = engine::read_log(found, &id, stream, *cursor)?;
                    *cursor = chunk.cursor;
                    if chunk.bytes.is_empty() {
                        break;
                    }
                    take(LogPiece::new(&id, stream, &chunk.bytes))?;
                }
            }
        }
    }
    Ok(())
}

/// Prints pieces of logs, with a heading where the task changes.
struct Printer {
    style: Style,
    named: bool,
    last: Option<TaskId>,
    /// What stands between the bytes and a terminal; a pipe or a file gets them as they are.
    out: Option<Tame>,
    err: Option<Tame>,
}

impl Printer {
    fn print(&mut self, piece: &LogPiece) -> io::Result<()> {
        if self.named && self.last.as_ref() != Some(&piece.task) {
            self.end()?;
            screen::print(&render::log_heading(&piece.task, piece.attempt, self.style))?;
            self.last = Some(piece.task.clone());
        }
        match piece.stream {
            Stream::Out => match &mut self.out {
                Some(tame) => screen::print(&tame.piece(&piece.bytes)),
                None => screen::print_bytes(&piece.bytes),
            },
            Stream::Err => {
                match &mut self.err {
                    Some(tame) => screen::complain(&tame.piece(&piece.bytes)),
                    None => screen::complain_bytes(&piece.bytes),
                }
                Ok(())
            }
        }
    }

    /// Ends the colours that a log has left switched on.
    fn end(&mut self) -> io::Result<()> {
        screen::complain(self.err.as_mut().map_or("", Tame::end));
        screen::print(self.out.as_mut().map_or("", Tame::end))
    }
}
