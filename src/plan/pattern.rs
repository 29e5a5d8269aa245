//! Patterns of branches and paths, as `on: push` has them.
//!
//! `*` stands for any characters but `/`, `**` for any, `**/` also for nothing, `?` for one that is not `/`, `[a-z]` for one
//! of several; `\` takes its special meaning from the next. The text is gone through once for each sign of the pattern, so no
//! pattern takes long.

/// Whether a text is taken by a list of patterns: the last one that fits decides, and one with `!` before it takes away. An
/// empty list takes everything; one of nothing but `!` patterns takes what they leave.
#[must_use]
pub fn is_taken(patterns: &[String], text: &str) -> bool {
    let only_takes_away = patterns.iter().all(|pattern| pattern.starts_with('!'));
    patterns.iter().fold(only_takes_away, |taken, pattern| match pattern.strip_prefix('!') {
        Some(pattern) => taken && !fits(pattern, text),
        None => taken || fits(pattern, text),
    })
}

/// One sign of a pattern.
enum Sign {
    /// This character.
    Just(char),
    /// One of these ranges, or none of them.
    One { ranges: Vec<(char, char)>, inverted: bool },
    /// One character that is not `/`.
    Any,
    /// Characters that are not `/`.
    Within,
    /// Any characters.
    Across,
    /// Nothing, or anything that ends in `/`.
    Folders,
}

/// Whether a pattern fits a whole text.
fn fits(pattern: &str, text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    // Where in the text the signs so far may have ended.
    let mut ends = vec![false; text.len() + 1];
    ends[0] = true;
    for sign in signs(pattern) {
        let mut next = vec![false; text.len() + 1];
        let mut open = false;
        for at in 0..=text.len() {
            let before = at.checked_sub(1).map(|before| text[before]);
            let came = at > 0 && ends[at - 1];
            next[at] = match &sign {
                Sign::Just(wanted) => came && before == Some(*wanted),
                Sign::One { ranges, inverted } => came && before.is_some_and(|c| is_one(ranges, *inverted, c)),
                Sign::Any => came && before != Some('/'),
                Sign::Within => {
                    open = ends[at] || open && before != Some('/');
                    open
                }
                Sign::Across => {
                    open |= ends[at];
                    open
                }
                Sign::Folders => {
                    let whole = ends[at] || open && before == Some('/');
                    open |= ends[at];
                    whole
                }
            };
        }
        if !next.contains(&true) {
            return false;
        }
        ends = next;
    }
    ends[text.len()]
}

fn is_one(ranges: &[(char, char)], inverted: bool, c: char) -> bool {
    c != '/' && ranges.iter().any(|(from, to)| (*from..=*to).contains(&c)) != inverted
}

fn signs(pattern: &str) -> Vec<Sign> {
    let mut signs = Vec::new();
    let mut rest = pattern.chars().peekable();
    let mut at_beginning = true;
    while let Some(c) = rest.next() {
        let begins = std::mem::replace(&mut at_beginning, c == '/');
        signs.push(match c {
            '*' if rest.next_if_eq(&'*').is_some() => {
                if begins && rest.next_if_eq(&'/').is_some() {
                    at_beginning = true;
                    Sign::Folders
                } else {
                    Sign::Across
                }
            }
            '*' => Sign::Within,
            '?' => Sign::Any,
            '\\' => Sign::Just(rest.next().unwrap_or('\\')),
            '[' => class(&mut rest),
            c => Sign::Just(c),
        });
    }
    signs
}

/// What stands between brackets; a bracket that is never closed is just a bracket.
fn class(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Sign {
    let mut ahead = rest.clone();
    let inverted = ahead.next_if(|c| matches!(c, '!' | '^')).is_some();
    let mut ranges = Vec::new();
    while let Some(from) = ahead.next() {
        if from == ']' && !ranges.is_empty() {
            *rest = ahead;
            return Sign::One { ranges, inverted };
        }
        let mut beyond = ahead.clone();
        let to = if beyond.next() == Some('-') { beyond.next().filter(|to| *to != ']') } else { None };
        if to.is_some() {
            ahead = beyond;
        }
        ranges.push((from, to.unwrap_or(from)));
    }
    Sign::Just('[')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_they_do_elsewhere() {
        let fitting = [
            ("main", "main"),
            ("*", "main"),
            ("**", "feature/x"),
            ("feature/*", "feature/x"),
            ("feature/**", "feature/x/y"),
            ("v[0-9].*", "v1.2"),
            ("[!a]", "b"),
            ("a?c", "abc"),
            ("**/README.md", "README.md"),
            ("**/README.md", "js/a/README.md"),
            ("docs/**/*.md", "docs/x.md"),
            ("docs/**/*.md", "docs/a/b/x.md"),
            ("**/docs/**", "dir/docs/x"),
            ("**.js", "src/js/app.js"),
            ("*.js", "app.js"),
            ("\\*", "*"),
            ("a[", "a["),
            ("żó*", "żółw"),
        ];
        for (pattern, text) in fitting {
            assert!(fits(pattern, text), "{pattern} takes {text}");
        }
        let others = [
            ("main", "maine"),
            ("*", "feature/x"),
            ("feature/*", "feature/x/y"),
            ("*.js", "src/app.js"),
            ("docs/**", "doc/x"),
            ("docs/**", "docs"),
            ("a?c", "a/c"),
            ("[!a]", "/"),
            ("**/x", "ax"),
            ("", "x"),
        ];
        for (pattern, text) in others {
            assert!(!fits(pattern, text), "{pattern} does not take {text}");
        }
        let long = "*a".repeat(2_000);
        assert!(!fits(&long, &"b".repeat(4_000)), "and it ends");
    }

    #[test]
    fn the_last_pattern_that_fits_decides() {
        let taken = |patterns: &[&str], text| {
            is_taken(&patterns.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>(), text)
        };
        assert!(taken(&[], "x") && taken(&["a", "x"], "x") && !taken(&["a"], "x"));
        assert!(taken(&["data/**", "!**/*.note"], "data/x.csv") && !taken(&["data/**", "!**/*.note"], "data/x.note"));
        assert!(taken(&["data/**", "!data/a/**", "data/a/b"], "data/a/b"));
        assert!(taken(&["!docs/**"], "src/x") && !taken(&["!docs/**"], "docs/x"));
    }
}
