//! What a watcher tells, one line for each thing.

use std::fmt::Write as _;
use std::time::Duration;

use super::run_text::words;
use super::style::{Style, Tone, clean, count};
use crate::model::{Cause, Said, SessionMoment, Timestamp, format_duration};

/// `17:35:01 ✓ nightly-report succeeded  1.2s  results/…`, with the hint below where there is one.
#[must_use]
pub fn said_text(said: &Said, at: Timestamp, style: Style) -> String {
    let clock = style.paint(Tone::Dim, &clock_text(at));
    let (mark, text, hint) = told(said, style);
    let mut line = format!("{clock} {mark} {text}");
    line.truncate(line.trim_end().len());
    line.push('\n');
    if let Some(hint) = hint {
        let _ = writeln!(line, "           {}", style.paint(Tone::Dim, &clean(&hint)));
    }
    line
}

fn told(said: &Said, style: Style) -> (String, String, Option<String>) {
    let mark = |tone, unicode, ascii| style.paint(tone, style.pick(unicode, ascii));
    let strong = |text: &str| style.paint(Tone::Strong, &clean(text));
    let dim = |text: &str| style.paint(Tone::Dim, &clean(text));
    match said {
        Said::Ready { folder, files, jobs, trust, left_alone } => {
            let watched = format!("watching {}", strong(folder));
            let facts = [count(*files, "file"), format!("{jobs} at a time"), format!("trust: {trust}")];
            let hint = (*left_alone > 0).then(|| {
                let now = "to run now: `spore run FILE`";
                match left_alone {
                    1 => format!("1 spore was here before, and runs when it changes; {now}"),
                    many => format!("{many} spores were here before, and run when they change; {now}"),
                }
            });
            (mark(Tone::Good, "●", "*"), format!("{watched}{}{}", style.dot(), facts.join(style.dot())), hint)
        }
        Said::Queued { path, cause, .. } => {
            (mark(Tone::Dim, "·", "."), format!("{} wanted  {}", clean(path), dim(&cause_text(cause))), None)
        }
        Said::Pending { path, because, hint, .. } => {
            let text = format!("{} waits: {}", strong(path), clean(because));
            (mark(Tone::Warn, "◌", "?"), text, hint.clone())
        }
        Said::Began { run, path, resumed, .. } => {
            let begins = if *resumed { "goes on" } else { "begins" };
            (mark(Tone::Busy, "▸", ">"), format!("{} {begins}  {}", clean(path), dim(&run.to_string())), None)
        }
        Said::Ended { path, status, took_ms, result, .. } => {
            let (sign, tone) = style.run_mark(*status);
            let took = format_duration(Duration::from_millis(*took_ms));
            let status = style.paint(tone, &words(status.word()));
            (style.paint(tone, sign), format!("{} {status}  {took}  {}", strong(path), dim(result)), None)
        }
        Said::Withdrawn { path, because, .. } => {
            (mark(Tone::Warn, "–", "-"), format!("{} does not run: {}", strong(path), clean(because)), None)
        }
        Said::Inert { path, because, hint } => (
            mark(Tone::Dim, "·", "."),
            format!("{} does not run by itself: {}", clean(path), clean(because)),
            hint.clone(),
        ),
        Said::Committed { results, commit, branch } => {
            let text = format!("{} committed on {}", count(*results, "result"), clean(branch));
            (mark(Tone::Good, "✓", "+"), format!("{text}  {}", dim(&commit[..12.min(commit.len())])), None)
        }
        Said::Remark { about, message, hint } => {
            if message.contains('\n') {
                let text = format!("{} cannot run as it is written:\n\n{}", strong(about), message.trim_end());
                return (mark(Tone::Bad, "✗", "x"), text, hint.clone());
            }
            (mark(Tone::Warn, "!", "!"), format!("{}: {}", clean(about), clean(message)), hint.clone())
        }
        Said::Leaving { running, queued } => (mark(Tone::Dim, "○", "o"), leaving(*running, *queued), None),
    }
}

/// What becomes of everything without the watcher.
fn leaving(running: usize, queued: usize) -> String {
    let goes_on = match running {
        0 => "",
        1 => "; 1 run goes on without it",
        _ => "; the runs under way go on without it",
    };
    let waits = match queued {
        0 => String::new(),
        1 => "; 1 wanted run waits for the next watcher".to_owned(),
        many => format!("; {many} wanted runs wait for the next watcher"),
    };
    format!("watching no more{goes_on}{waits}")
}

/// What called for a run, in words.
#[must_use]
pub fn cause_text(cause: &Cause) -> String {
    match cause {
        Cause::Drop => "it arrived".to_owned(),
        Cause::Push { branch, commit } => format!("push to {branch} ({})", &commit[..12.min(commit.len())]),
        Cause::Schedule { at } => format!("its time was {}", clock_text(*at)),
        Cause::Session { moment, .. } => match moment {
            SessionMoment::Start => "a session began".to_owned(),
            SessionMoment::End => "a session ended".to_owned(),
            SessionMoment::Prompt => "a prompt was sent".to_owned(),
        },
    }
}

/// The time of the day here, such as `17:35:01`.
pub(crate) fn clock_text(at: Timestamp) -> String {
    let moment = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
    moment.to_zoned(jiff::tz::TimeZone::system()).strftime("%H:%M:%S").to_string()
}
