//! One source file as the rules see it: its code without comments and strings, its paths, its definitions.

use std::path::Path;

/// A Rust file. `code` and `prose` have as many lines as `text`, and what they leave out is blank.
pub(super) struct File {
    /// Its path from the top of the project, `/` between names.
    pub(super) path: String,
    /// All of it.
    pub(super) text: String,
    /// Without comments and without what stands in strings.
    pub(super) code: String,
    /// Only the comments.
    pub(super) prose: String,
}

impl File {
    pub(super) fn new(path: &str, text: &str) -> Self {
        let (code, prose) = split(text);
        Self { path: path.to_owned(), text: text.to_owned(), code, prose }
    }

    /// Where in `src` it stands: `["repo", "git"]` for `src/repo/git.rs`. Empty for the crate's own files and outside.
    pub(super) fn module(&self) -> Vec<&str> {
        let Some(inside) = self.path.strip_prefix("src/") else { return Vec::new() };
        let mut names: Vec<&str> = inside.trim_end_matches(".rs").split('/').collect();
        if matches!(names.last(), Some(&("mod" | "lib" | "main"))) {
            names.pop();
        }
        names
    }

    pub(super) fn name(&self) -> &str {
        Path::new(&self.path).file_name().and_then(|name| name.to_str()).unwrap_or_default()
    }

    /// The code of tests: all of it in `tests`, elsewhere what follows the first `#[cfg(test)]`.
    pub(super) fn test_code(&self) -> &str {
        let start = if self.path.starts_with("tests/") { Some(0) } else { self.code.find("#[cfg(test)]") };
        start.map_or("", |start| &self.code[start..])
    }

    /// Every path the code names, such as `crate::os::file`, with `use` groups spread out.
    pub(super) fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        let mut rest = &*self.code;
        while let Some(at) = rest.find("::") {
            let start = rest[..at].rfind(|c: char| !is_word(c)).map_or(0, |before| before + 1);
            let end = read_tree(rest, start, "", &mut paths);
            rest = &rest[end.max(at + 2)..];
        }
        paths
    }

    /// The names that `word` defines (`struct`, `mod` …).
    pub(super) fn defined(&self, word: &str) -> Vec<&str> {
        let mut words = self.code.split(|c: char| !is_word(c)).filter(|word| !word.is_empty());
        let mut names = Vec::new();
        while let Some(found) = words.next() {
            if found == word {
                names.extend(words.next());
            }
        }
        names
    }

    /// Every function with a body: its name, its first line (from 1) and how many lines it has.
    pub(super) fn functions(&self) -> Vec<(String, usize, usize)> {
        let mut functions = Vec::new();
        for (at, _) in self.code.match_indices("fn ") {
            let stands_alone = !self.code[..at].ends_with(is_word);
            let name: String = self.code[at + 3..].chars().take_while(|c| is_word(*c)).collect();
            let Some(open) = self.code[at..].find(['{', ';']).map(|open| open + at) else { continue };
            if !stands_alone || name.is_empty() || self.code.as_bytes()[open] == b';' {
                continue;
            }
            let body = &self.code[at..open + block_bytes(&self.code[open..])];
            functions.push((name, self.code[..at].matches('\n').count() + 1, body.matches('\n').count() + 1));
        }
        functions
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Bytes from an opening brace to the one that closes it, both included.
fn block_bytes(code: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in code.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth <= 1 => return at + 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

/// Reads `a::b::{c, d::e}` from `at`, adds each whole path to `paths`, and returns where it ends.
fn read_tree(code: &str, at: usize, before: &str, paths: &mut Vec<String>) -> usize {
    let mut path = before.to_owned();
    let mut at = at;
    loop {
        let word = code[at..].find(|c: char| !is_word(c)).unwrap_or(code.len() - at);
        path.push_str(&code[at..at + word]);
        at += word;
        if !code[at..].starts_with("::") {
            paths.push(path);
            return at + renamed_bytes(&code[at..]);
        }
        path.push_str("::");
        at += 2;
        if code[at..].starts_with('{') {
            at += 1;
            loop {
                at += code[at..].find(|c: char| is_word(c) || c == '}').unwrap_or(code.len() - at);
                if at >= code.len() || code[at..].starts_with('}') {
                    return (at + 1).min(code.len());
                }
                at = read_tree(code, at, &path, paths);
            }
        }
        if !code[at..].starts_with(is_word) {
            paths.push(path);
            return at;
        }
    }
}

/// Bytes of the ` as name` that may follow a path.
fn renamed_bytes(rest: &str) -> usize {
    let name = rest.strip_prefix(" as ").unwrap_or_default();
    if name.is_empty() { 0 } else { rest.len() - name.trim_start_matches(is_word).len() }
}

/// Takes a text apart into code without strings and comments, and comments alone.
fn split(text: &str) -> (String, String) {
    let (mut code, mut prose) = (String::with_capacity(text.len()), String::with_capacity(text.len()));
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let (bytes, is_code, is_prose) = match next {
            '/' if rest.starts_with("//") => (rest.find('\n').unwrap_or(rest.len()), false, true),
            '/' if rest.starts_with("/*") => (rest.find("*/").map_or(rest.len(), |end| end + 2), false, true),
            '"' => (string_bytes(rest), false, false),
            'r' | 'b' if !code.ends_with(is_word) && raw_bytes(rest).is_some() => {
                (raw_bytes(rest).unwrap_or(1), false, false)
            }
            '\'' => (character_bytes(rest), false, false),
            _ => (next.len_utf8(), true, false),
        };
        for c in rest[..bytes].chars() {
            let blank = if c == '\n' { '\n' } else { ' ' };
            code.push(if is_code { c } else { blank });
            prose.push(if is_prose { c } else { blank });
        }
        rest = &rest[bytes..];
    }
    (code, prose)
}

fn string_bytes(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// Bytes of `r"…"`, `r#"…"#`, `br"…"`, if one begins here.
fn raw_bytes(rest: &str) -> Option<usize> {
    let after = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'))?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let open = rest.len() - after.len() + hashes + 1;
    if !after[hashes..].starts_with('"') {
        return None;
    }
    let close = format!("\"{}", "#".repeat(hashes));
    Some(rest[open..].find(&close).map_or(rest.len(), |end| open + end + close.len()))
}

/// Bytes of `'x'` or `'\n'`; of a lifetime only the quote.
fn character_bytes(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), Some((at, _))) => rest[at + 1..].find('\'').map_or(1, |end| at + 1 + end + 1),
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 1,
    }
}
