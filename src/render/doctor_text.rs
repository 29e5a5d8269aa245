//! What `spore doctor` found, for people: a block for each part of the world, a mark for each finding, and below it what to
//! type.

use std::fmt::Write as _;

use super::report::{Advice, DoctorReport, Finding, Level};
use super::style::{Style, Tone, clean, columns, count, cut, pad};

/// Columns of the subjects at most.
const SUBJECT_WIDTH_MAX: usize = 18;
/// Columns that a text has at least, however narrow the screen.
const TEXT_WIDTH_MIN: usize = 24;

/// The findings, section by section, and what they come to.
#[must_use]
pub fn doctor_text(report: &DoctorReport, style: Style) -> String {
    let findings = || report.sections.iter().flat_map(|section| &section.findings);
    let widest = findings().map(|finding| columns(&clean(&finding.subject))).max().unwrap_or(0);
    let layout = Layout { subject: widest.min(SUBJECT_WIDTH_MAX), style };
    let mut text = String::new();
    for section in &report.sections {
        let _ = writeln!(text, "{}", style.paint(Tone::Strong, &section.name));
        for finding in &section.findings {
            layout.finding(&mut text, finding);
        }
        text.push('\n');
    }
    text.push_str(&summary(report, style));
    text
}

/// What it all comes to, in one line.
fn summary(report: &DoctorReport, style: Style) -> String {
    let warnings = match report.warnings {
        0 => String::new(),
        number => format!("; {} to see to some time", count(number, "thing")),
    };
    let (tone, said) = match report.problems {
        0 => (Tone::Good, "Nothing keeps runs from going on".to_owned()),
        1 => (Tone::Bad, "1 thing keeps runs from going on".to_owned()),
        number => (Tone::Bad, format!("{number} things keep runs from going on")),
    };
    format!("{}{warnings}.\n", style.paint(tone, &said))
}

/// Where the columns are.
struct Layout {
    subject: usize,
    style: Style,
}

impl Layout {
    /// Columns before a text: two, the mark, one, the subject, two.
    fn indent(&self) -> usize {
        self.subject + 6
    }

    fn width(&self) -> usize {
        self.style.width.saturating_sub(self.indent()).max(TEXT_WIDTH_MIN)
    }

    fn finding(&self, text: &mut String, finding: &Finding) {
        let style = self.style;
        let (mark, tone) = match finding.level {
            Level::Fine => (style.pick("✓", "+"), Tone::Good),
            Level::Note => (style.pick("·", "."), Tone::Dim),
            Level::Unknown => ("?", Tone::Warn),
            Level::Warning => ("!", Tone::Warn),
            Level::Problem => (style.pick("✗", "x"), Tone::Bad),
        };
        let subject = clean(&finding.subject);
        let subject = pad(&cut(&subject, self.subject, style), self.subject);
        let indent = " ".repeat(self.indent());
        let mut lines = wrapped(&clean(&finding.text), self.width()).into_iter();
        let first = lines.next().unwrap_or_default();
        let subject = if finding.level < Level::Unknown { subject } else { style.paint(tone, &subject) };
        let _ = writeln!(text, "{}", format!("  {} {subject}  {first}", style.paint(tone, mark)).trim_end());
        for line in lines {
            let _ = writeln!(text, "{indent}{line}");
        }
        for detail in &finding.details {
            let detail = clean(detail);
            let detail = cut(&detail, self.width(), style);
            let _ = writeln!(text, "{indent}{}", style.paint(Tone::Dim, &detail));
        }
        self.advice(text, &finding.advice);
    }

    /// What to type is never cut or broken, so that it can be copied.
    fn advice(&self, text: &mut String, advice: &[Advice]) {
        let style = self.style;
        let indent = " ".repeat(self.indent());
        let arrow = style.pick("→", ">");
        let widest = advice.iter().map(|one| columns(&clean(&one.command))).max().unwrap_or(0);
        for Advice { command, effect } in advice {
            let (command, effect) = (clean(command), clean(effect));
            let shown = style.paint(Tone::Busy, &format!("{arrow} {command}"));
            if widest + 4 + columns(&effect) <= self.width() {
                let gap = " ".repeat(widest - columns(&command) + 2);
                let _ = writeln!(text, "{indent}{shown}{gap}{}", style.paint(Tone::Dim, &effect));
            } else {
                let _ = writeln!(text, "{indent}{shown}\n{indent}  {}", style.paint(Tone::Dim, &effect));
            }
        }
    }
}

/// The words of `text` in lines of at most `width` columns; a word that is longer has a line of its own.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().filter(|line| line.is_empty() || columns(line) + 1 + columns(word) <= width);
        match line {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_wrapped_and_never_broken() {
        assert_eq!(wrapped("a bb ccc dddd", 6), ["a bb", "ccc", "dddd"]);
        assert_eq!(wrapped("a /a/very/long/path b", 6), ["a", "/a/very/long/path", "b"]);
        assert_eq!(wrapped("日本 語", 6), ["日本", "語"]);
        assert_eq!(wrapped("", 6), [""]);
    }
}
