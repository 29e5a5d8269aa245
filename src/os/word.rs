//! Text as a shell takes it.

use std::fmt::Write as _;

/// `text` as one word of a shell: as it is where that is safe, else in quotes. Control characters, which a terminal would
/// obey, are written as escapes that bash, zsh and a coming POSIX sh understand.
#[must_use]
pub fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+@:,%".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    if !text.contains(char::is_control) {
        return format!("'{}'", text.replace('\'', r"'\''"));
    }
    let mut word = String::from("$'");
    for c in text.chars() {
        match c {
            '\'' | '\\' => word.extend(['\\', c]),
            c if c.is_control() => {
                for byte in c.to_string().bytes() {
                    let _ = write!(word, "\\{byte:03o}");
                }
            }
            c => word.push(c),
        }
    }
    word + "'"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_back_as_they_were() {
        for (text, word) in [
            ("a/b.md", "a/b.md"),
            ("", "''"),
            ("a b", "'a b'"),
            ("it's", r"'it'\''s'"),
            ("a\n\u{1b}'\\", r"$'a\012\033\'\\'"),
            ("$(x)", "'$(x)'"),
        ] {
            assert_eq!(shell_word(text), word);
        }
    }
}
