//! How text looks on the screen: colours, marks, widths. Every text of this room is made with a [`Style`] that the caller
//! chose; nothing here asks the terminal.

use std::borrow::Cow;

use anstyle::{AnsiColor, Effects};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::model::{Disposition, RunStatus, TaskStatus};

/// What the reader's screen can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether escape codes for colours may be written.
    pub colour: bool,
    /// Whether marks and lines may be more than ASCII.
    pub unicode: bool,
    /// Columns of the screen.
    pub width: usize,
}

impl Style {
    /// For files and pipes: no colours, 100 columns.
    pub const PLAIN: Self = Self { colour: false, unicode: true, width: 100 };
}

/// What a piece of text is to the reader; each has its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// What the eye should find first.
    Strong,
    /// What is there for who looks for it.
    Dim,
    /// All is well.
    Good,
    /// Something failed.
    Bad,
    /// Something to think about.
    Warn,
    /// Something is going on.
    Busy,
}

impl Tone {
    fn ansi(self) -> anstyle::Style {
        match self {
            Self::Strong => anstyle::Style::new().effects(Effects::BOLD),
            Self::Dim => anstyle::Style::new().effects(Effects::DIMMED),
            Self::Good => AnsiColor::Green.on_default(),
            Self::Bad => AnsiColor::Red.on_default().effects(Effects::BOLD),
            Self::Warn => AnsiColor::Yellow.on_default(),
            Self::Busy => AnsiColor::Cyan.on_default(),
        }
    }
}

impl Style {
    /// `text` in its colour.
    pub(crate) fn paint(self, tone: Tone, text: &str) -> String {
        if self.colour && !text.is_empty() {
            let ansi = tone.ansi();
            format!("{ansi}{text}{ansi:#}")
        } else {
            text.to_owned()
        }
    }

    /// The first where more than ASCII can be shown, else the second.
    pub(crate) fn pick(self, unicode: &'static str, ascii: &'static str) -> &'static str {
        if self.unicode { unicode } else { ascii }
    }

    /// What stands between facts on one line.
    pub(crate) fn dot(self) -> &'static str {
        self.pick(" · ", " - ")
    }

    /// The mark of a task in a run, one column wide.
    pub(crate) fn task_mark(self, status: TaskStatus) -> (&'static str, Tone) {
        match status {
            TaskStatus::Waiting => (self.pick("·", "."), Tone::Dim),
            TaskStatus::Running => (self.pick("▸", ">"), Tone::Busy),
            TaskStatus::Succeeded => (self.pick("✓", "+"), Tone::Good),
            TaskStatus::Failed | TaskStatus::TimedOut | TaskStatus::NotStarted | TaskStatus::Lost => {
                (self.pick("✗", "x"), Tone::Bad)
            }
            TaskStatus::Cancelled => (self.pick("■", "!"), Tone::Warn),
            TaskStatus::Skipped => (self.pick("–", "-"), Tone::Warn),
            TaskStatus::Done => (self.pick("✓", "+"), Tone::Dim),
        }
    }

    /// The mark of a run.
    pub(crate) fn run_mark(self, status: RunStatus) -> (&'static str, Tone) {
        self.task_mark(match status {
            RunStatus::Running => TaskStatus::Running,
            RunStatus::Succeeded => TaskStatus::Succeeded,
            RunStatus::Failed => TaskStatus::Failed,
            RunStatus::TimedOut => TaskStatus::TimedOut,
            RunStatus::Cancelled => TaskStatus::Cancelled,
            RunStatus::Orphaned => TaskStatus::Lost,
        })
    }

    /// The mark of a task in a plan, one column wide.
    pub(crate) fn plan_mark(self, disposition: Disposition) -> (&'static str, Tone) {
        match disposition {
            Disposition::Run => (self.pick("○", "o"), Tone::Busy),
            Disposition::Done => (self.pick("✓", "+"), Tone::Good),
            Disposition::Skip => (self.pick("–", "-"), Tone::Warn),
            Disposition::Agent => (self.pick("◇", "@"), Tone::Busy),
            Disposition::Group => (self.pick("▾", "v"), Tone::Dim),
            Disposition::Inert => (self.pick("·", "."), Tone::Dim),
        }
    }
}

/// The columns that `text` takes on a screen.
pub(crate) fn columns(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { UnicodeWidthStr::width(text) }
}

/// `text` on one line and without anything that moves a cursor or turns the direction of reading: titles and log lines
/// come from files that anybody may have written.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    let unsafe_char = |c: char| c.is_control() || turns_reading(c) || matches!(c, '\u{2028}' | '\u{2029}');
    if !text.contains(unsafe_char) {
        return Cow::Borrowed(text);
    }
    let plain = without_escapes(text);
    let spaced = plain.chars().map(|c| if unsafe_char(c) { ' ' } else { c });
    Cow::Owned(spaced.collect::<String>().trim().to_owned())
}

/// Whether `c` is an invisible mark that turns the direction of reading, or hides.
pub(crate) fn turns_reading(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// `text` without terminal escape sequences (CSI, OSC and the short ones).
pub(crate) fn without_escapes(text: &str) -> Cow<'_, str> {
    if !text.contains(['\u{1b}', '\u{9b}']) {
        return Cow::Borrowed(text);
    }
    let mut kept = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let introducer = match c {
            '\u{9b}' => Some('['),
            '\u{1b}' => chars.next(),
            _ => {
                kept.push(c);
                continue;
            }
        };
        match introducer {
            Some('[') => while chars.next().is_some_and(|c| !('\u{40}'..='\u{7e}').contains(&c) && c != '\n') {},
            Some(']' | 'P' | '^' | '_' | 'X') => {
                while let Some(c) = chars.next_if(|c| *c != '\n') {
                    if c == '\u{7}' || (c == '\u{1b}' && chars.next_if_eq(&'\\').is_some()) {
                        break;
                    }
                }
            }
            Some('(' | ')' | '#' | '%') => {
                chars.next();
            }
            _ => {}
        }
    }
    Cow::Owned(kept)
}

/// `text` cut to at most `width` columns; what was cut shows as an ellipsis.
pub(crate) fn cut(text: &str, width: usize, style: Style) -> Cow<'_, str> {
    if columns(text) <= width {
        return Cow::Borrowed(text);
    }
    let ellipsis = style.pick("…", "...");
    if width < columns(ellipsis) {
        return Cow::Borrowed(&ellipsis[..if style.unicode { 0 } else { width }]);
    }
    let room = width - columns(ellipsis);
    let mut end = 0;
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += c.width().unwrap_or(0);
        if used > room {
            break;
        }
        end = at + c.len_utf8();
    }
    // A sequence can be wider than its characters (emoji with a presentation selector).
    while columns(&text[..end]) > room {
        end = text.floor_char_boundary(end - 1);
    }
    Cow::Owned(format!("{}{ellipsis}", text[..end].trim_end()))
}

/// `text` followed by as many spaces as make it `width` columns wide.
pub(crate) fn pad(text: &str, width: usize) -> String {
    let mut padded = text.to_owned();
    padded.extend(std::iter::repeat_n(' ', width.saturating_sub(columns(text))));
    padded
}

/// `1 task`, `2 tasks`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_never_pass_the_width() {
        for text in ["plain text", "日本語のタイトル", "👩‍👩‍👧 family and ☁️ cloud", "e\u{301}e\u{301}e\u{301}e\u{301}"]
        {
            for width in 0..20 {
                for unicode in [true, false] {
                    let cut = cut(text, width, Style { unicode, ..Style::PLAIN });
                    assert!(columns(&cut) <= width, "{cut:?} is wider than {width}");
                }
            }
        }
    }

    #[test]
    fn what_moves_a_cursor_is_gone() {
        assert_eq!(clean("a\u{1b}[2Jb\nc\u{202e}d"), "ab c d");
        assert_eq!(clean("\u{1b}]8;;http://x\u{7}link\u{1b}]8;;\u{1b}\\"), "link");
        assert_eq!(without_escapes("\u{1b}[31mred\u{1b}[0m\nnext"), "red\nnext");
    }
}
