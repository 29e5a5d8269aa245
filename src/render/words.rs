//! Single lines to a person: an error with its hint, a remark, what `spore init` has made.

use std::fmt::Write as _;

use super::report::InitReport;
use super::style::{Style, Tone, clean};
use crate::model::TaskId;

/// An error and, below it, what to do.
#[must_use]
pub fn error_text(message: &str, hint: Option<&str>, style: Style) -> String {
    let mut text = format!("{} {}\n", style.paint(Tone::Bad, "error:"), clean(message));
    if let Some(hint) = hint {
        let _ = writeln!(text, "{} {}", style.paint(Tone::Busy, " hint:"), clean(hint));
    }
    text
}

/// What was done.
#[must_use]
pub fn done_text(said: &str, style: Style) -> String {
    format!("{} {}\n", style.paint(Tone::Good, style.pick("✓", "+")), clean(said))
}

/// Something a person should know that keeps nothing from working.
#[must_use]
pub fn warning_text(message: &str, style: Style) -> String {
    format!("{} {message}\n", style.paint(Tone::Warn, "warning:"))
}

/// What `spore init` has made and kept in the folder, which was named `dir`, and what to type next.
#[must_use]
pub fn init_text(report: &InitReport, dir: &str, style: Style) -> String {
    let mut text = String::new();
    if report.repository_made {
        text.push_str(&line(style, Tone::Good, style.pick("✓", "+"), "git repository", "made"));
    }
    for name in &report.made {
        text.push_str(&line(style, Tone::Good, style.pick("✓", "+"), name, "made"));
    }
    for name in &report.kept {
        text.push_str(&line(style, Tone::Dim, style.pick("·", "."), name, "was there, kept as it is"));
    }
    let enter = if dir == "." { String::new() } else { format!("cd {dir} && ") };
    let _ = writeln!(text, "\n{} is ready. Next:\n\n  {enter}spore run hello.md", report.folder);
    text
}

/// What stands above the log of a task where several are printed.
#[must_use]
pub fn log_heading(task: &TaskId, attempt: u32, style: Style) -> String {
    let attempt = if attempt > 1 { format!(" (attempt {attempt})") } else { String::new() };
    style.paint(Tone::Strong, &format!("{} {task}{attempt}", style.pick("──", "--"))) + "\n"
}

fn line(style: Style, tone: Tone, mark: &str, name: &str, what: &str) -> String {
    format!("{} {name:<16} {}\n", style.paint(tone, mark), style.paint(Tone::Dim, what))
}
