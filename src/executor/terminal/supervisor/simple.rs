//! Scripts that need no shell: one line of plain words, as make recognises them.
//!
//! Such a line means to every shell: look the first word up along `PATH` and execute it with the others. Doing just that
//! saves the start of a shell. Whatever could mean more to a shell is left to it.

/// First words that a shell understands itself, in dash, bash or POSIX.
const SHELL_WORDS: &[&str] = &[
    "!",
    ".",
    ":",
    "alias",
    "bg",
    "bind",
    "break",
    "builtin",
    "caller",
    "case",
    "cd",
    "command",
    "compgen",
    "complete",
    "compopt",
    "continue",
    "coproc",
    "declare",
    "dirs",
    "disown",
    "do",
    "done",
    "echo",
    "elif",
    "else",
    "enable",
    "esac",
    "eval",
    "exec",
    "exit",
    "export",
    "fc",
    "fg",
    "fi",
    "for",
    "function",
    "getopts",
    "hash",
    "help",
    "history",
    "if",
    "in",
    "jobs",
    "kill",
    "let",
    "local",
    "logout",
    "mapfile",
    "popd",
    "printf",
    "pushd",
    "pwd",
    "read",
    "readarray",
    "readonly",
    "return",
    "select",
    "set",
    "shift",
    "shopt",
    "source",
    "suspend",
    "test",
    "then",
    "time",
    "times",
    "trap",
    "type",
    "typeset",
    "ulimit",
    "umask",
    "unalias",
    "unset",
    "until",
    "wait",
    "while",
];

/// The words of a script that is a simple command of plain words only; `None` leaves it to the shell.
pub(super) fn plain_words(text: &str) -> Option<Vec<&str>> {
    let line = text.trim_matches([' ', '\t', '\n']);
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b" \t_-./:,@%+=".contains(&byte);
    if line.len() > 4_096 || !line.bytes().all(is_plain) {
        return None;
    }
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let first = words.first()?;
    let is_command =
        first.starts_with(|c: char| c.is_ascii_alphanumeric() || "_./".contains(c)) && !first.contains('=');
    (is_command && !SHELL_WORDS.contains(first)).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_lines_skip_the_shell() {
        assert_eq!(plain_words("  cc -c -O2 a.c -o a.o\n"), Some(vec!["cc", "-c", "-O2", "a.c", "-o", "a.o"]));
        assert_eq!(plain_words("/bin/true"), Some(vec!["/bin/true"]));
        assert_eq!(plain_words("dd if=/dev/zero count=1"), Some(vec!["dd", "if=/dev/zero", "count=1"]));
        for left in [
            "", "\n", "a\nb", "a;b", "a|b", "a>b", "a&", "$a", "a $b", "`a`", "'a'", "a \"b\"", "a\\b", "~/a", "a ~",
            "a*", "a?", "[a]", "a #b", "A=1 b", "echo a", "cd x", "if", "{ a", "(a)", "a{1,2}", "! a", "-x", "%1", "ü",
            ". x", ": x", "a\r\n",
        ] {
            assert_eq!(plain_words(left), None, "{left:?}");
        }
    }
}
