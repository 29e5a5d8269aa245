//! Logs on their way to a terminal: colours pass, and whatever else a terminal would obey does not. A command, or what it
//! prints of a stranger's, must not move the cursor, name the window or turn the direction of reading.

use super::style::turns_reading;

/// Characters of a colour sequence that are kept in mind; longer ones are none.
const SEQUENCE_CHARS_MAX: usize = 64;

/// Where in an escape sequence the text stands.
#[derive(Debug, Default)]
enum Within {
    /// In none.
    #[default]
    Text,
    /// After ESC.
    Begun,
    /// After ESC and a sign that one more character belongs to.
    Short,
    /// In a control sequence, with its characters so far.
    Control(String),
    /// In a string for the terminal, such as a title; and whether the last character was ESC.
    Words { escaped: bool },
}

/// Takes the power out of one stream, piece by piece; sequences and characters may be cut anywhere.
#[derive(Debug, Default)]
pub struct Tame {
    colour: bool,
    within: Within,
    /// The beginning of a character whose rest is still to come.
    pending: Vec<u8>,
    /// Whether a colour is switched on.
    coloured: bool,
}

impl Tame {
    /// For a terminal that is to see colours, or not.
    #[must_use]
    pub fn new(colour: bool) -> Self {
        Self { colour, ..Self::default() }
    }

    /// The next piece, tamed.
    #[must_use]
    pub fn piece(&mut self, bytes: &[u8]) -> String {
        self.pending.extend_from_slice(bytes);
        let mut whole = std::mem::take(&mut self.pending);
        // The last character may have begun and not ended.
        let begin = (1..=whole.len().min(3)).map(|back| whole.len() - back).find(|at| whole[*at] >= 0xc0);
        if let Some(begin) = begin
            && std::str::from_utf8(&whole[begin..]).is_err_and(|error| error.error_len().is_none())
        {
            self.pending = whole.split_off(begin);
        }
        let mut out = String::with_capacity(whole.len());
        for c in String::from_utf8_lossy(&whole).chars() {
            self.character(c, &mut out);
        }
        out
    }

    /// What has to be printed last: an end to the colours, if any are on.
    #[must_use]
    pub fn end(&mut self) -> &'static str {
        if std::mem::take(&mut self.coloured) { "\u{1b}[0m" } else { "" }
    }

    fn character(&mut self, c: char, out: &mut String) {
        self.within = match (std::mem::take(&mut self.within), c) {
            (_, '\n') => {
                out.push(c);
                Within::Text
            }
            (Within::Words { escaped: true }, '\\')
            | (Within::Words { .. }, '\u{7}')
            | (Within::Short, '\0'..='\u{1a}' | '\u{1c}'..) => Within::Text,
            (Within::Words { .. }, c) => Within::Words { escaped: c == '\u{1b}' },
            (_, '\u{1b}') => Within::Begun,
            (_, '\u{9b}') | (Within::Begun, '[') => Within::Control(String::new()),
            (Within::Begun, ']' | 'P' | '^' | '_' | 'X') => Within::Words { escaped: false },
            (Within::Begun, '(' | ')' | '#' | '%') => Within::Short,
            (Within::Control(sequence), 'm') => {
                if self.colour && sequence.chars().all(|c| c.is_ascii_digit() || c == ';' || c == ':') {
                    self.coloured = true;
                    out.push_str("\u{1b}[");
                    out.push_str(&sequence);
                    out.push('m');
                }
                Within::Text
            }
            (Within::Begun, _) | (Within::Control(_), '\u{40}'..='\u{7e}') => Within::Text,
            (Within::Control(mut sequence), c) => {
                // One that is too long is none; an ESC in it keeps it from passing.
                sequence.push(if sequence.len() < SEQUENCE_CHARS_MAX { c } else { '\u{1b}' });
                sequence.truncate(SEQUENCE_CHARS_MAX + 1);
                Within::Control(sequence)
            }
            (Within::Text, c) => {
                if matches!(c, '\t' | '\r') || !(c.is_control() || turns_reading(c)) {
                    out.push(c);
                }
                Within::Text
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WILD: &str = "a\u{1b}[1;31mred\u{1b}[0m\u{1b}[2J\u{1b}]0;title\u{7}b\u{1b}]8;;x\u{1b}\\c\u{9b}5Ad\u{202e}é\u{8}\0\u{1b}(0e\u{1b}cf\n";

    #[test]
    fn colours_pass_and_commands_do_not() {
        assert_eq!(Tame::new(true).piece(WILD.as_bytes()), "a\u{1b}[1;31mred\u{1b}[0mbcdéef\n");
        assert_eq!(Tame::new(false).piece(WILD.as_bytes()), "aredbcdéef\n");
    }

    #[test]
    fn where_pieces_are_cut_does_not_matter() {
        let whole = Tame::new(true).piece(WILD.as_bytes());
        for cut in 0..WILD.len() {
            let mut tame = Tame::new(true);
            let (one, other) = WILD.as_bytes().split_at(cut);
            assert_eq!(tame.piece(one) + &tame.piece(other), whole, "cut at {cut}");
            assert_eq!(tame.end(), "\u{1b}[0m");
        }
    }

    #[test]
    fn a_sequence_without_an_end_costs_no_memory() {
        let mut tame = Tame::new(true);
        assert_eq!(tame.piece("\u{1b}[".as_bytes()), "");
        assert_eq!(tame.piece(&vec![b'1'; 1 << 20]), "");
        assert_eq!(tame.piece(b"mx\xff\xfe\n"), "x\u{fffd}\u{fffd}\n");
    }
}
