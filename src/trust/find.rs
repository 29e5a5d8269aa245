//! Which files the commands of a spore name: found in their text alone, without looking at any file.
//!
//! What a command runs can be hidden from any reader (`eval`, a variable, a program that reads a list), so this is no
//! defence against who hides it: whoever approves sees the text and the places that stay unclear. It is for the common
//! case, a spore that says `sh tools/build.sh`, where approving the one line must not approve whatever the script becomes.

mod code;
mod lexer;
mod shell;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use crate::model::Language;

/// Scripts inside scripts (`sh -c`, `$(…)`) that are looked into.
const DEPTH_MAX: u32 = 8;
/// Characters of a path; longer words are none.
const PATH_CHARS_MAX: usize = 1_024;

/// What kind of text is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    /// A shell script.
    Shell,
    /// A script in another language.
    Code(Language),
}

impl Text {
    /// How a script of this language is read.
    #[must_use]
    pub fn of(language: Language) -> Self {
        match language {
            Language::Sh | Language::Bash | Language::Zsh => Self::Shell,
            other => Self::Code(other),
        }
    }
}

/// How a file is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// As a program or script to run: it matters that it is not there, too.
    Run,
    /// As something that a program reads its orders from, where it is there.
    Used,
    /// Somewhere else: it matters if it is a script.
    Named,
}

/// A file that is named.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mention {
    /// As it is written.
    pub(super) path: String,
    /// How.
    pub(super) role: Role,
    /// Whether it may stand beside the script that names it.
    pub(super) beside: bool,
}

/// All that a text names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mentions {
    /// Files.
    pub(super) files: BTreeSet<Mention>,
    /// Folders that it goes into.
    pub(super) folders: BTreeSet<String>,
    /// Folders that it has programs looked up in.
    pub(super) search: BTreeSet<String>,
    /// Programs that are looked up.
    pub(super) programs: BTreeSet<String>,
    /// What it runs that only running it can tell.
    pub(super) unclear: BTreeSet<String>,
}

impl Mentions {
    fn add(&mut self, path: &str, role: Role, beside: bool) {
        let is_path = !path.is_empty() && path.chars().nth(PATH_CHARS_MAX).is_none() && !path.contains('\0');
        if is_path && !matches!(path, "." | ".." | "/" | "-") {
            self.files.insert(Mention { path: path.to_owned(), role, beside });
        }
    }
}

/// What a script names.
pub(super) fn in_text(text: &str, kind: Text) -> Mentions {
    let mut mentions = Mentions::default();
    look(text, kind, 0, &mut mentions);
    mentions
}

/// What a program and its arguments name. An argument with a template in it is unclear.
pub(super) fn in_words(words: &[&str]) -> Mentions {
    let mut mentions = Mentions::default();
    let words: Vec<String> = words.iter().map(|word| lexer::with_holes(word)).collect();
    shell::command(&words, 0, &mut mentions);
    mentions
}

/// What the value of an environment variable names.
pub(super) fn in_variable(name: &str, value: &str) -> Mentions {
    let mut mentions = Mentions::default();
    shell::assignment(name, &lexer::with_holes(value), &mut mentions);
    mentions
}

fn look(text: &str, kind: Text, depth: u32, mentions: &mut Mentions) {
    if depth > DEPTH_MAX {
        mentions.unclear.insert("scripts in scripts in scripts, too deep to follow".to_owned());
        return;
    }
    match kind {
        Text::Shell => shell::script(text, depth, mentions),
        Text::Code(language) => code::script(text, language, mentions),
    }
}
