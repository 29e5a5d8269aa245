//! Fences that run: what their info string marks, and the script in them.

use std::borrow::Cow;

use super::markdown::Fence;
use super::words::Piece;
use crate::model::Span;

/// What the info string of a fence says beside its language.
#[derive(Debug, Default)]
pub(super) struct Marks<'f> {
    /// The name of the task.
    pub name: Option<(Cow<'f, str>, Span)>,
    /// Its needs, a list.
    pub needs: Option<Piece<'f>>,
    /// Other marks: key, value, place.
    pub others: Vec<(Cow<'f, str>, Cow<'f, str>, Span)>,
    /// It is not to be run, whatever else is said.
    pub no_run: bool,
    /// It is left out unless it is asked for.
    pub optional: bool,
    /// It is marked as one to run.
    pub marked: bool,
    /// The mark is Spore's own, so that an unknown word in it is a slip and not another tool's.
    pub own: bool,
}

/// Reads the marks of `fence`, in the file `text`: `task=build needs=lint,fmt timeout=5m`, `{name=build}`,
/// `{"name":"build"}`.
pub(super) fn marks<'f>(fence: &'f Fence<'_>, text: &str) -> Marks<'f> {
    let info: &'f str = &fence.info;
    let at = offset_in(text, info).unwrap_or(fence.span.start as usize);
    let word_end = info.find(fence.word()).map_or(0, |start| start + fence.word().len());
    let rest = Piece::new(info, at).skip(word_end);
    let is_output = is_transcript(fence) && script(fence).is_empty();
    let mut marks = Marks { no_run: is_output, ..Marks::default() };
    if rest.text.contains("{\"") || rest.text.contains("{ \"") {
        json_marks(rest, &mut marks);
    } else {
        for (key, value) in pairs(rest) {
            marks.take(Cow::Borrowed(key.text), Some(value).filter(|value| value.at > 0), value, key.span());
        }
    }
    marks
}

/// Where `part` begins in `text`, when it is a slice of it.
fn offset_in(text: &str, part: &str) -> Option<usize> {
    let at = (part.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
    (at + part.len() <= text.len()).then_some(at)
}

/// `key=value` pairs and single words. A value may be quoted; braces and commas around pairs do not count. A word
/// without a value has an empty one at offset 0.
fn pairs(rest: Piece<'_>) -> Vec<(Piece<'_>, Piece<'_>)> {
    let mut pairs = Vec::new();
    let mut rest = rest;
    loop {
        // All that can end a word below is passed over here, so that each turn takes something.
        let between = |c: char| c.is_whitespace() || matches!(c, '{' | '}' | ',');
        rest = rest.skip(rest.text.len() - rest.text.trim_start_matches(between).len());
        if rest.text.is_empty() {
            return pairs;
        }
        let end =
            rest.text.find(|c: char| c.is_whitespace() || matches!(c, '=' | '{' | '}')).unwrap_or(rest.text.len());
        let key = rest.take(end);
        if !rest.text[end..].starts_with('=') {
            pairs.push((key, Piece::new("", 0)));
            rest = rest.skip(end);
            continue;
        }
        let value = rest.skip(end + 1);
        let quote = value.text.chars().next().filter(|c| matches!(c, '"' | '\''));
        let (from, to, next) = if let Some(length) = quote.and_then(|quote| value.text[1..].find(quote)) {
            (1, 1 + length, 2 + length)
        } else {
            let end = value.text.find(|c: char| c.is_whitespace() || c == '}').unwrap_or(value.text.len());
            (0, value.text[..end].trim_end_matches(',').len(), end)
        };
        pairs.push((key, value.take(to).skip(from)));
        rest = value.skip(next);
    }
}

fn json_marks(rest: Piece<'_>, marks: &mut Marks<'_>) {
    let (Some(open), Some(close)) = (rest.text.find('{'), rest.text.rfind('}')) else { return };
    let span = rest.span();
    let object = rest.text.get(open..=close).and_then(|text| serde_json::from_str(text).ok());
    let Some(serde_json::Value::Object(object)) = object else { return };
    for (key, value) in object {
        let value = match value {
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        };
        marks.take_owned(key, value, span);
    }
}

impl<'f> Marks<'f> {
    fn take(&mut self, key: Cow<'f, str>, value: Option<Piece<'f>>, list: Piece<'f>, span: Span) {
        let is_list = ["needs", "depends", "depends_on", "dependsOn", "dependencies"].contains(&key.as_ref());
        if let Some(value) = value.filter(|_| is_list) {
            self.needs = Some(value);
            self.marked = true;
        } else {
            self.take_other(key, Cow::Borrowed(list.text), value.map_or(span, Piece::span));
        }
    }

    fn take_owned(&mut self, key: String, value: String, span: Span) {
        self.take_other(Cow::Owned(key), Cow::Owned(value), span);
    }

    fn take_other(&mut self, key: Cow<'f, str>, value: Cow<'f, str>, span: Span) {
        let is_off = matches!(value.as_ref(), "false" | "0" | "no");
        match key.as_ref() {
            "task" | "name" | "id" if !value.is_empty() => {
                self.own |= key == "task";
                self.marked = true;
                self.name = Some((value, span));
            }
            "norun" | "no-run" | "no_run" if !is_off => self.no_run = true,
            "run" if is_off => self.no_run = true,
            "run" | "task" => self.marked = true,
            "excludeFromRunAll" if !is_off => self.optional = true,
            _ => self.others.push((key, value, span)),
        }
    }
}

/// The script of a fence. Of a console transcript only the lines behind a `$ ` prompt and their `> ` continuations are
/// commands; a transcript without a prompt is all output.
pub(super) fn script(fence: &Fence<'_>) -> String {
    if !is_transcript(fence) {
        return fence.body.replace("\r\n", "\n");
    }
    let mut script = String::new();
    let mut in_command = false;
    for line in fence.body.lines() {
        let line = line.trim_start();
        let command = line.strip_prefix("$ ").or_else(|| line.strip_prefix("> ").filter(|_| in_command));
        in_command = command.is_some();
        if let Some(command) = command {
            script.push_str(command);
            script.push('\n');
        }
    }
    script
}

fn is_transcript(fence: &Fence<'_>) -> bool {
    let names = ["console", "shell-session", "sh-session", "shellsession"];
    names.iter().any(|name| fence.word().eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::markdown::outline;

    #[test]
    fn marks_in_all_their_shapes() {
        for info in [
            "sh task=build needs=lint,fmt timeout=5m",
            "sh {name=build needs=lint,fmt timeout=5m}",
            "sh { name=build, needs=\"lint,fmt\" timeout=5m }",
        ] {
            let text = format!("```{info}\nmake\n```\n");
            let outline = outline(&text, 0);
            let marks = marks(&outline.fences[0], &text);
            assert_eq!(marks.name.as_ref().map(|(name, _)| name.as_ref()), Some("build"), "{info}");
            let needs = marks.needs.expect("needs are written");
            assert_eq!((needs.text, &text[needs.span().range()]), ("lint,fmt", "lint,fmt"));
            assert_eq!((marks.others[0].0.as_ref(), marks.others[0].1.as_ref()), ("timeout", "5m"));
            assert!(marks.marked && !marks.no_run);
        }
        let text = "```sh {\"name\":\"build\"}\n```\n```sh norun\n```\n```sh title=\"x y\" {1,3}\n```\n";
        let outline = outline(text, 0);
        assert_eq!(marks(&outline.fences[0], text).name.map(|(name, _)| name.into_owned()), Some("build".into()));
        assert!(marks(&outline.fences[1], text).no_run);
        assert!(!marks(&outline.fences[2], text).marked);
    }

    #[test]
    fn every_space_there_is_stands_between_marks() {
        for space in ['\u{b}', '\u{c}', '\u{85}', '\u{a0}', '\u{2003}', '\u{3000}'] {
            let info = format!("{space}name=a{space}{space}b{space}");
            let read: Vec<_> = pairs(Piece::new(&info, 0)).iter().map(|(key, value)| (key.text, value.text)).collect();
            assert_eq!(read, [("name", "a"), ("b", "")], "{space:?}");
        }
    }

    #[test]
    fn only_prompts_of_a_transcript_run() {
        let text = "```console\nout\n$ ls \\\n> -l\ntotal 0\n> not a command\n$ pwd\n```\n";
        assert_eq!(script(&outline(text, 0).fences[0]), "ls \\\n-l\npwd\n");
        let output = "```console task=x\nonly output\n```\n";
        assert!(marks(&outline(output, 0).fences[0], output).no_run);
    }
}
