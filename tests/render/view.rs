//! The views of a run: what they write, line by line, and that they never cost much.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use spore::cli::live::Live;
use spore::cli::plain::Plain;
use spore::model::{AttemptId, Event, RunRecord, RunStatus, Stream, Timestamp};
use spore::render::Style;
use spore::run::View;

use super::sample::{Journal, full_journal, id, large_journal};
use super::{golden, widest};

/// A screen that remembers each write.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<Vec<u8>>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("one writer").push(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Paper {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("one writer").concat()).expect("text")
    }

    fn writes(&self) -> usize {
        self.0.lock().expect("one writer").len()
    }
}

/// A reader that has gone away.
struct Gone;

impl Write for Gone {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Plays a journal to a view as the driver does: events as they come, a tick every 100 ms, failures with their tails.
fn play(journal: &Journal, view: &mut impl View) -> RunRecord {
    let mut record: Option<RunRecord> = None;
    let mut tick = journal.events[0].0;
    for (at, event) in &journal.events {
        while let Some(record) = record.as_ref().filter(|_| tick < *at) {
            view.tick(tick, record);
            tick = Timestamp(tick.0 + 100);
        }
        match &mut record {
            Some(record) => record.apply(*at, event),
            None => record = RunRecord::begin(*at, event),
        }
        let record = record.as_ref().expect("the first event begins a run");
        view.event(*at, event, record);
        if let Event::AttemptIntended { task, number, .. } = event {
            let attempt = AttemptId { run: record.run, task: task.clone(), number: *number };
            view.line(
                &attempt,
                Stream::Out,
                "compiling \u{1b}[1mmain.c\u{1b}[0m with every warning there is, and then some more words",
            );
        }
        // A failed attempt is told before anybody knows whether another follows.
        if let Event::AttemptEnded { task, outcome, .. } = event
            && outcome.status().is_bad()
        {
            view.failed(&record.tasks[task], "one\n\ttwo\r\n\u{1b}[31mthree\u{1b}[0m\n");
        }
    }
    record.expect("a run")
}

#[test]
fn plain_lines_read_well() {
    let paper = Paper::default();
    let mut view = Plain::new(Box::new(paper.clone()), Style { width: 80, ..Style::PLAIN });
    let record = play(&full_journal(), &mut view);
    view.say("stopping: nothing is running");
    view.finish(&record);
    golden("plain.txt", &paper.text());
    assert!(!paper.text().contains('\u{1b}'));
}

#[test]
fn a_large_run_says_only_what_is_remarkable() {
    let paper = Paper::default();
    let mut view = Plain::new(Box::new(paper.clone()), Style::PLAIN);
    let mut journal = large_journal(1_000);
    for at in 0..30 {
        journal.add(0, Event::TaskSkipped { task: id(&format!("task-{at}")), because: "enough".to_owned() });
    }
    let record = play(&journal, &mut view);
    view.finish(&record);
    let text = paper.text();
    assert_eq!(text.matches("exit 3").count(), 10, "{text}");
    assert_eq!(text.matches("skipped: enough").count(), 20, "{text}");
    assert!(text.contains("10 more skipped"), "{text}");
    assert!(!text.contains("✓"), "{text}");
}

/// What a terminal shows after these bytes: only the few codes that the live view writes are known.
fn screen(text: &str) -> String {
    let mut lines: Vec<String> = vec![String::new()];
    let (mut row, mut column) = (0, 0);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\n' => (row, column) = (row + 1, 0),
            '\r' => column = 0,
            '\u{1b}' => {
                assert_eq!(chars.next(), Some('['), "only CSI is written");
                let code: String = chars.by_ref().take_while_inclusive(|c| !c.is_ascii_alphabetic());
                let number: usize = code[..code.len() - 1].parse().unwrap_or(1);
                match code.chars().last() {
                    Some('A') => row -= number,
                    Some('K') => {
                        let kept: String = lines[row].chars().take(column).collect();
                        lines[row] = kept;
                    }
                    Some('J') => {
                        let kept: String = lines[row].chars().take(column).collect();
                        lines.truncate(row);
                        lines.push(kept);
                    }
                    other => panic!("unknown code {other:?}"),
                }
            }
            c => {
                lines.resize(lines.len().max(row + 1), String::new());
                let mut cells: Vec<char> = lines[row].chars().collect();
                cells.resize(cells.len().max(column + 1), ' ');
                cells[column] = c;
                lines[row] = cells.into_iter().collect();
                column += 1;
            }
        }
        lines.resize(lines.len().max(row + 1), String::new());
    }
    let lines: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
    format!("{}\n", lines.join("\n").trim_end())
}

/// Like `take_while`, with the first that does not fit.
trait TakeWhileInclusive: Iterator<Item = char> {
    fn take_while_inclusive(&mut self, keep: impl Fn(char) -> bool) -> String {
        let mut taken = String::new();
        for c in self {
            taken.push(c);
            if !keep(c) {
                break;
            }
        }
        taken
    }
}

impl<I: Iterator<Item = char>> TakeWhileInclusive for I {}

fn no_width() -> Option<usize> {
    None
}

#[test]
fn live_lines_read_well() {
    let paper = Paper::default();
    let style = Style { width: 80, ..Style::PLAIN };
    let mut view = Live::new(Box::new(paper.clone()), style, no_width);
    let mut journal = full_journal();
    journal.events.truncate(4);
    play(&journal, &mut view);
    let (at, event) = (
        Timestamp(journal.events[3].0.0 + 2_500),
        Event::AttemptIntended { task: id("upload"), number: 1, executor: "terminal".into() },
    );
    journal.events.push((at, event.clone()));
    let record = journal.record();
    view.event(at, &event, &record);
    view.tick(Timestamp(at.0 + 1_200), &record);
    let shown = screen(&paper.text());
    golden("live.txt", &shown);
    assert!(widest(&shown) <= 80);
}

#[test]
fn live_lines_are_gone_in_the_end() {
    let paper = Paper::default();
    let mut view = Live::new(Box::new(paper.clone()), Style { width: 80, ..Style::PLAIN }, no_width);
    let mut journal = full_journal();
    journal.end(RunStatus::Failed);
    let record = play(&journal, &mut view);
    view.finish(&record);
    golden("live-end.txt", &screen(&paper.text()));
}

#[test]
fn a_thousand_tiny_tasks_are_few_drawings() {
    let paper = Paper::default();
    let mut view = Live::new(Box::new(paper.clone()), Style { width: 80, colour: true, ..Style::PLAIN }, no_width);
    let record = play(&large_journal(1_000), &mut view);
    view.finish(&record);
    let seconds = 3 * 1_000 / 1_000;
    assert!(paper.writes() <= seconds * 10 + 15, "{} writes", paper.writes());
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut plain = Plain::new(Box::new(Gone), Style::PLAIN);
    let record = play(&full_journal(), &mut plain);
    plain.finish(&record);
    let mut live = Live::new(Box::new(Gone), Style::PLAIN, no_width);
    play(&full_journal(), &mut live);
    live.finish(&record);
    assert_eq!(record.status, RunStatus::Running, "the run went on");
}
