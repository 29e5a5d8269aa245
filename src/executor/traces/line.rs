//! The last line a command printed, for people.

/// Characters of a line that are shown.
const LINE_CHARS_MAX: usize = 200;
/// Bytes looked at; escape sequences take some of them.
const LOOK_BYTES: usize = 2_048;

/// Keeps an eye on the end of a stream.
#[derive(Debug, Default)]
pub(in crate::executor) struct LastLine {
    recent: Vec<u8>,
}

impl LastLine {
    /// Takes in the next piece. Costs the same for a short and a long one.
    pub(in crate::executor) fn push(&mut self, piece: &[u8]) {
        if piece.len() >= LOOK_BYTES {
            self.recent.clear();
            self.recent.extend_from_slice(&piece[piece.len() - LOOK_BYTES..]);
            return;
        }
        self.recent.extend_from_slice(piece);
        if self.recent.len() > 2 * LOOK_BYTES {
            self.recent.drain(..self.recent.len() - LOOK_BYTES);
        }
    }

    /// The last line that shows anything, finished or not.
    pub(in crate::executor) fn text(&self) -> Option<String> {
        self.recent.rsplit(|byte| matches!(byte, b'\n' | b'\r')).map(shown).find(|line| !line.is_empty())
    }
}

/// The text as a terminal line can show it: no escape sequence, no control character, no mark that turns the direction
/// of writing, not too long.
fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut shown = String::with_capacity(text.len().min(LINE_CHARS_MAX));
    let mut rest = text.chars();
    let mut count = 0;
    while count < LINE_CHARS_MAX {
        let Some(c) = rest.next() else { break };
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if c == '\u{1b}' {
            skip_escape(&mut rest);
        } else if c == '\t' {
            shown.push(' ');
            count += 1;
        } else if !c.is_control() && !turns {
            shown.push(c);
            count += 1;
        }
    }
    shown.truncate(shown.trim_end().len());
    shown.drain(..shown.len() - shown.trim_start().len());
    shown
}

/// Skips what follows an escape character (ECMA-48): a control sequence, a string up to its end, or a short sequence.
fn skip_escape(rest: &mut std::str::Chars<'_>) {
    match rest.next() {
        Some('[') => {
            rest.find(|c| matches!(c, '\u{40}'..='\u{7e}'));
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            while let Some(c) = rest.next() {
                if c == '\u{7}' || (c == '\u{1b}' && rest.next().is_some()) {
                    break;
                }
            }
        }
        Some('\u{20}'..='\u{2f}') => {
            rest.find(|c| matches!(c, '\u{30}'..='\u{7e}'));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(pieces: &[&[u8]]) -> Option<String> {
        let mut line = LastLine::default();
        for piece in pieces {
            line.push(piece);
        }
        line.text()
    }

    #[test]
    fn lines_are_fit_to_be_shown() {
        assert_eq!(last(&[b"one\ntw", b"o\n\n"]), Some("two".into()));
        assert_eq!(last(&[b"\x1b[1;32mgreen\x1b[0m \x1b]0;title\x07text\x1b(B\n"]), Some("green text".into()));
        assert_eq!(last(&[b"10%\r 20%\r"]), Some("20%".into()));
        assert_eq!(last(&["a\tb\0c\u{202e}d\u{9b}".as_bytes()]), Some("a bcd".into()));
        assert_eq!(last(&[b"\xff\xfe"]), Some("\u{fffd}\u{fffd}".into()));
        assert_eq!(last(&[b"\n \n\x1b[2J"]), None);
        assert_eq!(last(&[&vec![b'x'; 100_000]]).map(|line| line.len()), Some(200));
    }
}
