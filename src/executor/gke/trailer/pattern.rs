//! Artifact patterns as the regular expressions that `grep -E` takes: `*` stays within a folder, `**` does not, and a folder
//! stands for all files in it.

/// The expression for whole paths below the working directory. `None` for a pattern that leads out of it or is none.
pub(super) fn expression(pattern: &str) -> Option<String> {
    let pattern = pattern.strip_prefix("./").unwrap_or(pattern).trim_end_matches('/');
    let is_inside = !pattern.is_empty()
        && !pattern.starts_with('/')
        && !pattern.contains(['\n', '\0'])
        && pattern.split('/').all(|part| part != "..");
    if !is_inside {
        return None;
    }
    let mut made = String::new();
    let mut rest = pattern;
    let mut depth = 0_u32;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("**/") {
            made.push_str("(.*/)?");
            rest = after;
            continue;
        }
        if let Some(after) = rest.strip_prefix("**") {
            made.push_str(".*");
            rest = after;
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match c {
            '*' => made.push_str("[^/]*"),
            '?' => made.push_str("[^/]"),
            '[' => {
                let (set, after) = set(rest)?;
                made.push_str(&set);
                rest = after;
            }
            '{' => {
                depth += 1;
                made.push('(');
            }
            '}' if depth > 0 => {
                depth -= 1;
                made.push(')');
            }
            ',' if depth > 0 => made.push('|'),
            '\\' => {
                let next = rest.chars().next()?;
                rest = &rest[next.len_utf8()..];
                push_literal(&mut made, next);
            }
            c => push_literal(&mut made, c),
        }
    }
    (depth == 0).then(|| format!("{made}(/.*)?"))
}

/// A set of characters, after its opening bracket, and what follows it.
fn set(rest: &str) -> Option<(String, &str)> {
    let (negation, inner) = match rest.strip_prefix(['!', '^']) {
        Some(inner) => ("^/", inner),
        None => ("", rest),
    };
    // A bracket that comes first is one of the characters.
    let end = inner.char_indices().skip(1).find(|(_, c)| *c == ']')?.0;
    Some((format!("[{negation}{}]", &inner[..end]), &inner[end + 1..]))
}

fn push_literal(made: &mut String, c: char) {
    if ".^$*+?()[]{}|\\".contains(c) {
        made.push('\\');
    }
    made.push(c);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_expressions() {
        let all = "(/.*)?";
        for (pattern, expected) in [
            ("out/*.csv", "out/[^/]*\\.csv"),
            ("**/*.csv", "(.*/)?[^/]*\\.csv"),
            ("out/", "out"),
            ("./z", "z"),
            ("a?[b-d][!x]", "a[^/][b-d][^/x]"),
            ("{a,b}.txt", "(a|b)\\.txt"),
            ("a\\*b", "a\\*b"),
            ("x+(1)", "x\\+\\(1\\)"),
        ] {
            assert_eq!(expression(pattern), Some(format!("{expected}{all}")), "{pattern}");
        }
        for bad in ["", "/etc/passwd", "../x", "a/../../b", "[", "{a", "a\nb"] {
            assert_eq!(expression(bad), None, "{bad:?}");
        }
    }
}
