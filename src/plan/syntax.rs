//! What templates may be made of, and the names in them, read off their text without compiling it.

/// Bytes of one template's text.
const TEMPLATE_BYTES_MAX: usize = 64 << 10;
/// Words and signs of one expression. Each can be one level of nesting to whoever compiles it (`---1`, `a.a.a`,
/// `1+1+1`), and a compiler's stack has an end.
const TOKENS_MAX: usize = 400;
/// Tags of one template, for the same reason: each `if` and `elif` can stand inside the one before.
const TAGS_MAX: usize = 200;
/// The names every template can use.
pub(super) const ROOTS: [&str; 5] = ["params", "tasks", "matrix", "run", "spore"];
/// The tags a template may have.
const TAGS: [&str; 6] = ["if", "elif", "else", "endif", "raw", "endraw"];
/// Whether a template keeps to what templates may do; the filters it uses, when it does.
pub(super) fn admissible(source: &str) -> Result<Vec<&str>, String> {
    let mut filters = Vec::new();
    if source.len() > TEMPLATE_BYTES_MAX {
        return Err(format!("a template may have {TEMPLATE_BYTES_MAX} bytes"));
    }
    let mut tags = 0;
    let mut rest = source;
    while let Some(at) = rest.find('{') {
        rest = &rest[at + 1..];
        let before = rest;
        if let Some(inside) = rest.strip_prefix('#') {
            rest = inside.split_once("#}").map_or("", |(_, after)| after);
            continue;
        } else if let Some(inside) = rest.strip_prefix('{') {
            rest = expression_end(inside, &mut filters)?;
        } else if let Some(inside) = rest.strip_prefix('%') {
            let inside = inside.trim_start_matches(['-', '+']).trim_start();
            let end = word_end(inside);
            let tag = &inside[..end];
            if !TAGS.contains(&tag) {
                return Err(format!("`{{% {tag} %}}` cannot stand in a template; `if` can"));
            }
            tags += 1;
            if tags > TAGS_MAX {
                return Err(format!("a template may have {TAGS_MAX} tags"));
            }
            if tag == "raw" {
                rest = inside.find("endraw").map_or("", |end| &inside[end + "endraw".len()..]);
                continue;
            }
            rest = expression_end(inside, &mut filters)?;
        } else {
            continue;
        }
        if count_tokens(&before[..before.len() - rest.len()]) > TOKENS_MAX {
            return Err(format!("an expression of a template may have {TOKENS_MAX} words and signs"));
        }
    }
    Ok(filters)
}

/// Words and signs in `text`, those in quotes too: a bound needs no finer count.
fn count_tokens(text: &str) -> usize {
    let mut in_word = false;
    let begins = |c: char| {
        let word = c.is_alphanumeric() || c == '_';
        let begins = !(c.is_whitespace() || word && in_word);
        in_word = word;
        begins
    };
    text.chars().map(begins).filter(|begins| *begins).count()
}

/// What follows the expression at the beginning of `text`, whose filters are added to `filters`. `*` is refused: it makes gigabytes of a few letters, because
/// it also repeats texts and lists.
fn expression_end<'a>(text: &'a str, filters: &mut Vec<&'a str>) -> Result<&'a str, String> {
    let mut quote: Option<u8> = None;
    let mut escaped = false;
    let mut depth = 0_usize;
    let mut before = b' ';
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), b'\\') => escaped = true,
            (Some(open), _) if open == byte => quote = None,
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'*') => return Err("`*` cannot stand in a template; multiply in the command".to_owned()),
            (None, b'|') => {
                let word = text[at + 1..].trim_start();
                filters.push(&word[..word_end(word)]);
            }
            (None, b'{') => depth += 1,
            (None, b'}') if depth > 0 => {
                depth -= 1;
                before = b' ';
                continue;
            }
            // The brace after this one, or the sign before it, is the other half of the mark.
            (None, b'}') if matches!(before, b'}' | b'%') => return Ok(&text[at + 1..]),
            _ => {}
        }
        before = if quote.is_some() { b' ' } else { byte };
    }
    Ok("")
}

/// Where the word at the beginning of `text` ends.
fn word_end(text: &str) -> usize {
    text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len())
}

/// The expression, when `text` is one `{{ … }}` and nothing else.
pub(super) fn single_expression(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    let marks = ["{{", "}}", "{%", "%}", "{#"];
    (!marks.iter().any(|mark| inner.contains(mark))).then(|| inner.trim_matches(['-', '+']).trim())
}

/// Yes or no, as a text says it; `None` when it says neither.
pub(super) fn truth(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => Some(true),
        "" | "false" | "no" | "off" | "none" | "null" => Some(false),
        other => other.parse::<f64>().ok().map(|number| number != 0.0),
    }
}

/// The ways that lead through a quoted subscript: `tasks["2.1"].outputs.rows`.
pub(super) fn subscripts(source: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for root in ROOTS {
        let mut from = 0;
        while let Some(at) = source[from..].find(root).map(|at| from + at) {
            from = at + root.len();
            let whole = !source[..at].ends_with(|c: char| c.is_alphanumeric() || "_.\"'".contains(c));
            if whole && let Some(path) = way(root, &source[from..]) {
                found.push(path);
            }
        }
    }
    found
}

/// The way from `root` through subscripts and attributes; `None` when it has no quoted subscript.
fn way(root: &str, mut rest: &str) -> Option<Vec<String>> {
    let mut path = vec![root.to_owned()];
    let mut subscripted = false;
    loop {
        if let Some(inner) = rest.strip_prefix('[') {
            let inner = inner.trim_start();
            let quote = inner.chars().next().filter(|c| matches!(c, '"' | '\''))?;
            let (name, after) = inner[1..].split_once(quote)?;
            rest = after.trim_start().strip_prefix(']')?;
            path.push(name.to_owned());
            subscripted = true;
        } else if let Some(inner) = rest.strip_prefix('.') {
            let end = word_end(inner);
            path.push(inner[..end].to_owned());
            rest = &inner[end..];
        } else {
            return subscripted.then_some(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_stay_small() {
        for good in [
            "{{ a }}",
            "x {% if a %}y{% endif %}",
            "{% raw %}{% for %}{% endraw %}",
            "{{ '*' }} * {# * #}",
            "{{ {'a': {}} }}",
        ] {
            assert!(admissible(good).is_ok(), "{good}");
        }
        for bad in [
            "{% for x in y %}",
            "{%- set a = 1 %}",
            "{{ 'x' * 9 }}",
            "{{ {'a': {}} | length * 2 }}",
            "{{ '}}' * 2 }}",
            "{%if a*b%}",
        ] {
            assert!(admissible(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn templates_stay_flat() {
        for deep in ["-", "a.", "1+", "not ", "a[", "a|b|", "(", "1 if a else "] {
            assert!(admissible(&format!("{{{{ {}a }}}}", deep.repeat(20_000))).is_err(), "{deep}");
        }
        assert!(admissible(&"{% if a %}".repeat(2_000)).is_err());
        assert!(admissible(&format!("{{{{ a }}}} {}", "long. text - ".repeat(2_000))).is_ok());
        assert!(admissible(&"{# a.b.c #}{{ a.b.c }}".repeat(1_000)).is_ok());
    }

    #[test]
    fn filters_are_seen_where_they_are_some() {
        let source = "a | b {{ x | int > '| no' }}{% if y|lower | trim %}| z{% endif %}";
        assert_eq!(admissible(source), Ok(vec!["int", "lower", "trim"]));
    }

    #[test]
    fn subscripts_are_names_too() {
        let path = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            subscripts("{{ tasks[\"2.1\"].outputs.x | int > 0 }}"),
            vec![path(&["tasks", "2.1", "outputs", "x"])]
        );
        assert_eq!(subscripts("{{ tasks[ 'a-b' ]['outputs'].n }}"), vec![path(&["tasks", "a-b", "outputs", "n"])]);
        assert_eq!(subscripts("{{ tasks[matrix.x] ~ mytasks['a'] }}"), Vec::<Vec<String>>::new());
    }

    #[test]
    fn yes_and_no_have_many_names() {
        assert_eq!(
            [truth(" True "), truth("0"), truth(""), truth("3.5"), truth("maybe")],
            [Some(true), Some(false), Some(false), Some(true), None]
        );
    }
}
