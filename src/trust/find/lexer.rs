//! The words of a shell script: quotes taken off, what is only known when it runs replaced by a hole, and the scripts
//! inside of it (`$(…)`, here-documents) set apart.

/// Stands where a word has something that only running the script can tell.
pub(super) const HOLE: char = '\0';

/// A piece of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A word, with holes.
    Word(String),
    /// Here a command ends.
    End,
    /// The next word is a file that is read.
    From,
    /// The next word is a file that is written.
    To,
}

/// A script, taken apart.
#[derive(Debug, Default)]
pub(super) struct Lexed {
    /// Its pieces.
    pub(super) tokens: Vec<Token>,
    /// Scripts that it runs for their output.
    pub(super) inner: Vec<String>,
    /// Texts that it hands to a command, which may run them.
    pub(super) here: Vec<String>,
}

struct Lexer<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    word: Option<String>,
    /// The ends of here-documents whose bodies come after this line, and whether tabs before them do not count.
    awaited: Vec<(String, bool)>,
    lexed: Lexed,
}

/// Takes `text` apart.
pub(super) fn lex(text: &str) -> Lexed {
    let mut lexer = Lexer { rest: text.chars().peekable(), word: None, awaited: Vec::new(), lexed: Lexed::default() };
    while let Some(c) = lexer.rest.next() {
        lexer.character(c);
    }
    lexer.end_command();
    lexer.lexed
}

/// A word that is no shell's: templates (`{{ … }}`) become holes.
pub(super) fn with_holes(word: &str) -> String {
    let mut text = String::new();
    let mut rest = word;
    while let Some(at) = rest.find("{{").or_else(|| rest.find("{%")) {
        text.push_str(&rest[..at]);
        text.push(HOLE);
        let closed = rest[at..].find("}}").or_else(|| rest[at..].find("%}"));
        rest = closed.map_or("", |end| &rest[at + end + 2..]);
    }
    text + rest
}

impl Lexer<'_> {
    fn push(&mut self, c: char) {
        self.word.get_or_insert_default().push(c);
    }

    fn end_word(&mut self) {
        if let Some(word) = self.word.take() {
            self.lexed.tokens.push(Token::Word(word));
        }
    }

    fn end_command(&mut self) {
        self.end_word();
        self.lexed.tokens.push(Token::End);
    }

    fn character(&mut self, c: char) {
        match c {
            '\\' => match self.rest.next() {
                None | Some('\n') => {}
                Some(c) => self.push(c),
            },
            '\'' => {
                self.word.get_or_insert_default();
                while let Some(c) = self.rest.next().filter(|c| *c != '\'') {
                    self.push(c);
                }
            }
            '"' => self.quoted(),
            '$' => self.expansion(false),
            '`' => self.backquoted(),
            '#' if self.word.is_none() => while self.rest.next_if(|c| *c != '\n').is_some() {},
            '\n' => {
                self.end_command();
                self.here_texts();
            }
            c if c.is_whitespace() => self.end_word(),
            ';' | '&' | '|' | '(' | ')' => self.end_command(),
            '<' | '>' => self.redirection(c),
            c => self.push(c),
        }
    }

    fn quoted(&mut self) {
        self.word.get_or_insert_default();
        while let Some(c) = self.rest.next() {
            match c {
                '"' => return,
                '\\' => match self.rest.next() {
                    Some('\n') | None => {}
                    Some(c @ ('"' | '\\' | '$' | '`')) => self.push(c),
                    Some(c) => {
                        self.push('\\');
                        self.push(c);
                    }
                },
                '$' => self.expansion(true),
                '`' => self.backquoted(),
                c => self.push(c),
            }
        }
    }

    /// What follows a dollar sign.
    fn expansion(&mut self, quoted: bool) {
        match self.rest.peek().copied() {
            Some('(') => {
                self.rest.next();
                let inner = self.balanced('(', ')');
                self.lexed.inner.push(inner);
            }
            Some('{') => {
                self.rest.next();
                let inner = self.balanced('{', '}');
                if inner.contains("$(") || inner.contains('`') {
                    self.lexed.inner.push(inner);
                }
            }
            Some('\'') if !quoted => {
                self.rest.next();
                let mut escaped = false;
                while self.rest.next_if(|c| escaped || *c != '\'').is_some_and(|c| {
                    escaped = c == '\\' && !escaped;
                    true
                }) {}
                self.rest.next();
            }
            Some(c) if c.is_ascii_alphabetic() || c == '_' => {
                while self.rest.next_if(|c| c.is_ascii_alphanumeric() || *c == '_').is_some() {}
            }
            Some(c) if c.is_ascii_digit() || "@*#?$!-".contains(c) => {
                self.rest.next();
            }
            _ => return self.push('$'),
        }
        self.push(HOLE);
    }

    fn backquoted(&mut self) {
        let mut inner = String::new();
        while let Some(c) = self.rest.next().filter(|c| *c != '`') {
            inner.push(if c == '\\' { self.rest.next().unwrap_or('\\') } else { c });
        }
        self.lexed.inner.push(inner);
        self.push(HOLE);
    }

    /// The text up to the sign that closes what is open, quotes respected.
    fn balanced(&mut self, open: char, close: char) -> String {
        let (mut text, mut depth, mut quote) = (String::new(), 1_u32, None);
        while let Some(c) = self.rest.next() {
            match (quote, c) {
                (None | Some('"'), '\\') => {
                    text.push(c);
                    text.extend(self.rest.next());
                    continue;
                }
                (None, '\'' | '"') => quote = Some(c),
                (Some(open), c) if open == c => quote = None,
                (None, c) if c == open => depth += 1,
                (None, c) if c == close => {
                    depth -= 1;
                    if depth == 0 {
                        break;
                    }
                }
                _ => {}
            }
            text.push(c);
        }
        text
    }

    fn redirection(&mut self, c: char) {
        // The number of a stream stands right before: `2>`.
        if self.word.as_ref().is_some_and(|word| word.bytes().all(|byte| byte.is_ascii_digit())) {
            self.word = None;
        }
        if self.rest.next_if_eq(&'(').is_some() {
            let inner = self.balanced('(', ')');
            self.lexed.inner.push(inner);
            self.push(HOLE);
            return;
        }
        self.end_word();
        if c == '<' && self.rest.next_if_eq(&'<').is_some() {
            if self.rest.next_if_eq(&'<').is_some() {
                return;
            }
            return self.await_here_text();
        }
        while self.rest.next_if(|c| matches!(c, '>' | '&' | '|')).is_some() {}
        self.lexed.tokens.push(if c == '<' { Token::From } else { Token::To });
    }

    fn await_here_text(&mut self) {
        let tabs = self.rest.next_if_eq(&'-').is_some();
        while self.rest.next_if(|c| matches!(c, ' ' | '\t')).is_some() {}
        let mut end = String::new();
        while let Some(c) = self.rest.next_if(|c| !c.is_whitespace() && !";&|()<>".contains(*c)) {
            if !matches!(c, '\'' | '"' | '\\') {
                end.push(c);
            }
        }
        self.awaited.push((end, tabs));
    }

    fn here_texts(&mut self) {
        for (end, tabs) in std::mem::take(&mut self.awaited) {
            let mut body = String::new();
            while self.rest.peek().is_some() {
                let mut line = String::new();
                while let Some(c) = self.rest.next().filter(|c| *c != '\n') {
                    line.push(c);
                }
                if (if tabs { line.trim_start_matches('\t') } else { &line }) == end {
                    break;
                }
                body.push_str(&line);
                body.push('\n');
            }
            self.lexed.here.push(body);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let words = lex(text).tokens.into_iter().map(|token| match token {
            Token::Word(word) => word.replace(HOLE, "?"),
            Token::End => ";".into(),
            Token::From => "<".into(),
            Token::To => ">".into(),
        });
        words.collect()
    }

    #[test]
    fn quotes_come_off_and_variables_become_holes() {
        assert_eq!(words("a 'b c' \"d $E\" f\\ g"), ["a", "b c", "d ?", "f g", ";"]);
        assert_eq!(words("$X/y \"${A:-b}\"/z $'\\x2e' $1"), ["?/y", "?/z", "?", "?", ";"]);
        assert_eq!(words("a#b # don't\nc"), ["a#b", ";", "c", ";"]);
        assert_eq!(words("a 2>&1 <b >>c|d"), ["a", ">", "1", "<", "b", ">", "c", ";", "d", ";"]);
    }

    #[test]
    fn scripts_inside_are_set_apart_and_hide_nothing_behind_them() {
        let lexed = lex("x $(a \")\" ')' $(b)) `c \\`d\\`` <(e)\n./f");
        assert_eq!(lexed.inner, ["a \")\" ')' $(b)", "c `d`", "e"]);
        assert!(lexed.tokens.contains(&Token::Word("./f".into())));
        let lexed = lex("cat <<'EOF' <<-X\ndon't\nEOF\n\tit's\n\tX\n./f");
        assert_eq!(lexed.here, ["don't\n", "\tit's\n"]);
        assert!(lexed.tokens.contains(&Token::Word("./f".into())));
    }

    #[test]
    fn templates_become_holes() {
        assert_eq!(with_holes("a{{ x }}b{{y}}").replace(HOLE, "?"), "a?b?");
        assert_eq!(with_holes("{{ x").replace(HOLE, "?"), "?");
    }
}
