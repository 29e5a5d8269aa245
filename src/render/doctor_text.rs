//! What `spore doctor` found, for people: a block for each part of the world, a mark for each finding, and below it what to
//! type.

use std::fmt::Write as _;

use super::report::{Advice, DoctorReport, Finding, Level};
use super::style::{Style, Tone, clean, columns, count, cut};

/// Columns of the subjects at most.
const SUBJECT_WIDTH_MAX: usize = 16;
/// Problems that the last line names.
const NAMED_MAX: usize = 8;
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
    let named = report.sections.iter().flat_map(|section| {
        let bad = section.findings.iter().filter(|finding| finding.level == Level::Problem);
        bad.map(|finding| format!("{} ({})", clean(&finding.subject), section.name))
    });
    let mut named: Vec<String> = named.collect();
    named.dedup();
    let shown = named.len().min(NAMED_MAX);
    let more = if named.len() > shown { " and more" } else { "" };
    let which = if named.is_empty() { String::new() } else { format!(": {}{more}", named[..shown].join(", ")) };
    let lines = wrapped(&format!("{said}{which}{warnings}."), style.width.max(TEXT_WIDTH_MIN)).join("\n");
    let rest = lines.strip_prefix(&said).map(str::to_owned);
    rest.map_or(lines, |rest| style.paint(tone, &said) + &rest) + "\n"
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
        let subject = cut(&subject, self.subject, style);
        let indent = " ".repeat(self.indent());
        let mut lines = wrapped(&clean(&finding.text), self.width()).into_iter();
        let first = lines.next().unwrap_or_default();
        let gap = " ".repeat(self.subject - columns(&subject) + 2);
        let subject = if finding.level < Level::Unknown { subject.into_owned() } else { style.paint(tone, &subject) };
        let _ = writeln!(text, "{}", format!("  {} {subject}{gap}{first}", style.paint(tone, mark)).trim_end());
        for line in lines {
            let _ = writeln!(text, "{indent}{line}");
        }
        for detail in &finding.details {
            for (at, line) in wrapped(&clean(detail), self.width() - 2).into_iter().enumerate() {
                let line = style.paint(Tone::Dim, &line);
                let _ = writeln!(text, "{indent}{}{line}", if at == 0 { "" } else { "  " });
            }
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
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
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
